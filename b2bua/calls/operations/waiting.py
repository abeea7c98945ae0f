"""
A party that is kept waiting until somebody takes it: parked, or in a queue.

It is answered in nobody's stead, like any party that is alone for now
(L{b2bua.calls.stand_in}); but it may stay so, is found by the name of the place
where it waits, and goes on elsewhere when its time is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from b2bua.calls.media import NOTHING, silent_answer, silent_offer
from b2bua.calls.protocol import LiveCall
from b2bua.calls.stand_in import StandIn
from b2bua.legs.words import Answered, Changed, Fields, Refused, Word
from b2bua.wire.names import NameAddr

if TYPE_CHECKING:
    from b2bua.calls.verdicts import Wait
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party


class WaitedCall(LiveCall, Protocol):
    """A call in which parties may be kept waiting."""

    waiting: dict[Leg, WaitingParty] | None
    """Who is kept waiting until somebody takes it."""

    def waited(self, waiting: WaitingParty) -> None:
        """Nobody has come in time: ring elsewhere for who waits, or hang up."""


class WaitingParty(StandIn):
    """Answers a leg that waits, and remembers where, since when and for how long."""

    __slots__ = ("_timer", "behalf", "call", "ends", "leg", "since", "wait")

    waits_for = "waiting"

    def __init__(self, call: WaitedCall, leg: Leg, wait: Wait, behalf: Party) -> None:
        """
        Prepare; L{begin} lets it wait.

        @param behalf: whose permission counts for where it goes when its time is over.
        """
        super().__init__(call)
        self.call = call
        self.leg = leg
        self.wait = wait
        self.behalf = behalf
        self.since = call.wall()
        now = call.calls.now()
        self.ends = None if wait.seconds is None else now + wait.seconds
        self._timer: ITimer | None = None

    def begin(self) -> None:
        """Listen, and look at the clock; also once more, after somebody could not take it."""
        call = self.call
        if self.wait.script is not None:
            call.calls.context.music = call.calls.entertained
        call.listen(self.leg, self)
        call.waiting = {**(call.waiting or {}), self.leg: self}
        call.changed()
        if self.ends is not None:
            left = max(0.0, self.ends - call.calls.now())
            self._timer = call.calls.later(left, call.waited, self)

    def stop(self) -> None:
        """It does not wait any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def hear(self, leg: Leg, word: Word) -> None:
        """Answer it; a peer that is not there any more (408, 503 of ours) does not wait."""
        if isinstance(word, Refused) and word.local and word.code in (408, 503):
            self.call.hang_up(leg, "lost")
        else:
            super().hear(leg, word)


def answer_waiting(call: WaitedCall, leg: Leg, offer: bytes | None, wait: Wait, behalf: Party) -> None:
    """Answer a caller, and keep it waiting."""
    call.was_taken(None)
    WaitingParty(call, leg, wait, behalf).begin()
    leg.say(Answered(NOTHING if offer is None else silent_answer(offer, None), shown(call, wait.text)))


def keep_waiting(call: WaitedCall, leg: Leg, wait: Wait, behalf: Party) -> None:
    """
    Keep a party waiting that has talked to somebody.

    Its media is stopped; should it refuse that, it waits all the same.
    """
    WaitingParty(call, leg, wait, behalf).begin()
    silent = silent_offer(leg.local_session)
    if silent is not None:
        leg.say(Changed(silent, shown(call, wait.text)))


def shown(call: LiveCall, text: str) -> Fields:
    """What a display shows in the place of a party."""
    if not text:
        return ()
    return (("P-Asserted-Identity", str(NameAddr.make(text, call.calls.directory.uri(call.dialled)))),)
