"""The wheel, on a clock that stands still."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.wheel import Lapses, Timer, Wheel
from b2bua.testing.clock import StandingClock


class WheelTests(SynchronousTestCase):
    """L{Wheel}."""

    def setUp(self) -> None:
        """No timer is set."""
        self.clock = StandingClock()
        self.wheel = Wheel(self.clock)
        self.fired: list[tuple[float, object]] = []

    def note(self, what: object) -> None:
        """Keep what fired."""
        self.fired.append((self.clock.seconds(), what))

    def test_exact(self) -> None:
        """Times that are whole ticks are met exactly, whatever floating point makes of them."""
        times = [0.01, 0.07, 0.1, 0.29, 0.5, 0.58, 1.5, 3.5, 32.0, 64.35]
        for time in times:
            self.wheel.set(time, partial(self.note, time))
        self.clock.run_out()
        self.assertEqual([(round(at, 9), what) for at, what in self.fired], [(t, t) for t in times])

    def test_chain(self) -> None:
        """So are chains of them."""

        def again(count: int) -> None:
            self.note(count)
            if count:
                self.wheel.set(0.1, partial(again, count - 1))

        self.wheel.set(0.1, partial(again, 99))
        self.clock.run_out()
        self.assertEqual([round(at, 9) for at, _ in self.fired], [round(n / 10, 9) for n in range(1, 101)])

    def test_rounded_up(self) -> None:
        """What is no whole tick is rounded up: a timer never fires early."""
        self.wheel.set(0.003, partial(self.note, 1))
        self.clock.run(0.004)
        self.wheel.set(0.0061, partial(self.note, 2))
        self.clock.run_out()
        self.assertEqual(self.fired, [(0.01, 1), (0.02, 2)])

    def test_behind(self) -> None:
        """It knows by how much the reactor is behind."""
        self.assertEqual(self.wheel.late, 0)
        self.wheel.set(1.0, partial(self.note, 1))
        self.clock.rightNow = 0.9
        self.assertEqual(self.wheel.late, 0)
        self.clock.rightNow = 1.3
        self.assertAlmostEqual(self.wheel.late, 0.3)
        self.clock.run_out()
        self.assertEqual(self.wheel.late, 0)

    def test_epoch(self) -> None:
        """A clock that counts since 1970 changes nothing."""
        self.clock.rightNow = 1_790_000_000.123
        wheel = Wheel(self.clock)
        began = self.clock.seconds()
        for time in (0.5, 1.5, 32.0):
            wheel.set(time, partial(self.note, time))
        self.clock.run_out()
        self.assertEqual([round(at - began, 5) for at, _ in self.fired], [0.5, 1.5, 32.0])

    def test_one_timer(self) -> None:
        """The reactor has one timer at most, set for the earliest; without ours it finds nothing to do."""
        later = self.wheel.set(2, partial(self.note, None))
        sooner = self.wheel.set(1, partial(self.note, None))
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [1])
        sooner.stop()
        sooner.stop()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        later.stop()
        self.assertEqual((len(self.wheel), len(self.clock.getDelayedCalls())), (0, 1))
        self.clock.run(1)
        self.assertEqual((self.clock.getDelayedCalls(), self.wheel._heap, self.fired), ([], [], []))

    def test_clear(self) -> None:
        """When all of them are stopped at once, the reactor's goes too, and others can be set."""
        for time in (1, 2):
            self.wheel.set(time, partial(self.note, time))
        self.wheel.clear()
        self.assertEqual((len(self.wheel), self.clock.getDelayedCalls()), (0, []))
        self.wheel.set(3, partial(self.note, 3))
        self.clock.run_out()
        self.assertEqual(self.fired, [(3, 3)])

    def test_order(self) -> None:
        """Timers of one tick fire in the order in which they were set."""
        for number in range(5):
            self.wheel.set(0.5, partial(self.note, number))
        self.clock.run_out()
        self.assertEqual([what for _, what in self.fired], [0, 1, 2, 3, 4])

    def test_stopped_by_another(self) -> None:
        """A timer can stop another one of the same tick."""
        timers: list[Timer] = []
        self.wheel.set(1, lambda: timers[0].stop())
        timers.append(self.wheel.set(1, partial(self.note, None)))
        self.wheel.set(1, partial(self.note, "last"))
        self.clock.run_out()
        self.assertEqual(self.fired, [(1, "last")])

    def test_at_once(self) -> None:
        """Zero seconds means soon, but not within what is being done, nor for ever."""

        def again(count: int) -> None:
            self.note(count)
            if count:
                self.wheel.set(0, partial(again, count - 1))

        self.wheel.set(0, partial(again, 3))
        self.assertEqual(self.fired, [])
        self.clock.run_out()
        self.assertEqual([what for _, what in self.fired], [3, 2, 1, 0])

    def test_late(self) -> None:
        """A reactor that was busy fires all that is due, in the order of time."""
        clock = Clock()
        wheel = Wheel(clock)
        for time in (3, 1, 2):
            wheel.set(time, partial(self.fired.append, (0, time)))
        clock.advance(10)
        self.assertEqual([what for _, what in self.fired], [1, 2, 3])

    def test_bug(self) -> None:
        """A timer that fails does not keep the others from firing."""

        def fail() -> None:
            raise ZeroDivisionError

        self.wheel.set(1, fail)
        self.wheel.set(1, partial(self.note, "other"))
        self.clock.run_out()
        self.assertEqual(self.fired, [(1, "other")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cleared_while_behind(self) -> None:
        """A timer that stops all stops also those that are due with it, and none that is set afterwards."""
        clock = Clock()
        wheel = Wheel(clock)
        fired: list[str] = []

        def end() -> None:
            fired.append("end")
            wheel.clear()
            wheel.set(1, partial(fired.append, "new"))

        for at, call in ((1.0, partial(fired.append, "before")), (1.0, end)):
            wheel.set(at, call)
        for seconds in (1.0, 1.5, 2.0, 200.0):
            wheel.set(seconds, partial(fired.append, "late"))
        clock.advance(2)
        self.assertEqual((fired, len(wheel)), (["before", "end"], 1))
        clock.pump([1.0] * 300)
        self.assertEqual((fired, clock.getDelayedCalls()), (["before", "end", "new"], []))

    def test_lapses(self) -> None:
        """What waits to be forgotten is so at its tick; all that has the same one is one timer."""
        forgotten: list[tuple[float, list[Hashable]]] = []
        lapses = Lapses(self.wheel, lambda keys: forgotten.append((self.clock.seconds(), keys)))
        for key, seconds in (("a", 32.0), ("b", 32.0), ("c", 5.0), ("d", 31.996)):
            lapses.add(key, seconds)
        self.assertEqual(len(self.wheel), 2)
        self.clock.run_out()
        self.assertEqual(forgotten, [(5.0, ["c"]), (32.0, ["a", "b", "d"])])
        lapses.add("e", 1.0)
        lapses.clear()
        self.clock.run_out()
        self.assertEqual((len(forgotten), len(self.wheel)), (2, 0))

    def test_no_scan(self) -> None:
        """Ticks without timers are not visited, however far away the next one is."""
        self.wheel.set(1_000_000, partial(self.note, None))
        self.clock.run_out()
        self.assertEqual([at for at, _ in self.fired], [1_000_000])

    def test_memory(self) -> None:
        """Timers that are stopped leave nothing: neither themselves nor their ticks."""
        self.wheel.set(5000, partial(self.note, None))
        for number in range(20_000):
            self.wheel.set(1 + number * 0.02, partial(self.note, None)).stop()
        self.assertEqual(len(self.wheel), 1)
        self.assertLess(len(self.wheel._heap), 200)

    def test_near(self) -> None:
        """A near tick that has lost its timers serves again, or is passed over; so is the first one."""
        far = self.wheel.set(9.0, partial(self.note, 9))
        for _ in range(2):
            self.wheel.set(0.5, partial(self.note, 1)).stop()
            self.wheel.set(0.7, partial(self.note, 1)).stop()
        again = self.wheel.set(0.5, partial(self.note, 2))
        self.assertEqual((len(self.wheel), len(self.wheel._heap)), (2, 3))
        self.clock.run(0.6)
        self.assertEqual((self.fired, self.wheel._heap), ([(0.5, 2)], [900]))
        again.stop()
        far.stop()
        self.wheel.set(0.1, partial(self.note, 3)).stop()
        self.clock.run_out()
        self.assertEqual((self.fired, len(self.wheel), self.wheel._heap), ([(0.5, 2)], 0, []))

    def test_stopped_while_behind(self) -> None:
        """What is stopped while all that was due fires takes nothing along that is set meanwhile."""
        clock = Clock()
        wheel = Wheel(clock)
        fired: list[str] = []
        last = wheel.set(5, partial(fired.append, "last"))
        wheel.set(1, last.stop)
        wheel.set(4, lambda: wheel.set(0, partial(fired.append, "new")))
        clock.advance(5)
        clock.advance(0.01)
        self.assertEqual((fired, len(wheel), clock.getDelayedCalls()), (["new"], 0, []))

    def test_earlier_while_behind(self) -> None:
        """Nor does it take what has been put meanwhile at a tick that is over for long, or at its own one."""
        clock = Clock()
        wheel = Wheel(clock)
        fired: list[str] = []

        def put() -> None:
            for tick in (200, 500):
                timer = Timer()
                timer.call = partial(fired.append, str(tick))
                wheel.put(timer, tick)

        last = wheel.set(5, partial(fired.append, "last"))
        wheel.set(1, put)
        wheel.set(4, last.stop)
        clock.advance(10)
        clock.advance(0)
        self.assertEqual((fired, len(wheel), clock.getDelayedCalls()), (["200", "500"], 0, []))

    @settings(deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=60))
    def test_any(self, wanted: list[tuple[int, bool]]) -> None:
        """Every timer that is not stopped fires once, at its time; no other one does."""
        self.setUp()
        timers = [self.wheel.set(ticks / 100, partial(self.note, (ticks, stop))) for ticks, stop in wanted]
        for timer, (_, stop) in zip(timers, wanted, strict=True):
            if stop:
                timer.stop()
        self.clock.run_out()
        expected = sorted(ticks for ticks, stop in wanted if not stop)
        self.assertEqual([round(at * 100, 6) for at, _ in self.fired], expected)
        self.assertEqual(self.clock.getDelayedCalls(), [])
