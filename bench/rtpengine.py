"""
Calls through an rtpengine in user space: what one costs, with the same parties and bars as L{bench.relayed}.

It is started for the bench, with one thread for packets, and ended after it::

    python -m bench.rtpengine --calls 100 --seconds 10 --runs 3
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from b2bua.net.rtpengines import RtpengineSockets
from b2bua.settings import Rtpengine as Table
from bench.relayed import BAR, talk, text
from bench.report import FIGURES, write
from tests.interop.rtpengine import Rtpengine
from tests.timers import FakeClock

reactor: Any = _reactor


async def measure(calls: int, seconds: float, record: bool) -> dict[str, Any]:
    """Let so many calls talk through an engine for so long."""
    with tempfile.TemporaryDirectory() as place:
        engine = Rtpengine(place, ports=8 * calls + 60)
        await engine.start()
        clock = FakeClock(reactor)
        clock.late = 0.0  # the reactor's seconds are those of the day
        table = Table(engines=(engine.address,), recordings=str(engine.recordings))
        ours = RtpengineSockets(reactor, clock, table)
        ours.start()
        try:
            return await talk(ours.relays, lambda: engine.pid, calls, seconds, record)
        finally:
            ours.stop()
            await engine.kill()


def main() -> None:
    """Measure, and say whether it is good enough."""
    parser = argparse.ArgumentParser(prog="python -m bench.rtpengine", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    calls, seconds, runs = (3, 1.0, 1) if wanted.quick else (wanted.calls, wanted.seconds, wanted.runs)
    best: list[dict[str, Any]] = []

    async def run() -> None:
        for record in (False, True):
            found = [await measure(calls, seconds, record) for _ in range(runs)]
            print(*map(text, found), sep="\n", flush=True)
            best.append(min(found, key=lambda one: (float(one["bad_percent"]), float(one["cpu_percent"]))))

    try:
        react(lambda _: Deferred.fromCoroutine(run()))
    except SystemExit as over:
        if over.code:
            raise
    if wanted.write:
        FIGURES.mkdir(exist_ok=True)
        (FIGURES / "rtpengine.json").write_text(json.dumps(best, indent=1) + "\n")
        write("rtpengine", "\n".join(f"- {text(one)}" for one in best))
    sys.exit(not wanted.quick and any(one["bad_percent"] >= BAR for one in best))


if __name__ == "__main__":
    main()
