"""
The load of basic calls: ours beside the floor, Sippy and Kamailio.

SIPp calls through each server to SIPp over the loopback interface; the server
is pinned to one core and SIPp to another; CPU time is what the system counts
for the server's processes.  Every server runs with its default configuration.
A basic call is INVITE with SDP, 100, 180, 200, ACK, BYE, 200: seven messages in
and seven out.

What a transaction leaves behind lives for another 64*T1 = 32 s, so a server is
loaded for longer than that before anything is counted: what it then clears
away is in the figure.  The servers take turns, and ratios are those of each
turn, since a machine is not the same from minute to minute::

    python -m bench.load                # the whole table; 50 minutes, quiet machine
    python -m bench.load --cost         # CPU time alone, also from trunk to trunk
    python -m bench.load --quick        # does it run?  a minute, figures of no use

C{bench/README.md} and C{bench/load.png} are written by C{--write}.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import report, sipp
from bench.machine import interpreter, machine, ticks
from bench.pace import Pair
from bench.servers import ALL, Floor, Kamailio, NotHere, Ours, Server, Sippy, Trunks, free_port

SETTLE = 36.0
"""Seconds after which the transactions of INVITEs are over (64*T1, RFC 6026), and their memory free."""
EASY = 0.8
"""How much of its highest rate a server has while calls are set up that stay."""
STRIDE = 0.3
"""How far it is looked for at first."""
SOUGHT, CONFIRMED = 6, 1.5
"""How many short runs it takes to find a rate, about, and how many to confirm it."""
START = 5.0
"""Seconds that a run takes besides, about: a start, and what SIPp writes late."""
STEP = 0.05
"""How near the highest clean rate is sought."""


@dataclass(slots=True)
class Scale:
    """How much is done."""

    runs: int = 3
    rate_runs: int = 2
    """How often the highest rates are sought that are compared."""
    rate: int = 1000
    """Calls a second at which CPU time is compared; half of what ours can do, where that is less."""
    seconds: float = 20.0
    """How long it is measured."""
    warm: float = 42.0
    """Seconds of load before anything is counted: longer than anything lingers."""
    clean_seconds: float = 8.0
    """How long a rate must be clean while the highest is sought."""
    confirm_seconds: float = 30.0
    """How long the highest must be clean, after the load that is not counted."""
    held: tuple[int, ...] = (20_000,)
    held_rate: int = 400
    paced: int = 10_000
    settle: float = SETTLE


QUICK = Scale(
    runs=1, rate_runs=1, rate=100, seconds=2.0, warm=1.0, clean_seconds=1.0, confirm_seconds=1.0,
    held=(100,), held_rate=100, paced=200, settle=2.0,
)  # fmt: skip
# Where the search for the highest clean rate begins.
GUESS: dict[type[Server], int] = {Floor: 6000, Ours: 1500, Trunks: 1500, Sippy: 110, Kamailio: 4000}
# Whose highest rates are compared, by turns; Kamailio's is sought once, the floor's is nobody's measure,
# and from trunk to trunk CPU time alone is measured.
COMPARED = (Ours, Sippy)


class Bench:
    """One run of all of it."""

    def __init__(self, scale: Scale, directory: Path, kinds: Iterable[type[Server]], spread: bool) -> None:
        """
        Prepare.

        @param spread: pin server and load to cores of their own.
        """
        cores = sorted(os.sched_getaffinity(0))
        self.scale = scale
        self.directory = directory
        self.kinds = list(kinds)
        pinned = spread and len(cores) > 1
        self.core = cores[0] if pinned else None
        self.load = cores[1] if pinned else None
        self._found: dict[type[Server], int] = {}

    def with_server(self, kind: type[Server], work: Callable[[Server, sipp.Sipp], Any]) -> Any:
        """Start a server and its callee, work with them, end them."""
        directory = Path(tempfile.mkdtemp(prefix=f"{kind.name}-", dir=self.directory))
        server = kind(directory, self.core, free_port())
        try:
            callee = sipp.callee(server.callee, directory, self.load)
            try:
                return work(server, callee)
            finally:
                callee.end()
        finally:
            server.end()

    # ---- CPU time -------------------------------------------------------

    def cost(self, kind: type[Server]) -> float:
        """Microseconds of CPU time for one call, at a rate that the server can stand."""
        rate = self.cost_rate(kind)
        count = max(1, int(rate * self.scale.seconds))

        def work(server: Server, callee: sipp.Sipp) -> float:
            self._warm(server, rate)
            before = server.cpu()
            found = sipp.calls(server, self.load, rate=rate, count=count, callee=callee)
            spent = server.cpu() - before
            if not found.clean:
                print(f"    {kind.name} at {rate}/s: {found.failed} failed, {found.again} sent again")
            return spent / max(found.done, 1) * 1e6

        return float(self.with_server(kind, work))

    def cost_rate(self, kind: type[Server]) -> int:
        """Calls a second at which CPU time is measured: those of all, or the most that it can stand."""
        return max(1, min(self.scale.rate, self._found.get(kind, GUESS[kind])))

    def _warm(self, server: Server, rate: int) -> None:
        """Load a server until as much goes from it as comes; in the floor nothing lingers."""
        seconds = min(self.scale.warm, self.scale.clean_seconds if isinstance(server, Floor) else 1e9)
        sipp.calls(server, self.load, rate=rate, count=max(1, int(rate * seconds)))

    # ---- the highest rate -----------------------------------------------

    def clean(self, kind: type[Server], rate: int, hold: float) -> bool:
        """Is every call of some seconds at this rate successful at the first try?"""
        count = max(10, int(rate * self.scale.clean_seconds))

        def work(server: Server, callee: sipp.Sipp) -> bool:
            sipp.calls(server, self.load, rate=max(rate // 4, 1), count=max(rate // 4, 1))
            return sipp.calls(
                server, self.load, rate=rate, count=count, hold=hold, callee=callee, clean=True
            ).clean

        return bool(self.with_server(kind, work))

    def confirmed(self, kind: type[Server], rate: int, hold: float) -> bool:
        """Is the rate clean for longer, too, when what lingers has its size?"""
        count = max(10, int(rate * self.scale.confirm_seconds))

        def work(server: Server, callee: sipp.Sipp) -> bool:
            self._warm(server, rate)
            return sipp.calls(
                server, self.load, rate=rate, count=count, hold=hold, callee=callee, clean=True
            ).clean

        return bool(self.with_server(kind, work))

    def highest(self, kind: type[Server], hold: float) -> int:
        """Find the highest rate that is clean in the steady state."""
        rate = self._sought(kind, hold)
        while rate > 1 and not self.confirmed(kind, rate, hold):
            rate = int(rate * (1 - STEP))
        self._found[kind] = rate
        return rate

    def _sought(self, kind: type[Server], hold: float) -> int:
        """Seek the highest rate by short runs; what was found before is where the search begins."""
        low, high = 0, 0
        rate, stride = self._found.get(kind, 0), STEP
        if not rate:
            rate, stride = GUESS[kind] if self.scale is not QUICK else 100, STRIDE
        while not high or high - low > max(1, int(high * STEP)):
            if self.clean(kind, rate, hold):
                low = rate
                rate = (low + high) // 2 if high else int(rate * (1 + stride)) + 1
            else:
                high = rate
                rate = (low + high) // 2 if low else int(rate * (1 - stride))
            stride = min(2 * stride, STRIDE)
            if rate <= 1 or (self.scale is QUICK and low):
                break
        return low

    # ---- memory ---------------------------------------------------------

    def memory(self, kind: type[Server], count: int) -> float:
        """Bytes of an established call whose transactions are over."""
        rate = max(1, min(self.scale.held_rate, int(self._found.get(kind, GUESS[kind]) * EASY)))

        def work(server: Server, _: sipp.Sipp) -> float:
            sipp.calls(server, self.load, rate=rate, count=rate)
            time.sleep(self.scale.settle)
            before = server.rss()
            calling = sipp.caller(server, self.load, rate=rate, count=count, hold=3600)
            try:
                time.sleep(count / rate + self.scale.settle)
                return (server.rss() - before) / count
            finally:
                calling.end()

        return float(self.with_server(kind, work))

    # ---- how long an INVITE takes ---------------------------------------

    def passing(self, rate: float) -> tuple[float, float]:
        """Milliseconds from INVITE in to INVITE out: median and 99th percentile."""
        directory = Path(tempfile.mkdtemp(prefix="passing-", dir=self.directory))
        server = Ours(directory, self.core, free_port())
        try:
            if self.load is not None:
                os.sched_setaffinity(0, {self.load})
            pair = Pair(server.port, server.callee)
            try:
                pair.run(rate, max(int(rate * self.scale.warm), 10))
                found = pair.run(rate, self.scale.paced)
            finally:
                pair.close()
        finally:
            server.end()
        if found.done < found.wanted:
            print(f"    {found.wanted - found.done} of {found.wanted} calls were lost")
        return found.at(0.5) * 1000, found.at(0.99) * 1000

    # ---- all ------------------------------------------------------------

    def everything(self) -> dict[str, Any]:
        """Measure all, by turns, and give the medians."""
        scale = self.scale
        found: dict[str, Any] = {kind.name: {"note": kind.note} for kind in self.kinds}
        compared = [kind for kind in self.kinds if kind in COMPARED]
        self._turns(found, "rate", compared, lambda kind: self.highest(kind, 0.0), scale.rate_runs)
        if Kamailio in self.kinds:
            self._turns(found, "rate", [Kamailio], lambda kind: self.highest(kind, 0.0), 1)
        self._turns(found, "rate_held", compared, lambda kind: self.highest(kind, 5.0), 1)
        if Ours in self.kinds:
            scale.rate = max(1, min(scale.rate, int(found["b2bua"]["rate"] / 2)))
        self._turns(found, "cost", self.kinds, self.cost, scale.runs)
        for kind in self.kinds:
            found[kind.name]["cost_at"] = self.cost_rate(kind)
        for kind in self.kinds:
            if kind in (Floor, Trunks):
                continue
            for count in scale.held:
                value = self.memory(kind, count)
                found[kind.name][f"memory_{count}"] = value
                print(f"  memory of {kind.name}, {count} calls: {value:.0f}", flush=True)
        if Ours in self.kinds:
            half = found["b2bua"]["rate"] / 2 or scale.rate / 2
            each_passing = [self.passing(half) for _ in range(scale.runs)]
            found["b2bua"]["passing_at"] = half
            found["b2bua"]["passing"] = [
                statistics.median(column) for column in zip(*each_passing, strict=True)
            ]
            print(f"  INVITE in to INVITE out at {half:.0f}/s: {found['b2bua']['passing']} ms", flush=True)
        return found

    def plan(self) -> dict[str, float]:
        """Say how many seconds each step will take, about."""
        scale, kinds = self.scale, self.kinds
        compared = sum(kind in COMPARED for kind in kinds)
        sought = SOUGHT * (scale.clean_seconds + START)
        confirmed = CONFIRMED * (scale.warm + scale.confirm_seconds + START)
        again = (scale.rate_runs - 1) * compared
        searches = compared * 2 + (Kamailio in kinds)
        held = [kind for kind in kinds if kind not in (Floor, Trunks)]
        rates = {kind: min(scale.held_rate, GUESS[kind] * EASY) for kind in held}
        return {
            "highest rates": searches * (sought + confirmed) + again * (sought / 2 + confirmed),
            "CPU time": scale.runs * len(kinds) * (scale.warm + scale.seconds + START),
            "memory": sum(
                2 * scale.settle + START + count / rates[kind] for kind in held for count in scale.held
            ),
            "INVITEs": (Ours in kinds) * scale.runs * (scale.warm + START + scale.paced / (scale.rate / 2)),
        }

    def _turns(
        self,
        found: dict[str, Any],
        what: str,
        kinds: Iterable[type[Server]],
        measure: Callable[[type[Server]], float],
        runs: int,
    ) -> None:
        """Measure some of the servers by turns, and put each value and their median into what was found."""
        for run in range(runs):
            for kind in kinds:
                value = measure(kind)
                found[kind.name].setdefault(f"{what}_runs", []).append(value)
                print(f"  run {run + 1}: {what} of {kind.name}: {value:.0f}", flush=True)
        for kind in kinds:
            found[kind.name][what] = statistics.median(found[kind.name][f"{what}_runs"])


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print or write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    parser.add_argument("--only", nargs="*", choices=[kind.name for kind in ALL], help="these servers")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--rate", type=int, help="calls a second at which CPU time is compared")
    parser.add_argument("--seconds", type=float, help="how long CPU time is measured")
    parser.add_argument("--cost", action="store_true", help="only CPU time a call")
    parser.add_argument("--loose", action="store_true", help="do not pin to cores")
    parser.add_argument("--write", action="store_true", help="write bench/README.md and bench/load.png")
    chosen = parser.parse_args(arguments)
    scale = QUICK if chosen.quick else Scale()
    for name in ("runs", "rate", "seconds"):
        if getattr(chosen, name):
            setattr(scale, name, getattr(chosen, name))
    kinds = [kind for kind in ALL if not chosen.only or kind.name in chosen.only]
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as directory:
        bench = Bench(scale, Path(directory), _installed(kinds), not chosen.loose)
        if chosen.cost:
            _costs(bench)
            return
        plan = bench.plan()
        steps = ", ".join(f"{what} {seconds / 60:.0f}" for what, seconds in plan.items())
        print(f"about {sum(plan.values()) / 60:.0f} minutes: {steps}", flush=True)
        on, began = machine(), ticks()
        servers = bench.everything()
        stolen, whole = (after - before for before, after in zip(began, ticks(), strict=True))
        on["taken by the host"] = f"{stolen / whole:.1%} of the time"
        found = {"machine": on, "scale": {"runs": scale.runs, "rate": scale.rate}, "servers": servers}
    print(report.table(found))
    if chosen.write:
        report.keep("load", found)


def _costs(bench: Bench) -> None:
    """CPU time alone, by turns."""
    ratios = []
    for run in range(bench.scale.runs):
        costs = {kind: bench.cost(kind) for kind in bench.kinds}
        line = [f"{kind.name} {cost:.0f}" for kind, cost in costs.items()]
        print(f"run {run + 1}, us a call at {bench.scale.rate}/s: {', '.join(line)}", flush=True)
        if Floor in costs and Ours in costs:
            ratios.append(costs[Ours] / costs[Floor])
    if ratios:
        print(f"ours to the floor: {report.spread(ratios)}, Python {interpreter()}")


def _installed(kinds: Iterable[type[Server]]) -> list[type[Server]]:
    """Leave out what is not here, and say so."""
    found = []
    for kind in kinds:
        try:
            kind.look()
        except NotHere as error:
            print(f"without {kind.name}: {error} is not installed")
        else:
            found.append(kind)
    return found


if __name__ == "__main__":
    main()
