"""Several targets in the place of one: side by side, or one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from b2bua.calls.outcomes import best
from b2bua.calls.routing.seeking import LiveAttempt

if TYPE_CHECKING:
    from b2bua.calls.verdicts import Answer, Dial, Diverted, Member, Outcome
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Answered, Progress, Ringing, Word


class ParentAttempt(LiveAttempt, Protocol):
    """An attempt as those below it see it."""

    def try_member(self, member: Member, group: Group) -> None:
        """Try one of several targets."""

    def child_won(self, child: LiveAttempt, leg: Leg, word: Answered) -> None:
        """A child was won: so are we."""

    def child_gave_up(self, outcome: Outcome) -> None:
        """Where the call was forwarded to is not to be had, so neither are we."""

    def group_failed(self, outcome: Outcome) -> None:
        """All members are out, and so are we."""


class Through:
    """The seeker of the attempt that a forward leads to: all goes up unchanged."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: ParentAttempt) -> None:
        """Seek for C{attempt}, which has sent the call on."""
        self._attempt = attempt

    def progress(self, attempt: LiveAttempt, leg: Leg, word: Ringing | Progress) -> None:
        """It rings there, so it rings here."""
        self._attempt.seeker.progress(attempt, leg, word)

    def diverted(self, attempt: LiveAttempt, why: Diverted) -> None:
        """It goes further."""
        self._attempt.seeker.diverted(attempt, why)

    def won(self, attempt: LiveAttempt, leg: Leg, word: Answered) -> None:
        """It was answered."""
        self._attempt.child_won(attempt, leg, word)

    def failed(self, attempt: LiveAttempt, outcome: Outcome) -> None:
        """It is not to be had."""
        self._attempt.child_gave_up(outcome)

    def instead(self, attempt: LiveAttempt, answer: Answer) -> None:
        """A feature answers there."""
        self._attempt.cancel()
        self._attempt.seeker.instead(attempt, answer)

    def said(self, leg: Leg, word: Word) -> None:
        """It says something while it rings."""
        self._attempt.seeker.said(leg, word)


class Group(Through):
    """The seeker of several members; they fail together or not at all."""

    __slots__ = ("_failures", "_pending", "_running", "_timers", "verdict")

    def __init__(self, attempt: ParentAttempt, verdict: Dial) -> None:
        """Seek for C{attempt} among the members of C{verdict}; L{start} begins."""
        super().__init__(attempt)
        self.verdict = verdict
        self._pending = list(verdict.members)
        self._running = 0
        self._failures: list[Outcome] = []
        self._timers: list[ITimer] = []

    @property
    def alone(self) -> bool:
        """Does one member ring at a time?"""
        return self.verdict.mode == "sequential" or len(self.verdict.members) == 1

    def start(self) -> None:
        """Try all members, or the first one."""
        if self.verdict.mode == "sequential":
            self._next()
            return
        members, self._pending = self._pending, []
        self._running = len(members)
        for member in members:
            self._start(member)

    def stop(self) -> None:
        """Start no more of them."""
        self._pending.clear()
        for timer in self._timers:
            timer.stop()
        self._timers.clear()

    def _next(self) -> None:
        """Go on with the next one of a sequence."""
        self._running = 1
        self._start(self._pending.pop(0))

    def _start(self, member: Member) -> None:
        """Try a member when its time has come."""
        attempt = self._attempt
        if member.after > 0:
            self._timers.append(attempt.call.calls.later(member.after, attempt.try_member, member, self))
        else:
            attempt.try_member(member, self)

    def failed(self, attempt: LiveAttempt, outcome: Outcome) -> None:
        """One member is out; a 6xx of a member does not stop the group."""
        self._failures.append(outcome)
        self._running -= 1
        if self._running:
            return
        if self._pending:
            self._next()
        else:
            self._attempt.group_failed(best(self._failures))
