"""That what is measured of subscriptions is what it is called."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from bench.subscriptions import Watched


class SubscriptionsTests(SynchronousTestCase):
    """C{bench.subscriptions}, with small numbers."""

    def setUp(self) -> None:
        """Have the collector work again afterwards, which a measurement switches off."""
        self.addCleanup(gc.enable)
        self.addCleanup(gc.unfreeze)

    def test_told(self) -> None:
        """Every subscription is there, and each NOTIFY of the load was answered."""
        watched = Watched(300)
        self.assertEqual(len(watched.notifier), 300)
        self.assertGreater(watched.tell(500), 0)
        self.assertEqual(len(watched.notifier), 300)
        watched.pass_time(60)
        self.assertEqual(watched.server.runner.live, 0)

    def test_no_cycles(self) -> None:
        """What a NOTIFY leaves behind is freed at once, not when the collector comes."""
        watched = Watched(100)
        watched.tell(100)
        watched.pass_time(60)
        gc.collect()
        gc.disable()
        try:
            watched.tell(100)
            watched.pass_time(60)
            found = gc.collect()
        finally:
            gc.enable()
        self.assertLess(found, 100)
