"""
How many instructions of the processor a basic call takes: a figure that no other program disturbs.

valgrind plays L{bench.call} twice with this interpreter, with fewer calls and with more; the
difference has neither the start nor the end in it::

    python -m bench.instructions                # some minutes
    python -m bench.instructions --whole        # with what is written about a call
    python -m bench.instructions --caches       # and how often memory is not in a cache

Figures are compared on one interpreter of one machine: its libraries choose their code by the processor.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FEWER, MORE = 400, 1400
MISSING = "valgrind is not installed, which counts the instructions: apt-get install valgrind"
COUNTS = {
    "instructions": re.compile(r"\bI +refs: +([\d,]+)"),
    "not in the first cache of code": re.compile(r"\bI1 +misses: +([\d,]+)"),
    "not in the first cache of data": re.compile(r"\bD1 +misses: +([\d,]+)"),
    "not in the last cache": re.compile(r"\bLL +misses: +([\d,]+)"),
}


class NotCounted(Exception):
    """Nothing was counted; the text says why, and what helps."""


def counts(said: str) -> dict[str, int]:
    """
    Read what valgrind says at its end.

    @raise NotCounted: if it has not counted.
    """
    found = {what: pattern.search(said) for what, pattern in COUNTS.items()}
    known = {what: int(match[1].replace(",", "")) for what, match in found.items() if match is not None}
    if "instructions" not in known:
        raise NotCounted(f"valgrind has counted nothing:\n{said[-2000:]}")
    return known


def each(fewer: Mapping[str, int], more: Mapping[str, int], calls: int) -> dict[str, float]:
    """
    Give what one call takes.

    @param calls: how many more the second run had.
    """
    return {what: (more[what] - fewer[what]) / calls for what in fewer if what in more}


def command(tool: str, calls: int, *, whole: bool, caches: bool) -> list[str]:
    """Say how it is started."""
    return [
        tool, "--tool=cachegrind", f"--cache-sim={'yes' if caches else 'no'}",
        "--cachegrind-out-file=/dev/null", sys.executable, "-m", "bench.call",
        "--calls", str(calls), "--runs", "1", *(["--whole"] if whole else []),
    ]  # fmt: skip


def count(fewer: int, more: int, *, whole: bool = False, caches: bool = False) -> dict[str, float]:
    """
    Count what one call takes, by runs of so many calls.

    @raise NotCounted: if there is no valgrind, or it fails.
    """
    tool = shutil.which("valgrind")
    if tool is None:
        raise NotCounted(MISSING)
    # The order of sets is the same in both runs.
    surroundings = {**os.environ, "PYTHONHASHSEED": "0"}
    found = []
    for calls in (fewer, more):
        run = subprocess.run(
            command(tool, calls, whole=whole, caches=caches),
            cwd=ROOT,
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise NotCounted(f"it failed under valgrind:\n{run.stderr[-2000:]}")
        found.append(counts(run.stderr))
    return each(found[0], found[1], more - fewer)


def main(arguments: list[str] | None = None) -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, nargs=2, default=(FEWER, MORE), metavar=("FEWER", "MORE"))
    parser.add_argument("--whole", action="store_true", help="with what is written about a call")
    parser.add_argument("--caches", action="store_true", help="and how often memory is not in a cache")
    chosen = parser.parse_args(arguments)
    fewer, more = chosen.calls
    if not 0 < fewer < more:
        parser.error("the second number of calls is the larger one")
    try:
        found = count(fewer, more, whole=chosen.whole, caches=chosen.caches)
    except NotCounted as error:
        raise SystemExit(str(error)) from None
    for what, times in found.items():
        print(f"{times:12,.0f}  {what} a call")


if __name__ == "__main__":
    main()
