"""Tests of L{b2bua.collector}: when what refers to itself is looked for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.collector import LONG, LOOK, OLDER, OVERDUE, QUIET, SETTLED, TOO_MANY, WORTH, Collector


class CollectorTests(SynchronousTestCase):
    """L{Collector}, with a clock and a heap that are what they are told to be."""

    def setUp(self) -> None:
        """It watches."""
        self.now = 100.0
        self.spent = 7.0
        self.counts = (0, 0, 0)
        self.collected: list[int] = []
        self.collector = Collector(
            lambda: self.now, spent=lambda: self.spent, counts=lambda: self.counts, collect=self._collect
        )

    def _collect(self, generation: int) -> None:
        self.collected.append(generation)
        self.spent += 10.0  # it takes its time

    def look(self, busy: float, *counts: int) -> list[int]:
        """What is collected when so much of a core was needed and the heap is like that."""
        self.now += LOOK
        self.spent += busy * LOOK
        self.counts = (counts[0], counts[1], counts[2])
        self.collected.clear()
        self.collector.look()
        return self.collected

    def test_quiet(self) -> None:
        """In a quiet moment what is new is collected, if it is worth it."""
        self.assertEqual(self.look(QUIET / 2, WORTH, 0, 0), [0])
        self.assertEqual(self.look(QUIET / 2, WORTH - 1, 0, 0), [])
        self.assertFalse(self.collector.busy)

    def test_busy(self) -> None:
        """While there is much to do it is left alone."""
        self.assertEqual(self.look(QUIET * 2, TOO_MANY - 1, 0, 0), [])
        self.assertTrue(self.collector.busy)

    def test_long(self) -> None:
        """Nobody waits for a long collection: after a storm most of what is new goes by itself."""
        self.assertEqual(self.look(0.0, LONG + 1, 0, 0), [])
        self.assertEqual(self.look(0.0, LONG, 0, 0), [0])

    def looks(self, busy: float, new: int) -> float:
        """How long it takes until so many are collected, if things stay as they are."""
        began = self.now
        while not self.look(busy, new, 0, 0):
            self.assertLess(self.now - began, 10 * OVERDUE)
        return self.now - began - LOOK

    def test_no_gap(self) -> None:
        """Whatever number there is, it is collected in the end, busy or not."""
        for new in (LONG + 1, TOO_MANY // 2, TOO_MANY - 1):
            self.assertEqual(self.looks(QUIET / 2, new), SETTLED)
            self.look(0.0, 0, 0, 0)
            self.assertEqual(self.looks(1.0, new), OVERDUE)
            self.look(0.0, 0, 0, 0)

    def test_went_by_itself(self) -> None:
        """What has become less in the meantime is counted from anew."""
        for _ in range(int(SETTLED) - 1):
            self.assertEqual(self.look(0.0, LONG + 1, 0, 0), [])
        self.look(1.0, LONG, 0, 0)
        self.assertEqual(self.looks(QUIET / 2, LONG + 1), SETTLED)

    def test_too_many(self) -> None:
        """What might fill the memory is collected at any time."""
        self.assertEqual(self.look(1.0, TOO_MANY, 0, 0), [0])

    def test_older(self) -> None:
        """What has outlived many collections is looked at less often."""
        self.assertEqual(self.look(0.0, WORTH, OLDER, 0), [1])
        self.assertEqual(self.look(0.0, WORTH, OLDER, OLDER), [2])
        self.assertEqual(self.look(0.0, WORTH, 0, OLDER), [0])

    def test_expected(self) -> None:
        """Upon request all is collected, once, in the next quiet moment, however little is new."""
        self.collector.expect()
        self.assertEqual(self.look(QUIET * 2, 0, 0, 0), [])
        self.assertEqual(self.look(QUIET / 2, 0, 0, 0), [2])
        self.assertEqual(self.look(QUIET / 2, 0, 0, 0), [])

    def test_own_work(self) -> None:
        """The time that a collection took does not make the next moment a busy one."""
        self.look(0.0, WORTH, 0, 0)
        self.assertEqual(self.look(QUIET / 2, WORTH, 0, 0), [0])
