"""Calls are moved between two servers in random worlds; each has one owner and one record."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.moves import DeathPlay, MovePlay


class MoveTests(SynchronousTestCase):
    """A hundred worlds."""

    def test_worlds(self) -> None:
        """Phones notice nothing, whichever server they send to; no call has two owners, or two records."""
        said: list[str] = []
        failed = simulate(range(100), said.append, kind=MovePlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_deaths(self) -> None:
        """So it is where the servers are stopped and killed, and take the calls of each other."""
        said: list[str] = []
        failed = simulate(range(120), said.append, kind=DeathPlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_moved(self) -> None:
        """Calls are moved in these worlds, and some cannot be just then."""
        moved, others = 0, 0
        for seed in range(60):
            play = MovePlay(seed)
            play.run()
            moved += sum(said == ["moved"] for said in play.moved)
            others += sum(said != ["moved"] for said in play.moved)
        self.assertGreater(moved, 3)
        self.assertGreater(others, 5)
