"""
Let two parties talk who have not been talking (RFC 3725).

Both have a session with somebody else.  One is asked for a fresh offer (a
re-INVITE without SDP), the other is offered it, and its answer goes back in the
ACK: one round in which each sees the other's present abilities.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from b2bua.calls.bridge import Bridge, BridgedCall
from b2bua.calls.media import (
    Alignment,
    answering,
    can_send,
    is_hold,
    resumed,
    same_media,
    silent_answer,
)
from b2bua.calls.operations.leg_waiter import Gone, LegWaiter
from b2bua.legs.words import Answered, Confirmed, Fields, Refused

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg


class NotJoined(Exception):
    """The two could not agree on a session; C{code} is why."""

    def __init__(self, leg: Leg, code: int, reason: str = "") -> None:
        """Say who refused."""
        super().__init__(f"{leg.party}: {code} {reason}")
        self.leg = leg
        self.code = code
        self.reason = reason


async def join(call: BridgedCall, a: Leg, b: Leg) -> Bridge:
    """
    Let C{a} and C{b}, both established, talk to each other, and tell each who the other is.

    @raise Gone: one of them left; the other is alone, its media silent.
    @raise NotJoined: one of them refused; both are alone.
    """
    # Who is on hold would offer to go on listening only, so the other is asked.
    if _on_hold(a) and not _on_hold(b):
        a, b = b, a
    waiter = LegWaiter(call, a, b)
    return await _closing(waiter, _join(waiter, a, b))


async def join_answered(call: BridgedCall, waiting: Leg, found: Leg, answer: bytes | None) -> Bridge:
    """
    Let C{waiting} talk to C{found}, who has just answered an offer in its name, or picked up.

    C{found} answered what C{waiting} had said at some time before; now
    C{waiting} is offered that answer, and if its own answer moves its media,
    C{found} is told once more.

    @raise Gone: one of them left.
    @raise NotJoined: C{waiting} cannot take it.
    """
    if answer is None:
        return await join(call, waiting, found)
    waiter = LegWaiter(call, waiting, found)
    return await _closing(waiter, _join_answered(waiter, waiting, found, answer))


async def _closing(waiter: LegWaiter, work: Coroutine[Any, Any, Bridge]) -> Bridge:
    """Do the work; when it is broken off leave no exchange open."""
    try:
        return await work
    except (Gone, NotJoined):
        await waiter.close()
        raise


def _told(waiter: LegWaiter, leg: Leg, other: Leg) -> Fields:
    """Whom the peer of C{leg} talks to now."""
    return waiter.call.calls.identities.connected(leg, other)


async def _join(waiter: LegWaiter, first: Leg, second: Leg) -> Bridge:
    """Ask C{first} for an offer, and C{second} for the answer."""
    waiter.change(first, None, _told(waiter, first, second))
    fresh = await waiter.answer(first, second)
    if isinstance(fresh, Refused) or fresh.session is None:
        # It does not make offers when it is asked to: offer the other's session instead.
        return await _join_by_offer(waiter, second, first)
    offer = fresh.session
    wanted = offer if first in waiter.call.holders else resumed(offer)
    try:
        shown, alignment = Alignment().translate(wanted, to_b=True, previous=second.local_session)
        waiter.change(second, shown, _told(waiter, second, first), by=first)
        answer = _accepted(second, await waiter.answer(second, first))
    except (Gone, NotJoined):
        # The fresh offer wants an answer all the same (RFC 3261 section 13.2.1).
        first.say(Confirmed(silent_answer(offer, first.local_session)))
        raise
    back, alignment = alignment.translate(answer, to_b=False, previous=offer)
    fitting = answering(back, offer)
    waiter.call.pass_on(second, first, Confirmed(fitting))
    if wanted is not offer and fitting != answering(back, wanted):
        # It only offered to listen, as it did while on hold: take it off hold.
        waiter.keep(second)
        waiter.change(first, resumed(back), by=second)
        settled = await waiter.answer(first, second)
        if isinstance(settled, Answered) and settled.session is not None:
            there, alignment = alignment.translate(settled.session, to_b=True, previous=shown)
            if not same_media(there, shown) and not waiter.changing(second):
                waiter.keep(first)
                waiter.change(second, there, by=first)  # it wants it so: its own user holds
                await waiter.answer(second, first)
    return _bridge(waiter, first, second, alignment)


async def _join_by_offer(waiter: LegWaiter, known: Leg, asked: Leg) -> Bridge:
    """Offer C{asked} what C{known} said last, and C{known} what comes back."""
    if known.described is None:
        raise NotJoined(asked, 488)
    shown, alignment = Alignment().translate(
        resumed(known.described), to_b=True, previous=asked.local_session
    )
    waiter.change(asked, shown, _told(waiter, asked, known), by=known)
    answer = _accepted(asked, await waiter.answer(asked, known))
    waiter.keep(asked)
    back, alignment = alignment.translate(answer, to_b=False, previous=known.local_session)
    waiter.change(known, back, _told(waiter, known, asked), by=asked)
    reply = _accepted(known, await waiter.answer(known, asked))
    there, alignment = alignment.translate(reply, to_b=True, previous=shown)
    if not _knows(asked, shown, there) and not waiter.changing(asked):
        waiter.keep(known)
        waiter.change(asked, there, by=known)
        _accepted(asked, await waiter.answer(asked, known))
    return _bridge(waiter, known, asked, alignment)


async def _join_answered(waiter: LegWaiter, waiting: Leg, found: Leg, answer: bytes) -> Bridge:
    """Offer C{waiting} what C{found} has said, and see whether that was all."""
    offered = _shown(waiter, found)
    if found.answered:
        answer = found.described or answer  # it may have changed since, by an early UPDATE
        waiter.keep(found)
    shown, alignment = Alignment().translate(
        answer if is_hold(answer) else resumed(answer), to_b=False, previous=waiting.local_session
    )
    waiter.change(waiting, shown, _told(waiter, waiting, found), by=found)
    reply = _accepted(waiting, await waiter.answer(waiting, found))
    back, alignment = alignment.translate(reply, to_b=True, previous=offered or answer)
    if not found.answered:
        waiter.call.pass_on(
            waiting, found, Answered(back, _told(waiter, found, waiting))
        )  # it called, to pick up
    elif offered is None:
        waiter.call.pass_on(waiting, found, Confirmed(back))  # it had made the offer itself
    elif not _knows(found, offered, back) and not waiter.changing(found):
        waiter.keep(waiting)
        waiter.change(found, back, by=waiting)
        _accepted(found, await waiter.answer(found, waiting))
    return _bridge(waiter, waiting, found, alignment)


def _shown(waiter: LegWaiter, leg: Leg) -> bytes | None:
    """What a leg has shown its party last, as whoever it is of has said it."""
    relay = waiter.call.relay
    return leg.local_session if relay is None else relay.shown(leg)


def _knows(leg: Leg, shown: bytes, now: bytes) -> bool:
    """Can the peer of C{leg} go on with what it was shown, now that the other side says that?"""
    return same_media(now, shown) and can_send(shown, leg.described or now, now)


def _accepted(leg: Leg, word: Answered | Refused) -> bytes:
    """The session of an answer that is one."""
    if isinstance(word, Refused):
        raise NotJoined(leg, word.code, word.reason)
    if word.session is None:
        raise NotJoined(leg, 488)
    return word.session


def _on_hold(leg: Leg) -> bool:
    """Did we tell the peer of C{leg} last that it is on hold?"""
    return leg.local_session is not None and is_hold(leg.local_session)


def _bridge(waiter: LegWaiter, a: Leg, b: Leg, alignment: Alignment) -> Bridge:
    """Let the two talk; streams that correspond one to one need no alignment."""
    same = all(i == j for i, j in alignment.pairs) and _streams(a) == _streams(b)
    bridge = Bridge(waiter.call, a, b, None if same else alignment).begin()
    if waiter.call.relay is not None:
        waiter.call.relay.settle(a, b)
    bridge.see_who_holds(waiter.changed)
    for leg in (a, b):
        if leg.music is not None:
            leg.music.review()  # it was transferred, and is held from now on
    waiter.joined(bridge)
    waiter.call.joined()
    return bridge


def _streams(leg: Leg) -> int:
    """How many m= lines the dialog of C{leg} knows."""
    return (leg.local_session or b"").count(b"\nm=")
