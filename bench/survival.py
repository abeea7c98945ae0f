"""
What it costs that calls outlive the process, and how long a start takes that restores them.

Calls ring for a second, are up for five, and end; the same with C{survive} on and
off, by turns, with a store in memory, so that the figures are those of our own code::

    python -m bench.survival        # microseconds, functions and bytes a call, seconds to restore 20,000
    python -m bench.survival --calls 500 --held 2000

What is to be reached: at most 10 % more CPU a call, at most 1 KiB more memory
an established call, and 20,000 calls restored in less than 5 s.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

from b2bua import collector
from b2bua.store.memory import MemoryStore
from bench.call import Line, _batches
from bench.count import Counted

RINGS, TALKS = 1.0, 5.0


class Life(Line):
    """A line whose calls last long enough to be written."""

    def lives(self, count: int) -> float:
        """Make so many calls that ring and are talked in; give microseconds a call."""
        self.spent = 0.0
        for size in _batches(count):
            numbers = range(self.number, self.number + size)
            self.number += size
            _, invites = self.give([self.caller.invite(n) for n in numbers], self._from_alice)
            answers = [self.callee.ring(invite) for invite in invites]
            self.give([response for three in answers for response in three[:2]], self._from_bob)
            self.wait(RINGS)
            accepted, _ = self.give([three[2] for three in answers], self._from_bob)
            calls = list(zip(numbers, accepted, strict=True))
            self.give([self.caller.later("ACK", *call) for call in calls], self._from_alice)
            self.wait(TALKS)
            self.tear_down(calls)
        return self.spent / count * 1e6


def cpu(calls: int, runs: int) -> None:
    """Compare calls that are kept with calls that are not."""
    lines = {survive: Life(store=MemoryStore(), survive=survive) for survive in (False, True)}
    costs: dict[bool, list[float]] = {False: [], True: []}
    for line in lines.values():
        line.lives(200)
    collector.settle()
    for _ in range(runs):
        for survive, line in lines.items():
            costs[survive].append(line.lives(calls))
    without, kept = (min(costs[survive]) for survive in (False, True))
    pairs = [b / a for a, b in zip(costs[False], costs[True], strict=True)]
    print(
        f"{without:.0f} us a call, {kept:.0f} us when it is kept: {100 * (kept / without - 1):+.1f} %"
        f" (median of pairs {100 * (statistics.median(pairs) - 1):+.1f} %)"
    )


def functions(calls: int) -> None:
    """Count what no machine disturbs: how many functions more are called for a call that is kept."""
    totals = []
    for survive in (False, True):
        line, counted = Life(store=MemoryStore(), survive=survive), Counted()
        line.lives(calls)
        counted.enable()
        line.lives(calls)
        counted.disable()
        totals.append(sum(counted.functions.values()))
    print(f"{(totals[1] - totals[0]) / calls:.0f} calls of functions more a call that is kept")


def memory(calls: int) -> None:
    """Weigh what is remembered of calls that are kept; what the store has of them is not ours."""
    line = Life(store=MemoryStore())
    line.basic(200)
    line.clock.run(60)
    tracemalloc.start()
    line.hold_up(calls)
    line.clock.run(60)
    found = tracemalloc.take_snapshot()
    tracemalloc.stop()
    kept = tracemalloc.Filter(False, "*/as_json.py")  # what the store has of them
    ours = found.filter_traces([tracemalloc.Filter(True, "*/calls/restoring/*"), kept])
    held = sum(entry.size for entry in ours.statistics("filename"))
    print(f"{held / calls:.0f} bytes more a call that is kept")


def restoring(calls: int) -> None:
    """Time a start that finds so many calls."""
    store = MemoryStore()
    line = Life(store=store)
    line.hold_up(calls)
    line.clock.run(60)
    line.server.runner.close()
    again = Life(store=store)
    again.clock.rightNow = line.clock.rightNow
    found: list[Sequence[Any]] = []
    for loaded in (store.load_settings(), store.load_snapshots(), store.load_open()):
        loaded.addCallback(found.append)
    settings, snapshots, records = found
    size = sum(len(one.text or "") for one in snapshots) / max(1, len(snapshots))
    kept = again.server.persistence
    assert kept is not None
    kept.count_start(settings)
    del line
    gc.collect()
    collector.settle()
    began = time.process_time()
    recovered = kept.recover(settings, snapshots, records)
    took = time.process_time() - began
    print(f"{recovered.restored} calls of {size:.0f} bytes restored in {took:.2f} s of CPU")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--held", type=int, default=20_000, help="how many calls a start restores")
    chosen = parser.parse_args()
    cpu(chosen.calls, chosen.runs)
    functions(200)
    memory(2000)
    restoring(chosen.held)


if __name__ == "__main__":
    main()
