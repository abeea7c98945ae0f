"""
Who is meant: name-addr and addr-spec with parameters (RFC 3261 section 20.10).

From, To, Contact, Route, Refer-To, P-Asserted-Identity and their kin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from b2bua.errors import PeerError, UsageError
from b2bua.once import Remembered
from b2bua.wire.grammar import (
    LWS,
    PARAMS,
    QUOTED,
    TOKEN,
    Params,
    find_param,
    parse_params,
    printable,
    quote,
    refuse_breaks,
    unquote,
    without_controls,
    write_params,
    written_params,
)
from b2bua.wire.uri import Uri, known_uris

SECTION = "RFC 3261 20.10"

# name-addr = [display-name] LAQUOT addr-spec RAQUOT
# display-name = *(token LWS) / quoted-string; characters that are no token are
# let pass without quotes, as RFC 4475 section 3.1.2.15 suggests.
_NAME_ADDR = re.compile(
    rf'{LWS}({QUOTED}{LWS}|[^<",]*+)<{LWS}([^<>"\x00-\x20\x7f]++){LWS}>({PARAMS}){LWS}\Z', re.DOTALL
)
# Without <> the URI ends at the first semicolon, comma or question mark.
_ADDR_SPEC = re.compile(
    rf'{LWS}([A-Za-z][A-Za-z0-9+\-.]*+:[^<>",;?\x00-\x20\x7f]++)({PARAMS}){LWS}\Z', re.DOTALL
)


# The way nearly all addresses look: no parameter but the tag.
_SIMPLE = re.compile(
    rf'({QUOTED} ?+|[^<",]*+)<([^<>"\x00-\x20\x7f]++)>(?>(?:;tag=({TOKEN}++))?)\Z', re.DOTALL
).match


class NameAddr:
    """
    A display name, a URI and parameters; equal if written the same.

    URI and parameters are parsed when they are first asked for.
    """

    __slots__ = ("_params", "_tail", "_text", "_uri", "display_text", "tag", "uri_text")

    display_text: str
    """The display name as it is written, with its quotes."""
    uri_text: str
    """The URI as it is written."""
    tag: str
    """The tag, or the empty string."""
    _tail: str | None
    """The parameters as they are written; None if there is at most a tag."""
    _text: str
    _uri: Uri | None
    _params: Params

    @staticmethod
    def parse(text: str) -> NameAddr:
        """
        Parse one value of a header field.

        @raise PeerError: 400, if it is neither name-addr nor addr-spec.
        """
        found = _SIMPLE(text)
        if found is None:
            return _parse_odd(text)
        self = NameAddr()
        self.display_text, self.uri_text, self.tag = found[1], found[2], found[3] or ""
        self._tail = self._uri = None
        self._text = text
        return self

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
        return _of_parts(quote(display) + " " if display else "", uri_text, tail)

    @property
    def display(self) -> str:
        """The display name without quotes, fit to be shown and stored."""
        return _displays[self.display_text]

    @property
    def uri(self) -> Uri:
        """The URI, parsed."""
        if self._uri is None:
            self._uri = known_uris[self.uri_text]
        return self._uri

    @property
    def params(self) -> Params:
        """The parameters of the header field, which are not those of the URI."""
        try:
            return self._params
        except AttributeError:
            pass
        if self._tail is None:
            params: Params = (("tag", self.tag),) if self.tag else ()
        else:
            params = parse_params(self._tail)
        self._params = params
        return params

    @property
    def written_params(self) -> list[tuple[str, str]]:
        """Each parameter by its name and as it is written."""
        if self._tail is None:
            return [("tag", f";tag={self.tag}")] if self.tag else []
        return written_params(self._tail)

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name)

    def with_params(self, *params: tuple[str, str | None], **named: str | None) -> NameAddr:
        """Copy it with parameters set; those of the same name are replaced."""
        new = (*params, *named.items())
        names = {name.lower() for name, _ in new}
        kept = [item for item in self.params if item[0].lower() not in names]
        tail = refuse_breaks(write_params((*kept, *new)))
        return _of_parts(self.display_text, self.uri_text, tail)

    def without(self, *names: str) -> NameAddr:
        """Copy it without some parameters."""
        wanted = {name.lower() for name in names}
        tail = write_params([p for p in self.params if p[0].lower() not in wanted])
        return _of_parts(self.display_text, self.uri_text, tail)

    def tagged(self, tag: str) -> NameAddr:
        """Copy it with a tag appended, where there is none yet."""
        copy = NameAddr()
        copy.display_text = self.display_text
        copy.uri_text = self.uri_text
        copy.tag, copy._uri = tag, None
        copy._tail = None if self._tail is None else f"{self._tail};tag={tag}"
        copy._text = f"{self._text};tag={tag}"
        return copy

    def __str__(self) -> str:
        """The value as received, or as built."""
        return self._text

    def __repr__(self) -> str:
        """For people who debug."""
        return f"NameAddr({self._text!r})"

    def __eq__(self, other: object) -> bool:
        """Compare the text."""
        return self._text == other._text if isinstance(other, NameAddr) else NotImplemented

    def __hash__(self) -> int:
        """Hash the text."""
        return hash(self._text)


def _of_parts(display_text: str, uri_text: str, tail: str, text: str = "") -> NameAddr:
    """Take the parts as they stand in the text."""
    address = NameAddr()
    address.display_text = display_text
    address.uri_text = uri_text
    address._tail, address._uri = tail, None
    address._text = text or f"{display_text}<{uri_text}>{tail}"
    address.tag = (find_param(address.params, "tag") or "") if tail else ""
    return address


parse_again: Callable[[str], NameAddr] = Remembered(NameAddr.parse, most=2048).__getitem__
"""
Parses an address of the kind that comes again and again.

A phone sends the same Contact in each message, and a proxy the same Route;
the last ones are remembered, with what was parsed of them.
"""


def read_display(text: str) -> str:
    """Take a display name out of its quotes, and whatever cannot be shown out of it."""
    return without_controls(printable(unquote(text.strip(" \t"))))


_displays = Remembered(read_display, most=2048)


def _write_name_addr(who: tuple[str, ...]) -> str:
    """Write an address without parameters."""
    display, uri = who
    return str(NameAddr.make(display, uri))


name_addrs = Remembered(_write_name_addr)
"""Addresses without parameters, by display name and URI; the same few people are called again and again."""


def _parse_odd(text: str) -> NameAddr:
    """Parse an address that is not as simple as most."""
    found = _NAME_ADDR.match(text)
    if found is not None:
        address = _of_parts(found[1], found[2], found[3], text)
    else:
        found = _ADDR_SPEC.match(text)
        if found is None:
            raise PeerError("Malformed address", section=SECTION, where=text)
        address = _of_parts("", found[1], found[2], text)
    tags = [value for name, value in address.params if name.lower() == "tag"]
    if len(tags) > 1 or tags == [""] or tags == [None]:
        # Section 7.3.1: no parameter twice.  Two ends that choose different
        # ones of two tags would see different dialogs.
        raise PeerError("Malformed tag", section="RFC 3261 19.3", where=text)
    return address


_URI_TEXT = re.compile(r'[^<>"\x00-\x20\x7f]++\Z')


def is_uri_text(text: str) -> bool:
    """Can C{text} stand between angle brackets?"""
    return _URI_TEXT.match(text) is not None
