"""A request that belongs to no call: what a feature sees of it, and answers (RFC 3261 section 8.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from b2bua.calls.draft import is_field
from b2bua.calls.verdicts import is_code, is_line
from b2bua.legs.header_policy import NO_FIELDS, SeenFields
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

    def __post_init__(self) -> None:
        """Refuse what cannot be sent, where it is written."""
        if not is_code(self.code, 200, 699):
            raise TypeError(f"Respond: the status {self.code!r}")
        if not is_line(self.reason) or not is_line(self.content_type):
            raise TypeError("Respond: a text that is not one line")
        if not isinstance(self.body, bytes) or (self.body and not self.content_type):
            raise TypeError("Respond: a body of no content type")
        if not isinstance(self.fields, tuple) or not all(map(is_field, self.fields)):
            raise TypeError("Respond: a header field that cannot be sent")
