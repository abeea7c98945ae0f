"""A process that has left its store writes through the one that has it."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.record import CallRecord
from b2bua.handover.belonging import Word
from b2bua.handover.store import RelayStore, write_down
from b2bua.store.journal import Journal
from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Snapshot, StoreError, TraceRow
from b2bua.testing import World


class RelayTests(SynchronousTestCase):
    """Two processes, and one store."""

    def setUp(self) -> None:
        """The old process says to the new one what it has to write."""
        world = World(server=False)
        self.store = MemoryStore()
        clock: Any = Ticking(world)
        self.new = Journal(self.store, clock)
        self.relay = RelayStore(self.say, "memory", "one")
        self.old = Journal(self.relay, clock)

    def say(self, word: Word) -> None:
        """It goes over as JSON."""
        write_down(self.new, json.loads(json.dumps(word)))

    def test_writes(self) -> None:
        """Records, settings and what is kept of calls arrive as they were."""
        record = CallRecord("c1", "extension 101", "102", 5.0)
        record.close(7.0, ())
        self.old.record(record)
        self.old.setting("101", "forward", "always", "102")
        self.old.snapshot("c2", "{}")
        self.old.trace(TraceRow("c1", 5.0, b"\x00\xff"))
        self.successResultOf(self.old.flush())
        self.successResultOf(self.new.flush())
        [found] = self.successResultOf(self.store.find_records())
        self.assertEqual(found.to_plain(), record.to_plain())
        self.assertEqual([s.value for s in self.successResultOf(self.store.load_settings())], ["102"])
        self.assertEqual(
            self.successResultOf(self.store.find_traces("c1")), [TraceRow("c1", 5.0, b"\x00\xff")]
        )
        self.assertEqual(self.successResultOf(self.store.load_snapshots()), [Snapshot("c2", "{}")])

    def test_reads_nothing(self) -> None:
        """Whoever looks something up hears who has the database."""
        for asked in (
            self.relay.load_bindings(0.0),
            self.relay.load_settings(),
            self.relay.load_open(),
            self.relay.find_records(),
            self.relay.drop_records(0.0),
            self.relay.load_snapshots(),
            self.relay.load_subscriptions(),
            self.relay.find_traces("c1"),
            self.relay.drop_traces(0.0, 0),
        ):
            failure = self.failureResultOf(asked, StoreError)  # type: ignore[arg-type]  # of any kind
            self.assertIn("another process", failure.getErrorMessage())
        for done in (self.relay.open(), self.relay.close()):
            self.assertIsNone(self.successResultOf(done))


class Ticking:
    """The clock of a world, as a journal asks it."""

    def __init__(self, world: World) -> None:
        """Go by it."""
        self._world = world

    def now(self) -> float:
        """The time."""
        return self._world.clock.seconds()

    wall = now

    def start(self, seconds: float, call: Any) -> Any:
        """Set a timer."""
        timer = self._world.clock.callLater(seconds, call)
        timer.stop = timer.cancel  # type: ignore[attr-defined]
        return timer
