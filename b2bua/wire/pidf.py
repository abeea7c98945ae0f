"""Presence documents: application/pidf+xml (RFC 3863), with what somebody is busy with (RFC 4480)."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from b2bua.wire.dialog_info import plain

TYPE = "application/pidf+xml"
NAMESPACES = {
    "xmlns": "urn:ietf:params:xml:ns:pidf",
    "xmlns:dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "xmlns:rpid": "urn:ietf:params:xml:ns:pidf:rpid",
}


def document(entity: str, *, open: bool, activity: str = "", note: str = "") -> bytes:
    """
    Write how somebody is.

    @param open: can they be called (RFC 3863 section 4.1.4)?
    @param activity: C{on-the-phone}, C{busy} or C{away} (RFC 4480 section 3.2).
    @param note: the same for people.
    """
    root = Element("presence", {**NAMESPACES, "entity": plain(entity)})
    line = SubElement(root, "tuple", {"id": "line"})
    SubElement(SubElement(line, "status"), "basic").text = "open" if open else "closed"
    SubElement(line, "contact").text = plain(entity)
    if note:
        SubElement(line, "note").text = plain(note)
    if activity:
        person = SubElement(root, "dm:person", {"id": "person"})
        SubElement(SubElement(person, "rpid:activities"), f"rpid:{activity}")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)
