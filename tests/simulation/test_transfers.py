"""Some random worlds of transfers; C{python -m tests.simulation.transfers} plays as many as you like."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import Play, play, simulate
from tests.simulation.depth import seeds
from tests.simulation.transfers import Mixed, Transfers


class TransfersTests(SynchronousTestCase):
    """Whoever transfers whom, and whoever leaves meanwhile, everybody talks or hears an end."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(15), said.append, kind=Transfers), [], "\n".join(said))

    def test_mixed(self) -> None:
        """Some seeds with forwards, groups and searches among the transfers."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(13), said.append, kind=Mixed), [], "\n".join(said))


class OnceFailedTests(SynchronousTestCase):
    """
    Seeds that found something, kept by what they found.

    What a seed draws changes with the generator; these are here so that what
    they draw now goes on to work.
    """

    def check(self, seed: int, kind: type[Play] = Transfers) -> None:
        """Play one of them."""
        self.assertEqual(play(seed, kind=kind).complaint, "")

    def test_before_the_answer(self) -> None:
        """A REFER comes before the ACK that brings the answer to a late offer."""
        self.check(202444)

    def test_overtaken_bye(self) -> None:
        """A NOTIFY overtakes the BYE, which the phone then refuses as out of order."""
        self.check(103078)

    def test_cancel_leaves_late(self) -> None:
        """Half a minute goes by before a CANCEL can leave; the answer that crosses it is met all the same."""
        self.check(5003181)

    def test_refer_overtakes_answer(self) -> None:
        """A REFER comes in what is still an early dialog, which the call must not lose with it."""
        self.check(5015341)

    def test_waits_again(self) -> None:
        """What was to wait a second has a billionth of it left when its timer fires, and waited for ever."""
        self.check(8300784, Mixed)

    def test_overtakes_the_answer(self) -> None:
        """A SUBSCRIBE overtakes the 2xx, and is refused otherwise when it comes again, within the dialog."""
        self.check(9009676)

    def test_newer_change_waits(self) -> None:
        """A change that met glare took the place of a newer one that waited for it, which was never made."""
        self.check(420060)
