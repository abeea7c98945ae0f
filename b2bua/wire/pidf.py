"""Presence documents: application/pidf+xml (RFC 3863), with what somebody is busy with (RFC 4480)."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from b2bua.errors import PeerError
from b2bua.wire.dialog_info import plain
from b2bua.wire.xml import read

TYPE = "application/pidf+xml"
NAMESPACES = {
    "xmlns": "urn:ietf:params:xml:ns:pidf",
    "xmlns:dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "xmlns:rpid": "urn:ietf:params:xml:ns:pidf:rpid",
}


ACTIVITIES = frozenset(
    (
        *("appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "lunch", "meal"),
        *("meeting", "on-the-phone", "other", "performance", "permanent-absence", "playing", "presentation"),
        *("shopping", "sleeping", "spectator", "steering", "travel", "tv", "vacation", "working", "worship"),
    )
)
"""Those of RFC 4480 section 3.2 that say something; what else a phone writes is not passed on."""
NOTE_MAX = 100


class Presence(NamedTuple):
    """How somebody says they are."""

    open: bool
    activity: str = ""
    note: str = ""


def parse(body: bytes) -> Presence:
    """
    Read a document of a phone.

    With several tuples it can be called if one of them is open (RFC 3863 section 4.1.4).

    @raise PeerError: if it is none.
    """
    root = read(body)
    if root.name != "presence":
        raise PeerError("No presence document", section="RFC 3863 4.1.1", where=root.name)
    basics = [
        (status.text_of("basic") or "").lower()
        for one in root.all("tuple")
        if (status := one.child("status")) is not None
    ]
    found = [
        activity.name
        for person in (*root.all("person"), *root.all("tuple"))
        for activities in person.all("activities")
        for activity in activities.children
        if activity.name in ACTIVITIES
    ]
    notes = [one.text_of("note") or "" for one in (root, *root.all("person"), *root.all("tuple"))]
    note = next(filter(None, notes), "")
    said = [basic for basic in basics if basic in ("open", "closed")]
    if not said and not found:
        raise PeerError("A presence document that says nothing", section="RFC 3863 4.1.4")
    return Presence("open" in said or not said, found[0] if found else "", plain(note)[:NOTE_MAX])


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
