"""Random worlds of phones that watch each other; "make simulate SEEDS=20000" plays many."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.depth import seeds
from tests.simulation.lamps import CrashedLamps, LampPlay


class LampsTests(SynchronousTestCase):
    """Whatever the seed draws, every lamp shows the truth when all is calm."""

    def test_seeds(self) -> None:
        """Some worlds."""
        said: list[str] = []
        failed = simulate(seeds(15), said.append, kind=LampPlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_crashed(self) -> None:
        """Some in which the server crashes."""
        said: list[str] = []
        failed = simulate(seeds(5), said.append, kind=CrashedLamps)
        self.assertEqual(failed, [], "\n".join(said))
