"""Documents that tell of conferences: application/conference-info+xml (RFC 4575 section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from b2bua.wire.dialog_info import plain

TYPE = "application/conference-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:conference-info"


class Endpoint(NamedTuple):
    """One phone that takes part, and whose it is."""

    user: str
    """The URI of its user; the phones of one user have the same."""
    id: str
    """What tells it from the others of the conference: a URI."""
    display: str
    joining: Literal["dialed-in", "dialed-out"]
    role: str = ""
    heard: bool = True
    """Do the others hear it?  If not, the focus has muted it."""


class Conference(NamedTuple):
    """A conference as it is shown."""

    uri: str
    title: str
    most: int
    """So many may take part."""
    locked: bool
    endpoints: tuple[Endpoint, ...]


def document(conference: Conference, version: int, before: Conference | None = None) -> bytes:
    """
    Write a document.

    @param before: what the reader knows already; then only what has changed
        since is written (section 4.6), else all.
    """
    kind = "full" if before is None else "partial"
    named = {"xmlns": NAMESPACE, "entity": plain(conference.uri), "state": kind, "version": str(version)}
    root = Element("conference-info", named)
    if before is None:
        description = ElementTree.SubElement(root, "conference-description")
        if conference.title:
            _text(description, "display-text", conference.title)
        _text(description, "maximum-user-count", str(conference.most))
    now = _users(conference.endpoints)
    state = ElementTree.SubElement(root, "conference-state")
    _text(state, "user-count", str(len(now)))
    _text(state, "active", "true" if now else "false")
    _text(state, "locked", "true" if conference.locked else "false")
    known = {} if before is None else _users(before.endpoints)
    users = ElementTree.SubElement(root, "users", {"state": kind})
    for user, endpoints in now.items():
        if known.get(user) != endpoints:
            _write_user(users, user, endpoints)
    for user in known.keys() - now.keys():
        ElementTree.SubElement(users, "user", {"entity": plain(user), "state": "deleted"})
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


def _users(endpoints: Iterable[Endpoint]) -> dict[str, tuple[Endpoint, ...]]:
    """Who takes part, each with their phones."""
    ordered = sorted(endpoints, key=attrgetter("user"))
    return {user: tuple(own) for user, own in groupby(ordered, key=attrgetter("user"))}


def _write_user(users: Element, user: str, endpoints: tuple[Endpoint, ...]) -> None:
    """Write one user (section 5.6)."""
    element = ElementTree.SubElement(users, "user", {"entity": plain(user), "state": "full"})
    if endpoints[0].display:
        _text(element, "display-text", endpoints[0].display)
    roles = sorted({one.role for one in endpoints if one.role})
    if roles:
        written = ElementTree.SubElement(element, "roles")
        for role in roles:
            _text(written, "entry", role)
    for one in endpoints:
        _write_endpoint(element, one)


def _write_endpoint(user: Element, endpoint: Endpoint) -> None:
    """Write one phone (section 5.7); its media as it sees them: who is muted only hears."""
    element = ElementTree.SubElement(user, "endpoint", {"entity": plain(endpoint.id)})
    _text(element, "status", "connected" if endpoint.heard else "muted-via-focus")
    _text(element, "joining-method", endpoint.joining)
    media = ElementTree.SubElement(element, "media", {"id": "1"})
    _text(media, "type", "audio")
    _text(media, "status", "sendrecv" if endpoint.heard else "recvonly")


def _text(within: Element, name: str, text: str) -> None:
    """Write an element that has nothing but text."""
    ElementTree.SubElement(within, name).text = plain(text)
