"""The server of an office crashes in random worlds; L{tests.simulation.office_crashes} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.depth import seeds
from tests.simulation.office_crashes import OfficeCrash


class OfficeCrashTests(SynchronousTestCase):
    """Whoever is parked or waits for an agent does so afterwards, or is told."""

    def test_some(self) -> None:
        """Some seeds: a voice outlived its server; somebody is held, or adds an m-line as they wait."""
        said: list[str] = []
        some = [*seeds(10), 59, 279, 160000196]
        self.assertEqual(simulate(some, said.append, kind=OfficeCrash), [], "\n".join(said))
