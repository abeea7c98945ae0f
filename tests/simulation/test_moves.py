"""Calls are moved between two servers in random worlds; each has one owner and one record."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.depth import one_of, seeds
from tests.simulation.move_table import SIZE, cells
from tests.simulation.moves import DeathPlay, MovePlay
from tests.simulation.tables import play, sample


class MoveTableTests(SynchronousTestCase):
    """A move as an event of the table of transfers; C{make tables} plays each cell."""

    def test_sample(self) -> None:
        """A transfer ends as it would have, whenever its calls are moved."""
        wrong = play(sample(cells(), one_of(167, 17))).wrong
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_size(self) -> None:
        """Each moment of each kind, with one call or both."""
        self.assertEqual(sum(1 for _ in cells()), SIZE)


class MoveTests(SynchronousTestCase):
    """Random worlds."""

    def test_worlds(self) -> None:
        """Phones notice nothing, whichever server they send to; no call has two owners, or two records."""
        said: list[str] = []
        failed = simulate(seeds(25), said.append, kind=MovePlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_deaths(self) -> None:
        """So it is where the servers are stopped and killed, and take the calls of each other."""
        said: list[str] = []
        failed = simulate(seeds(30), said.append, kind=DeathPlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_comes_again(self) -> None:
        """A request that comes once more, when its call has moved meanwhile, is answered as before."""
        self.assertEqual(simulate((88230565,), str, kind=MovePlay), [])

    def test_moved(self) -> None:
        """Calls are moved in these worlds, and some cannot be just then."""
        moved, others = 0, 0
        for seed in range(60):
            world = MovePlay(seed)
            world.run()
            moved += sum(said == ["moved"] for said in world.moved)
            others += sum(said != ["moved"] for said in world.moved)
        self.assertGreater(moved, 3)
        self.assertGreater(others, 5)
