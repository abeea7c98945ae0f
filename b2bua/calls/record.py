"""What is left of a call when it is over: its record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party


@dataclass(slots=True)
class LegRecord:
    """One leg of a call; times are seconds since the epoch."""

    id: str
    party: str
    incoming: bool
    started: float
    answered: float | None = None
    ended: float | None = None
    why: str = ""
    """How it ended: C{bye}, C{cancel}, a status, or C{we: ...} when we ended it."""
    call_id: str = ""
    """The Call-ID of its dialog, to find it in a capture."""


@dataclass(slots=True)
class CallRecord:
    """
    The record of one call, written as the call goes on.

    There is exactly one for each call; its C{id} is the call's.
    """

    id: str
    caller: str
    dialled: str
    started: float
    answered: float | None = None
    ended: float | None = None
    status: int = 0
    """The final status that the caller heard; 0 while there was none."""
    reason: str = ""
    hung_up_by: str = ""
    """The party that ended the call, or empty if we did."""
    features: tuple[str, ...] = ()
    """The features that had a say, in the order in which they first did."""
    legs: list[LegRecord] = field(default_factory=list)
    node: str = ""
    """Which of our processes had the call; the store notes it."""

    @property
    def open(self) -> bool:
        """Is the call going on, as far as the record knows?"""
        return self.ended is None

    def cut(self, now: float) -> None:
        """
        Close the record of a call that a crash cut.

        @param now: when that was found out; nobody knows when it was.
        """
        self.ended = now
        self.status = self.status or 500
        self.reason = "crash"
        for entry in self.legs:
            if entry.ended is None:
                entry.ended = now
                entry.why = "crash"

    @classmethod
    def begin(cls, id: str, now: float, caller: Party, dialled: str) -> CallRecord:
        """The record of a call that starts."""
        return cls(id, str(caller), dialled, now)

    def leg_began(self, leg: Leg, now: float) -> None:
        """A leg has come into the call; one that is restored is there already."""
        for entry in self.legs:
            if entry.id == leg.id and entry.ended is None:
                return
        entry = LegRecord(leg.id, str(leg.party), leg.incoming, now, call_id=leg.call_id)
        if leg.answered:
            entry.answered = now  # it comes from another call
        self.legs.append(entry)

    def leg_ended(self, leg: Leg, now: float, why: str) -> None:
        """A leg has left the call."""
        for entry in self.legs:
            if entry.id == leg.id and entry.ended is None:
                entry.ended = now
                entry.why = why

    def took_call(self, now: float, leg: Leg | None) -> None:
        """The caller was answered by C{leg}, or by ourselves."""
        self.status = 200
        if self.answered is None:
            self.answered = now
        for entry in self.legs:
            if entry.answered is None and (entry is self.legs[0] or (leg is not None and entry.id == leg.id)):
                entry.answered = now

    def leg_answered(self, leg: Leg, now: float) -> None:
        """A leg that came in later was answered."""
        for entry in self.legs:
            if entry.id == leg.id and entry.answered is None:
                entry.answered = now

    def refused(self, status: int, reason: str = "") -> None:
        """The caller heard a final status other than 200."""
        self.status = status
        self.reason = reason

    def hung_up(self, party: Party) -> None:
        """A party has left; the last one to do so counts, since after a transfer the call goes on."""
        self.hung_up_by = str(party)

    def close(self, now: float, features: tuple[str, ...]) -> None:
        """The call is over."""
        self.ended = now
        self.features = features

    def to_plain(self) -> dict[str, Any]:
        """The record as plain values, for a store or for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> CallRecord:
        """The record that L{to_plain} wrote down."""
        plain = dict(data)
        legs = [LegRecord(**leg) for leg in plain.pop("legs", [])]
        plain["features"] = tuple(plain.get("features", ()))
        return cls(**plain, legs=legs)
