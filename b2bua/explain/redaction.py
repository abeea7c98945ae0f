"""
Other names for everybody in a call: the same for the same, wherever they stand.

Numbers, display names, hosts, addresses and devices are replaced; what is left
has the same shape, so that it plays as the real call did.  Passwords and
digest responses are taken out, and PINs become others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from b2bua.explain.traced import Message
from b2bua.settings.pins import is_pin
from b2bua.testing.replaying import with_length
from b2bua.testing.served import HOST

DOMAIN = "pbx.example.com"
_BEGIN = r"(?:(?<![\w.])|(?<=%40))"  # %40 is the @ of a Call-ID in a Refer-To
_ADDRESS = re.compile(_BEGIN + r"(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|\[[0-9A-Fa-f:.]{2,45}\]")
_USER = re.compile(r'(?:sips?:([^@;>"\s:,]+)(?::[^@\s]*)?@|tel:([^;>"\s,]+))')
_HOST = re.compile(r'sips?:(?:[^@;>"\s,]+@)?([\w.-]+)')
_DISPLAY = re.compile(r'(?m)^([A-Za-z-]+[ \t]*:)[ \t]*"((?:[^"\\\r\n]|\\.)*)"[ \t]*<sips?:')
_DEVICE = re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}\b")
_DIGEST = re.compile(r'\b(response|cnonce|opaque)="[^"]*"')
# Where somebody is named: in a URI, as a display name, as who logs in, as who describes a session.
_NAMING = re.compile(
    r"(?:sips?:[^@;>\s,?]+(?=@)|tel:[^;>\s,?]+)"
    r'|"(?:[^"\\\r\n]|\\.)*"'
    r"|(?m:^[A-Za-z-]+:[ \t]*[^<\"\r\n]+(?=<sips?:))"
    r"|(?m:^o=\S+)"
)
CODE_MIN = 2
"""Characters of a feature code; what comes after them may be an extension."""
OUTSIDE_MIN = 6
"""Digits of a number that is not one of the house, and how many of them are replaced: the last ones."""
_NUMBER = re.compile(r"[0-9]+")
_BEGINNING = re.compile(r"(\+?[0-9]+)\*")
"""A setting that means all numbers with a beginning."""
# What is no identity, though it stands where one may stand.
_KEPT = frozenset(("anonymous", "anonymous.invalid", "0.0.0.0", "::", "unknown", "asterisk", "sip"))


class Redaction:
    """The other names, made up as they are needed."""

    def __init__(self, local: Iterable[str], domain: str, *, keep: bool = False) -> None:
        """
        Begin with nothing but us.

        @param local: the addresses of the server.
        @param domain: its domain.
        @param keep: change no names; only the server moves.
        """
        self._keep = keep
        self._places: dict[str, str] = dict.fromkeys(local, HOST)
        """Hosts and devices: replaced wherever they stand."""
        if domain not in self._places:
            self._places[domain] = domain if keep else DOMAIN
        self._people: dict[str, str] = {}
        """Numbers and names: replaced where somebody is named. Elsewhere 200 may be a status."""
        self._extensions: list[str] = []
        self._taken: set[str] = set()
        """Numbers in the configuration that nobody is given."""
        self._ends: dict[str, str] = {}
        """The last digits of numbers outside: with +49 before them and with 0 they are the same."""
        self._beginnings: list[str] = []
        """What numbers in settings begin with, which they keep; the longest first."""
        self._pins: dict[str, str] = {}
        """Replaced in settings, and behind codes; also where names are kept."""
        self._counts = Counter[str]()

    def learn(self, messages: Iterable[Message], document: Mapping[str, Any]) -> None:
        """
        Find everybody in the messages of a call, and in a configuration.

        @param document: the tables of the configuration.
        """
        self._taken = set(re.findall(r"\d+", repr(document)))
        self._extensions = sorted(document.get("extensions", {}), key=len, reverse=True)
        settings = list(_settings(document))
        beginnings = {found[1] for _, value in settings if (found := _BEGINNING.fullmatch(value))}
        self._beginnings = sorted(beginnings, key=len, reverse=True)
        for key, value in settings:
            if is_pin(key) and value and value not in self._pins:
                self._pins[value] = f"{7 * 10 ** (len(value) - 1) + self._next('pin')}"
        for number in document.get("extensions", {}):
            self._number(number)
        for table in document.get("extensions", {}).values():
            self._person(str(table.get("name", "")))
        for message in messages:
            self._host(message.remote[0])
            text = message.raw.decode("utf-8", "replace")
            for found in _ADDRESS.finditer(text):
                self._host(found[0].strip("[]"))
            for found in _HOST.finditer(text):
                self._host(found[1])
            for found in _USER.finditer(text):
                self._number(found[1] or found[2])
            if not message.outgoing and not text.startswith("SIP/2.0 "):
                for found in _DISPLAY.finditer(text):
                    if (
                        not found[1].lower().startswith(("to", "t:"))
                    ):  # what they were told, perhaps by a feature
                        self._person(found[2])
            for found in _DEVICE.finditer(text):
                self._device(found[0])
        self._everywhere = _any_of(self._places)
        self._anybody = _any_of(self._people)

    def text(self, text: str) -> str:
        """Replace everybody in a text."""
        text = self._everywhere.sub(lambda found: self._places[found[0]], text)
        text = _NAMING.sub(
            lambda place: self._anybody.sub(lambda found: self._people[found[0]], place[0]), text
        )
        return _DIGEST.sub(r'\1=""', text)

    def raw(self, raw: bytes) -> bytes:
        """Replace everybody in a message."""
        return with_length(self.text(raw.decode("utf-8", "replace")).encode())

    def name(self, name: str) -> str:
        """The other name of one of them."""
        return self._people.get(name) or self._places.get(name, name)

    def document(self, value: Any) -> Any:
        """Replace everybody in a configuration, keys included; a regular expression stays as it is."""
        if isinstance(value, Mapping):
            return {
                self.name(str(key)): self._setting(str(key), below)
                for key, below in value.items()
                if key not in ("password", "ha1")
            }
        if isinstance(value, list | tuple):
            return [self.document(below) for below in value]
        return self.name(value) if isinstance(value, str) else value

    def _setting(self, key: str, value: Any) -> Any:
        """Replace everybody in one setting."""
        if key == "match":
            return value
        if is_pin(key) and isinstance(value, str):
            return self._pins.get(value, value)
        return self.document(value)

    # ---- making names up ----------------------------------------------------

    def _next(self, kind: str) -> int:
        """Count one more."""
        self._counts[kind] += 1
        return self._counts[kind]

    def _host(self, host: str) -> None:
        """Give a host another address, or another name."""
        if host in self._places or host.lower() in _KEPT:
            return
        number = self._next("host")
        try:
            version = ip_address(host).version
        except ValueError:
            other = f"host{number}.example.net"
        else:
            other = f"198.18.{number // 250}.{number % 250 + 1}" if version == 4 else f"2001:db8::{number:x}"
        self._places[host] = host if self._keep else other

    def _number(self, user: str) -> None:
        """Give a number another one, as long as it; a number of the house that is no extension stays."""
        if not user or user in self._people or user.lower() in _KEPT or len(user) > 40:
            return
        digits = user.lstrip("+*#0")
        if user[0] in "*#":
            self._people[user] = self._code(user)
        elif self._keep:
            return
        elif _NUMBER.fullmatch(digits) and (len(digits) >= OUTSIDE_MIN or user[0] == "+"):
            self._people[user] = self._outside(user, len(digits))
        elif user.isdigit() and user in self._extensions:
            self._people[user] = self._extension(user)
        elif not user.isdigit() and not re.fullmatch(r"[0-9a-f]{16,}", user):
            self._people[user] = f"user{self._next('number')}"

    def _code(self, code: str) -> str:
        """Replace what stands behind a code: an extension or a number outside, and a PIN behind that."""
        first, *more = re.split(r"([*#])", code[CODE_MIN:])
        behind = next((one for one in self._extensions if first.endswith(one)), "")
        if behind:
            first = first[: -len(behind)] + self._people.get(behind, behind)
        elif _NUMBER.fullmatch(first) and len(first) > OUTSIDE_MIN and not self._keep:
            first = self._outside(first, OUTSIDE_MIN)
        return "".join((code[:CODE_MIN], first, *(self._pins.get(part, self.name(part)) for part in more)))

    def _outside(self, number: str, digits: int) -> str:
        """Replace the last digits of a number, but none by which a setting knows it."""
        beginning = next((one for one in self._beginnings if number.startswith(one)), "")
        count = min(OUTSIDE_MIN, digits, len(number) - len(beginning))
        end = number[len(number) - count :]
        while end not in self._ends:
            other = f"{555000 + self._next('number')}"[OUTSIDE_MIN - count :]
            if other not in self._ends.values():
                self._ends[end] = other
        return number[: len(number) - count] + self._ends[end]

    def _extension(self, number: str) -> str:
        """Find a number that is as long as that of an extension, and that nobody has."""
        first = 9 * 10 ** (len(number) - 1)
        for other in range(first + 1, first + first // 9):
            if str(other) not in self._taken:
                self._taken.add(str(other))
                return str(other)
        return number

    def _person(self, name: str) -> None:
        """Give a person another name."""
        if name and not self._keep and name not in self._people:
            self._people[name] = f"Person {self._next('person')}"

    def _device(self, device: str) -> None:
        """Give a device another number."""
        if device not in self._places:
            self._places[device] = device if self._keep else f"0000005e{self._next('device'):04x}"


def _settings(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All words in the tables of a configuration, each with its key."""
    for key, value in table.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, Mapping):
                yield from _settings(one)
            elif isinstance(one, str):
                yield str(key), one


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Find any of some names, the longest first, and no part of a word."""
    longest_first = "|".join(map(re.escape, sorted(filter(None, names), key=len, reverse=True)))
    return re.compile(rf"{_BEGIN}(?:{longest_first})(?!\w)" if longest_first else r"(?!)")
