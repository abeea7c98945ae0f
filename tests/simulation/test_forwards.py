"""Some of the random worlds of forwards; C{python -m tests.simulation.forwards} plays as many as you like."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.forwards import Forwards


class ForwardsTests(SynchronousTestCase):
    """Whatever leads where, every call has an end and nothing is left."""

    def test_some(self) -> None:
        """A hundred seeds."""
        said: list[str] = []
        self.assertEqual(simulate(range(100), said.append, kind=Forwards), [], "\n".join(said))
