"""Lists of resources in one NOTIFY: multipart/related with application/rlmi+xml (RFC 4662 section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from b2bua.wire.dialog_info import plain

NAMESPACE = "urn:ietf:params:xml:ns:rlmi"
BOUNDARY = "b2bua-resources"
"""No part can have it at the start of a line: what we write in XML has one line after its first."""


class Resource(NamedTuple):
    """One resource of a list, with the document that tells how it is."""

    uri: str
    name: str
    type: str
    document: bytes


def content_type(domain: str) -> str:
    """The value of Content-Type (section 5.1): the part to begin with is named."""
    return f'multipart/related;type="application/rlmi+xml";start="<list@{domain}>";boundary="{BOUNDARY}"'


def write(uri: str, version: int, resources: Sequence[Resource], domain: str) -> bytes:
    """Write a list with the state of all its resources."""
    root = ElementTree.Element(
        "list", {"xmlns": NAMESPACE, "uri": plain(uri), "version": str(version), "fullState": "true"}
    )
    parts = []
    for place, resource in enumerate(resources):
        cid = f"{place}@{domain}"
        element = ElementTree.SubElement(root, "resource", {"uri": plain(resource.uri)})
        if resource.name:
            ElementTree.SubElement(element, "name").text = plain(resource.name)
        ElementTree.SubElement(element, "instance", {"id": str(place), "state": "active", "cid": cid})
        parts.append(_part(cid, resource.type, resource.document))
    written = '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")
    head = _part(f"list@{domain}", "application/rlmi+xml;charset=UTF-8", written.encode())
    return b"".join((head, *parts, f"--{BOUNDARY}--\r\n".encode()))


def _part(cid: str, type: str, body: bytes) -> bytes:
    """One part of the body (section 5.5)."""
    head = (
        f"--{BOUNDARY}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n"
        f"Content-Type: {type}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n"
