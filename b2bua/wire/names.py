"""
Who is meant: name-addr and addr-spec with parameters (RFC 3261 section 20.10).

From, To, Contact, Route, Refer-To, P-Asserted-Identity and their kin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard

from b2bua.errors import PeerError, UsageError
from b2bua.wire.grammar import (
    LWS,
    PARAMS,
    QUOTED,
    Params,
    find_param,
    parse_params,
    printable,
    quote,
    refuse_breaks,
    split_list,
    unquote,
    write_params,
)
from b2bua.wire.uri import Uri

SECTION = "RFC 3261 20.10"

# name-addr = [display-name] LAQUOT addr-spec RAQUOT
# display-name = *(token LWS) / quoted-string; characters that are no token are
# let pass without quotes, as RFC 4475 section 3.1.2.15 suggests.
_NAME_ADDR = re.compile(rf'{LWS}({QUOTED}{LWS}|[^<",]*+)<{LWS}([^<>"\s]++){LWS}>({PARAMS}){LWS}\Z', re.DOTALL)
# Without <> the URI ends at the first semicolon, comma or question mark.
_ADDR_SPEC = re.compile(rf'{LWS}([A-Za-z][A-Za-z0-9+\-.]*+:[^<>",;?\s]++)({PARAMS}){LWS}\Z', re.DOTALL)


class NameAddr:
    """
    A display name, a URI and parameters; equal if written the same.

    URI and parameters are parsed when they are first asked for.
    """

    __slots__ = ("_params", "_tail", "_text", "_uri", "display_text", "uri_text")

    def __init__(self, display_text: str, uri_text: str, tail: str, text: str | None) -> None:
        """Take the parts as they stand in the text; use L{parse} or L{make} instead."""
        self.display_text = display_text
        self.uri_text = uri_text
        self._tail = tail
        self._text = text
        self._uri: Uri | None = None
        self._params: Params | None = None

    @staticmethod
    def parse(text: str) -> NameAddr:
        """
        Parse one value of a header field.

        @raise PeerError: 400, if it is neither name-addr nor addr-spec.
        """
        found = _NAME_ADDR.match(text)
        if found is not None:
            display, uri, tail = found.groups()
            return NameAddr(display, uri, tail, text)
        found = _ADDR_SPEC.match(text)
        if found is None:
            raise PeerError("Malformed address", section=SECTION, where=text)
        return NameAddr("", found[1], found[2], text)

    @staticmethod
    def make(
        display: str,
        uri: Uri | str,
        params: Iterable[tuple[str, str | None]] = (),
    ) -> NameAddr:
        """Build one; the display name is plain text and is quoted here."""
        uri_text = str(uri)
        if not is_uri_text(uri_text):
            raise UsageError(f"Not fit for a URI: {uri_text[:40]!r}")
        tail = refuse_breaks(write_params(params))
        return NameAddr(quote(display) + " " if display else "", uri_text, tail, None)

    @property
    def display(self) -> str:
        """The display name without quotes, fit to be shown and stored."""
        return printable(unquote(self.display_text.strip(" \t")))

    @property
    def uri(self) -> Uri:
        """The URI, parsed."""
        uri = self._uri
        if uri is None:
            uri = self._uri = Uri.parse(self.uri_text)
        return uri

    @property
    def params(self) -> Params:
        """The parameters of the header field, which are not those of the URI."""
        params = self._params
        if params is None:
            params = self._params = parse_params(self._tail)
        return params

    @property
    def tag(self) -> str:
        """The tag, or the empty string."""
        tail = self._tail
        if tail.startswith(";tag=") and ";" not in (tag := tail[5:]) and " " not in tag:
            return tag
        return find_param(self.params, "tag") or "" if tail else ""

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name) if self._tail else None

    def with_params(self, *params: tuple[str, str | None], **named: str | None) -> NameAddr:
        """Copy it with parameters set; those of the same name are replaced."""
        new = (*params, *named.items())
        names = {name.lower() for name, _ in new}
        kept = [item for item in self.params if item[0].lower() not in names]
        tail = refuse_breaks(write_params((*kept, *new)))
        return NameAddr(self.display_text, self.uri_text, tail, None)

    def without(self, *names: str) -> NameAddr:
        """Copy it without some parameters."""
        wanted = {name.lower() for name in names}
        tail = write_params([p for p in self.params if p[0].lower() not in wanted])
        return NameAddr(self.display_text, self.uri_text, tail, None)

    def tagged(self, tag: str) -> NameAddr:
        """Copy it with a tag appended, where there is none yet."""
        suffix = f";tag={tag}"
        return NameAddr(self.display_text, self.uri_text, self._tail + suffix, str(self) + suffix)

    def __str__(self) -> str:
        """The value as received, or as built."""
        text = self._text
        if text is None:
            text = self._text = f"{self.display_text}<{self.uri_text}>{self._tail}"
        return text

    def __repr__(self) -> str:
        """For people who debug."""
        return f"NameAddr({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Compare the text."""
        return str(self) == str(other) if isinstance(other, NameAddr) else NotImplemented

    def __hash__(self) -> int:
        """Hash the text."""
        return hash(str(self))


_URI_TEXT = re.compile(r'[^<>"\s\x00-\x1f\x7f]++\Z')


def is_uri_text(text: str) -> bool:
    """Can C{text} stand between angle brackets?"""
    return _URI_TEXT.match(text) is not None


def parse_addresses(values: Iterable[str]) -> tuple[NameAddr, ...]:
    """Parse the values of a header field that holds a list of addresses."""
    parse = NameAddr.parse
    return tuple([parse(item) for value in values for item in split_list(value)])


def is_star(value: str | None) -> TypeGuard[str]:
    """Is it the C{*} of a Contact that removes all bindings (section 10.2.2)?"""
    return value is not None and value.strip() == "*"
