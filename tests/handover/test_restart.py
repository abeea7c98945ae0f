"""In which order a process leaves its place to another one; L{tests.interop} does so with real processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.handover import restart
from b2bua.service.membership import Membership
from b2bua.service.sockets import Sockets
from b2bua.service.succession import Succession
from b2bua.store.memory import MemoryStore
from b2bua.testing import World

WAITS = 1.9
"""Seconds for which a call is on its way to another node."""


class Successor:
    """A new process that serves at once; it is its own channel."""

    pid = 4711

    def __init__(self, ended: Callable[[str], None]) -> None:
        """Let it begin."""
        self.channel = self
        self.lost: Callable[[], None]

    def start(self, reactor: object, descriptors: object) -> None:
        """It has started."""

    def wait_for(self, word: str) -> Deferred[Any]:
        """It has read its configuration."""
        return succeed({"say": word})

    def say(self, word: object) -> None:
        """It hears."""

    def hear_by(self, hear: object) -> None:
        """It says nothing."""

    def stand_still(self, word: str, seconds: float) -> bool:
        """It serves."""
        return True

    def kill(self) -> None:
        """It has not come to serve."""


class Steps:
    """What the service does with its sockets, and with its place among the nodes, in its order."""

    to_hand_down: tuple[int, ...] = ()
    is_alone = False

    def __init__(self, clock: Clock) -> None:
        """Nothing is done yet."""
        self._clock = clock
        self.done: list[str] = []

    async def settle(self) -> None:
        """A call is on its way to another node, which is stopped."""
        self.done.append("waits for the call")
        waiting: Deferred[None] = Deferred()
        self._clock.callLater(WAITS, waiting.callback, None)
        await waiting

    def stay(self) -> None:
        """Calls can be moved again."""
        self.done.append("stays")

    async def stand_by(self) -> None:
        """Nothing is read any more."""
        self.done.append("reads no more")

    async def leave(self, *, for_good: bool) -> None:
        """The other nodes are left."""
        self.done.append("leaves")


class RestartTests(SynchronousTestCase):
    """L{Succession.restart} of a service that moves a call to another node meanwhile."""

    def setUp(self) -> None:
        """Let there be a service."""
        self.patch(restart, "Successor", Successor)
        self.clock = Clock()
        self.steps = Steps(self.clock)
        self.store = MemoryStore()
        served = World(store=self.store).served
        assert served is not None and served.server.persistence is not None
        self.journal = served.server.persistence.journal
        sockets, membership = cast("Sockets", self.steps), cast("Membership", self.steps)
        succession = Succession(self.clock, {}, self.store, sockets, membership)
        self.restarted = Deferred.fromCoroutine(succession.restart(served.server, 30))

    def test_waits_first(self) -> None:
        """Phones are answered while it waits for what is on its way to a node that is stopped."""
        self.clock.advance(WAITS - 0.1)
        self.assertEqual(self.steps.done, ["waits for the call"])
        self.assertNoResult(self.restarted)
        self.clock.advance(0.1)
        self.assertEqual(self.steps.done, ["waits for the call", "reads no more", "leaves"])
        found = self.successResultOf(self.restarted)
        self.assertEqual((found.pid, found.silent_ms, found.problem), (Successor.pid, 0, ""))

    def test_store_fails(self) -> None:
        """When it does not leave after all, it has answered all the time, and moves calls as before."""
        self.journal.setting("alice", "forward", "always", "bob")
        self.store.failing = "no disk"
        self.clock.advance(WAITS)
        self.assertEqual(self.steps.done, ["waits for the call", "stays"])
        self.assertIn("no disk", self.successResultOf(self.restarted).problem)
