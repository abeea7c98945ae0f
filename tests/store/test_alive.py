"""What a crash leaves of a call: L{b2bua.store.alive} and the records that were open."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.record import CallRecord, LegRecord
from b2bua.store.alive import EVERY, Alive, last_sign
from b2bua.store.journal import DELAY, Journal
from b2bua.store.memory import MemoryStore
from tests.registrar.support import FakeClock


class AliveTests(SynchronousTestCase):
    """A process gives a sign of life while it has calls."""

    def setUp(self) -> None:
        """No call."""
        self.layer = FakeClock()
        self.store = MemoryStore("one")
        self.calls = 0
        self.alive = Alive(Journal(self.store, self.layer), self.layer, lambda: bool(self.calls))

    def sign(self, node: str = "one") -> float:
        """The last sign that is kept."""
        return last_sign(self.successResultOf(self.store.load_settings()), node)

    def test_signs(self) -> None:
        """The time of day is kept every few seconds while there are calls, and then no more."""
        self.assertEqual(self.sign(), 0.0)
        self.calls = 1
        self.alive.call_goes_on()
        self.alive.call_goes_on()
        self.layer.clock.pump([EVERY] * 3 + [DELAY])
        seen = self.sign()
        self.assertEqual(seen, self.layer.wall() - DELAY)
        self.calls = 0
        self.layer.clock.pump([EVERY] * 3)
        self.assertEqual((self.sign(), self.layer.clock.getDelayedCalls()), (seen, []))

    def test_nodes(self) -> None:
        """Each node of a store has its own sign."""
        self.calls = 1
        self.alive.call_goes_on()
        self.layer.clock.pump([EVERY, DELAY])
        self.assertGreater(self.sign(), 0)
        self.assertEqual(self.sign("other"), 0.0)
        self.calls = 0
        self.layer.clock.advance(EVERY)


class CutTests(SynchronousTestCase):
    """The record of a call that a crash cut."""

    def record(self) -> CallRecord:
        """A call that was answered after 5 seconds."""
        legs = [LegRecord("1", "extension 101", True, 100.0, 105.0), LegRecord("2", "x", False, 100.5, 105.0)]
        return CallRecord("1", "extension 101", "102", 100.0, 105.0, status=200, legs=legs)

    def test_end(self) -> None:
        """It ends with the last sign of life; what it was answered with stays."""
        record = self.record()
        record.cut(130.0)
        self.assertEqual((record.ended, record.status, record.why), (130.0, 200, "crash"))
        self.assertEqual([(leg.ended, leg.why) for leg in record.legs], [(130.0, "crash")] * 2)

    def test_no_sign(self) -> None:
        """A call that is younger than that ends with what was recorded last."""
        record = self.record()
        record.legs.append(LegRecord("3", "x", False, 107.0, ended=108.0, why="bye"))
        record.cut(0.0)
        self.assertEqual(record.ended, 108.0)
        self.assertEqual(record.legs[2].why, "bye")
