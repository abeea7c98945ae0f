"""
The long way through a message: folding, odd spacing, and what is wrong with it.

Only messages come here that the short way of L{b2bua.wire.parser.parse} does
not understand; the limits on size hold before anything is looked at.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from b2bua.errors import PeerError
from b2bua.wire.grammar import TOKEN, has_bare_nul, one_text, printable
from b2bua.wire.registry import canonical

Parts: TypeAlias = tuple[str, Sequence[tuple[str, str]], bytes]
"""Start-line, header fields, body."""


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How much of everything is taken from a peer."""

    message: int = 65536
    """Bytes of a message."""
    head: int = 32768
    """Bytes of its start-line and header fields."""
    fields: int = 256
    """Header fields."""
    field: int = 8192
    """Bytes of one header field, or of the Request-URI."""
    vias: int = 64
    """Values of Via."""
    routes: int = 64
    """Values of Route or Record-Route."""
    short: int = dataclasses.field(init=False)
    """Bytes of a head that is read quickly, its parts remembered: longer ones would fill the memory."""

    def __post_init__(self) -> None:
        """Read none quickly in which a field may be too long."""
        object.__setattr__(self, "short", min(4096, self.field))


LIMITS = MessageLimits()

# Request-Line = Method SP Request-URI SP SIP-Version CRLF (section 7.1); the
# version is compared regardless of case.
REQUEST_LINE = re.compile(rf'({TOKEN}++) ([^<>"\x00-\x20\x7f]++) [Ss][Ii][Pp]/2\.0\Z').match
# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF (section 7.2);
# some leave out the space before an empty phrase.
STATUS_LINE = re.compile(r"[Ss][Ii][Pp]/2\.0 ([1-6][0-9][0-9])(?>(?: ([^\r\n\0]*+))?)\Z").match

_FIELD = re.compile(rf"({TOKEN}++)[ \t]*+:(.*+)\Z", re.DOTALL)
_FOLD = re.compile(r"\r\n[ \t]++")
_SURROGATE = re.compile("[\udc80-\udcff]")
_VERSION = re.compile(r"(?:\A|.* )[Ss][Ii][Pp]/([0-9]++\.[0-9]++)(?: |\Z)", re.DOTALL)
# Fields that bytes other than UTF-8 make no sense in.
_ASCII = frozenset(("Via", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"))


def read_carefully(data: bytes, limits: MessageLimits) -> Parts:
    """
    Take a message apart into start-line, fields and body.

    @raise PeerError: saying what is wrong.
    """
    _check_size(data, limits)
    # A blank line before the start-line is to be ignored (section 7.5).
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        raise PeerError("The header fields do not end", section="RFC 3261 7")
    text = data[start:end].decode("utf-8", "surrogateescape")
    line, _, head = text.partition("\r\n")
    if len(line) > limits.field:
        raise PeerError("Request-URI too long", section="RFC 3261 21.4.12", code=414)
    if line[:4].upper() == "SIP/":
        # Some phones write the phrase in Latin-1.  It is for people only (section 7.2): they see that a
        # character is missing, and the call goes on by the code.
        line = printable(line)
    fields = read_lines(head, limits)
    _check_text(line, fields)
    return line, fields, data[end + 4 :]


def _check_size(data: bytes, limits: MessageLimits) -> None:
    """Refuse what is too long: the head (513), or else the body (413)."""
    end = data.find(b"\r\n\r\n", 0, limits.head + 4)
    if end < 0 and len(data) > limits.head:
        first = data.find(b"\r\n", 0, limits.head)
        if first < 0 or first > limits.field:
            raise PeerError("Request-URI too long", section="RFC 3261 21.4.12", code=414)
        raise PeerError("Too long a head", section="RFC 3261 21.5.7", code=513)
    if len(data) > limits.message:
        raise PeerError("Too large a body", section="RFC 3261 21.4.11", code=413)


def read_lines(head: str, limits: MessageLimits) -> list[tuple[str, str]]:
    """Take header fields apart: lines as they came, folded or not."""
    if "\r\n " in head or "\r\n\t" in head:
        head = _FOLD.sub(" ", head)
    lines = head.split("\r\n") if head else []
    if len(lines) > limits.fields:
        raise PeerError("Too many header fields", section="RFC 3261 21.5.7", code=513)
    return [_read_field(item, limits) for item in lines]


def _read_field(line: str, limits: MessageLimits) -> tuple[str, str]:
    """Take one header field apart."""
    if len(line) > limits.field:
        raise PeerError("Too long a header field", section="RFC 3261 21.5.7", where=line, code=513)
    found = _FIELD.match(line)
    if found is None:
        raise PeerError("Not a header field", section="RFC 3261 7.3.1", where=line)
    return found[1], found[2].strip(" \t")


def _check_text(line: str, fields: Sequence[tuple[str, str]]) -> None:
    """
    Refuse lone CR, LF and NUL, and bytes that are not UTF-8 where it matters.

    Others would take a lone CR or LF for the end of a line, and then find
    header fields that we never saw.  NUL may stand in a quoted-pair.
    """
    for name, value in (("", line), *fields):
        if "\r" in value or "\n" in value or has_bare_nul(value):
            raise PeerError("A lone CR, LF or NUL", section="RFC 3261 25.1", where=value)
        strange = not value.isascii() and _SURROGATE.search(value) is not None
        if strange and (not name or canonical(name) in _ASCII):
            raise PeerError("Not UTF-8", section="RFC 3261 7", where=value)


def read_start_line(line: str) -> tuple[str, str, int]:
    """
    Take a start-line apart.

    @return: of a request its method and Request-URI and 0, of a response the
        empty string, its phrase and its code.
    @raise PeerError: for another version (505), or another form (400).
    """
    if found := REQUEST_LINE(line):
        return one_text(found[1]), found[2], 0
    if found := STATUS_LINE(line):
        return "", found[2] or "", int(found[1])
    found = _VERSION.match(line)
    if found is not None and found[1] != "2.0":
        raise PeerError("Not version 2.0 of SIP", section="RFC 3261 21.5.6", where=line, code=505)
    raise PeerError("Malformed start-line", section="RFC 3261 7.1", where=line)


def too_many(name: str) -> PeerError:
    """Refuse a list that is too long."""
    return PeerError(f"Too many values of {name}", section="RFC 3261 21.5.7", code=513)


def count_values(fields: Sequence[tuple[str, str]], name: str) -> int:
    """
    Count the values of a list at most: a comma in quotes counts as well.

    @param fields: with names as in their RFC.
    """
    return sum([1 + value.count(",") for known, value in fields if known == name])


_SALVAGE_METHOD = re.compile(rf"({TOKEN}++)(?:\s|\Z)")
_SALVAGE_URI = re.compile(r'\S++\s++<?+([^\s<>"\x00-\x1f\x7f]++)')
_SALVAGE_BREAK = re.compile(r"\r\n|\r|\n")
# The Via of another version of SIP is answered as one of ours (505).
_SALVAGE_VIA = re.compile(r"\A[Ss][Ii][Pp][ \t]*+/[ \t]*+[0-9.]++[ \t]*+/")
_SALVAGED = ("Via", "From", "To", "Call-ID", "CSeq")


def _salvaged_method(line: str) -> str:
    """
    Take the method out of a start-line; the empty string if it is none of a request.

    It is the first word of a line that ends as a Request-Line does even if it is no token,
    since such a request is answered as well (RFC 3261 section 21.4.1).
    """
    found = _SALVAGE_METHOD.match(line)
    if found is not None:
        return found[1]
    words = line.split()
    return words[0] if len(words) > 2 and words[-1][:4].upper() == "SIP/" else ""


def salvaged_fields(data: bytes, most: int = LIMITS.head) -> tuple[str, str, list[tuple[str, str]]] | None:
    """
    Save what is needed to answer a request that is wrong (section 8.2.6.2).

    @return: method, Request-URI and fields; None if it is no request, is an
        ACK, or has not even Via, From, To, Call-ID and CSeq.
    """
    head = data[:most].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    text = head.decode("utf-8", "surrogateescape").replace("\0", "")
    lines = _SALVAGE_BREAK.split(_FOLD.sub(" ", text))
    method = _salvaged_method(lines[0])
    if not method or lines[0][:4].upper() == "SIP/":
        return None
    fields: list[tuple[str, str]] = []
    seen = set()
    for line in lines[1 : LIMITS.fields + 1]:
        name, colon, value = line.partition(":")
        known = canonical(name.rstrip(" \t"))
        if colon and known in _SALVAGED and (known == "Via" or known not in seen):
            seen.add(known)
            value = value.strip(" \t")[: LIMITS.field]
            fields.append((known, _SALVAGE_VIA.sub("SIP/2.0/", value) if known == "Via" else value))
    if len(seen) < len(_SALVAGED) or "ACK" in (method, *dict(fields)["CSeq"].split()[1:]):
        return None
    uri = _SALVAGE_URI.match(lines[0])
    return method, uri[1] if uri else "sip:invalid", fields
