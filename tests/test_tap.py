"""C{twistd b2bua}: what is done before there is a service."""

from __future__ import annotations

import time

from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from b2bua.tap import go_steadily


class SteadyTests(SynchronousTestCase):
    """A reactor that goes by a clock that nobody sets."""

    def setUp(self) -> None:
        """A reactor of our own, not running, on a clock in our hands."""
        self.reactor = SelectReactor()
        self.addCleanup(self.reactor.removeAll)
        self.seconds = 1000.0
        self.called: list[float] = []

    def call(self) -> None:
        """Note when it was called."""
        self.called.append(self.seconds)

    def test_timers(self) -> None:
        """Timers are set, waited for and fired by that clock and by no other."""
        go_steadily(self.reactor, lambda: self.seconds)
        timer = self.reactor.callLater(10, self.call)
        self.assertEqual((self.reactor.seconds(), timer.getTime()), (1000.0, 1010.0))
        self.assertEqual(self.reactor.timeout(), 10)
        for self.seconds in (1009.0, 1010.0):
            self.reactor.runUntilCurrent()
        self.assertEqual(self.called, [1010.0])

    def test_not_the_time_of_day(self) -> None:
        """It is the monotonic clock, which setting the time does not move."""
        go_steadily(self.reactor)
        self.assertIs(self.reactor.seconds, time.monotonic)
