"""A clock for tests of parts of the server: it goes when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from b2bua.clock import IClock, ITimer


@implementer(ITimer)
class FakeTimer:
    """A timer on the clock of a test."""

    def __init__(self, call: Any) -> None:
        """Take the call that L{Clock} made."""
        self._call = call

    def stop(self) -> None:
        """Forget it."""
        if self._call.active():
            self._call.cancel()


@implementer(IClock)
class FakeClock:
    """The clock of a server, on one that stands still."""

    moment = 0.0

    def __init__(self, clock: Clock | None = None) -> None:
        """Stand at 0."""
        self.clock = clock or Clock()
        self.late = 1_700_000_000.0
        """What the time of day is ahead."""

    def now(self) -> float:
        """Seconds."""
        return self.clock.seconds()

    def start(self, seconds: float, call: Callable[[], None]) -> ITimer:
        """Call back later."""
        return FakeTimer(self.clock.callLater(seconds, call))

    def wall(self) -> float:
        """The time of day."""
        return self.late + self.clock.seconds()
