"""
The switch interval: how long the thread of calls is let alone while the thread of the store wants to work.

The service writes records in a thread of its own, and both take turns at the interpreter
(C{sys.setswitchinterval}). The same service under the same load with other intervals than Python's own, by
turns: CPU time a call, and how long an INVITE takes to pass::

    python -m bench.switching               # four minutes
    python -m bench.switching --write       # and keep the table
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import report
from bench.machine import line, machine
from bench.pace import Pair
from bench.servers import Ours, free_port

DEFAULT = 5.0
INTERVALS = (DEFAULT, 0.5, 20.0, 50.0)
"""Milliseconds; the first is Python's own, with which the others are compared."""
WARM = 10.0
"""Seconds of load before anything is counted: what lingers longer is the same with each."""


class Turn(NamedTuple):
    """What one turn of one interval gave."""

    cost: float
    """Microseconds of CPU time a call."""
    median: float
    """Milliseconds from INVITE in to INVITE out."""
    last: float
    """The 99th percentile of them."""


class Switching(Ours):
    """The service with another switch interval."""

    interval = DEFAULT

    def command(self) -> list[str]:
        """Start what C{twistd} starts, after the interval is set."""
        _, *arguments = super().command()
        begin = (
            f"import sys; sys.setswitchinterval({self.interval / 1000}); sys.argv[0] = 'twistd'; "
            "from twisted.scripts.twistd import run; run()"
        )
        return [sys.executable, "-c", begin, *arguments]


def turn(interval: float, rate: int, seconds: float, warm: float, place: Path) -> Turn:
    """Load a service for so long."""
    kind = type("Switched", (Switching,), {"interval": interval})
    cores = sorted(os.sched_getaffinity(0))
    server = kind(Path(tempfile.mkdtemp(dir=place)), cores[0], free_port())
    try:
        os.sched_setaffinity(0, {cores[-1]})
        pair = Pair(server.port, server.callee)
        try:
            pair.run(rate, max(1, int(rate * warm)))
            before = server.cpu()
            found = pair.run(rate, max(1, int(rate * seconds)))
            spent = server.cpu() - before
        finally:
            pair.close()
    finally:
        os.sched_setaffinity(0, cores)
        server.end()
    return Turn(spent / max(found.done, 1) * 1e6, found.at(0.5) * 1000, found.at(0.99) * 1000)


def text(found: Mapping[float, Sequence[Turn]], rate: int, on: Mapping[str, str]) -> str:
    """The figures as a table."""
    lines = [
        f"| switch interval | CPU µs a call at {rate}/s | × Python's own | INVITE passed: median | of 99 |",
        "|---|---|---|---|---|",
    ]
    usual = found[DEFAULT]
    for interval, turns in sorted(found.items()):
        ratios = [mine.cost / its.cost for mine, its in zip(turns, usual, strict=True)]
        beside = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        cost, median, last = (statistics.median(column) for column in zip(*turns, strict=True))
        lasts = [one.last for one in turns]
        own = ", Python's own" if interval == DEFAULT else ""
        passed = f"{median:.2f} ms | {last:.1f} ms ({min(lasts):.1f} to {max(lasts):.1f})"
        lines.append(f"| {interval:g} ms{own} | {cost:,.0f} | {beside} | {passed} |")
    said = {**on, "turns": str(len(usual))}
    return "\n".join([*lines, "", line(said)])


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each turn is")
    parser.add_argument("--runs", type=int, default=3, help="turns of each")
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the table")
    chosen = parser.parse_args(arguments)
    runs, seconds, warm = (1, 1.0, 1.0) if chosen.quick else (chosen.runs, chosen.seconds, WARM)
    on = machine()
    found: dict[float, list[Turn]] = {interval: [] for interval in INTERVALS}
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as place:
        for _ in range(runs):
            for interval, turns in found.items():
                turns.append(turn(interval, chosen.rate, seconds, warm, Path(place)))
                print(f"  {interval:g} ms: {turns[-1].cost:.0f} us a call", flush=True)
    said = text(found, chosen.rate, on)
    print(said)
    if chosen.write:
        report.write("switching", said)


if __name__ == "__main__":
    main()
