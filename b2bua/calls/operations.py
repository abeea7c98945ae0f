"""
What a feature can do with calls and legs, when a verdict is not enough.

Each operation is awaited and is right under every race: whoever hangs up,
refuses or falls silent meanwhile, the others are not left in an exchange that
is half done.  A feature that uses them reads like the ladder it draws::

    found = await dial(call, leg, "103", behalf=leg.party)
    if isinstance(found, Outcome):
        await connect(call, leg, other)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.coupling import NotCoupled, couple, join_answered
from b2bua.calls.errand import Errand
from b2bua.calls.listening import Ear, Gone
from b2bua.calls.lone import Lone
from b2bua.calls.media import resumed, silent_offer
from b2bua.calls.path import Path
from b2bua.calls.search import Found, Search
from b2bua.calls.verdicts import Outcome
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

__all__ = ["Gone", "NotCoupled", "connect", "dial", "hang_up", "hold", "replace"]


async def hold(call: Call, leg: Leg) -> None:
    """
    Let the party of C{leg} wait alone: its media is stopped, its requests are answered.

    @raise Gone: it left.
    """
    ear = Ear(call, leg)
    silent = silent_offer(leg.local_session)
    if silent is not None:
        ear.change(leg, silent)
        await ear.answer(leg)
    call.listen(leg, Lone(call))


async def connect(call: Call, one: Leg, other: Leg) -> None:
    """
    Let two established legs talk, whatever they did before.

    A leg of another call is taken into this one.

    @raise Gone: one of them left; the other one waits alone.
    @raise NotCoupled: they cannot agree on a session; both wait alone.
    """
    for leg in (one, other):
        if leg.call is not call:
            call.take(leg)
    try:
        await couple(call, one, other)
    except (Gone, NotCoupled):
        _leave_alone(call, one, other)
        raise


async def dial(
    call: Call, waiting: Leg, target: str, *, behalf: Party, ring_seconds: float | None = None
) -> Leg | Outcome:
    """
    Ring a target for an established leg, and let the two talk.

    @param behalf: whose permission to dial counts.
    @return: the leg that answered, or why there is none; then C{waiting} waits
        alone, or has left.
    """
    offer = None if waiting.remote_session is None else resumed(waiting.remote_session)
    search = Search(call, Errand(waiting, offer, (), call.max_forwards))
    ear = Ear(call, waiting)
    ear.left = lambda leg: search.cancel()
    found = await search.seek(target, Path(), behalf, ring_limit=ring_seconds)
    if not isinstance(found, Found):
        _leave_alone(call, waiting)
        return found
    try:
        await join_answered(call, waiting, found.leg, found.session)
    except (Gone, NotCoupled) as problem:
        call.hang_up(found.leg)
        _leave_alone(call, waiting)
        return Outcome("refused", problem.code if isinstance(problem, NotCoupled) else 487)
    return found.leg


async def replace(call: Call, old: Leg, new: Leg) -> None:
    """
    Let C{new}, established, talk to whom C{old} talks to, and end C{old}.

    @raise Gone: somebody left first.
    @raise NotCoupled: the two who are left cannot agree on a session; nothing has changed.
    """
    bridge = call.bridge
    if bridge is None or old not in (bridge.a, bridge.b):
        raise Gone(old)
    bridge.release()
    await bridge.idle()
    other = bridge.other(old)
    call.listen(old, Lone(call))
    try:
        await connect(call, other, new)
    except NotCoupled:
        await connect(call, other, old)
        raise
    call.hang_up(old, "replaced")


def hang_up(call: Call, leg: Leg, fields: Fields = ()) -> None:
    """End a leg, in whatever state it is."""
    call.hang_up(leg, "bye", fields)


def _leave_alone(call: Call, *legs: Leg) -> None:
    """Answer for whoever is still there, until somebody decides."""
    for leg in legs:
        if not leg.ended and leg.call is call:
            call.listen(leg, Lone(call))
