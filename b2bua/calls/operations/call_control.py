"""
What a feature can do with calls and legs, when a verdict is not enough.

Each operation is awaited and is right under every race: whoever hangs up,
refuses or falls silent meanwhile, the others are not left in an exchange that
is half done, and who was talking before an operation failed talks again.  A
feature that uses them reads like the ladder it draws::

    found = await dial(call, leg, "103", behalf=leg.party)
    if isinstance(found, Outcome):
        await connect(call, leg, other)

Whoever is parted from a party by an operation, and is not mentioned in it,
waits alone: hold, connect or hang up that leg as well.  A leg on hold is resumed
by L{connect}.  Whoever talks to us does so no more, and the script hears L{Gone}.
One operation at a time is at work on a leg, transfers included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.media import resumed, silent_offer
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.joining import NotJoined, join
from b2bua.calls.operations.leg_waiter import Busy, Gone, LegWaiter
from b2bua.calls.operations.meeting import meet
from b2bua.calls.outcomes import NO_ANSWER
from b2bua.calls.path import Path
from b2bua.calls.routing.search import Reached, Search
from b2bua.calls.routing.template import Dialling, InviteTemplate
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Outcome
from b2bua.legs.words import Fields
from b2bua.wire.fields import Reason

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import OperatedCall, Talking
    from b2bua.calls.operations.waiting import WaitingParty
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

__all__ = ["Busy", "Gone", "NotJoined", "connect", "dial", "hang_up", "hold", "replace"]


async def hold(call: OperatedCall, leg: Leg) -> None:
    """
    Let the party of C{leg} wait alone: its media is stopped, its requests are answered.

    @raise Gone: it left.
    @raise Busy: something else is at work on it.
    """
    await _part(call, leg)
    waiter = LegWaiter(call, leg)
    silent = silent_offer(leg.local_session)
    if silent is not None:
        waiter.change(leg, silent)
        await waiter.answer(leg)
    call.listen(leg, StandIn(call))


async def connect(call: OperatedCall, one: Leg, other: Leg) -> None:
    """
    Let two established legs talk, whatever they did before.

    A leg of another call is taken into this one.

    @raise Gone: one of them left.
    @raise NotJoined: they cannot agree on a session.
    @raise Busy: something else is at work on one of them.
    """
    pairs: list[tuple[OperatedCall, Leg, Leg]] = []
    ours: list[Leg] = []
    for leg in (one, other):
        _check_free(leg)  # before the first of them is parted from anybody
    try:
        for leg in (one, other):
            pairs += await _part(call, leg)
            ours.append(leg)
        await join(call, one, other)
    except (Gone, NotJoined, Busy):
        _leave_alone(call, *ours)  # what else is at work on a leg that is busy goes on
        for former, leg, partner in pairs:
            await _together(former, leg, partner)
        raise


async def dial(
    call: OperatedCall, waiting: Leg, target: str, *, behalf: Party, ring_seconds: float | None = None
) -> Leg | Outcome:
    """
    Ring a target for an established leg, and let the two talk.

    @param behalf: whose permission to dial counts.
    @return: the leg that answered, or C{waiting} itself if a feature keeps it
        waiting; or why there is none: then C{waiting} is alone, or has left.
    @raise Gone: it left before anybody was rung.
    @raise Busy: something else is at work on it.
    """
    await _part(call, waiting)
    offer = None if waiting.described is None else resumed(waiting.described)
    return await ring_for(call, waiting, offer, Dialling(target, Path(), behalf, ring_seconds))


async def ring_for(
    call: OperatedCall, waiting: Leg, offer: bytes | None, dialling: Dialling
) -> Leg | Outcome:
    """
    Ring a target for a leg that is alone, as L{dial} does.

    @param offer: what the target is invited to; None asks it for an offer.
    """
    search = Search(call, InviteTemplate(waiting, offer, (), call.max_forwards, call.max_breadth))
    waiter = LegWaiter(call, waiting)
    waiter.left = lambda leg: search.cancel()
    found = await search.seek(dialling)
    try:
        outcome = await meet(call, waiting, found)
    except NotJoined as problem:
        outcome = Outcome("refused", problem.code, problem.reason)
    except Gone as gone:
        outcome = Outcome("refused", 487) if gone.leg is waiting else Outcome("unreachable", 480)
    if isinstance(outcome, Outcome):
        if isinstance(found, Reached):
            call.hang_up(found.leg)
        _leave_alone(call, waiting)
    return outcome


async def ring_from(
    call: OperatedCall, talk: Talking, leg: Leg, target: str, behalf: Party, ring_seconds: float | None
) -> Outcome:
    """
    Ring a target for a party that talks to us, and goes on to do so meanwhile.

    @return: how it failed.
    @raise Gone: the party talks to somebody, waits elsewhere, or has left.
    """
    offer = None if leg.described is None else resumed(leg.described)
    search = Search(call, InviteTemplate(leg, offer, (), call.max_forwards, call.max_breadth))
    call.hold_open()
    try:
        found = await search.seek(Dialling(target, Path(), behalf, ring_seconds))
        if leg.ended or call.listener(leg) is not talk:
            if isinstance(found, Reached):
                call.hang_up(found.leg)
            raise Gone(leg)
        if isinstance(found, Outcome):
            return found
        talk.over()
        try:
            outcome = await meet(call, leg, found)
        except NotJoined as problem:
            outcome = Outcome("refused", problem.code, problem.reason)
        except Gone as gone:
            outcome = Outcome("refused", 487) if gone.leg is leg else Outcome("unreachable", 480)
        if isinstance(outcome, Outcome):
            if isinstance(found, Reached):
                call.hang_up(found.leg)
            call.hang_up(leg, "bye", (("Reason", str(Reason("SIP", outcome.code, outcome.reason))),))
        raise Gone(leg)
    finally:
        call.let_close()


async def go_on_after_waiting(call: OperatedCall, waiting: WaitingParty) -> None:
    """Nobody has come in time: whoever waits is connected elsewhere, or hung up."""
    leg, target = waiting.leg, waiting.wait.otherwise
    outcome: Leg | Outcome = NO_ANSWER
    call.hold_open()
    try:
        if target:
            call.story.note("nobody took {}: on to {}", leg.party, target)
            outcome = await dial(call, leg, target, behalf=waiting.behalf)
        if isinstance(outcome, Outcome):
            call.hang_up(leg, "bye", (("Reason", str(Reason("SIP", outcome.code, outcome.reason))),))
    except (Gone, Busy):
        if leg.call is call and not leg.answered:
            # Our answer waits for a PRACK that does not come (RFC 3262 section 3).
            call.refuse(leg, 480)
    finally:
        call.let_close()


async def replace(call: OperatedCall, old: Leg, new: Leg) -> None:
    """
    Let C{new}, established, talk to whom C{old} talks to, and end C{old}.

    @raise Gone: somebody left first.
    @raise NotJoined: the two who are left cannot agree on a session; nothing has changed.
    @raise Busy: something else is at work on one of them.
    """
    bridge = call.bridge
    if bridge is None or old not in (bridge.a, bridge.b):
        raise Gone(old) if old.ended else Busy(old)
    await connect(call, bridge.other(old), new)
    call.hang_up(old, "replaced")


def hang_up(call: OperatedCall, leg: Leg, fields: Fields = ()) -> None:
    """End a leg, in whatever state it is."""
    call.hang_up(leg, "bye", fields)


def hide_identity(call: OperatedCall, leg: Leg) -> None:
    """Tell nobody whom we do not trust who is at the end of a leg, from now on (RFC 3323 section 4.2)."""
    leg.identity = call.calls.identities.of(leg)._replace(private=True)


def _check_free(leg: Leg) -> OperatedCall:
    """
    Give the call of a leg that an operation may begin with.

    @raise Gone: it left.
    @raise Busy: something else is at work on it.
    """
    former: OperatedCall | None = leg.call
    if former is None:
        raise Gone(leg)
    if not leg.answered or former.is_busy(leg):
        raise Busy(leg)
    return former


async def _part(call: OperatedCall, leg: Leg) -> list[tuple[OperatedCall, Leg, Leg]]:
    """
    Take an established leg into the call, parted from its partner once no exchange of theirs is open.

    @return: the call that it was in, the leg and that other one, to bring them
        together again.
    """
    former = _check_free(leg)
    listener = former.listener(leg)
    if isinstance(listener, Conversation):
        listener.taken()
    bridge, pair = former.bridge, []
    if bridge is not None and leg in (bridge.a, bridge.b):
        bridge.release()
        await bridge.idle()
        _leave_alone(former, bridge.a, bridge.b)
        pair = [(former, leg, bridge.other(leg))]
    if leg.ended:
        raise Gone(leg)
    if former is not call:
        call.take(leg)
        _leave_alone(call, leg)
    return pair


async def _together(call: OperatedCall, leg: Leg, partner: Leg) -> None:
    """Let two talk again who did before."""
    if leg.ended or partner.ended or partner.call is not call:
        return
    try:
        if leg.call is not call:
            call.take(leg)
        await join(call, leg, partner)
    except (Gone, NotJoined):
        _leave_alone(call, leg, partner)


def _leave_alone(call: OperatedCall, *legs: Leg) -> None:
    """Answer for whoever is still there, until somebody decides."""
    for leg in legs:
        if not leg.ended and leg.call is call:
            call.listen(leg, StandIn(call))
