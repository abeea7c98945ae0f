"""Writing behind: batches, waiting, and a store that fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, inlineCallbacks
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from b2bua.calls.records.record import CallRecord
from b2bua.registrar.bindings import Binding, Bindings
from b2bua.registrar.keeping import Keeper
from b2bua.store import journal as journals
from b2bua.store.journal import CLOSING, DELAY, GATHER, PATIENCE, Journal
from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Batch, Setting, StoreError
from b2bua.store.sql import SqlStore
from b2bua.transactions.flow import Flow
from tests.registrar.support import FakeClock

AOR = "101@pbx.example.com"


class SlowStore(MemoryStore):
    """A store that answers when a test lets it."""

    def __init__(self) -> None:
        """Hold everything back."""
        super().__init__()
        self.held: list[tuple[Deferred[None], Batch]] = []

    def write(self, batch: Batch) -> Deferred[None]:
        """Hold it back."""
        done: Deferred[None] = Deferred()
        self.held.append((done, batch))
        return done

    def let(self) -> Batch:
        """Write the oldest."""
        done, batch = self.held.pop(0)
        super().write(batch).chainDeferred(done)
        return batch

    def refuse(self) -> None:
        """Fail the oldest."""
        self.held.pop(0)[0].errback(StoreError("disk full"))


class JournalTests(SynchronousTestCase):
    """L{Journal} on a clock that goes when it is told to."""

    def setUp(self) -> None:
        """A store that answers at once."""
        self.layer = FakeClock()
        self.store = MemoryStore()
        self.journal = Journal(self.store, self.layer)
        self.logged: list[str] = []
        globalLogPublisher.addObserver(self._observe)
        self.addCleanup(globalLogPublisher.removeObserver, self._observe)

    def _observe(self, event: Any) -> None:
        if event.get("log_namespace", "").startswith("b2bua.store"):
            self.logged.append(event["log_format"].format(**event))

    def settings(self) -> list[Setting]:
        """What the store has."""
        failing, self.store.failing = self.store.failing, None
        found = list(self.successResultOf(self.store.load_settings()))
        self.store.failing = failing
        return found

    def slow(self) -> SlowStore:
        """Use a store that answers later."""
        store = SlowStore()
        self.store = store
        self.journal = Journal(store, self.layer)
        return store

    def test_batch(self) -> None:
        """Changes leave together, a fifth of a second after the first; only their last state is written."""
        for number in range(100):
            self.journal.setting("101", "forward", "busy", number)
        self.assertEqual((self.settings(), self.journal.health.waiting), ([], 1))
        self.layer.clock.advance(DELAY)
        self.assertEqual(self.settings(), [Setting("101", "forward", "busy", 99)])
        self.assertEqual((self.store.batches, self.layer.clock.getDelayedCalls()), (1, []))

    def test_wait(self) -> None:
        """Who waits is told when it is written, and the batch leaves at once with all there is."""
        self.journal.setting("", "x", "y", 1)
        done = self.journal.bindings(AOR, wait=True)
        assert done is not None
        self.successResultOf(done)
        self.assertEqual((len(self.settings()), self.layer.clock.getDelayedCalls()), (1, []))

    def test_written(self) -> None:
        """Who wants what was said so far to be there hears of it; with a store that fails nobody waits."""
        store = self.slow()
        for fails in (False, True):
            self.journal.snapshot("c1", "as it is")
            waiting = self.journal.written()
            self.assertNoResult(waiting)
            if fails:
                store.refuse()
            else:
                store.let()
            self.assertIsNone(self.successResultOf(waiting))
            self.layer.clock.advance(GATHER)
        self.assertIsNone(self.successResultOf(self.journal.written()))

    def test_one_at_a_time(self) -> None:
        """While a batch is under way the next one gathers; those who wait in it share it."""
        store = self.slow()
        waiters = [self.journal.bindings(f"{n}@x", wait=True) for n in range(3)]
        self.assertEqual(len(store.held), 1)
        self.assertEqual([aor for aor, _ in store.let().bindings], ["0@x"])
        self.layer.clock.advance(GATHER)
        self.assertEqual([aor for aor, _ in store.let().bindings], ["1@x", "2@x"])
        for waiter in waiters:
            assert waiter is not None
            self.successResultOf(waiter)

    def test_gather(self) -> None:
        """Of those who come one soon after the other the first is written at once, the others together."""
        first = self.journal.bindings("0@x", wait=True)
        assert first is not None
        self.successResultOf(first)
        self.journal.setting("", "x", "y", 1)  # nobody waits for it, and DELAY would do
        others = []
        for number in range(1, 6):
            self.layer.clock.advance(GATHER / 10)
            others.append(self.journal.bindings(f"{number}@x", wait=True))
        self.assertEqual(self.store.batches, 1)
        self.layer.clock.advance(GATHER / 2)
        self.assertEqual((self.store.batches, len(self.settings())), (2, 1))
        for other in others:
            assert other is not None
            self.successResultOf(other)
        self.layer.clock.advance(GATHER)
        late = self.journal.bindings("6@x", wait=True)
        assert late is not None
        self.successResultOf(late)
        self.assertEqual(self.layer.clock.getDelayedCalls(), [])

    def test_not_gathered(self) -> None:
        """Whoever wants all of it written now, at the end say, does not wait for others."""
        self.journal.bindings("0@x", wait=True)
        self.journal.bindings("1@x", wait=True)
        self.successResultOf(self.journal.flush())
        self.assertEqual((self.store.batches, self.layer.clock.getDelayedCalls()), (2, []))

    def test_failure(self) -> None:
        """Who waits hears of it; what failed is written later; people are told once."""
        self.store.failing = "disk full"
        self.journal.setting("", "x", "y", 1)
        done = self.journal.bindings(AOR, wait=True)
        assert done is not None
        self.failureResultOf(done, StoreError)
        self.assertEqual(self.journal.health.failing, "disk full")
        self.layer.clock.pump([1.0] * 120)
        self.assertEqual(
            self.logged, ["the store memory fails: disk full; calls go on, and it is tried again"]
        )
        self.assertIsNone(self.journal.bindings(AOR, wait=True), "nobody waits for a store that fails")
        self.store.failing = None
        self.layer.clock.pump([1.0] * 31)
        self.assertEqual(
            (self.settings(), self.journal.health[:4]), ([Setting("", "x", "y", 1)], ("", None, 0, 0))
        )
        self.assertEqual(self.logged[1:], ["the store memory works again"])
        self.assertEqual(self.layer.clock.getDelayedCalls(), [])

    def test_newer_wins(self) -> None:
        """What has changed since a batch failed is not undone by trying that batch again."""
        store = self.slow()
        self.journal.setting("", "x", "y", 1)
        self.journal.setting("", "x", "z", 1)
        self.layer.clock.advance(DELAY)
        self.journal.setting("", "x", "y", 2)
        store.refuse()
        self.layer.clock.advance(1.0)
        store.let()
        self.assertEqual(self.settings(), [Setting("", "x", "y", 2), Setting("", "x", "z", 1)])

    def test_back_off(self) -> None:
        """A store that goes on failing is tried less and less often, but at least every 30 seconds."""
        tried: list[float] = []

        def write(batch: Batch) -> Deferred[None]:
            tried.append(self.layer.now())
            return fail(StoreError("locked"))

        self.patch(self.store, "write", write)
        self.journal.setting("", "x", "y", 1)
        self.layer.clock.pump([0.5] * 240)
        gaps = [round(after - before, 1) for before, after in pairwise(tried)]
        self.assertEqual(gaps, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0])

    def test_poison(self) -> None:
        """A value that cannot be stored is refused when it is said, and keeps nothing else back."""
        for value in ({1, 2}, float("nan"), object()):
            self.assertRaises(StoreError, self.journal.setting, "", "x", "y", value)
        self.assertEqual(self.journal.health.waiting, 0)

    def test_bug(self) -> None:
        """A bug in a write is logged, and who waits for that batch hears of it like of a store that fails."""
        store = self.slow()
        self.journal.snapshot("c1", "as it is")
        waiting = self.journal.written()
        store.held.pop(0)[0].errback(ValueError("a bug"))
        self.assertIsNone(self.successResultOf(waiting))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_records(self) -> None:
        """A short call is written once; a long one first open, then ended."""
        short = CallRecord("1", "extension 101", "102", 0.0)
        self.journal.record(short)
        short.close(1.0, ())
        self.journal.record(short)
        long = CallRecord("2", "extension 101", "102", 0.0)
        self.journal.record(long)
        self.layer.clock.advance(DELAY)
        self.assertEqual([r.id for r in self.successResultOf(self.store.load_open())], ["2"])
        long.close(2.0, ("forward",))
        self.journal.record(long)
        self.layer.clock.advance(DELAY)
        found = {r.id: (r.ended, r.features) for r in self.successResultOf(self.store.find_records())}
        self.assertEqual(found, {"1": (1.0, ()), "2": (2.0, ("forward",))})

    def test_many(self) -> None:
        """A great many changes leave in several batches, one after the other."""
        self.patch(journals, "AT_ONCE", 10)
        for number in range(35):
            self.journal.snapshot(str(number), "{}")
        self.successResultOf(self.journal.flush())
        self.layer.clock.pump([DELAY] * 4)
        kept = self.successResultOf(self.store.load_snapshots())
        self.assertEqual((len(kept), self.store.batches), (35, 4))

    def test_whole(self) -> None:
        """Settings leave in one batch, however many: what a plugin commits is whole or not there."""
        self.patch(journals, "AT_ONCE", 10)
        for number in range(35):
            self.journal.setting("", "x", str(number), 1)
        self.successResultOf(self.journal.flush())
        self.assertEqual((len(self.settings()), self.store.batches), (35, 1))

    def test_records_without_end(self) -> None:
        """Records that a store does not take for days are given up at some point, and counted."""
        self.patch(journals, "RECORDS", 10)
        self.store.failing = "disk full"
        for number in range(15):
            self.journal.record(CallRecord(str(number), "extension 101", "102", float(number)))
        self.assertEqual((self.journal.health.waiting, self.journal.health.lost), (10, 5))
        self.store.failing = None
        self.layer.clock.advance(DELAY)
        found = [record.id for record in self.successResultOf(self.store.find_records())]
        self.assertEqual(sorted(found), ["10", "11", "12", "13", "14", "5", "6", "7", "8", "9"][:10])

    def test_close(self) -> None:
        """At the end everything is written, and no timer is left."""
        self.patch(journals, "AT_ONCE", 10)
        for number in range(35):
            self.journal.setting("", "x", str(number), 1)
        self.successResultOf(self.journal.close())
        self.assertEqual((len(self.settings()), self.layer.clock.getDelayedCalls()), (35, []))

    def test_close_while_failing(self) -> None:
        """A store that fails does not keep the service from ending; how much that costs is said."""
        self.store.failing = "disk full"
        self.journal.setting("", "x", "y", 1)
        self.successResultOf(self.journal.close())
        self.assertEqual(self.logged[-1], "1 change not stored")
        self.assertEqual(self.layer.clock.getDelayedCalls(), [])

    def test_no_answer(self) -> None:
        """A store that hangs fails: who waits hears it, nobody waits any more, and people are told once."""
        self.slow()
        waiting = self.journal.bindings(AOR, wait=True)
        assert waiting is not None
        self.layer.clock.advance(PATIENCE - 0.1)
        self.assertNoResult(waiting)
        self.layer.clock.advance(0.1)
        self.failureResultOf(waiting, StoreError)
        self.assertEqual(self.journal.health[:4], ("it does not answer", PATIENCE, 1, 0))
        self.assertIsNone(self.journal.bindings("102@x", wait=True))
        self.failureResultOf(self.journal.flush(), StoreError)
        self.layer.clock.advance(1000)
        self.assertEqual(len(self.logged), 1)
        self.assertEqual(len(self.store.held), 1)

    def test_answers_after_all(self) -> None:
        """When it answers after all, with yes or no, it goes on with what has come meanwhile."""
        for answered in (True, False):
            self.setUp()
            self.slow()
            self.journal.bindings(AOR)
            self.layer.clock.advance(DELAY)
            self.layer.clock.advance(PATIENCE)
            self.journal.bindings("102@x")
            self.store.let() if answered else self.store.refuse()
            self.layer.clock.advance(DELAY if answered else 1.0)
            (_, batch), *_ = self.store.held
            self.assertEqual([aor for aor, _ in batch.bindings], ["102@x"] if answered else [AOR, "102@x"])
            self.store.let()
            self.assertEqual(self.journal.health[:3], ("", None, 0))

    def test_close_without_answer(self) -> None:
        """A store that hangs keeps nobody from ending."""
        for late in (0.0, PATIENCE):
            self.setUp()
            self.slow()
            self.journal.bindings(AOR)
            self.layer.clock.advance(DELAY)
            self.layer.clock.advance(late)
            closed = self.journal.close()
            self.layer.clock.advance(CLOSING)
            self.successResultOf(closed)
            self.assertEqual(self.logged[-1], "1 change not stored")

    def test_flush_of_nothing(self) -> None:
        """There is nothing to wait for."""
        self.successResultOf(self.journal.flush())
        self.assertEqual(self.store.batches, 0)


class KeeperTests(SynchronousTestCase):
    """L{Keeper}: bindings over a restart."""

    def setUp(self) -> None:
        """The clock of the service is not the time of day."""
        self.layer = FakeClock()
        self.store = MemoryStore()
        self.bindings = Bindings(self.layer)
        self.journal = Journal(self.store, self.layer)
        self.keeper = Keeper(self.bindings, self.journal, self.layer)

    def bind(self, contact: str, transport: str = "UDP", remote: str = "192.0.2.101", **said: Any) -> Binding:
        """Bind a contact."""
        flow = Flow(transport, ("192.0.2.1", 5060), (remote, 5062), int(transport != "UDP"))
        made = Binding(AOR, contact, flow, self.layer.now() + 3600, "1@phone", 7, 500, **said)
        self.bindings.put(AOR, (*self.bindings.all(AOR), made))
        self.keeper.keep(AOR, wait=False)
        return made

    def restart(self, after: float = 0.0, **said: Any) -> tuple[Binding, ...]:
        """What there is after a restart, on another clock."""
        self.successResultOf(self.journal.flush())
        rows = self.successResultOf(self.store.load_bindings(self.layer.wall() + after))
        layer = FakeClock()
        layer.clock.advance(50)
        layer.late = self.layer.wall() + after - layer.now()
        bindings = Bindings(layer)
        keeper = Keeper(bindings, Journal(self.store, layer), layer)
        keeper.restore(rows, **said)
        return bindings.all(AOR)

    def test_as_it_was(self) -> None:
        """Everything of a binding comes back, its time of expiry translated."""
        made = self.bind(
            "sip:101@10.0.0.7", instance="urn:uuid:1", params=';methods="INVITE"', user_agent="Yealink",
            extra=(("MAC", "00:15"), ("Line", "1")), since=0.0,
        )  # fmt: skip
        (found,) = self.restart(after=600)
        self.assertEqual(found, made._replace(expires_at=50 + 3000, since=-550.0))
        (path,) = (made._replace(flow=None, path=("sip:p1;lr", "sip:p2;lr")),)
        self.bindings.put(AOR, (path,))
        self.keeper.keep(AOR, wait=False)
        self.assertEqual(self.restart()[0].path, path.path)

    def test_expired(self) -> None:
        """What expired meanwhile is not there."""
        self.bind("sip:101@192.0.2.101")
        self.assertEqual(self.restart(after=3600), ())

    def test_connections(self) -> None:
        """A phone on TCP is called anew where it listens; one behind NAT or in a browser cannot be."""
        self.bind("sip:a@192.0.2.101:5062;transport=tcp", "TCP")
        self.bind("sip:b@10.0.0.7:5062;transport=tcp", "TCP")
        self.bind("sip:c@x.invalid;transport=ws", "WS", remote="192.0.2.102")
        self.assertEqual(
            [(b.contact, b.flow) for b in self.restart()], [("sip:a@192.0.2.101:5062;transport=tcp", None)]
        )

    def test_lost_socket(self) -> None:
        """When we no longer have the socket, the phone is called where its Contact says."""
        self.bind("sip:101@192.0.2.101:5062")
        (found,) = self.restart(usable=lambda flow: False)
        self.assertIsNone(found.flow)

    def test_what_happens_without_register(self) -> None:
        """Contacts that expire or whose connection closes are removed from the store too."""
        made = self.bind("sip:a@192.0.2.101:5062;transport=tcp", "TCP")
        self.restart()
        assert made.flow is not None
        self.bindings.flow_lost(made.flow)
        self.assertEqual(self.restart(), ())


CHILD = """
import sys
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from b2bua.calls.records.record import CallRecord
from b2bua.registrar.bindings import Binding
from b2bua.store.journal import Journal
from b2bua.store.ports import BindingRow
from b2bua.store.sql import SqlStore

class Clock:
    now = staticmethod(reactor.seconds)
    @staticmethod
    def start(seconds, call):
        delayed = reactor.callLater(seconds, call)
        delayed.stop = lambda: delayed.active() and delayed.cancel()
        return delayed

store = SqlStore(sys.argv[1], reactor)
journal = Journal(store, Clock())
row = BindingRow("", "sip:x", 0, "", 2e9, 0.0, 1000, "", 1, "UDP", "127.0.0.1 1", "127.0.0.1 2", *[""] * 4)
journal.bindings_from(lambda aor: (row._replace(aor=aor),) * 2)
written = said = 0

def tell(upto):
    global said
    said = upto
    print(upto, flush=True)

def work():
    global written
    if written - said > 2000:
        return  # a slow disk is not to be outrun
    for _ in range(50):
        written += 1
        journal.setting("", "n", str(written), written)
        journal.record(CallRecord(str(written), "extension 101", "102", float(written)))
        journal.bindings(f"{written}@x")
    upto = written
    journal.flush().addCallback(lambda _: tell(upto))

store.open().addCallback(lambda _: LoopingCall(work).start(0.01))
reactor.run()
"""


class KillTests(TestCase):
    """kill -9 in the middle of writes."""

    timeout = 240

    @inlineCallbacks
    def test_everything_that_was_said_to_be_written(self) -> Generator[Deferred[Any], Any, None]:
        """After kill -9 the next start finds all that was said to be written, and no half batch."""
        from twisted.internet import reactor

        url = f"sqlite:///{Path(self.mktemp()).absolute()}"
        root = Path(__file__).resolve().parents[2]
        for _ in range(3):
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, url], stdout=subprocess.PIPE, text=True, cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
            )  # fmt: skip
            assert child.stdout is not None
            said = 0
            while said < 1000:
                said = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
            child.wait()
            child.stdout.close()
            said = max([said, *map(int, rest)])
            store = SqlStore(url, reactor)
            yield store.open()
            settings = yield store.load_settings()
            rows = yield store.load_bindings(0.0)
            records = yield store.load_open()
            yield store.close()
            self.assertGreaterEqual(len(settings), said)
            self.assertEqual(len(records), len(settings), "a batch is written whole or not at all")
            self.assertEqual(len(rows), 2 * len(settings))
            self.assertEqual({s.value for s in settings}, set(range(1, len(settings) + 1)))
