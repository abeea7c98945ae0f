"""Some random worlds of conferences; C{python -m tests.simulation.conferring} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.conferring import Conferring
from tests.simulation.depth import seeds


class ConferringTests(SynchronousTestCase):
    """Whoever confers goes on or hears an end, and who watches knows who is there."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(8), said.append, kind=Conferring), [], "\n".join(said))
