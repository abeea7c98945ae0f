"""The appearances of one shared line: who has which of them, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from b2bua.calls import CallState, PartyState, Phase
from b2bua.errors import PeerError
from b2bua.wire.fields import Info

INDEX_MAX = 32
State = Literal["idle", "seized", "progressing", "alerting", "active", "held", "held-private"]


@dataclass(slots=True, eq=False)
class Owner:
    """Who has an appearance: a phone that has seized it, or a call."""

    subscription: str = ""
    """The line-seize subscription of the phone."""
    contact: str = ""
    """The phone."""
    call: str = ""
    legs: set[str] = field(default_factory=set)
    """The phones of the line that have been in the call, by the ids of their legs."""
    private: bool = False
    """Is its call held so that no other phone may take it?"""
    moving: bool = False
    """Does a phone take the call over just now?"""


class Line:
    """
    The appearances of one line.

    Each has one owner at the most, since it is given away in one place, in one step.
    """

    def __init__(self, count: int) -> None:
        """All are free."""
        self.count = count
        self.owners: dict[int, Owner] = {}

    def free(self) -> int | None:
        """The lowest one that nobody has."""
        return next((index for index in range(1, self.count + 1) if index not in self.owners), None)

    def take(self, index: int | None, owner: Owner) -> bool:
        """Give one away, if it is there and nobody has it."""
        if index is None or not 1 <= index <= self.count or index in self.owners:
            return False
        self.owners[index] = owner
        return True

    def of_call(self, call: str) -> int | None:
        """The appearance of a call."""
        return next((index for index, owner in self.owners.items() if owner.call == call), None)

    def seized_by(self, contact: str) -> int | None:
        """The one that a phone has seized and not used yet."""
        return next(
            (index for index, owner in self.owners.items() if not owner.call and owner.contact == contact),
            None,
        )


def index_of(values: Iterable[str]) -> int | None:
    """The appearance that a Call-Info names; None if there is none that can be read."""
    for value in values:
        try:
            number = Info.parse(value).param("appearance-index") or ""
        except PeerError:
            continue
        if number.isascii() and number.isdecimal() and len(number) <= 3 and int(number):
            return int(number)
    return None


def says_private(fields: Iterable[tuple[str, str]]) -> bool:
    """Does a re-INVITE say that nobody else may take the call?"""
    for name, value in fields:
        if name.lower() == "call-info":
            try:
                return (Info.parse(value).param("appearance-state") or "").lower() == "held-private"
            except PeerError:
                continue
    return False


def parties_of(line: str, call: CallState | None) -> Iterator[PartyState]:
    """The phones of a line in a call."""
    for party in call.parties if call is not None else ():
        if party.kind == "extension" and party.name == line:
            yield party


def shown(owner: Owner, line: str, call: CallState | None) -> State:
    """How an appearance is shown."""
    if not owner.call:
        return "seized"
    phases = {party.phase for party in parties_of(line, call)}
    if Phase.HOLDING in phases:
        return "held-private" if owner.private else "held"
    if phases - {Phase.CALLING, Phase.RINGING}:
        return "active"
    if any(party.incoming for party in parties_of(line, call)):
        return "progressing"
    return "alerting"
