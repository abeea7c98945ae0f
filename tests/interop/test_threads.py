"""
Features that ask something that blocks: in a thread, while calls go on.

kamailio#3125, #1916: fork and threads went against the interpreter; the server
died at its start, or threw exceptions out of C{threading}.
"""

from __future__ import annotations

from threading import Event, current_thread, main_thread
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from b2bua import hookimpl
from b2bua.calls import Attempt, Forward
from b2bua.testing import Manners, World
from tests.interop.processes import TIMEOUT


class Lookup:
    """Asks where Bob is, in a way that blocks."""

    def __init__(self) -> None:
        """Nobody has asked."""
        self.found = Event()
        """Set when the answer is there."""
        self.heard: list[Deferred[None]] = []
        self.in_thread: list[bool] = []

    @hookimpl
    def route_call(self, attempt: Attempt) -> Deferred[Forward] | None:
        """Send Bob's calls to where he is."""
        if attempt.user != "bob":
            return None
        answer = deferToThread(self._ask, attempt.user)
        heard: Deferred[None] = Deferred()
        self.heard.append(heard)

        def tell(result: Any) -> Any:
            reactor.callLater(0, heard.callback, None)  # after the server, which listens behind us
            return result

        return answer.addBoth(tell)

    def _ask(self, user: str) -> Forward:
        """Wait for it, as a driver of a database does."""
        self.in_thread.append(current_thread() is not main_thread())
        if not self.found.wait(60):
            raise TimeoutError(user)
        return Forward("carol")


class ThreadTests(TestCase):
    """A feature with a thread, in the simulated world: real is the thread only."""

    timeout = TIMEOUT

    def setUp(self) -> None:
        """Phones that answer, and the feature."""
        self.lookup = Lookup()
        self.addCleanup(self.lookup.found.set)
        self.world = World(features=[self.lookup])
        manners = Manners(answers_after=0.5)
        self.alice, self.bob, self.carol, self.dave, self.erin = self.world.phones(
            "alice", "bob", "carol", "dave", "erin", manners=manners
        )

    def others_talk(self) -> None:
        """A call of somebody else is set up, and ends, meanwhile."""
        self.dave.dial("erin")
        self.world.run(2)
        self.assertTrue(self.dave.talks_to(self.erin))
        self.dave.hang_up()
        self.world.run(0.5)

    async def test_answer(self) -> None:
        """The call waits for the thread, other calls do not, and what it says counts."""
        self.alice.dial("bob")
        self.world.run(1)
        self.others_talk()
        self.assertEqual(self.alice.talks_to(self.carol), False)
        self.lookup.found.set()
        await self.lookup.heard[0]
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assertEqual(self.lookup.in_thread, [True])
        self.alice.hang_up()
        self.world.quiet()

    async def test_hangs(self) -> None:
        """Bob rings when the thread is not back within the budget, and its late answer is nobody's."""
        self.alice.dial("bob")
        self.world.run(4)
        self.others_talk()
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.lookup.found.set()
        await self.lookup.heard[0]
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.assertEqual(self.carol.sessions, [])
        self.alice.hang_up()
        self.world.quiet()
