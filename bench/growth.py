"""
Does a call cost more when there are many of them, or many phones, or plugins?

Measured in the process itself (see L{bench.call}), each case in a process of its
own, since what stands in the memory of one would be in the way of the next.  They
are all there at once and take turns, a fraction of a second each, and what counts is
how a case does beside the first one in the same round: a busy machine is slow for both.

Where its memory happens to lie makes a process faster or slower by a few per cent for
as long as it lives.  So calls that are up and phones are measured in several sets of
processes, one set after the other, and the figure is the median of them::

    python -m bench.growth
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

from b2bua.features.plugin import installed
from bench.machine import line, machine

HELD = (100, 1000, 10_000, 20_000)
BINDINGS = (100, 1000, 10_000, 100_000)
SETS = 5
"""So many times all processes are made anew; odd, so that the median is one of them."""


class Case:
    """A process that measures when it is its turn."""

    def __init__(self, calls: int, arguments: tuple[str, ...]) -> None:
        """
        Have it set itself up.

        @param calls: how many it makes in a turn.
        """
        command = [sys.executable, "-m", "bench.call", "--calls", str(calls), *arguments, "--turns"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self) -> float:
        """Microseconds a call, now, or as soon as it is set up."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


class Cost(NamedTuple):
    """What a call costs in a case."""

    microseconds: float
    of_first: tuple[float, ...]
    """For each set of processes, the median of the ratios to the first case in the same round."""


def turns(cases: Mapping[str, tuple[str, ...]], calls: int, rounds: int) -> list[dict[str, float]]:
    """Measure every case once, then all of them again, in one set of processes."""
    with ExitStack() as stack:
        running = {name: Case(calls, arguments) for name, arguments in cases.items()}
        for case in running.values():
            stack.enter_context(case.process)
        for case in running.values():
            case.measure()  # the first turn warms up
        return [{name: case.measure() for name, case in running.items()} for _ in range(rounds)]


def costs(cases: Mapping[str, tuple[str, ...]], calls: int, rounds: int, sets: int = 1) -> dict[str, Cost]:
    """
    Measure the cases beside each other.

    @param rounds: the turns of a case in a set of processes.
    @param sets: how often the processes are made anew.
    """
    found = [turns(cases, calls, rounds) for _ in range(sets)]
    first = next(iter(cases))
    return {
        name: Cost(
            median(one[name] for rounds_ in found for one in rounds_),
            tuple(median(one[name] / one[first] for one in rounds_) for rounds_ in found),
        )
        for name in cases
    }


def everything(calls: int, rounds: int, sets: int, most: int) -> dict[str, dict[str, Cost]]:
    """
    Measure all.

    @param calls: those of one turn.
    @param most: leave out what holds more than this many calls or bindings.
    """
    held = {f"{n:,}": ("--held", str(n)) for n in HELD if n <= most}
    bindings = {f"{n:,}": ("--bindings", str(n)) for n in BINDINGS if n <= most}
    plugins = {
        "none": ("--plugins", "none"),
        **{source.name: ("--plugins", source.name) for source in installed()},
        "default": ("--plugins", "default"),
    }
    return {
        "established calls": costs(held, calls, rounds, sets),
        "bindings": costs(bindings, calls, rounds, sets),
        "plugins": costs(plugins, calls, rounds),
    }


def table(found: Mapping[str, Mapping[str, Cost]]) -> str:
    """As Markdown."""
    lines = []
    for what in ("established calls", "bindings"):
        lines += ["", f"| {what} | µs a call | of the first: median (least to most) |", "|---|---|---|"]
        for name, one in found[what].items():
            least, most = min(one.of_first), max(one.of_first)
            spread = f"{median(one.of_first):.3f} ({least:.3f} to {most:.3f})"
            lines.append(f"| {name} | {one.microseconds:.0f} | {spread} |")
    none = found["plugins"]["none"].microseconds
    lines += ["", "| plugin alone | µs a call | more than none |", "|---|---|---|"]
    for name, one in found["plugins"].items():
        lines.append(f"| {name} | {one.microseconds:.0f} | {(median(one.of_first) - 1) * none:+.0f} |")
    return "\n".join(lines).strip()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    parser.add_argument("--rounds", type=int, default=10, help="turns of a case in a set of processes")
    parser.add_argument("--sets", type=int, default=SETS, help="how often the processes are made anew")
    parser.add_argument("--calls", type=int, default=500, help="those of one turn")
    parser.add_argument("--write", action="store_true", help="write the tables into bench/README.md")
    chosen = parser.parse_args(arguments)
    on = machine()
    if chosen.quick:
        found = everything(100, 1, 1, 1000)
    else:
        found = everything(chosen.calls, chosen.rounds, chosen.sets, max(*HELD, *BINDINGS))
    said = f"{table(found)}\n\n{line(on)}"
    print(said)
    if chosen.write:
        from bench import report

        report.write("growth", said)


if __name__ == "__main__":
    main()
