"""Some random worlds in which people talk to the server; C{python -m tests.simulation.talking} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.depth import seeds
from tests.simulation.talking import Talking


class TalkingTests(SynchronousTestCase):
    """Whoever talks to the server goes on or hears an end, and no voice is left."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(10), said.append, kind=Talking), [], "\n".join(said))
