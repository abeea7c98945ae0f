"""
What features are told that belongs to no call.

A request outside of dialogs, which they may answer (RFC 3261 section 8.2), and
where the phones are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from b2bua.calls.draft import not_to_be_sent
from b2bua.calls.verdicts import is_code, is_line
from b2bua.legs.header_policy import NO_FIELDS, SeenFields
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.legs.party import Identity, Party

METHODS = frozenset({"MESSAGE", "NOTIFY", "OPTIONS"})
"""What features can answer; all other methods have their owner."""


@dataclass(frozen=True, slots=True)
class OutsideRequest:
    """One request, from somebody who has proved who it is."""

    method: str
    target: str
    """Whom it is for, as it was written: a user part with us, else a URI."""
    user: str
    """The user part of the target, unescaped."""
    extension: str | None
    """The same, if it is one of our extensions."""
    party: Party
    """Who sends it."""
    identity: Identity
    """How the sender is presented to others."""
    content_type: str = ""
    body: bytes = b""
    fields: SeenFields = field(default_factory=lambda: NO_FIELDS)
    """The header fields that features have asked for (C{b2bua_fields})."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer a request that belongs to no call, with a status of 200 to 699."""

    code: int
    reason: str = ""
    fields: Fields = ()
    body: bytes = b""
    content_type: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be sent, where it is written."""
        if not is_code(self.code, 200, 699):
            raise TypeError(f"Respond: the status {self.code!r}")
        if not is_line(self.reason) or not is_line(self.content_type):
            raise TypeError("Respond: a text that is not one line")
        if not isinstance(self.body, bytes) or (self.body and not self.content_type):
            raise TypeError("Respond: a body of no content type")
        if not isinstance(self.fields, tuple):
            raise TypeError("Respond: header fields that are no tuple")
        if wrong := not_to_be_sent(self.fields):
            raise TypeError(f"Respond: the header field {wrong[0]!r:.60} cannot be sent")


class Registration(NamedTuple):
    """One contact of an extension (RFC 3261 section 10)."""

    extension: str
    """The number of the extension."""
    aor: str
    """Its address of record, C{102@pbx.example.com}."""
    contact: str
    """The URI that was registered, as it was written."""
    source: str = ""
    """Where the REGISTER really came from, C{192.0.2.7:5060}; empty if we do not know any more."""
    transport: str = ""
    """By which transport, C{UDP}, say."""
    user_agent: str = ""
    """What the phone says it is."""
    instance: str = ""
    """C{+sip.instance} without its quotes and angle brackets (RFC 5626 section 4.1)."""
    path: tuple[str, ...] = ()
    """The URIs of the Path, the proxies before it (RFC 3327)."""
