"""Some of the random worlds of forwards; C{python -m tests.simulation.forwards} plays as many as you like."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import play, simulate
from tests.simulation.depth import seeds
from tests.simulation.forwards import Forwards


class ForwardsTests(SynchronousTestCase):
    """Whatever leads where, every call has an end and nothing is left."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(25), said.append, kind=Forwards), [], "\n".join(said))


class OnceFailedTests(SynchronousTestCase):
    """Seeds that found something, kept by what they found."""

    def test_change_lost_with_its_connection(self) -> None:
        """A re-INVITE is lost with its connection before it was heard of: the next one takes it again."""
        self.assertEqual(play(63244, kind=Forwards).complaint, "")

    def test_number_of_a_late_bye(self) -> None:
        """A 2xx comes long after its CANCEL: the BYE has a number of its own, not that of the PRACK."""
        self.assertEqual(play(9301762, kind=Forwards).complaint, "")
