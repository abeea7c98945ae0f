"""The load of basic calls: how long it will take is said, and each figure with the rate it was taken at."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.load import QUICK, Bench, Scale
from bench.machine import line, machine
from bench.report import table
from bench.servers import ALL, Floor, Ours


class PlanTests(SynchronousTestCase):
    """How long it takes."""

    def test_whole(self) -> None:
        """All of it takes less than an hour, the part of it that only sees whether it runs some minutes."""
        seconds = sum(Bench(Scale(), Path(), ALL, spread=True).plan().values())
        self.assertLess(2400, seconds)
        self.assertLess(seconds, 3300)
        self.assertLess(sum(Bench(QUICK, Path(), ALL, spread=True).plan().values()), 400)

    def test_some(self) -> None:
        """Who is not measured takes no time."""
        floor = Bench(Scale(), Path(), [Floor], spread=True).plan()
        self.assertEqual([what for what, seconds in floor.items() if seconds], ["CPU time"])
        self.assertGreater(Bench(Scale(), Path(), [Ours], spread=True).plan()["highest rates"], 0)


class TableTests(SynchronousTestCase):
    """What was found, for people."""

    def test_rates(self) -> None:
        """CPU time that was not taken at the rate of all says at which."""
        servers = {
            "floor": {"note": "nothing", "cost": 300.0, "cost_at": 417},
            "sippy": {"note": "the other", "cost": 7300.2, "cost_at": 80},
        }
        found = {"machine": machine(), "scale": {"rate": 417}, "servers": servers}
        text = table(found)
        self.assertIn("| CPU µs a call at 417/s |", text)
        self.assertIn("| floor | 300 |", text)
        self.assertIn("| sippy | 7,300 (at 80/s) |", text)

    def test_machine(self) -> None:
        """What it ran on stands beneath: processor, system, interpreter and date."""
        said = line(machine())
        for what in ("processor: ", "system: Linux", "python: 3.", "date: 20"):
            self.assertIn(what, said)
