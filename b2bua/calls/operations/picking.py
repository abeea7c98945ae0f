"""
Picking up: a party takes one of another call, who waits there or whose call rings.

By a verdict of a feature (L{PickUp}), or by an INVITE with Replaces that names
a phone which rings (RFC 3891 section 3, L{b2bua.calls.operations.replacing}).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.bridge import Bridge
from b2bua.calls.media import Alignment, crossed
from b2bua.calls.operations.joining import NotJoined, join, join_answered
from b2bua.calls.operations.leg_waiter import Gone, LegWaiter
from b2bua.calls.operations.waiting import WaitingParty
from b2bua.calls.routing.attempt import ELSEWHERE
from b2bua.calls.verdicts import Outcome
from b2bua.legs.words import Answered, Confirmed, Refused

if TYPE_CHECKING:
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.calls.routing.search import Search
    from b2bua.calls.verdicts import PickUp
    from b2bua.legs.leg import Leg

NOBODY = Outcome("not_found", 404, "Nobody to pick up", local=True)

_log = Logger()


# ---- who calls --------------------------------------------------------------


def pick_up(call: OperatedCall, leg: Leg, offer: bytes | None, wanted: PickUp) -> None:
    """
    Let a caller, not answered yet, take somebody of another call, and so join that one.

    @param call: the caller's own, which is over when it has joined the other.
    """
    other = call.calls.find(wanted.call)
    waiting = None if other is None else _waits(other, wanted)
    if other is None or (waiting is None and not _rings(other, wanted)):
        call.record.refused(NOBODY.code, NOBODY.reason)
        call.refuse(leg, NOBODY.code, NOBODY.reason)
        return
    call.hold_open()
    other.hold_open()
    other.take(leg)
    work = Deferred.fromCoroutine(_picking(other, leg, offer, waiting))
    work.addErrback(_broken, other, leg)
    work.addCallback(lambda code: _picked(call, other, code))


def _broken(failure: Failure, call: OperatedCall, leg: Leg) -> int:
    """A bug of ours costs who picks up, and nobody else."""
    _log.failure("a pick-up in {call} broke", failure, call=call.id)
    call.refuse(leg, 500)
    return 500


def _picked(call: OperatedCall, other: OperatedCall, code: int) -> None:
    """Write down how it ended."""
    if code == 200:
        call.was_taken(None)
    else:
        call.record.refused(code)
    other.let_close()
    call.let_close()


async def _picking(other: OperatedCall, leg: Leg, offer: bytes | None, waiting: WaitingParty | None) -> int:
    """Take who waits, or answer whose call rings; gives the status that C{leg} hears."""
    if waiting is not None:
        return await _take_waiting(other, leg, offer, waiting)
    if other.setup is not None:
        return answer_instead(other, leg, offer)
    assert other.search is not None
    return answer_search(other.search, leg, offer)


def answer_instead(call: OperatedCall, leg: Leg, offer: bytes | None) -> int:
    """
    Answer the caller in the place of a phone that rings.

    Both have made an offer; each is answered with what the other offered.
    """
    setup = call.setup
    assert setup is not None
    caller = setup.caller
    answers = None if offer is None or setup.template.offer is None else crossed(setup.template.offer, offer)
    if answers is None:
        call.refuse(leg, 488)
        return 488
    setup.release().cancel(ELSEWHERE)
    call.was_taken(leg)
    Bridge(call, caller, leg, Alignment()).begin()
    connected = call.calls.identities.connected
    call.pass_on(leg, caller, Answered(answers[0], connected(caller, leg)))
    call.pass_on(caller, leg, Answered(answers[1], connected(leg, caller)))
    call.talks_with(leg)
    return 200


def answer_search(search: Search, leg: Leg, offer: bytes | None) -> int:
    """Answer in the place of a phone that rings for somebody who is being transferred, say."""
    wanted = search.template.offer
    if offer is None or wanted is None or crossed(wanted, offer) is None:
        search.call.refuse(leg, 488)
        return 488
    search.picked_up(leg, offer)
    return 200


async def _take_waiting(call: OperatedCall, leg: Leg, offer: bytes | None, waiting: WaitingParty) -> int:
    """Let a caller talk to who waits; whom it cannot talk to waits on."""
    party = waiting.leg
    try:
        if offer is None:
            await _ask_for_offer(call, leg, party)
        else:
            await join_answered(call, party, leg, offer)
    except (Gone, NotJoined) as problem:
        code = problem.code if isinstance(problem, NotJoined) else 480
        call.refuse(leg, code)
        _wait_on(call, waiting)
        return code
    call.leg_was_answered(leg)
    call.talks_with(leg)
    return 200


async def _ask_for_offer(call: OperatedCall, leg: Leg, party: Leg) -> None:
    """C{leg} calls without an offer, so C{party} makes one; the ACK brings the answer."""
    waiter = LegWaiter(call, leg, party)
    connected = call.calls.identities.connected
    waiter.change(party, None, connected(party, leg))
    reply = await waiter.answer(party, leg)
    if isinstance(reply, Refused) or reply.session is None:
        raise NotJoined(party, reply.code if isinstance(reply, Refused) else 488)
    call.pass_on(party, leg, Answered(reply.session, connected(leg, party)))
    call.pass_on(leg, party, Confirmed((await waiter.confirmation(leg, party)).session))
    Bridge(call, party, leg).begin()
    call.joined()


def _wait_on(call: OperatedCall, waiting: WaitingParty) -> None:
    """Nobody has taken it: it waits as before."""
    if not waiting.leg.ended and waiting.leg.call is call:
        waiting.begin()


# ---- who talks already -------------------------------------------------------


async def pick_up_for(call: OperatedCall, leg: Leg, wanted: PickUp) -> Leg | Outcome:
    """
    Let an established leg, which a transfer leaves over, say, take somebody of another call.

    @return: whom it talks to, who is in this call now; or why there is nobody.
    @raise Gone: C{leg} has left.
    """
    other = call.calls.find(wanted.call)
    if other is None or other is call:
        return NOBODY
    waiting = _waits(other, wanted)
    if waiting is not None:
        return await _take_for(call, leg, other, waiting)
    if other.setup is not None and _rings(other, wanted):
        return await _answer_for(call, leg, other)
    return NOBODY


async def _take_for(
    call: OperatedCall, leg: Leg, other: OperatedCall, waiting: WaitingParty
) -> Leg | Outcome:
    """Bring together two who are both established."""
    party = waiting.leg
    other.hold_open()
    try:
        call.take(party)
        await join(call, leg, party)
    except (Gone, NotJoined) as problem:
        if not party.ended:
            other.take(party)
            _wait_on(other, waiting)
        if isinstance(problem, Gone) and problem.leg is leg:
            raise
        return Outcome("refused", problem.code if isinstance(problem, NotJoined) else 480)
    finally:
        other.let_close()
    return party


async def _answer_for(call: OperatedCall, leg: Leg, other: OperatedCall) -> Leg | Outcome:
    """Answer a caller whose call rings with a session of C{leg}."""
    assert other.setup is not None
    caller, offer = other.setup.caller, other.setup.template.offer
    if offer is None:
        return Outcome("refused", 488)
    other.hold_open()
    try:
        other.setup.release().cancel(ELSEWHERE)
        call.take(caller)
        await join_answered(call, leg, caller, offer)
    except (Gone, NotJoined) as problem:
        other.record.refused(480)
        call.refuse(caller, 480)
        if isinstance(problem, Gone) and problem.leg is leg:
            raise
        return Outcome("refused", problem.code if isinstance(problem, NotJoined) else 480)
    else:
        other.was_taken(None)
    finally:
        other.let_close()
    return caller


# ---- who is there to be taken ------------------------------------------------


def _waits(call: OperatedCall, wanted: PickUp) -> WaitingParty | None:
    """Who waits in a call, the first of them if none is named."""
    waiting = (call.waiting or {}).values()
    return next((one for one in waiting if wanted.leg in ("", one.leg.id)), None)


def _rings(call: OperatedCall, wanted: PickUp) -> bool:
    """Does the phone that is named ring in a call, or any if none is named?"""
    seeker = call.setup or call.search
    if seeker is None or seeker.attempt is None:
        return False
    return any(wanted.leg in ("", leg.id) for leg in seeker.attempt.every_leg())
