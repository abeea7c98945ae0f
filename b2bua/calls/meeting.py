"""Who waits for a target meets what the search for it has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.coupling import join_answered
from b2bua.calls.picking import pick_up_for
from b2bua.calls.search import Found, Instead
from b2bua.calls.verdicts import Confirm, Outcome, PickUp, Wait
from b2bua.calls.waiting import keep_waiting

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.legs.leg import Leg


async def meet(call: Call, leg: Leg, found: Found | Instead | Outcome) -> Leg | Outcome:
    """
    Let an established leg talk to who was found, or do with it what a feature says instead.

    @return: whom it talks to, C{leg} itself if it waits for somebody, or how the search failed.
    @raise Gone: one of the two has left.
    @raise NotCoupled: they cannot agree on a session.
    """
    match found:
        case Found():
            await join_answered(call, leg, found.leg, found.session)
            call.talks_with(found.leg)
            return found.leg
        case Instead(Confirm(text)):
            call.show(leg, text)
            return leg
        case Instead(Wait() as wait, behalf):
            keep_waiting(call, leg, wait, behalf)
            return leg
        case Instead(PickUp() as wanted):
            return await pick_up_for(call, leg, wanted)
        case Outcome():
            return found
    raise AssertionError(found)
