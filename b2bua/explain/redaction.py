"""
Other names for everybody in a call: the same for the same, wherever they stand.

Numbers, display names, hosts, addresses and devices are replaced; what is left
has the same shape, so that it plays as the real call did.  Passwords and
digest responses are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from b2bua.explain.traced import Message
from b2bua.testing.replaying import with_length
from b2bua.testing.served import HOST

DOMAIN = "pbx.example.com"
_ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|\[[0-9A-Fa-f:.]{2,45}\]")
_USER = re.compile(r'(?:sips?|tel):([^@;>"\s:,]+)(?:@([^;:>"\s?,]+))?')
_DISPLAY = re.compile(r'"((?:[^"\\\r\n]|\\.)*)"[ \t]*<sips?:')
_DEVICE = re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]?){5}[0-9A-Fa-f]{2}\b")
_DIGEST = re.compile(r'\b(response|cnonce|opaque)="[^"]*"')
# What is no identity, though it stands where a number may stand.
_KEPT = frozenset(("anonymous", "unknown", "asterisk", "sip"))


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
        self._names: dict[str, str] = dict.fromkeys(local, HOST)
        if domain not in self._names:
            self._names[domain] = domain if keep else DOMAIN
        self._hosts = self._numbers = self._people = self._devices = 0
        self._pattern: re.Pattern[str] | None = None

    def learn(self, messages: Iterable[Message], extensions: Mapping[str, Any]) -> None:
        """
        Find everybody in the messages of a call, and in a configuration.

        @param extensions: the tables of extensions, by their numbers.
        """
        for number, table in extensions.items():
            self._number(number)
            self._person(str(table.get("name", "")))
        texts = [message.raw.decode("utf-8", "replace") for message in messages]
        for message in messages:
            self._host(message.remote[0])
        for text in texts:
            for found in _ADDRESS.finditer(text):
                self._host(found[0].strip("[]"))
            for found in _USER.finditer(text):
                self._number(found[1])
                if found[2]:
                    self._host(found[2])
            for found in _DISPLAY.finditer(text):
                self._person(found[1])
            for found in _DEVICE.finditer(text):
                self._device(found[0])
        self._pattern = None

    def text(self, text: str) -> str:
        """Replace everybody in a text."""
        if self._pattern is None:
            longest_first = sorted(filter(None, self._names), key=len, reverse=True)
            names = "|".join(map(re.escape, longest_first))
            self._pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)")
        text = self._pattern.sub(lambda found: self._names[found[0]], text)
        return _DIGEST.sub(r'\1=""', text)

    def raw(self, raw: bytes) -> bytes:
        """Replace everybody in a message."""
        return with_length(self.text(raw.decode("utf-8", "replace")).encode())

    def name(self, name: str) -> str:
        """The other name of one of them."""
        return self._names.get(name, name)

    def document(self, value: Any) -> Any:
        """Replace everybody in a configuration, keys included; a regular expression stays as it is."""
        if isinstance(value, Mapping):
            return {
                self.name(str(key)): below if key == "match" else self.document(below)
                for key, below in value.items()
                if key not in ("password", "ha1")
            }
        if isinstance(value, list):
            return [self.document(below) for below in value]
        return self.name(value) if isinstance(value, str) else value

    # ---- making names up ----------------------------------------------------

    def _host(self, host: str) -> None:
        """Give a host another address, or another name."""
        if host in self._names:
            return
        self._hosts += 1
        try:
            version = ip_address(host).version
        except ValueError:
            other = f"host{self._hosts}.example.net"
        else:
            other = f"198.18.{self._hosts // 250}.{self._hosts % 250 + 1}"
            other = other if version == 4 else f"2001:db8::{self._hosts:x}"
        self._names[host] = host if self._keep else other

    def _number(self, user: str) -> None:
        """Give a number another one that begins and is as long as it."""
        if user in self._names or user.lower() in _KEPT or len(user) > 40 or not user:
            return
        self._numbers += 1
        digits = user.lstrip("+*#0")
        if self._keep or user[0] in "*#":
            self._names[user] = user
        elif digits.isdigit() and len(digits) >= 6:
            self._names[user] = user[:-6] + f"{555000 + self._numbers:06}"
        elif digits.isdigit():
            self._names[user] = (
                user[: len(user) - len(digits)] + f"{9 * 10 ** (len(digits) - 1) + self._numbers}"
            )
        elif not re.fullmatch(r"[0-9a-f]{16,}", user):
            self._names[user] = f"user{self._numbers}"

    def _person(self, name: str) -> None:
        """Give a person another name."""
        if name and name not in self._names:
            self._people += 1
            self._names[name] = name if self._keep else f"Person {self._people}"

    def _device(self, device: str) -> None:
        """Give a device another number."""
        if device not in self._names:
            self._devices += 1
            self._names[device] = device if self._keep else f"0000005e{self._devices:04x}"
