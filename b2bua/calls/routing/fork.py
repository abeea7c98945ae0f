"""The INVITEs that go to the contacts of one target, side by side and tier by tier."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from b2bua.calls.outcomes import NO_ANSWER, TOO_BROAD, UNREACHABLE, best, outcome_of
from b2bua.calls.routing.invitation import invitation
from b2bua.calls.verdicts import Outcome
from b2bua.legs.words import Answered, Fields, HungUp, Moved, Progress, Refused, Ringing, Word

if TYPE_CHECKING:
    from b2bua.calls.draft import Script
    from b2bua.calls.ports import Tiers
    from b2bua.calls.protocol import Asking, LiveCall
    from b2bua.calls.routing.seeking import LiveAttempt
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg


class Fork:
    """
    The legs that ring for one attempt.

    It tells the attempt of progress, of the one answer, or that nobody is left.
    """

    __slots__ = (
        "_asked",
        "_attempt",
        "_breadth",
        "_failures",
        "_first",
        "_seconds",
        "_tiers",
        "_timer",
        "legs",
    )

    def __init__(self, attempt: LiveAttempt, tiers: Tiers) -> None:
        """Prepare; L{start} sends the first INVITEs."""
        self._attempt = attempt
        self._breadth = 0
        """The Max-Breadth of each of the legs."""
        self._tiers = tiers
        """Those that are yet to be tried."""
        self._failures: tuple[Outcome, ...] = ()
        self._seconds: float | None = None
        self._timer: ITimer | None = None
        self.legs: list[Leg] = []
        self._asked: dict[Leg, Asking] | None = None
        """Who has answered, and is talked to by us first."""
        self._first: dict[Leg, Script] | None = None
        """What talks to whoever answers, before the caller does."""

    def limit(self, seconds: float) -> None:
        """Ring that long at the most, each tier."""
        self._seconds = seconds
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._attempt.call.calls.layer.start(seconds, self)

    def __call__(self) -> None:
        """The timer fires: it has rung that long."""
        self._attempt.call.calls.run(self._rang_out)

    def start(self) -> None:
        """Open a leg to each destination of the next tier."""
        attempt, tier = self._attempt, self._tiers[0]
        self._tiers = self._tiers[1:]
        call = attempt.call
        self._breadth = attempt.template.spread(len(tier), attempt.alone)
        if not self._breadth:
            self._failures += (TOO_BROAD,)
            attempt.unanswered(best(self._failures))
            return
        for destination in tier:
            invited, first = invitation(attempt, destination, self._breadth)
            leg = call.open_leg(destination, invited, attempt.template.who)
            if first is not None:
                self._first = {**(self._first or {}), leg: first}
            self.legs.append(leg)
            call.listen(leg, self)

    @property
    def asking(self) -> bool:
        """Is somebody asked whether they take the call?"""
        return bool(self._asked)

    def move(self, call: LiveCall) -> None:
        """Go on ringing in another call."""
        if self._attempt.confirm:
            for leg in list(self._asked or ()):
                self._confirmed(leg, None)  # it would be asked in the wrong call
        for leg in self.legs:
            call.take(leg)
            call.listen(leg, self)
            if self._asked and leg in self._asked:
                self._asked[leg].move(call, self._attempt.template)

    def cancel(self, fields: Fields = ()) -> None:
        """CANCEL what still rings; a late 200 is dealt with by the leg itself."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None  # it knows us: a circle that the collector would have to find
        if self._asked:
            for asked in self._asked.values():
                asked.stop()
            self._asked.clear()
        if not self.legs:
            return
        legs, self.legs = self.legs, []
        # Strictly they count until their 487; but a phone that is gone must
        # not stop a search, and what is cancelled spreads no further.
        self._attempt.template.breadth += self._breadth * len(legs)
        for leg in legs:
            self._attempt.call.hang_up(leg, "cancel", fields)

    def hear(self, leg: Leg, word: Word) -> None:
        """Take a word of a leg that is being rung."""
        attempt = self._attempt
        # Those of every call first, by their type: a match takes longer.
        if type(word) is Ringing or type(word) is Progress:
            if word.session is not None and attempt.confirm:
                word = replace(word, session=None)  # it may talk to us before the caller
            elif word.session is not None and self._first and leg in self._first:
                del self._first[leg]  # the caller hears it already
            attempt.progressed(leg, word)
        elif type(word) is Answered and not word.early:
            if attempt.confirm or (self._first and leg in self._first):
                self._talk_first(leg, word)
            else:
                self.legs.remove(leg)
                attempt.answered(leg, word)
        else:
            self._hear_seldom(leg, word)

    def _hear_seldom(self, leg: Leg, word: Word) -> None:
        """Take what few legs say that ring: mostly that they do not take the call."""
        attempt = self._attempt
        match word:
            case Moved(code, targets, reason, fields):
                moved = Outcome(
                    "moved", code, reason, targets, rang=attempt.rang, by=leg.party, fields=fields
                )
                self._lost(leg, moved)
            case Refused(code, reason, early=False):
                outcome = outcome_of(code, reason, rang=attempt.rang, local=word.local)
                self._lost(leg, replace(outcome, by=leg.party))
            case HungUp():
                self._lost(leg, UNREACHABLE)
            case _:  # in its early dialog, as the answers to what was asked there
                attempt.seeker.said(leg, word)

    def _talk_first(self, leg: Leg, word: Answered) -> None:
        """Talk to whoever has answered, before the caller does."""
        attempt = self._attempt
        then, first = partial(self._confirmed, leg), self._first.pop(leg, None) if self._first else None
        asked = attempt.call.talk_first(leg, attempt.confirm, first, attempt.template, then)
        self._asked = {**(self._asked or {}), leg: asked}
        asked.put(word)

    def _confirmed(self, leg: Leg, word: Answered | None) -> None:
        """Who was talked to takes the call, or not."""
        assert self._asked is not None
        self._asked.pop(leg).stop()
        if word is not None:
            self.legs.remove(leg)
            self._attempt.answered(leg, word)
            return
        self._lost(leg, replace(NO_ANSWER, by=leg.party))
        self._attempt.call.hang_up(leg)

    def _lost(self, leg: Leg, outcome: Outcome) -> None:
        """One leg is out; when it was the last one the target has failed."""
        self.legs.remove(leg)
        self._attempt.template.breadth += self._breadth
        self._failures += (outcome,)
        if outcome.code >= 600:  # RFC 3261 section 16.7: a 6xx ends the search at this target
            self.cancel()
        if not self.legs:
            self._go_on()

    def _rang_out(self) -> None:
        """Nobody has answered in time; who is being asked may say so still."""
        if self._asked:
            self._timer = None
            for leg in [leg for leg in self.legs if leg not in self._asked]:
                self._lost(leg, NO_ANSWER)
                self._attempt.call.hang_up(leg, "cancel")
            return
        self.cancel()
        self._failures += (NO_ANSWER,)
        self._go_on()

    def _go_on(self) -> None:
        """Ring the next tier, unless one of those before has said what ends it."""
        goes_on = self._attempt.call.calls.directory.goes_on
        if not self._tiers or not all(goes_on(self._tiers[0][0].party, one) for one in self._failures):
            self._attempt.unanswered(best(self._failures))
            return
        if self._seconds is not None:
            self.limit(self._seconds)
        self.start()
