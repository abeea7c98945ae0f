"""
XML that a peer has sent, read with care: no document type, no entities, bounded in size and depth.

What phones send is small: a command of a few elements.  So anything that looks
like more is refused before it costs something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from b2bua.errors import PeerError

SECTION = "RFC 3261 21.4.1"
SIZE_MAX = 65_536
DEPTH_MAX = 16
ELEMENTS_MAX = 2000


@dataclass(slots=True)
class Element:
    """One element, without its namespace: phones of one make differ in that alone."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((one for one in self.children if one.name == name), None)

    def all(self, name: str) -> Iterator[Element]:
        """The children of that name."""
        return (one for one in self.children if one.name == name)

    def text_of(self, name: str) -> str | None:
        """The text of the first child of that name, without the space around it."""
        found = self.child(name)
        return None if found is None else found.text.strip()


def read(body: bytes) -> Element:
    """
    Read a document.

    @raise PeerError: if it is none, has a document type, or is too large.
    """
    if len(body) > SIZE_MAX:
        raise PeerError("A document that is too large", section=SECTION, code=413)
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the encoding may be an unknown one
        raise PeerError("A document that is no XML", section=SECTION, where=str(error)) from None
    assert reader.root is not None
    return reader.root


class _Reader:
    """Puts a document together, as long as it is small."""

    def __init__(self) -> None:
        """Begin without an element."""
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def doctype(self, *what: object) -> NoReturn:
        """Entities are declared in one, so there is none."""
        raise PeerError("A document type is not read", section=SECTION)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._count += 1
        if self._count > ELEMENTS_MAX or len(self._open) >= DEPTH_MAX:
            raise PeerError("A document of too many elements", section=SECTION)
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = Element(name.rpartition(" ")[2], local)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        """An element ends."""
        self._open.pop()

    def characters(self, text: str) -> None:
        """Text within an element."""
        self._open[-1].text += text
