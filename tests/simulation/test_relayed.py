"""Some random worlds with relays and recordings; C{python -m tests.simulation.relayed} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import play, simulate
from tests.simulation.depth import seeds
from tests.simulation.relayed import Relayed


class RelayedTests(SynchronousTestCase):
    """Whoever talks is heard, whether a relay comes, goes or dies; no relay and no recording is left."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(15), said.append, kind=Relayed), [], "\n".join(said))

    def test_lost_before_the_answer(self) -> None:
        """Who was offered a relay that has died is shown another one as soon as there is an answer."""
        self.assertEqual(play(2440, kind=Relayed).complaint, "")

    def test_recall(self) -> None:
        """Whoever comes back from a transfer is not told once more that the call is recorded."""
        self.assertEqual(play(2210, kind=Relayed).complaint, "")

    def test_picked_up(self) -> None:
        """A caller is answered through a relay by who picks up, though the phone that rang needs none."""
        self.assertEqual(play(4140, kind=Relayed).complaint, "")
