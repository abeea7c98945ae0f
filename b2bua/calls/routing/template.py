"""What a tree of attempts is told: for whom its INVITEs go out, what they say, and what is dialled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from b2bua.calls.identity import Unseen
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.calls.path import Path
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

BREADTH_MAX = 60
"""As many phones may ring for one INVITE at a time (RFC 5393 section 5.3.3)."""


@dataclass(slots=True)
class InviteTemplate:
    """Who is to be connected, and what the INVITEs say; shared by a tree of attempts."""

    who: Leg | Unseen
    """The leg that is to be connected: the caller, or whom a transfer leaves over."""
    offer: bytes | None
    """The session that the targets are invited to; None asks them for an offer."""
    fields: Fields = ()
    """Header fields that pass from the side of C{who}."""
    max_forwards: int = 70
    breadth: int = BREADTH_MAX
    """What is left of Max-Breadth for further INVITEs at the same time (RFC 5393 section 5.3.3)."""
    display: str = ""
    """Shown instead of the name of C{who}, as for a recall."""

    def spread(self, legs: int, alone: bool) -> int:
        """
        Take Max-Breadth for so many INVITEs; what has failed or was cancelled gives it back.

        @param alone: does nothing else ring meanwhile?  Members of a group
            take the least, since it is not known how many there will be.
        @return: what each of them gets; 0 if there is too little for all.
        """
        each = self.breadth // legs
        if not alone:
            each = min(each, 1)
        self.breadth -= each * legs
        return each


class Dialling(NamedTuple):
    """What an attempt is to reach, and what holds for it."""

    target: str
    """What was dialled: a user part or a URI."""
    path: Path
    """By which way the call came to the target."""
    behalf: Party
    """Whose permission counts: the caller's, a forwarder's or a transferor's."""
    ring_seconds: float | None = None
    """How long it may ring, forwards included; None leaves it to the target."""
    forwards: bool = True
    """Are diversions of the target itself honoured?"""
    direct: bool = False
    """Are the target's phones rung without asking any feature?"""
