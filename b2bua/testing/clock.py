"""A clock that stands still until it is told to go, and then goes from event to event."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock


class _Delayed(DelayedCall):
    """A delayed call that tells its clock of every new time; Twisted's tells of an earlier one only."""

    def reset(self, secondsFromNow: float) -> None:
        """Set it anew, from now on."""
        super().reset(secondsFromNow)
        self.resetter(self)

    def delay(self, secondsLater: float) -> None:
        """Set it to a later time."""
        super().delay(secondsLater)
        self.resetter(self)


class StandingClock(Clock):
    """
    Time that passes only while C{run} or C{run_until} is being called.

    Between two delayed calls there is nothing, so half an hour of silence costs
    no more than one second of it.  Each call sees the very time that it was
    set for, which C{Clock.advance} does not promise.
    """

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """Put a call where its time is; Twisted's own clock sorts all of them again for each."""
        call = _Delayed(self.rightNow + delay, callable, args, kw, self._forget, self._moved, self.seconds)
        insort(self.calls, call, key=DelayedCall.getTime)
        return call

    def _forget(self, call: DelayedCall) -> None:
        """Take out one that is cancelled."""
        at = bisect_left(self.calls, call.getTime(), key=DelayedCall.getTime)
        while self.calls[at] is not call:
            at += 1
        del self.calls[at]

    def _moved(self, call: DelayedCall) -> None:
        """Keep them in the order of their times."""
        self._sortCalls()

    def step(self, limit: float = float("inf")) -> bool:
        """Go to the next delayed call and make it, unless it lies beyond C{limit}."""
        if not self.calls:
            return False
        call = self.calls[0]
        at = call.getTime()
        if at > limit:
            return False
        del self.calls[0]
        if at > self.rightNow:
            self.rightNow = at
        call.called = 1
        call.func(*call.args, **call.kw)
        return True

    def run(self, seconds: float) -> None:
        """Let C{seconds} pass."""
        limit = self.rightNow + seconds
        while self.step(limit):
            pass
        self.rightNow = limit

    def run_until(self, met: Callable[[], bool], within: float) -> bool:
        """
        Go on until C{met} says yes; stop after C{within} seconds at the latest.

        @return: whether C{met} said yes.
        """
        limit = self.rightNow + within
        while not met():
            if not self.step(limit):
                self.rightNow = limit
                return met()
        return True

    def run_out(self, within: float = float("inf")) -> bool:
        """
        Go on until nothing is left to happen.

        @return: False when something still waited after C{within} seconds.
        """
        limit = self.rightNow + within
        while self.step(limit):
            pass
        return not self.calls

    def waiting(self) -> list[str]:
        """Name what still waits to happen, for a message that complains of it."""
        return [
            f"{getattr(call.func, '__qualname__', call.func)} at {call.getTime():.3f}" for call in self.calls
        ]


class Timer:
    """A timer of somebody, which is forgotten when it has fired or was cancelled."""

    __slots__ = ("_call", "_delayed", "_timers")

    def __init__(
        self, clock: StandingClock, timers: set[Timer], seconds: float, call: Callable[[], None]
    ) -> None:
        """
        Call back after C{seconds}.

        @param timers: all that its owner has.
        """
        self._timers = timers
        self._call = call
        self._delayed = clock.callLater(seconds, self._fire)
        timers.add(self)

    def _fire(self) -> None:
        self._timers.discard(self)
        self._call()

    def cancel(self) -> None:
        """Forget it; without effect when it is over."""
        if self in self._timers:
            self._timers.discard(self)
            self._delayed.cancel()
