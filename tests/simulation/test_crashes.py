"""The server crashes in random worlds; nobody is left in a call of which nobody knows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.crash_table import SMALL, cells, play
from tests.simulation.crashes import CrashPlay


class CrashTests(SynchronousTestCase):
    """Two hundred worlds."""

    def test_worlds(self) -> None:
        """Whoever talks still does after a crash, or is told; each call has one record."""
        said: list[str] = []
        failed = simulate(range(200), said.append, kind=CrashPlay)
        self.assertEqual(failed, [], "\n".join(said))


class CrashTableTests(SynchronousTestCase):
    """A crash as an event of the tables; C{make test-all} plays each cell."""

    def test_sample(self) -> None:
        """Whoever talks still does after a crash in the midst of something, or is told; lamps are true."""
        played, wrong = play(SMALL)
        self.assertGreater(played, 70)
        if wrong:
            self.fail(f"{len(wrong)} of {played} cells are wrong; the first is\n{wrong[0]}")

    def test_size(self) -> None:
        """Each moment of each transfer and operation, each state with each event; three ways to die."""
        self.assertEqual(sum(1 for _ in cells()), 1776)
