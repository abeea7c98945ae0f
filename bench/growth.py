"""
Does a call cost more when there are many of them, or many phones, or plugins?

Measured in the process itself (see L{bench.call}), each figure in a process of
its own, by turns, since what stands in the memory of one run would be in the
way of the next::

    python -m bench.growth
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from b2bua.features.plugin import installed

HELD = (100, 1000, 10_000, 20_000)
BINDINGS = (100, 1000, 10_000, 100_000)


def cost(calls: int, *arguments: str) -> float:
    """Microseconds a call, in a process of its own."""
    command = [sys.executable, "-m", "bench.call", "--calls", str(calls), "--runs", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def medians(cases: Mapping[str, tuple[str, ...]], calls: int, runs: int) -> dict[str, float]:
    """Measure every case once, then all of them again."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):
        for name, arguments in cases.items():
            found[name].append(cost(calls, *arguments))
    return {name: statistics.median(values) for name, values in found.items()}


def everything(calls: int, runs: int, most: int) -> dict[str, Any]:
    """
    Measure all.

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
        "established calls": medians(held, calls, runs),
        "bindings": medians(bindings, calls, runs),
        "plugins": medians(plugins, calls, runs),
    }


def table(found: dict[str, Any]) -> str:
    """As Markdown."""
    lines = []
    for what in ("established calls", "bindings"):
        values = found[what]
        first = next(iter(values.values()))
        lines += ["", f"| {what} | µs a call | of the first |", "|---|---|---|"]
        lines += [f"| {name} | {value:.0f} | {value / first:.3f} |" for name, value in values.items()]
    values = found["plugins"]
    lines += ["", "| plugin alone | µs a call | more than none |", "|---|---|---|"]
    lines += [f"| {name} | {value:.0f} | {value - values['none']:+.0f} |" for name, value in values.items()]
    return "\n".join(lines).strip()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--write", action="store_true", help="write the tables into bench/README.md")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        found = everything(100, 1, 1000)
    else:
        found = everything(chosen.calls, chosen.runs, max(*HELD, *BINDINGS))
    print(table(found))
    if chosen.write:
        from bench import report

        report.write("growth", table(found))


if __name__ == "__main__":
    main()
