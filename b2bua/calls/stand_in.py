"""
A leg with nobody at the other side for now.

While a transfer looks for its target, a party waits alone.  Its requests are
answered all the same: a hold is granted, a session refresh is granted, never
with 491, since there is no other side that could be in the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.media import silent_answer, silent_offer
from b2bua.legs.words import Answered, Changed, Referred, Refused, Replied, Requested, Withdrawn, Word

if TYPE_CHECKING:
    from b2bua.calls.protocol import LiveCall
    from b2bua.legs.leg import Leg


class StandIn:
    """Answers a leg in nobody's stead: its media goes nowhere (inactive)."""

    __slots__ = ("_call",)

    waits_for = "transfer"
    """Why its party waits, as L{Waits} has it; empty where it hears nothing meanwhile."""

    def __init__(self, call: LiveCall) -> None:
        """Answer for C{call}."""
        self._call = call

    def hear(self, leg: Leg, word: Word) -> None:
        """Grant what can be granted alone."""
        early = not leg.answered
        match word:
            case Changed(identity_only=True):
                leg.say(Answered(early=early))
            case Changed(session=None):
                offer = silent_offer(leg.local_session)
                leg.say(Answered(offer, early=early) if offer is not None else Refused(488, early=early))
            case Changed(session=bytes() as offer):
                leg.say(Answered(silent_answer(offer, leg.local_session), early=early))
            case Withdrawn():
                leg.say(Refused(487, early=early))
            case Referred(_, referral):
                referral.refuse(603)
            case Requested():
                self._requested(leg, word)
            case _:
                pass  # the answer to our silent offer, or the end of an exchange that is over

    def _requested(self, leg: Leg, request: Requested) -> None:
        """Keep-alives and signals are taken; features may know more."""
        if request.method == "OPTIONS":
            leg.say(Replied(request.token, 200))
        else:
            self._call.unowned(leg, request)
