"""
Phone book: names and numbers for the phones of an office, by HTTP.

    [phone_book]
    files = ["customers.csv", "friends.vcf"]   # lines of number and name, or cards
    extensions = true                          # our own extensions besides
    country = "DE"                             # how numbers without + are meant

A Yealink gets it as a remote phone book from C{/files/phonebook.xml} of the page's
address, with a token as its password (RFC 7617)::

    remote_phonebook.data.1.url = https://phone:TOKEN@pbx.example.com:5080/files/phonebook.xml
    remote_phonebook.data.1.name = Office

C{b2bua web-user token phones --role user} makes one.  With C{country} numbers are
written as all the world does, C{+4930123456}.  C{b2bua phone-book anna} shows who is found
by a name or a part of a number.  Files are read at start and by C{b2bua reload}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

from pydantic import Field

from b2bua import File, NotConfigured, Options, Service, Table, hookimpl
from b2bua_plugins._phone_book import ENTRIES_MAX, Country, Entry, e164, read


class Book(Table):
    """C{[phone_book]}: what is in it."""

    files: Annotated[tuple[File, ...], Field(max_length=16)] = ()
    extensions: bool = True
    country: Country = ""


class PhoneBook:
    """Gives phones names and numbers."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"phone_book": Book}

    @hookimpl
    def b2bua_files(self) -> Mapping[str, Callable[[], tuple[str, bytes]]]:
        """The book as phones read it."""
        return {"phonebook.xml": self.as_yealink}

    @hookimpl
    def b2bua_commands(self) -> Mapping[str, Callable[..., Any]]:
        """Look somebody up."""
        return {"phone-book": self.find}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Read the files."""
        if not options.names(Book):
            raise NotConfigured("no [phone_book] table")
        book = options.of(Book)
        written = e164(book.country, "[phone_book] country")
        self._extensions = sorted(options.extensions) if book.extensions else []
        self._others = [
            Entry(one.name, tuple(map(written, one.numbers)))
            for path in book.files
            for one in read(Path(path), "[phone_book] files")
        ]
        if len(self._others) > ENTRIES_MAX:
            raise ValueError(f"[phone_book] files have more than {ENTRIES_MAX} names together")

    @hookimpl
    def service_started(self, service: Service) -> None:
        """It knows the names of extensions."""
        own = [Entry(service.display(number) or number, (number,)) for number in self._extensions]
        self._entries = sorted([*own, *self._others], key=lambda one: one.name.casefold())
        self._yealink = b""

    def as_yealink(self) -> tuple[str, bytes]:
        """The book as a Yealink reads it, written when the first one asks."""
        if not self._yealink:
            root = ElementTree.Element("YealinkIPPhoneDirectory")
            for entry in self._entries:
                one = ElementTree.SubElement(root, "DirectoryEntry")
                ElementTree.SubElement(one, "Name").text = entry.name
                for number in entry.numbers:
                    ElementTree.SubElement(one, "Telephone").text = number
            self._yealink = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        return "text/xml; charset=utf-8", self._yealink

    def find(self, text: str, limit: int = 100) -> list[dict[str, str]]:
        """Show who is found by a part of the name or of a number."""
        wanted = text.casefold()
        found = [
            {"name": entry.name, "number": number}
            for entry in self._entries
            for number in entry.numbers
            if wanted in entry.name.casefold() or wanted in number
        ]
        return found[: max(0, limit)]
