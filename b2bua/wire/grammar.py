"""
The rules of RFC 3261 section 25.1 that many header fields share.

Every pattern is possessive (C{++}, C{*+}), atomic (C{(?>...)}) or cannot give
back, so that the time it takes grows with the length of the text and with nothing
else.  A group is never possessive: before Python 3.11.5, so on Debian 12, such a
pattern fails where it has to match (cpython #106052 and #100061).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from b2bua.errors import PeerError, UsageError

Params: TypeAlias = tuple[tuple[str, str | None], ...]
"""Parameters in order; the value is None where there is no equals sign."""

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]"
# quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE
QUOTED = r'"(?>(?:[^"\\]++|\\.)*)"'
# A text whose NULs are all quoted-pairs: in a quoted-string, behind a backslash of their own.
_NUL_QUOTED = re.compile(r'(?>(?:[^"\0]++|"(?>(?:[^"\\\0]++|\\.)*)")*)\Z', re.DOTALL)
# LWS, after folding was undone
LWS = r"[ \t]*+"

# generic-param = token [EQUAL gen-value]; gen-value = token / host / quoted-string.
# Of a value no more is asked than that it ends where the parameter ends: phones
# put slashes, at-signs and bare IPv6 addresses there.
PARAM = rf'{LWS};{LWS}{TOKEN}++{LWS}(?>(?:={LWS}(?:{QUOTED}|[^;,"<>\x00-\x20\x7f]*+))?)'
PARAMS = rf"(?>(?:{PARAM})*)"

_PARAM = re.compile(rf';{LWS}({TOKEN}++){LWS}(?>(?:={LWS}({QUOTED}|[^;,"<>\x00-\x20\x7f]*+))?)')
_PARAMS = re.compile(rf"{PARAMS}{LWS}\Z", re.DOTALL)
_TOKEN = re.compile(rf"{TOKEN}++\Z")
_ELEMENT = re.compile(rf'(?>(?:[^,"<]++|{QUOTED}|<[^>]*+>)*)(?:,|\Z)', re.DOTALL)
_WORD = re.compile(rf"{LWS}([^;,\"\s]++){LWS}(;.*+)?\Z", re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TO_QUOTE = re.compile(r'(["\\])')
_FORBIDDEN = re.compile(r"[\r\n\0]")
# With the backslash of its quoted-pair; else that would quote what comes next, the end of the string say.
_CONTROL = re.compile(r"(\\[^\x00-\x08\x0a-\x1f\x7f-\x9f])|\\?[\x00-\x08\x0a-\x1f\x7f-\x9f]", re.DOTALL)
_HEX = re.compile(r"%([0-9A-Fa-f]{2})")
_ESCAPES = re.compile(r"(?>(?:%[0-9A-Fa-f]{2})+)")

LIST_SECTION = "RFC 3261 7.3.1"
PARAM_SECTION = "RFC 3261 25.1"


@lru_cache(maxsize=2048)
def _one_text(text: str) -> str:
    return text


def one_text(text: str) -> str:
    """
    Give the same object for the same text of a peer, so that what many keep is there once.

    C{sys.intern} does that as well, but up to Python 3.12.5, so on Ubuntu 24.04, for ever (cpython
    #113993): a peer could fill the memory.  Here the last few are known, and no long ones.
    """
    return _one_text(text) if len(text) <= 256 else text


def is_token(text: str) -> bool:
    """Is C{text} a token?"""
    return _TOKEN.match(text) is not None


def split_list(value: str) -> list[str]:
    """
    Take a comma-separated list apart, respecting quotes and angle brackets.

    Empty elements are dropped.
    """
    if "," not in value:
        return [value] if value else []
    if '"' not in value and "<" not in value:
        return [part for item in value.split(",") if (part := item.strip(" \t"))]
    parts = []
    at, end = 0, len(value)
    while at < end:
        found = _ELEMENT.match(value, at)
        if found is None:
            raise PeerError("Unbalanced quotes or brackets", section=LIST_SECTION, where=value)
        part = found[0].rstrip(",").strip(" \t")
        if part:
            parts.append(part)
        at = found.end()
    return parts


def parse_params(text: str) -> Params:
    """Parse C{;name=value;name}; quoted values are unquoted."""
    if not text:
        return ()
    if _PARAMS.match(text) is None:
        raise PeerError("Malformed parameters", section=PARAM_SECTION, where=text)
    return tuple(
        (found[1], None if (value := found[2]) is None else unquote(value)) for found in _PARAM.finditer(text)
    )


def written_params(text: str) -> list[tuple[str, str]]:
    """Take C{;name=value;name} apart: each name, and the parameter as it is written, quotes and all."""
    return [(found[1], found[0].rstrip(" \t")) for found in _PARAM.finditer(text)]


def value_and_params(text: str, section: str) -> tuple[str, Params]:
    """Parse C{word;name=value}: the shape of most small header fields."""
    found = _WORD.match(text)
    if found is None:
        raise PeerError("Malformed header field", section=section, where=text)
    return found[1], parse_params(found[2] or "")


def find_param(params: Params, name: str) -> str | None:
    """
    Find the first parameter called C{name}, whatever its case.

    @return: its value, the empty string if it has none, None if it is absent.
    """
    for known, value in params:
        if known == name or known.lower() == name:
            return value or ""
    return None


def write_params(params: Iterable[tuple[str, str | None]]) -> str:
    """Write parameters, quoting the values that are neither token nor host."""
    return "".join(
        [
            f";{name}" if value is None else f";{name}={value if _plain(value) else quote(value)}"
            for name, value in params
        ]
    )


_PLAIN = re.compile(r"(?:[A-Za-z0-9\-.!%*_+`'~:/\[\]@]++)\Z")


def _plain(value: str) -> bool:
    """Can a parameter value stand without quotes?"""
    return _PLAIN.match(value) is not None


def quote(text: str) -> str:
    """Write C{text} as a quoted-string."""
    refuse_breaks(text)
    return '"' + _TO_QUOTE.sub(r"\\\1", text) + '"'


def unquote(text: str) -> str:
    """
    Undo the quoting of a quoted-string; other text is left alone.

    NUL is left out: a quoted-pair may stand for it (section 25.1), but we write none.
    """
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _PAIR.sub(r"\1", inner).replace("\0", "") if "\\" in inner else inner


def has_bare_nul(text: str) -> bool:
    """
    Is there a NUL that is no quoted-pair (section 25.1)?

    @param text: values of header fields, on lines of their own.  A comment may have such pairs
        too, but nobody puts a NUL there.
    """
    return "\0" in text and _NUL_QUOTED.match(text) is None


def refuse_breaks(text: str) -> str:
    """
    Refuse what would end a header field and begin another (header injection).

    Texts of users, directories and other protocols pass here before they
    become part of a message.
    """
    if _FORBIDDEN.search(text):
        raise UsageError(f"A line break or NUL in {text[:40]!r}")
    return text


def printable(text: str) -> str:
    """Replace bytes that were not UTF-8, so that the text can be stored and shown."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def without_controls(text: str) -> str:
    """
    Leave out the control characters that no text of a header field may have (section 25.1, CTL).

    An ESC or BEL would speak to the terminal, or to the telephone, of who reads it.
    """
    return text if text.isprintable() else _CONTROL.sub(r"\1", text)


def unescape(text: str) -> str:
    """
    Undo the C{%HH} escapes of a URI.

    Escapes that do not make up UTF-8 stay, so that different texts cannot
    become the same.
    """
    if "%" not in text:
        return text
    return _ESCAPES.sub(_unescape_run, text)


def _unescape_run(found: re.Match[str]) -> str:
    """Unescape a run of escapes if it is UTF-8."""
    raw = bytes.fromhex(found[0].replace("%", ""))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return found[0].upper()


def digits(text: str, most: int, *, section: str, what: str) -> int:
    """Parse C{1*DIGIT} with an upper bound; no sign, no space, no other script."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise PeerError(f"{what} is not a number", section=section, where=text)
    number = int(text)
    if number > most:
        raise PeerError(f"{what} is too large", section=section, where=text)
    return number
