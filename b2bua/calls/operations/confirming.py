"""A phone shows a text for a moment, the answer to a feature code; then we hang up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.media import NOTHING, silent_answer, silent_offer
from b2bua.calls.operations.waiting import shown
from b2bua.calls.stand_in import StandIn
from b2bua.legs.words import Answered, Changed, Fields
from b2bua.wire.fields import Reason

if TYPE_CHECKING:
    from b2bua.calls.protocol import LiveCall
    from b2bua.legs.leg import Leg

CONFIRMATION_SECONDS = 3.0
"""How long a phone shows the answer to a feature code."""


class Reading(StandIn):
    """Answers a leg whose party reads its display."""

    __slots__ = ()

    waits_for = ""


def confirm(call: LiveCall, leg: Leg, offer: bytes | None, text: str) -> None:
    """Answer a caller who has dialled a feature code."""
    call.was_taken(None)
    call.listen(leg, Reading(call))
    leg.say(Answered(NOTHING if offer is None else silent_answer(offer, None), shown(call, text)))
    _hang_up_soon(call, leg, text)


def show(call: LiveCall, leg: Leg, text: str) -> None:
    """Tell a party that was transferred to a feature code."""
    call.listen(leg, Reading(call))
    silent = silent_offer(leg.local_session)
    if silent is not None:
        leg.say(Changed(silent, shown(call, text)))
    _hang_up_soon(call, leg, text)


def _hang_up_soon(call: LiveCall, leg: Leg, text: str) -> None:
    """Leave the phone the time to be read."""
    reason: Fields = (("Reason", str(Reason("SIP", 200, text))),)
    call.calls.later(CONFIRMATION_SECONDS, call.hang_up, leg, "bye", reason)
