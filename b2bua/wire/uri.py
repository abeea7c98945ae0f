"""
URIs: sip, sips, tel and whatever else a header field may carry.

RFC 3261 section 19.1 and RFC 3966; the components are kept as they were
received, escapes included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

from b2bua.errors import PeerError, UsageError
from b2bua.once import Remembered
from b2bua.wire.grammar import Params, find_param, unescape

SECTION = "RFC 3261 19.1"

# SIP-URI = "sip:" [userinfo] hostport uri-parameters [headers]
# The user may hold ";", "?" and "/" (section 25.1, user-unreserved), so what is
# before the first "@" is taken whole.  An underscore in a host is no hostname,
# but people have such hosts.
_SIP = re.compile(
    r"([Ss][Ii][Pp][Ss]?+):"
    r'(?>(?:([^@:\s<>"\x00-\x1f\x7f]++)(?>(?::([^@\s<>"\x00-\x1f\x7f]*+))?)@)?)'
    r"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)"
    r"(?>(?::([0-9]{1,5}+))?)"
    r'((?>(?:;[^;?\s<>"\x00-\x1f\x7f]*+)*))'
    r'(?>(?:\?([^\s<>"\x00-\x1f\x7f]*+))?)\Z'
)
# absoluteURI = scheme ":" (hier-part / opaque-part)
_ABSOLUTE = re.compile(r'([A-Za-z][A-Za-z0-9+\-.]*+):([^\s<>"\x00-\x1f\x7f]++)\Z')
_NUMERIC = re.compile(r"(?:[0-9]{1,3}+\.){3}[0-9]{1,3}\Z|\[")
_SEPARATORS = re.compile(r"[-.()]")
# telephone-subscriber (RFC 3966 section 3) as the user part of a sip URI (RFC
# 3261 section 19.1.6).  Numbers with the letters A to F are left out, since
# they are names as well.
_TELEPHONE = re.compile(r"(?=[^;]*[0-9*#])(\+?[0-9*#\-.()]++)(;.*|)\Z", re.DOTALL)
# RFC 3261 section 19.1.4: escapes of these are not the same as the character.
_RESERVED = frozenset(";/?:@&=+$,")
_HEX = re.compile(r"%([0-9A-Fa-f]{2})")
# Parameters that never match when only one of two URIs has them.
_DECISIVE = ("user", "ttl", "method", "maddr", "transport")
_UNSAFE_USER = re.compile(r'[@\s<>"\x00-\x1f\x7f]')
_UNSAFE_REST = re.compile(r'[\s<>"\x00-\x1f\x7f]')
# unreserved / user-unreserved, but for what could be read as something else
_NEEDS_ESCAPE = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,]")
# The same for the parameters of a telephone-subscriber, which begin with ";".
_NEEDS_ESCAPE_AFTER_NUMBER = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
# unreserved / hnv-unreserved, likewise
_NEEDS_ESCAPE_HEADER = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:+$]")


@final
@dataclass(frozen=True)
class Uri:
    """A URI taken apart; C{opaque} is only for schemes other than sip and sips."""

    scheme: str
    user: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()
    password: str | None = None
    opaque: str = ""

    def __post_init__(self) -> None:
        """Refuse components that would not stay inside their place."""
        for part in (self.user, self.password):
            if part is not None and _UNSAFE_USER.search(part):
                raise UsageError(f"Not fit for a URI: {part[:40]!r}")
        rest = [self.scheme, self.host, self.opaque]
        for name, value in (*self.params, *self.headers):
            rest += (name, value or "")
        if _UNSAFE_REST.search("".join(rest)):
            raise UsageError(f"Not fit for a URI: {''.join(rest)[:40]!r}")

    @staticmethod
    def parse(text: str) -> Uri:
        """
        Parse a URI.

        @raise PeerError: 400, if it is none.
        """
        return known_uris[text]

    @staticmethod
    def make(user: str, host: str, port: int | None = None, scheme: str = "sip") -> Uri:
        """Build a sip URI from plain text, escaping the user part."""
        return Uri(scheme, escape_user(user) if user else None, host, port)

    def __str__(self) -> str:
        """The URI as text."""
        if self.opaque:
            return f"{self.scheme}:{self.opaque}{_write(self.params)}"
        return f"{self.scheme}:{self._place}" if self.user is None else self.text_for(self.user)

    def text_for(self, user: str) -> str:
        """Write it with another user, who is escaped already."""
        password = "" if self.password is None else f":{self.password}"
        return f"{self.scheme}:{user}{password}@{self._place}"

    @cached_property
    def _place(self) -> str:
        """What is written behind the user."""
        text = self.host if self.port is None else f"{self.host}:{self.port}"
        text += _write(self.params)
        if self.headers:
            text += "?" + "&".join([f"{name}={value}" for name, value in self.headers])
        return text

    @property
    def secure(self) -> bool:
        """Does it ask for TLS on every hop (sips)?"""
        return self.scheme == "sips"

    @property
    def is_sip(self) -> bool:
        """Is it a sip or sips URI?"""
        return not self.opaque

    @property
    def is_numeric_host(self) -> bool:
        """Is the host an IP address?"""
        return _NUMERIC.match(self.host) is not None

    @cached_property
    def number(self) -> str:
        """The number or name of the user part, without what is for carriers only, fit for another URI."""
        return escape_user(self.telephone[0])

    @cached_property
    def anonymous(self) -> bool:
        """Is it the URI of somebody who wants not to be named (RFC 3323 section 4.1.1.3)?"""
        return self.host.lower() == "anonymous.invalid"

    @cached_property
    def user_unescaped(self) -> str:
        """The user part as people know it; for a tel URI the number."""
        if self.scheme == "tel":
            return _SEPARATORS.sub("", self.opaque)
        user = self.user or ""
        return unescape(user) if "%" in user else user

    @cached_property
    def telephone(self) -> tuple[str, str]:
        """The user part as a number for routing, and what is written behind it; see L{telephone}."""
        if self.scheme == "tel":
            return self.user_unescaped, unescape(_write(self.params))
        return telephone(self.user_unescaped)

    @property
    def aor(self) -> str:
        """
        The key of an address-of-record: C{user@host}.

        Escapes are undone and parameters left out (RFC 3261 section 10.3 step
        5); the host is in lower case.
        """
        if self.opaque:
            return f"{self.scheme}:{self.user_unescaped if self.scheme == 'tel' else self.opaque}"
        host = self.host.lower()
        return f"{unescape(self.user)}@{host}" if self.user is not None else host

    @cached_property
    def server(self) -> tuple[str, str, int | None, str]:
        """What says where it leads (RFC 3263 section 4): scheme, C{maddr} or host, port, and transport."""
        if not self.params:
            return self.scheme, self.host, self.port, ""
        return self.scheme, self.param("maddr") or self.host, self.port, self.param("transport") or ""

    def param(self, name: str) -> str | None:
        """Find a parameter: its value, "" without a value, None if absent."""
        return find_param(self.params, name)

    @property
    def lr(self) -> bool:
        """Is it the URI of a loose router (section 16.12)?"""
        return find_param(self.params, "lr") is not None

    def header(self, name: str) -> str | None:
        """Find a header of the URI, such as Replaces, unescaped."""
        wanted = name.lower()
        for known, value in self.headers:
            if unescape(known).lower() == wanted:
                return unescape(value)
        return None

    def with_params(self, *params: tuple[str, str | None], **named: str | None) -> Uri:
        """Copy it with parameters set; those of the same name are replaced."""
        new = (*params, *named.items())
        names = {name.lower() for name, _ in new}
        kept = tuple(item for item in self.params if item[0].lower() not in names)
        return replace(self, params=kept + new)

    def without(self, *names: str) -> Uri:
        """Copy it without some parameters."""
        wanted = {name.lower() for name in names}
        return replace(self, params=tuple(p for p in self.params if p[0].lower() not in wanted))

    def bare(self) -> Uri:
        """Copy it without headers, as a Request-URI wants it (section 19.1.1)."""
        return replace(self, headers=()) if self.headers else self

    def with_headers(self, *headers: tuple[str, str]) -> Uri:
        """Copy it with headers of plain text, which are escaped here."""
        return replace(self, headers=tuple((name, escape_header(value)) for name, value in headers))

    def equivalent(self, other: Uri) -> bool:
        """Compare by the rules of RFC 3261 section 19.1.4 (tel: RFC 3966 section 4)."""
        if self is other or self == other:
            return True
        return (
            self.scheme == other.scheme
            and _same(self.user, other.user)
            and _same(self.password, other.password)
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and self._opaque_key() == other._opaque_key()
            and _same_params(self.params, other.params, strict=bool(self.opaque))
            and _header_key(self) == _header_key(other)
        )

    def _opaque_key(self) -> str:
        """What of C{opaque} counts in a comparison."""
        return self.user_unescaped.lower() if self.scheme == "tel" else self.opaque


def _parse(text: str) -> Uri:
    """Parse a URI."""
    found = _SIP.match(text)
    if found is None:
        return _parse_other(text)
    scheme, user, password, host, port, params, headers = found.groups()
    number = None
    if port is not None and (number := int(port)) > 65535:
        raise PeerError("Port out of range", section=SECTION, where=text)
    return Uri(
        scheme.lower(),
        user,
        host,
        number,
        _split_params(params),
        _split_headers(headers) if headers else (),
        password,
    )


known_uris = Remembered(_parse, most=4096)
"""URIs by their text, parsed as by L{Uri.parse}; a phone sends the same again and again."""


def _parse_other(text: str) -> Uri:
    """Parse a URI of another scheme."""
    found = _ABSOLUTE.match(text)
    if found is None or found[1].lower() in ("sip", "sips"):
        raise PeerError("Malformed URI", section=SECTION, where=text)
    scheme = found[1].lower()
    if scheme == "tel":
        number, semicolon, params = found[2].partition(";")
        if number:
            return Uri("tel", opaque=number, params=_split_params(semicolon + params))
    return Uri(scheme, opaque=found[2])


def _split_params(text: str) -> Params:
    """Take C{;name=value;name} apart; empty ones are dropped."""
    if not text:
        return ()
    pairs = [item.partition("=") for item in text.split(";") if item]
    return tuple([(name, value if equals else None) for name, equals, value in pairs])


def _split_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Take C{name=value&name=value} apart."""
    pairs = [item.partition("=") for item in text.split("&") if item]
    return tuple([(name, value) for name, _, value in pairs])


def _write(params: Params) -> str:
    """Write parameters."""
    return "".join([f";{n}" if v is None else f";{n}={v}" for n, v in params])


def escape_user(text: str) -> str:
    """Escape plain text for the user part of a URI."""
    return _NEEDS_ESCAPE.sub(_escape, text)


def _read_telephone(user: str) -> tuple[str, str]:
    """
    Take a user part apart: a number without visual separators, and its parameters.

    RFC 3966 section 5.1.1: the separators mean nothing.  The parameters
    (C{npdi}, C{rn}, C{cpc}, C{phone-context}...) are for carriers.  A user part
    that is no number is given as it is.

    @param user: unescaped.
    @return: the number, and the parameters as text that starts with a
        semicolon, or the empty string.
    """
    found = _TELEPHONE.match(user)
    return (_SEPARATORS.sub("", found[1]), found[2]) if found is not None else (user, "")


telephone: Callable[[str], tuple[str, str]] = Remembered(_read_telephone).__getitem__
"""Takes a user part apart, remembering the last ones (see L{_read_telephone})."""


def telephone_user(number: str, params: str) -> str:
    """Write a number and its parameters as the user part of a URI, in which ";" has no escape."""
    after = _NEEDS_ESCAPE_AFTER_NUMBER.sub(_escape, params) if params else ""
    return escape_user(number) + after


def escape_header(text: str) -> str:
    """Escape plain text for a header of a URI."""
    return _NEEDS_ESCAPE_HEADER.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    """Escape one character as C{%HH} for each byte."""
    return "".join([f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape")])


def _normal(text: str) -> str:
    """Undo the escapes that make no difference; write the others in one way."""
    return _HEX.sub(_normal_escape, text) if "%" in text else text


def _normal_escape(found: re.Match[str]) -> str:
    """Undo one escape if it stands for an unreserved ASCII character."""
    char = chr(int(found[1], 16))
    return found[0].upper() if char in _RESERVED or char == "%" or char > "~" else char


def _same(one: str | None, other: str | None) -> bool:
    """Compare two case-sensitive components."""
    if one is None or other is None:
        return one is other
    return one == other or _normal(one) == _normal(other)


def _same_params(ours: Params, theirs: Params, *, strict: bool) -> bool:
    """
    Compare parameters.

    @param strict: whether all must be in both, as with tel URIs.
    """
    one, other = _param_keys(ours), _param_keys(theirs)
    if strict:
        return one == other
    if any((name in one) != (name in other) for name in _DECISIVE):
        return False
    return all(other.get(name, value) == value for name, value in one.items())


def _param_keys(params: Params) -> dict[str, str | None]:
    """Parameters by lower-case name, with values as they are compared."""
    return {_normal(n).lower(): None if v is None else _normal(v).lower() for n, v in params}


def _header_key(uri: Uri) -> list[tuple[str, str]]:
    """Headers of a URI as they are compared: all of them, in any order."""
    return sorted((unescape(name).lower(), unescape(value)) for name, value in uri.headers)
