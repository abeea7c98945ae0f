"""Some random worlds in which people park and pick up; C{python -m tests.simulation.parking} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import play, simulate
from tests.simulation.depth import seeds
from tests.simulation.parking import Parking


class ParkingTests(SynchronousTestCase):
    """Whoever waits, is taken or is rung by a feature talks or hears an end, and is shown as it is."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(25), said.append, kind=Parking), [], "\n".join(said))

    def test_answer_held_back(self) -> None:
        """A caller whose PRACK never comes does not wait for ever."""
        self.assertEqual(play(9015, kind=Parking).complaint, "")

    def test_hops(self) -> None:
        """Who was picked up is rung for with what is left of its own Max-Forwards (RFC 7332 section 5)."""
        self.assertEqual(play(5262, kind=Parking).complaint, "")
