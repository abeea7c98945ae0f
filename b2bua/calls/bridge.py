"""Two parties talk: what one leg says, the other leg is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

from twisted.internet.defer import Deferred

from b2bua.calls.keys import asks_to_record, key_in
from b2bua.calls.media import is_hold
from b2bua.calls.protocol import LiveCall
from b2bua.legs.header_policy import without_appearances
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    HungUp,
    Referred,
    Refused,
    Replied,
    Requested,
    Withdrawn,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from b2bua.calls.media import Alignment
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Fields


GLARE_SECONDS = 5.0
"""After so long a change that met glare has come again: a phone waits 4 s at most (RFC 3261 section 14.1)."""


class BridgedCall(LiveCall, Protocol):
    """A call in which two may talk."""

    bridge: Bridge | None
    """Who talks to whom; None while nobody does, or an operation is about to change it."""
    holders: frozenset[Leg]
    """The legs whose party has put the other one on hold."""

    def referred(self, leg: Leg, word: Referred) -> None:
        """A party asks for a transfer."""

    def leaving(self) -> None:
        """An operation is about to change who talks to whom."""

    def joined(self) -> None:
        """An operation has joined two who did not talk."""


class Bridge:
    """
    Joins two legs word by word.

    Each leg answers for its own dialog; the bridge has no state of SIP but one:
    how the media streams of one leg correspond to those of the other, which
    differ only after legs of different calls were joined.
    """

    __slots__ = (
        "_exchange",
        "_idle",
        "_late_answer",
        "_wants",
        "a",
        "alignment",
        "b",
        "call",
    )

    def __init__(self, call: BridgedCall, a: Leg, b: Leg, alignment: Alignment | None = None) -> None:
        """
        Prepare to join C{a} and C{b}.

        @param alignment: from the streams of C{a} to those of C{b}; None when
            they are the same.
        """
        self.call = call
        self.a = a
        self.b = b
        self.alignment = alignment
        self._exchange: Leg | None = None
        """The leg that wants the session changed and has no answer yet."""
        self._wants: Literal["", "hold", "resume"] = ""
        """Does that leg want to hold the other one, which it does not yet, or to hold it no more?"""
        self._late_answer = False
        """Does the answer to an offer come in the ACK of that leg?"""
        self._idle: tuple[Deferred[None], ...] = ()
        """Those who wait for the end of the exchange."""

    def begin(self, awaited: Leg | None = None) -> Bridge:
        """
        Listen to both.

        @param awaited: the leg whose ACK is yet to bring the answer to an
            offer of the other side; until then nobody may come between.
        """
        self._exchange, self._late_answer = awaited, awaited is not None
        self.call.bridge = self
        self.call.listen(self.a, self)
        self.call.listen(self.b, self)
        self.call.changed()
        if self.call.holders:
            self._see_holds()
        return self

    def release(self) -> None:
        """
        Leave the call to an operation, which says who talks next.

        Until an open exchange is through (see L{idle}) the two go on as they
        are, but nobody else can take the call over.
        """
        self.call.leaving()
        self.call.bridge = None
        self.call.changed()

    def part(self, leg: Leg) -> None:
        """C{leg} has left, and the other one stays: it has no answer to expect any more."""
        other = self.other(leg)
        self.release()
        if self._exchange is other:
            other.say(Refused(491))
        self._exchange_over()

    def other(self, leg: Leg) -> Leg:
        """Who is at the other side of C{leg}."""
        return self.b if leg is self.a else self.a

    def hear(self, leg: Leg, word: Word) -> None:
        """Tell the other side."""
        other = self.b if leg is self.a else self.a
        # Those of every call first, by their type: a match takes longer.
        if type(word) is HungUp:
            if self._idle:
                self.part(leg)  # somebody waits to take over, and will see who is left
            else:
                self.call.bridge = None
                why = "bye" if word.why in ("bye", "cancel") else word.why
                self.call.hang_up(other, why, word.fields)
        elif type(word) is Confirmed or type(word) is Answered or type(word) is Changed:
            if type(word) is Changed:
                self._exchange = leg
                self._late_answer = word.session is None and not word.identity_only
                self._note_hold(leg, word)
                if word.fields:
                    word = replace(word, fields=without_appearances(word.fields))
            elif self._exchange is leg and type(word) is Confirmed and word.session is not None:
                self._note_late_hold(leg, word.session)
            told = word if self.alignment is None else self._aligned(leg, word)
            self.call.pass_on(leg, other, told)
            if self._exchange is not None:
                self._follow(leg, word)
        else:
            self._hear_seldom(leg, other, word)

    def _hear_seldom(self, leg: Leg, other: Leg, word: Word) -> None:
        """Tell the other side what few calls have."""
        match word:
            case Refused(code, reason, fields):
                if code == 491:  # it asks again in a moment (RFC 3261 section 14.1), if it does
                    other.glared = self.call.calls.now()
                    self.call.calls.later(GLARE_SECONDS, self._see_hold, other)
                else:
                    self._not_held(other)
                # A phone takes a 503 for the failure of its server (RFC 3263 section 4.3).
                self.call.pass_on(leg, other, Refused(500, reason, fields) if code == 503 else word)
                self._exchange_over()
            case Requested(method="INFO"):
                self._informed(leg, other, word)
            case Requested() | Replied() | Withdrawn():
                other.say(word)
            case Referred():
                self.call.referred(leg, word)
            case _:
                pass  # a 180 after the answer: nobody waits for it

    def _informed(self, leg: Leg, other: Leg, word: Requested) -> None:
        """Pass an INFO on, unless it is for us; a key is of interest to features as well."""
        if asks_to_record(word):
            self.call.unowned(leg, word)
            return
        key = key_in(word)
        if key:
            self.call.features.tell_key_pressed(self.call, leg, key)
        other.say(word)

    def _follow(self, leg: Leg, word: Word) -> None:
        """See whether the exchange that is open has come to its end."""
        match word:
            case Answered() if leg is not self._exchange and not self._late_answer:
                if self._wants == "resume":
                    self._resumed(self.other(leg))
                self._exchange_over()
            case Confirmed() if leg is self._exchange:
                self._exchange_over()

    def _exchange_over(self) -> None:
        """Let those go on who wait for the end of an exchange."""
        self._exchange = None
        self._wants = ""
        if self.call.holders:
            self._see_holds()
        idle, self._idle = self._idle, ()
        for waiting in idle:
            waiting.callback(None)

    async def idle(self) -> None:
        """Wait until neither side has an answer to expect from the other."""
        if self._exchange is not None:
            waiting: Deferred[None] = Deferred()
            self._idle += (waiting,)
            await waiting

    def _aligned(self, leg: Leg, word: Changed | Answered | Confirmed) -> Word:
        """The word with its streams in the order of the other leg."""
        assert self.alignment is not None
        if word.session is None:
            return word
        to_b = leg is self.a
        session, self.alignment = self.alignment.translate(
            word.session, to_b=to_b, previous=self.other(leg).local_session
        )
        match word:
            case Changed(_, fields):
                return Changed(session, fields)
            case Answered(_, fields):
                return Answered(session, fields)
            case Confirmed():
                return Confirmed(session)

    def _note_hold(self, leg: Leg, word: Changed) -> None:
        """Tell the features when one side holds the other; a resume is told when it is agreed."""
        self._wants = ""
        if word.session is None:
            return
        holds = leg in self.call.holders
        if not is_hold(word.session):
            self._wants = "resume" if holds else ""
        elif not holds:
            self._wants = "hold"
            self._held(leg, word.fields)

    def _note_late_hold(self, leg: Leg, answer: bytes) -> None:
        """See whether who has asked for an offer holds the other side: its answer, in the ACK, says so."""
        if not is_hold(answer):
            if leg in self.call.holders:
                self._resumed(leg)
        elif leg not in self.call.holders and not is_hold(leg.local_session or b""):
            self._held(leg, ())  # who is held itself could not have answered otherwise

    def _not_held(self, leg: Leg) -> None:
        """A hold that is refused is none: the session stays as it was (RFC 3261 section 14.2)."""
        if self._wants == "hold" and leg is self._exchange and leg in self.call.holders:
            self._resumed(leg)

    def _see_holds(self) -> None:
        """The sessions of the two have changed: see whether that tells of a hold that is in doubt."""
        for leg in (self.a, self.b):
            if leg.glared:
                self._see_hold(leg)

    def see_who_holds(self, changed: Iterable[Leg]) -> None:
        """These have changed their session while an operation was at work; that of now says who holds."""
        for leg in changed:
            said = leg.described
            if said is not None and leg.call is self.call and not leg.glared:
                self._note_late_hold(leg, said)

    def _see_hold(self, leg: Leg) -> None:
        """
        See whether a hold that met glare has come again; the session of the peer says so.

        While it is held itself it does not: C{inactive} is also the only answer to
        C{inactive} (RFC 3264 section 6.1).  Then it is seen when the sessions change.
        """
        if leg.call is not self.call:
            return
        if leg not in self.call.holders:
            leg.glared = 0.0
            return
        bridge, said = self.call.bridge, leg.described
        early = self.call.calls.now() - leg.glared < GLARE_SECONDS - 0.001  # it met glare once more
        if early or said is None or bridge is None or bridge._exchange is not None:
            return
        if not is_hold(said):
            leg.glared = 0.0
            bridge._resumed(leg)
        elif not is_hold(leg.local_session or b""):
            leg.glared = 0.0

    def _held(self, leg: Leg, fields: Fields) -> None:
        """One side holds the other."""
        self.call.holders |= {leg}
        self.call.changed()
        self.call.features.tell_call_held(self.call, leg, fields)

    def _resumed(self, leg: Leg) -> None:
        """One side holds the other no more."""
        self.call.holders -= {leg}
        self.call.changed()
        self.call.features.tell_call_resumed(self.call, leg)
