"""The way a call has taken through targets: what stops loops and names diversions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from b2bua.calls.verdicts import Diverted
from b2bua.once import Remembered

HOPS_MAX = 16
"""Targets on one path, after which a call is not sent on any more."""


@dataclass(frozen=True, slots=True)
class Diversion:
    """One target that sent the call on (RFC 5806 section 4)."""

    by: str
    """The URI of the target that diverted."""
    why: Diverted = Diverted.UNKNOWN
    counter: int = 1
    """How many diversions this entry stands for."""
    display: str = ""
    private: bool = False
    """Does it want to be named to nobody whom we do not trust?"""


class Path(NamedTuple):
    """
    Which targets a call was meant for, oldest first.

    C{visited} holds one key for each target (see L{b2bua.calls.routing.attempt}); a
    target is on a path at most once, so a path cannot be endless.
    """

    visited: tuple[str, ...] = ()
    diversions: tuple[Diversion, ...] = ()
    """Oldest first, those that came with the call included."""
    private: bool = False
    """Does the caller want nobody on the way to be named (RFC 7044 section 10.1.2)?"""

    def through(self, key: str) -> Path:
        """The path with one more target on it."""
        return (
            _straight_to[key]
            if self is STRAIGHT
            else Path((*self.visited, key), self.diversions, self.private)
        )

    def diverted(self, by: str, why: Diverted, display: str = "") -> Path:
        """The path after its last target has sent the call on."""
        latest = Diversion(by, why, 1, display, self.private)
        return Path(self.visited, (*self.diversions, latest), self.private)

    def told(self, diversion: Diversion) -> Path:
        """The path with a diversion that somebody else has told of."""
        return Path(self.visited, (*self.diversions, diversion), self.private)

    @property
    def exhausted(self) -> bool:
        """Has the call been sent on too often?"""
        visited, diversions, _ = self
        return len(visited) + (sum([one.counter for one in diversions]) if diversions else 0) > HOPS_MAX


STRAIGHT = Path()
"""The way of a call that nobody has sent on."""


_straight_to = Remembered(lambda key: Path((key,)))
"""The same to a target, which most calls for it share."""
