"""Where somebody is, by value: a location in a presence document (RFC 4119; RFC 6442 section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from b2bua.wire.dialog_info import plain
from b2bua.wire.pidf import TYPE

__all__ = ["TYPE", "document"]

NAMESPACES = {
    "xmlns": "urn:ietf:params:xml:ns:pidf",
    "xmlns:gp": "urn:ietf:params:xml:ns:pidf:geopriv10",
    "xmlns:gbp": "urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy",
    "xmlns:dm": "urn:ietf:params:xml:ns:pidf:data-model",
    "xmlns:cl": "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr",
    "xmlns:gml": "http://www.opengis.net/gml",
}


def document(
    entity: str, expires: datetime, address: Mapping[str, str], position: tuple[float, float] | None = None
) -> bytes:
    """
    Write where somebody is: by an address, or by a position.

    @param entity: who it is, as C{pres:102@example.com}.
    @param expires: until when others may keep it.
    @param address: the parts of a civic address by their names: C{country}, C{A3} is a town, C{RD} a street.
    @param position: latitude and longitude in degrees (WGS 84), which count where there is no address.
    """
    root = Element("presence", {**NAMESPACES, "entity": plain(entity)})
    person = SubElement(root, "dm:person", {"id": "target"})
    location = SubElement(person, "gp:geopriv")
    info = SubElement(location, "gp:location-info")
    if address:
        civic = SubElement(info, "cl:civicAddress")
        for name, value in address.items():
            SubElement(civic, f"cl:{name}").text = plain(value)
    elif position is not None:
        place = SubElement(
            SubElement(info, "gml:location"), "gml:Point", {"srsName": "urn:ogc:def:crs:EPSG::4326"}
        )
        SubElement(place, "gml:pos").text = f"{position[0]} {position[1]}"
    rules = SubElement(location, "gp:usage-rules")
    SubElement(rules, "gbp:retransmission-allowed").text = "false"
    SubElement(rules, "gbp:retention-expiry").text = expires.isoformat(timespec="seconds")
    SubElement(location, "gp:method").text = "Manual"
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)
