"""Who waits for a target meets what the search for it has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.operations.announcing import confirm_in_words
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.joining import join_answered
from b2bua.calls.operations.leg_waiter import Gone
from b2bua.calls.operations.picking import pick_up_for
from b2bua.calls.operations.waiting import keep_waiting
from b2bua.calls.routing.search import Instead, Reached
from b2bua.calls.verdicts import Confirm, Outcome, PickUp, Talk, Wait

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg


async def meet(call: OperatedCall, leg: Leg, found: Reached | Instead | Outcome) -> Leg | Outcome:
    """
    Let an established leg talk to who was found, or do with it what a feature says instead.

    @return: whom it talks to, C{leg} itself if it waits for somebody, or how the search failed.
    @raise Gone: one of the two has left.
    @raise NotJoined: they cannot agree on a session.
    """
    if leg.ended and isinstance(found, Instead):
        raise Gone(leg)
    match found:
        case Reached():
            await join_answered(call, leg, found.leg, found.session)
            call.talks_with(found.leg)
            return found.leg
        case Instead(Confirm(text)):
            confirm_in_words(call, leg, None, text)
            return leg
        case Instead(Wait() as wait, behalf):
            keep_waiting(call, leg, wait, behalf)
            return leg
        case Instead(Talk() as talk):
            Conversation(call, leg, talk).begin(None)
            return leg
        case Instead(PickUp() as wanted):
            return await pick_up_for(call, leg, wanted)
        case Outcome():
            return found
    raise AssertionError(found)
