"""A request that belongs to no call: what a feature sees of it, and answers (RFC 3261 section 8.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from b2bua.legs.passing import NO_FIELDS, SeenFields
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.legs.party import Identity, Party

METHODS = frozenset({"MESSAGE", "OPTIONS"})
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
