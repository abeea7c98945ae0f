"""Documents that tell of dialogs: application/dialog-info+xml (RFC 4235 section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from b2bua.errors import PeerError
from b2bua.wire.xml import Element as Read
from b2bua.wire.xml import read

TYPE = "application/dialog-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
PARK_NAMESPACE = "http://schema.broadsoft.com/callpark"
RENDERING = {"pname": "+sip.rendering", "pval": "no"}
"""Its media is not rendered: on hold (section 5.2)."""

State = Literal["trying", "proceeding", "early", "confirmed", "terminated"]
STATES = ("trying", "proceeding", "early", "confirmed", "terminated")


class End(NamedTuple):
    """One end of a dialog as it is shown."""

    display: str
    uri: str
    held: bool = False


class Dialog(NamedTuple):
    """One dialog as it is shown (section 4.1.1)."""

    id: str
    state: State
    local: End | None = None
    remote: End | None = None
    direction: Literal["initiator", "recipient", ""] = ""
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""
    parked: End | None = None
    """Who is parked against it, in the words of BroadWorks, which phones have taken over."""


def document(entity: str, version: int, dialogs: Iterable[Dialog]) -> bytes:
    """Write a full document."""
    return str(version).encode().join(_around_version(entity, tuple(dialogs)))


@lru_cache(maxsize=512)
def _around_version(entity: str, dialogs: tuple[Dialog, ...]) -> tuple[bytes, bytes]:
    """Write what is the same for all watchers: the document before and after its version."""
    root = Element(
        "dialog-info", {"xmlns": NAMESPACE, "version": "", "state": "full", "entity": plain(entity)}
    )
    for dialog in dialogs:
        _write(root, dialog)
    written = '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")
    before, empty, after = written.partition(' version=""')
    return (before + empty[:-1]).encode(), (empty[-1] + after).encode()


def _write(root: Element, dialog: Dialog) -> None:
    """Write one dialog."""
    named = {
        "id": plain(dialog.id),
        "call-id": plain(dialog.call_id),
        "local-tag": plain(dialog.local_tag),
        "remote-tag": plain(dialog.remote_tag),
        "direction": dialog.direction,
    }
    element = ElementTree.SubElement(root, "dialog", {name: value for name, value in named.items() if value})
    ElementTree.SubElement(element, "state").text = dialog.state
    for name, end in (("local", dialog.local), ("remote", dialog.remote)):
        if end is None:
            continue
        within = ElementTree.SubElement(element, name)
        _write_identity(within, end)
        target = ElementTree.SubElement(within, "target", {"uri": plain(end.uri)})
        if end.held:
            ElementTree.SubElement(target, "param", RENDERING)
    if dialog.parked is not None:
        park = ElementTree.SubElement(element, "callpark", {"xmlns": PARK_NAMESPACE})
        _write_identity(ElementTree.SubElement(park, "parked"), dialog.parked)


def _write_identity(within: Element, end: End) -> None:
    """Write who is at one end (section 4.1.6.1)."""
    display = {"display": plain(end.display)} if end.display else {}
    ElementTree.SubElement(within, "identity", display).text = plain(end.uri)


def plain(text: str) -> str:
    """Leave out what XML cannot have: a phone may send any character in a name."""
    return text if text.isprintable() else "".join(char for char in text if char.isprintable())


class Told(NamedTuple):
    """A document as somebody else wrote it."""

    entity: str
    version: int
    full: bool
    """Are these all dialogs, or those that have changed?"""
    dialogs: tuple[Dialog, ...]


def parse(body: bytes) -> Told:
    """
    Read a document of another server (section 4.1).

    @raise PeerError: if it is none.
    """
    root = read(body)
    version, state = root.attributes.get("version", ""), root.attributes.get("state", "")
    if root.name != "dialog-info" or state not in ("full", "partial"):
        raise PeerError("No document about dialogs", section="RFC 4235 4.1", where=root.name)
    if not (version.isascii() and version.isdecimal() and len(version) <= 10):
        raise PeerError("A version that is no number", section="RFC 4235 4.1", where=version)
    return Told(root.attributes.get("entity", ""), int(version), state == "full", tuple(_dialogs(root)))


def _dialogs(root: Read) -> Iterator[Dialog]:
    """The dialogs that can be read; one without id or state is left out."""
    for one in root.all("dialog"):
        state, id = one.text_of("state") or "", one.attributes.get("id", "")
        if state not in STATES or not id:
            continue
        direction = one.attributes.get("direction", "")
        yield Dialog(
            id,
            state,  # type: ignore[arg-type]  # it is one of them
            _end(one.child("local")),
            _end(one.child("remote")),
            direction if direction in ("initiator", "recipient") else "",  # type: ignore[arg-type]  # likewise
            one.attributes.get("call-id", ""),
            one.attributes.get("local-tag", ""),
            one.attributes.get("remote-tag", ""),
        )


def _end(element: Read | None) -> End | None:
    """One end, as far as it is told (section 4.1.6)."""
    if element is None:
        return None
    identity, target = element.child("identity"), element.child("target")
    if identity is None and target is None:
        return None
    display = "" if identity is None else identity.attributes.get("display", "")
    uri = identity.text.strip() if identity is not None else ""
    uri = uri or ("" if target is None else target.attributes.get("uri", ""))
    params = () if target is None else target.all("param")
    values = {one.attributes.get("pname"): one.attributes.get("pval") for one in params}
    return End(display, uri, values.get("+sip.rendering") == "no")
