"""Some random worlds of everything at once; C{python -m tests.simulation.whole} plays more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import Play, play, simulate
from b2bua.testing.network import Packet
from tests.simulation.depth import seeds
from tests.simulation.whole import Whole, WholeCrash, WholeMove


class WholeTests(SynchronousTestCase):
    """Whatever comes together in a call, who is in it goes on or hears an end; nothing is left."""

    def test_some(self) -> None:
        """Some seeds."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(8), said.append, kind=Whole), [], "\n".join(said))

    def test_crashed(self) -> None:
        """Some in which the server crashes."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(8), said.append, kind=WholeCrash), [], "\n".join(said))

    def test_moved(self) -> None:
        """Some in which calls are moved between two servers."""
        said: list[str] = []
        self.assertEqual(simulate(seeds(5), said.append, kind=WholeMove), [], "\n".join(said))

    def test_recording_just_begun(self) -> None:
        """One that was begun just before a crash ends when the next process records the call anew."""
        self.assertEqual(play(150_000_077, kind=WholeCrash).complaint, "")

    def test_same_again(self) -> None:
        """The same seed gives the same world to the last byte, whatever else is in memory."""
        for kind, seed in ((WholeCrash, 938), (WholeCrash, 2), (WholeMove, 2), (Whole, 7)):
            self.assertEqual(packets(kind, seed), packets(kind, seed), f"{kind.__name__} {seed}")


def packets(kind: type[Play], seed: int) -> list[Packet]:
    """What goes over the network in a world."""
    scene = kind(seed)
    scene.run()
    return list(scene.world.network.log)
