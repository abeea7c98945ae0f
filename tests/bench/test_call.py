"""A basic call in the process itself: complete, and gone afterwards."""

from __future__ import annotations

import gc
import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from bench.call import Line

LINGER = 100.0
"""Seconds after which the last timer of a transaction has fired."""
HELD = 5600
"""Bytes of the objects of a call that is up, at most; the process needs more for it, as the bench says."""


class LineTests(SynchronousTestCase):
    """The server between a caller and a callee in memory."""

    def test_nothing_left(self) -> None:
        """Calls that are over leave no call, dialog or transaction, and a record each."""
        line = Line()
        line.basic(60)
        line.clock.run(LINGER)
        self.assertEqual(line.server.core.remains(), {"calls": 0, "dialogs": 0})
        self.assertEqual((line.server.runner.live, line.records), (0, 60))

    def test_established(self) -> None:
        """Calls that are up stay up when their transactions are over."""
        line = Line()
        calls = line.hold_up(20)
        line.clock.run(LINGER)
        self.assertEqual(line.server.core.remains(), {"calls": 20, "dialogs": 40})
        line.tear_down(calls)
        line.clock.run(LINGER)
        self.assertEqual(line.server.core.remains(), {"calls": 0, "dialogs": 0})

    def test_no_cycles(self) -> None:
        """
        What a call leaves behind is freed at once, not when the collector comes.

        With 20,000 calls a collection takes seconds in which nobody is answered.
        """
        line = Line()
        line.basic(50)
        line.clock.run(LINGER)
        gc.collect()
        gc.disable()
        try:
            line.basic(50)
            line.clock.run(LINGER)
            found = gc.collect()
        finally:
            gc.enable()
        self.assertLess(found, 50)

    def test_held(self) -> None:
        """A call that is up needs no more bytes of objects than it did."""
        line = Line()
        line.server.trace.bytes_max = 0
        line.basic(100)
        line.clock.run(LINGER)
        gc.collect()
        tracemalloc.start()
        try:
            line.hold_up(1000)
            line.clock.run(LINGER)
            gc.collect()
            each = tracemalloc.get_traced_memory()[0] / 1000
        finally:
            tracemalloc.stop()
        self.assertLess(each, HELD)
