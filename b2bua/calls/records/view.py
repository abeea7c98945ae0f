"""
A call as a value: who is in it, who talks to whom, who holds, who waits, and since when.

What lamps, lists and web pages need.  A value is made when somebody asks, or
when a feature wants to be told of every change (C{call_changed}).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.legs.party import Kind


class Phase(Enum):
    """How a call, or a party in it, is at present."""

    CALLING = "calling"
    """An INVITE is on its way; nobody rings yet."""
    RINGING = "ringing"
    TALKING = "talking"
    HOLDING = "holding"
    """A party that has put the other one on hold."""
    HELD = "held"
    """A party that is on hold; a call of two, of which one holds."""
    WAITING = "waiting"
    """A party that is kept waiting (L{Wait})."""
    ALONE = "alone"
    """A party whose other one has been taken from it: a transfer, or an operation, is at work."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class PartyState:
    """One leg of a call."""

    leg: str
    """Its id, for L{PickUp} and the operations."""
    kind: Kind
    """C{extension}, C{trunk}, C{stranger} or C{server}."""
    name: str
    """The extension's number, the trunk's name, the host of a stranger."""
    number: str
    """The number at the other end, also behind a trunk; empty if it is hidden."""
    display: str
    incoming: bool
    """Has it called us, or have we called it?"""
    phase: Phase
    talks_to: str = ""
    """The id of the other leg, on hold or not; empty for none."""
    waits_at: str = ""
    """Where it waits."""
    since: float | None = None
    """Since when it waits."""


@dataclass(frozen=True, slots=True)
class CallState:
    """One call; the times are seconds since 1970, as in its record."""

    id: str
    dialled: str
    phase: Phase
    since: float
    """Since when who talks to whom, who holds and who waits is as it is."""
    started: float
    answered: float | None
    parties: tuple[PartyState, ...]
    """In the order in which they came into the call; who has left is not among them."""

    def party(self, name: str) -> PartyState | None:
        """The first leg of an extension or a trunk, by its name."""
        return next((party for party in self.parties if party.name == name), None)
