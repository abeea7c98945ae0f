"""Two who talk are told something, which waits for the store, and for nothing else."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from b2bua.calls import tell_both
from b2bua.calls.operations.leg_waiter import Gone
from b2bua.testing import LadderTestCase, Manners, World


class TellingTests(LadderTestCase):
    """A store that is slow."""

    def test_hangs_up_meanwhile(self) -> None:
        """Who hangs up before the store has it ends the call at once; nothing is said later."""
        self.world = World()
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.2))
        alice.dial("bob")
        self.world.run(2)
        calls = self.world.served.server.core.calls
        slow: Deferred[None] = Deferred()
        calls.written = lambda: slow
        [call] = calls.going.values()

        async def words(talk: Any) -> None:
            await talk.play("words.wav")

        telling = Deferred.fromCoroutine(tell_both(call, words))
        self.world.run(0.5)
        self.assertNoResult(telling)
        alice.hang_up()
        self.world.run(1)
        self.assertEqual(bob.live, [])
        self.failureResultOf(telling, Gone)
        slow.callback(None)
        self.world.run(1)
        self.assertEqual(self.world.voices.played, [])
        self.quiet()
