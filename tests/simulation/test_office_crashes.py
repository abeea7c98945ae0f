"""The server of an office crashes in random worlds; L{tests.simulation.office_crashes} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.office_crashes import OfficeCrash


class OfficeCrashTests(SynchronousTestCase):
    """Whoever is parked or waits for an agent does so afterwards, or is told."""

    def test_some(self) -> None:
        """Forty seeds, one in which a voice outlived its server, and one where somebody is held meanwhile."""
        said: list[str] = []
        seeds = [*range(40), 59, 279]
        self.assertEqual(simulate(seeds, said.append, kind=OfficeCrash), [], "\n".join(said))
