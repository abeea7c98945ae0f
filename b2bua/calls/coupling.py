"""
Let two parties talk who have not been talking (RFC 3725).

Both have a session with somebody else.  One is asked for a fresh offer (a
re-INVITE without SDP), the other is offered it, and its answer goes back in the
ACK: one round in which each sees the other's present abilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.bridge import Bridge
from b2bua.calls.listening import Ear, Gone
from b2bua.calls.media import Alignment, answering, directed, is_hold, resumed, same_media, silent_answer
from b2bua.calls.words import Changed, Confirmed, Fields, Refused

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.leg import Leg


class NotCoupled(Exception):
    """The two could not agree on a session; C{code} is why."""

    def __init__(self, leg: Leg, code: int, reason: str = "") -> None:
        """Say who refused."""
        super().__init__(f"{leg.party}: {code} {reason}")
        self.leg = leg
        self.code = code
        self.reason = reason


def _on_hold(leg: Leg) -> bool:
    """Did we tell the peer of C{leg} last that it is on hold?"""
    return leg.local_session is not None and is_hold(leg.local_session)


async def couple(call: Call, a: Leg, b: Leg, *, told_a: Fields = (), told_b: Fields = ()) -> Bridge:
    """
    Let C{a} and C{b}, both established, talk to each other.

    @param told_a: header fields for the re-INVITE to C{a}, such as who it talks to now.
    @raise Gone: one of them left; the other is alone, its media silent.
    @raise NotCoupled: one of them refused; both are alone.
    """
    # Who is on hold would offer to go on listening only, so the other is asked.
    first, second = (b, a) if _on_hold(a) and not _on_hold(b) else (a, b)
    told_first, told_second = (told_a, told_b) if first is a else (told_b, told_a)
    ear = Ear(call, first, second)
    first.say(Changed(None, told_first))
    fresh = await ear.answer(first, second)
    if isinstance(fresh, Refused) or fresh.session is None:
        # It does not make offers when it is asked to: offer the other's session instead.
        return await _couple_by_offer(call, ear, second, first, told_second, told_first)
    offer = fresh.session
    wanted = offer if _holds(call, first) else resumed(offer)
    alignment = Alignment()
    try:
        shown, alignment = alignment.translate(wanted, to_b=True, previous=second.local_session)
        second.say(Changed(shown, told_second))
        reply = await ear.answer(second, first)
        if isinstance(reply, Refused) or reply.session is None:
            code = reply.code if isinstance(reply, Refused) else 488
            raise NotCoupled(second, code)
    except (Gone, NotCoupled):
        # The fresh offer wants an answer all the same (RFC 3261 section 13.2.1).
        first.say(Confirmed(silent_answer(offer, first.local_session)))
        raise
    back, alignment = alignment.translate(reply.session, to_b=False, previous=offer)
    fitting = answering(back, offer)
    first.say(Confirmed(fitting))
    if wanted is not offer and fitting != answering(back, wanted):
        await _take_off_hold(ear, first, second, back)
    return _bridge(call, first, second, alignment)


def _holds(call: Call, leg: Leg) -> bool:
    """Has the party of C{leg} itself put the other side on hold?"""
    return call.bridge is not None and call.bridge.holds(leg)


async def _take_off_hold(ear: Ear, held: Leg, other: Leg, session: bytes) -> None:
    """Offer media in both directions to a party that only offered to listen."""
    held.say(Changed(resumed(session)))
    await ear.answer(held, other)


async def _couple_by_offer(
    call: Call, ear: Ear, known: Leg, asked: Leg, told_known: Fields, told_asked: Fields
) -> Bridge:
    """Offer C{asked} what C{known} said last, and C{known} what comes back."""
    if known.remote_session is None:
        raise NotCoupled(asked, 488)
    alignment = Alignment()
    shown, alignment = alignment.translate(
        resumed(known.remote_session), to_b=True, previous=asked.local_session
    )
    asked.say(Changed(shown, told_asked))
    reply = await ear.answer(asked, known)
    if isinstance(reply, Refused) or reply.session is None:
        raise NotCoupled(asked, reply.code if isinstance(reply, Refused) else 488)
    back, alignment = alignment.translate(reply.session, to_b=False, previous=known.local_session)
    known.say(Changed(back, told_known))
    reply = await ear.answer(known, asked)
    if isinstance(reply, Refused):
        raise NotCoupled(known, reply.code)
    return _bridge(call, known, asked, alignment)


async def join_answered(
    call: Call, waiting: Leg, found: Leg, answer: bytes | None, told: Fields = ()
) -> Bridge:
    """
    Let C{waiting} talk to C{found}, who has just answered an offer in its name.

    C{found} answered what C{waiting} had said at some time before; now
    C{waiting} is offered that answer, and if its own answer moves its media,
    C{found} is told once more.

    @raise Gone: one of them left.
    @raise NotCoupled: C{waiting} cannot take it.
    """
    if answer is None:
        return await couple(call, waiting, found, told_a=told)
    ear = Ear(call, waiting, found)
    offered = found.local_session
    alignment = Alignment()
    shown, alignment = alignment.translate(
        directed(answer, "sendrecv") if not is_hold(answer) else answer,
        to_b=False,
        previous=waiting.local_session,
    )
    waiting.say(Changed(shown, told))
    reply = await ear.answer(waiting, found)
    if isinstance(reply, Refused):
        raise NotCoupled(waiting, reply.code, reply.reason)
    if reply.session is not None and offered is not None:
        back, alignment = alignment.translate(reply.session, to_b=True, previous=offered)
        if not same_media(back, offered):
            found.say(Changed(back))
            moved = await ear.answer(found, waiting)
            if isinstance(moved, Refused):
                raise NotCoupled(found, moved.code, moved.reason)
    return _bridge(call, waiting, found, alignment)


def _bridge(call: Call, a: Leg, b: Leg, alignment: Alignment) -> Bridge:
    """Couple the two; streams that correspond one to one need no alignment."""
    same = all(i == j for i, j in alignment.pairs) and _streams(a) == _streams(b)
    return Bridge(call, a, b, None if same else alignment).begin()


def _streams(leg: Leg) -> int:
    """How many m= lines the dialog of C{leg} knows."""
    return (leg.local_session or b"").count(b"\nm=")
