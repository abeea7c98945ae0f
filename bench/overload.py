"""
Three times as much as can be done: what becomes of calls, and what is left of it.

First the highest clean rate is looked for, or taken from C{--rate}.  Then SIPp
calls at three times that rate, while calls that are up end one after the
other; at last, half the rate has to be clean again::

    python -m bench.overload                # three minutes, quiet machine
    python -m bench.overload --rate 1000    # if the rate is known
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import sipp
from bench.load import SETTLE, Bench, Scale
from bench.machine import line, machine
from bench.servers import Ours, Server

TIMES = 3
"""How much more than can be done."""
AFTER = 2.0
"""Seconds after the load is gone, before all has to be as usual."""
EACH = 20
"""Of them, so many in a second."""


@dataclass(slots=True)
class Size:
    """How much is done."""

    seconds: float = 30.0
    """How long the storm is."""
    held: int = 200
    """Calls that are up, and end within it."""
    before: float = 5.0
    """Seconds of the storm before they begin to end."""
    settle: float = SETTLE


QUICK = Size(seconds=4.0, held=20, before=1.0, settle=1.0)


class Sampler(threading.Thread):
    """Looks at the memory of a server every now and then."""

    def __init__(self, server: Server) -> None:
        """Begin."""
        super().__init__(daemon=True)
        self._server = server
        self._over = threading.Event()
        self.most = server.rss()
        self.start()

    def run(self) -> None:
        """Look, until it is over."""
        while not self._over.wait(0.2):
            self.most = max(self.most, self._server.rss())

    def end(self) -> int:
        """Stop, and give the most that was seen."""
        self._over.set()
        self.join()
        return self.most


def storm(server: Server, core: int | None, rate: int, size: Size) -> dict[str, Any]:
    """Let it come, and give what SIPp counted and the system measured."""
    calm = max(rate // 2, 1)
    sipp.calls(server, core, rate=calm, count=calm * 2)
    time.sleep(size.settle)
    found: dict[str, Any] = {"rate": rate, "offered": rate * TIMES, "memory_before": server.rss()}
    up = size.held / EACH
    held = sipp.caller(
        server, core, rate=EACH, count=size.held, hold=up + size.before, scenario="storm", name="held"
    )
    time.sleep(up)
    sampler = Sampler(server)
    count = int(rate * TIMES * size.seconds)
    storming = sipp.caller(server, core, rate=rate * TIMES, count=count, scenario="storm")
    began = time.monotonic()
    spent = server.cpu()
    time.sleep(size.seconds)
    found["cpu"] = (server.cpu() - spent) / size.seconds
    at_end = storming.counts()
    elapsed = time.monotonic() - began
    time.sleep(AFTER)
    again = sipp.calls(server, core, rate=calm, count=int(calm * 5))
    for one in (held, storming):
        with suppress(subprocess.TimeoutExpired):
            one.process.wait(60)
        one.end()
    found["memory_most"] = sampler.end()
    counts = storming.counts()
    found |= {
        "seconds": elapsed,
        "begun": int(at_end.get("TotalCallCreated", 0)),
        "done": int(at_end.get("SuccessfulCall(C)", 0)) - int(at_end.get("GenericCounter1(C)", 0)),
        "answered": int(counts.get("GenericCounter2(C)", 0)),
        "refused": int(counts.get("GenericCounter1(C)", 0)),
        "failed": int(counts.get("FailedCall(C)", 0)),
        "again": int(counts.get("Retransmissions(C)", 0)),
        "refused_after": _seconds(counts, "ResponseTime1(C)"),
        "bye": _seconds(counts, "ResponseTime2(C)"),
    }
    ended = held.counts()
    found["held"] = {
        "wanted": size.held,
        "done": int(ended.get("SuccessfulCall(C)", 0)),
        "again": int(ended.get("Retransmissions(C)", 0)),
        "bye": _seconds(ended, "ResponseTime2(C)"),
    }
    found["afterwards"] = {"rate": calm, "wanted": again.wanted, "done": again.done, "again": again.again}
    time.sleep(size.settle)
    found["memory_after"] = server.rss()
    return found


def _seconds(counts: dict[str, str], name: str) -> float:
    """Read C{00:00:00:012345}."""
    parts = (counts.get(name) or "0").split(":")
    if len(parts) != 4:
        return 0.0
    hours, minutes, seconds, micro = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds + micro * 1e-6


def table(found: dict[str, Any]) -> str:
    """As Markdown."""
    seconds = found["seconds"]
    held, after, mib = found["held"], found["afterwards"], 1 << 20
    rows = [
        ("highest clean rate, calls/s", f"{found['rate']:,}"),
        (f"offered for {seconds:.0f} s, calls/s", f"{found['begun'] / seconds:,.0f}"),
        ("of them completed, calls/s", f"{found['done'] / seconds:,.0f}"),
        ("of the highest clean rate", f"{found['done'] / seconds / found['rate']:.0%}"),
        ("turned away with 503, calls/s", f"{found['refused'] / seconds:,.0f}"),
        ("mean time to the 503, ms", f"{found['refused_after'] * 1000:.1f}"),
        ("mean time from BYE to 200, ms", f"{found['bye'] * 1000:.1f}"),
        ("neither, calls", f"{found['failed']:,}"),
        ("messages sent again", f"{found['again']:,}"),
        ("calls that were up before and ended meanwhile", f"{held['done']} of {held['wanted']}"),
        ("their mean time from BYE to 200, ms", f"{held['bye'] * 1000:.1f}"),
        ("their messages sent again", f"{held['again']}"),
        (
            f"{AFTER:g} s later, at {after['rate']:,} calls/s",
            f"{after['done']:,} of {after['wanted']:,}, {after['again']} sent again",
        ),
        ("memory before, most, after, MiB", " / ".join(
            f"{found[f'memory_{when}'] / mib:.0f}" for when in ("before", "most", "after"))),
        ("CPU of the server", f"{found['cpu']:.0%}"),
    ]  # fmt: skip
    lines = ["| three times the highest clean rate | |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in rows]
    lines += ["", line(found["machine"])]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    parser.add_argument("--rate", type=int, help="the highest clean rate, if it is known")
    parser.add_argument("--seconds", type=float, help="how long the storm is")
    parser.add_argument("--loose", action="store_true", help="do not pin to cores")
    parser.add_argument("--write", action="store_true", help="write the table into bench/README.md")
    chosen = parser.parse_args(arguments)
    size = QUICK if chosen.quick else Size()
    if chosen.seconds:
        size.seconds = chosen.seconds
    with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as directory:
        bench = Bench(Scale(runs=1), Path(directory), [Ours], not chosen.loose)
        rate = chosen.rate or (100 if chosen.quick else bench.highest(Ours, 0.0))
        print(f"  highest clean rate: {rate}", flush=True)
        found = bench.with_server(Ours, lambda server, _: storm(server, bench.load, rate, size))
    found["machine"] = machine()
    print(table(found))
    if chosen.write:
        from bench import report

        report.write("overload", table(found))


if __name__ == "__main__":
    main()
