"""Several targets in the place of one: side by side, or one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.outcomes import best
from b2bua.calls.seekers import Through

if TYPE_CHECKING:
    from b2bua.calls.attempt import Attempt
    from b2bua.calls.verdicts import Dial, Member, Outcome
    from b2bua.clock import ITimer


class Group(Through):
    """The seeker of several members; they fail together or not at all."""

    __slots__ = ("_failures", "_pending", "_running", "_timers", "verdict")

    def __init__(self, attempt: Attempt, verdict: Dial) -> None:
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

    def failed(self, attempt: Attempt, outcome: Outcome) -> None:
        """One member is out; a 6xx of a member does not stop the group."""
        self._failures.append(outcome)
        self._running -= 1
        if self._running:
            return
        if self._pending:
            self._next()
        else:
            self._attempt.group_failed(best(self._failures))
