"""The server crashes in random worlds; nobody is left in a call of which nobody knows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.crashes import CrashPlay


class CrashTests(SynchronousTestCase):
    """Some hundred worlds."""

    def test_worlds(self) -> None:
        """Whoever talks still does after a crash, or is told; each call has one record."""
        said: list[str] = []
        failed = simulate(range(400), said.append, kind=CrashPlay)
        self.assertEqual(failed, [], "\n".join(said))
