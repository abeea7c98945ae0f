"""Is an engine there, and what does it still have to be told?"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.ports import RelayHappened
from b2bua.media.rtpengine.engine import OWED_SECONDS
from tests.media.rtpengine.simulated import Site


class Call:
    """A call with media at an engine."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.looks = self.losses = 0

    def looked(self, reply: dict[str, Any]) -> None:
        """Count."""
        self.looks += 1

    def lost(self) -> None:
        """Count."""
        self.losses += 1

    def happened(self, happened: RelayHappened) -> None:
        """Not told of anything here."""


class EngineTests(SynchronousTestCase):
    """L{Engine}."""

    def setUp(self) -> None:
        """Have one that runs."""
        self.site = Site()
        self.simulated, self.engine = self.site.engines[0], self.site.set.engines[0]

    def call(self, id: str = "c") -> Call:
        """A call that the engine knows."""
        call = Call()
        self.simulated.calls[id] = {}
        self.engine.take(id, call)
        return call

    def test_there(self) -> None:
        """One that answers is there, and stays there while single pings are lost."""
        self.assertTrue(self.engine.alive)
        self.simulated.lose = 2
        self.site.run(10)
        self.assertTrue(self.engine.alive)

    def test_dies(self) -> None:
        """When nobody listens at its port any more it is gone within five seconds; a call hears it once."""
        call = self.call()
        self.simulated.die()
        self.site.run(5)
        self.assertIs(self.engine.alive, False)
        self.site.run(60)
        self.assertEqual((call.losses, len(self.engine.calls)), (1, 0))

    def test_silent(self) -> None:
        """When its host is gone, and nobody says so, it takes eight seconds at most."""
        call = self.call()
        self.simulated.reachable = False
        self.site.run(8)
        self.assertIs(self.engine.alive, False)
        self.assertEqual(call.losses, 1)

    def test_comes_again(self) -> None:
        """It is there again with the first ping that it answers."""
        self.simulated.runs = False
        self.site.run(10)
        self.simulated.runs = True
        self.site.run(3.1)
        self.assertTrue(self.engine.alive)

    def test_started_anew(self) -> None:
        """One that has started anew between two pings does not know its calls any more: they hear so."""
        call = self.call()
        self.simulated.calls.clear()
        self.site.run(10.5)
        self.assertEqual(call.losses, 1)
        self.assertTrue(self.engine.alive)

    def test_looks(self) -> None:
        """A call is looked at every ten seconds; a look that has no reply says nothing of the call."""
        call = self.call()
        self.site.run(20.5)
        self.assertEqual(call.looks, 2)
        self.site.run(9)
        self.simulated.reachable = False
        self.site.run(3.5)
        self.simulated.reachable = True
        self.site.run(20)
        self.assertEqual((call.losses, self.engine.alive), (0, True))
        self.assertGreater(call.looks, 2)

    def test_end(self) -> None:
        """A call's end is told at once, without a delay (rtpengine would keep its ports for 30 s)."""
        self.call()
        self.engine.end("c")
        self.site.run(0.1)
        (told,) = self.simulated.commands("delete")
        self.assertEqual((told["call-id"], told["delete delay"]), ("c", 0))
        self.assertEqual((self.simulated.calls, len(self.engine.owed)), ({}, 0))

    def test_end_while_away(self) -> None:
        """The end of a call whose engine is out of reach is told when it is there again."""
        self.call()
        self.simulated.reachable = False
        self.engine.end("c")
        self.site.run(60)
        self.assertIn("c", self.simulated.calls)
        self.simulated.reachable = True
        self.site.run(4)
        self.assertEqual((self.simulated.calls, len(self.engine.owed)), ({}, 0))

    def test_lost_and_found(self) -> None:
        """An engine that was out of reach lets go of the calls that have gone on without it."""
        self.call()
        self.simulated.reachable = False
        self.site.run(20)
        self.simulated.reachable = True
        self.site.run(4)
        self.assertEqual(self.simulated.calls, {})

    def test_owed_bounds(self) -> None:
        """What it has to be told is forgotten after an hour, and of very many calls the oldest ones."""
        self.simulated.reachable = False
        self.site.run(20)
        for number in range(10_050):
            self.engine.end(str(number))
        self.assertEqual(len(self.engine.owed), 10_000)
        self.assertNotIn("0", self.engine.owed)
        self.site.clock.advance(OWED_SECONDS)
        self.simulated.reachable = True
        self.site.run(3.2 * 10_000 / 50)
        self.assertEqual((len(self.engine.owed), self.simulated.commands("delete")), (0, []))

    def test_stop(self) -> None:
        """At the end of the service nothing runs on, and no call is told."""
        call = self.call()
        self.site.set.stop()
        self.assertEqual((self.site.clock.getDelayedCalls(), call.losses), ([], 0))
