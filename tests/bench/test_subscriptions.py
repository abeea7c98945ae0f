"""That what is measured of subscriptions is what it is called."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.subscriptions import Watched


class SubscriptionsTests(SynchronousTestCase):
    """C{bench.subscriptions}, with small numbers."""

    def test_told(self) -> None:
        """Every subscription is there, and each NOTIFY of the load was answered."""
        watched = Watched(300)
        self.assertEqual(len(watched.notifier), 300)
        self.assertGreater(watched.tell(500), 0)
        self.assertEqual(len(watched.notifier), 300)
        watched.pass_time(60)
        self.assertEqual(watched.server.runner.live, 0)
