"""An invitation that features may still edit."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeAlias

from b2bua.wire.grammar import is_token
from b2bua.wire.registry import NEVER, canonical
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.legs.party import Party

OURS = NEVER | {"Content-Type"}
"""Header fields that features cannot write, since we write them for each leg."""


Part: TypeAlias = tuple[str, str, bytes]
"""A body besides the session: its Content-ID without the angle brackets, its type and content."""
Script: TypeAlias = Callable[..., Coroutine[Any, Any, None]]
"""A coroutine function that talks to a party, as that of L{Talk<b2bua.calls.verdicts.Talk>}."""
Kept: TypeAlias = tuple[str, str, str, str, str, list[tuple[str, str]], list[Part], Script | None]
"""What a draft says: From and To, the focus, header fields, further bodies, and what is said first."""
KEPT = ("from_display", "from_uri", "to_uri", "to_display", "focus", "fields", "parts", "first")


@dataclass(slots=True)
class InvitationDraft:
    """What an INVITE to one target will say of the call; edited in place."""

    from_display: str
    from_uri: str
    to_uri: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    party: Party | None = None
    """Who is invited; to be read."""
    to_display: str = ""
    focus: str = ""
    """The user of the conference URI, if it invites to one whose focus we are (RFC 4579 section 5.2)."""
    parts: list[Part] = field(default_factory=list)
    first: Script | None = None
    """
    Talks to whoever answers, before they hear the caller, for whom it rings on meanwhile.

    It is left out where the caller hears early media of theirs, and where there is no voice.
    """

    def kept(self) -> Kept:
        """What it says now, to be compared, or put back."""
        return (
            self.from_display,
            self.from_uri,
            self.to_uri,
            self.to_display,
            self.focus,
            [*self.fields],
            [*self.parts],
            self.first,
        )

    def says(self, kept: Kept) -> bool:
        """Does it say what it said then?"""
        return kept == (
            self.from_display,
            self.from_uri,
            self.to_uri,
            self.to_display,
            self.focus,
            self.fields,
            self.parts,
            self.first,
        )

    def put_back(self, kept: Kept) -> None:
        """Let it say again what it said."""
        for name, said in zip(KEPT, kept, strict=True):
            setattr(self, name, said)

    def add(self, name: str, value: str) -> None:
        """Add a header field after those that are there."""
        self.fields.append((name, value))

    def remove(self, name: str) -> None:
        """Take out every header field of that name, in any case."""
        self.fields = [f for f in self.fields if f[0].lower() != name.lower()]

    def replace(self, name: str, value: str) -> None:
        """Put one header field in the place of all of that name."""
        self.remove(name)
        self.add(name, value)

    def attach(self, kind: str, content: bytes) -> str:
        """
        Add a body besides the session, to which a header field refers.

        @param kind: its type, as C{application/pidf+xml}.
        @return: its URL, C{cid:...} (RFC 2392 section 2).
        """
        id = f"{blake2b(content, digest_size=12).hexdigest()}@{Uri.parse(self.from_uri).host}"
        self.parts.append((id, kind, content))
        return f"cid:{id}"


_UNSAFE = re.compile("[\r\n\0\ud800-\udc7f\udd00-\udfff]")
"""What ends a line, and surrogates that stand for no byte of a peer: those cannot be written (UTF-8)."""


def is_safe(text: object) -> bool:
    """Does it stay within its header field, and can it be written?"""
    return isinstance(text, str) and _UNSAFE.search(text) is None


def is_field(item: object) -> bool:
    """Is it a header field that a feature may write?"""
    if not isinstance(item, tuple) or len(item) != 2 or not all(map(is_safe, item)):
        return False
    return is_token(item[0]) and canonical(item[0]) not in OURS


def not_to_be_sent(fields: Iterable[object]) -> list[object]:
    """Those of these header fields that a feature may not write, or that are none."""
    return [item for item in fields if not is_field(item)]


def is_part(item: object) -> bool:
    """Is it a body that can be sent: a Content-ID, a type, and some bytes?"""
    if not isinstance(item, tuple) or len(item) != 3:
        return False
    id, kind, content = item
    named = all(isinstance(text, str) and text.isascii() and text.isprintable() for text in (id, kind))
    return named and "@" in id and "/" in kind and isinstance(content, bytes)
