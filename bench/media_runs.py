"""What the benches of media have in common: runs, plain and recorded; the least disturbed is kept."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from bench.machine import line, machine
from bench.report import FIGURES, write

BAR = 1.0
"""So many per cent of packets may be late or lost."""

Figures = dict[str, Any]


def main(
    name: str,
    doc: str | None,
    what: tuple[str, int, int],
    measure: Callable[[int, float, bool], Awaitable[Figures]],
    text: Callable[[Figures], str],
    bad: str,
    disturbed: Callable[[Figures], Any],
) -> None:
    """
    Measure as the command line says; ends with 1 if that is not good enough.

    @param name: that of the bench, of its figures, and of its place in the page.
    @param what: of what there are many, how many by default, and how many with C{--quick}.
    @param measure: takes how many, for how many seconds, and whether they are recorded.
    @param bad: the figure that L{BAR} is for.
    @param disturbed: how much a run was disturbed by the machine, to find the one that is kept.
    """
    noun, many, few = what
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=doc)
    parser.add_argument(f"--{noun}", dest="many", type=int, default=many)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="record all of them only")
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    many, seconds, runs = (few, 1.0, 1) if wanted.quick else (wanted.many, wanted.seconds, wanted.runs)
    best: list[Figures] = []
    on = machine()

    async def run() -> None:
        for record in (True,) if wanted.record else (False, True):
            found = [await measure(many, seconds, record) for _ in range(runs)]
            print(*map(text, found), sep="\n", flush=True)
            best.append(min(found, key=disturbed))

    try:
        react(lambda _: Deferred.fromCoroutine(run()))
    except SystemExit as over:
        if over.code:
            raise
    if wanted.write:
        FIGURES.mkdir(exist_ok=True)
        (FIGURES / f"{name}.json").write_text(json.dumps(best, indent=1) + "\n")
        write(name, "\n".join([*(f"- {text(one)}" for one in best), "", line(on)]))
    sys.exit(not wanted.quick and any(one[bad] >= BAR for one in best))
