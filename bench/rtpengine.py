"""
Calls through an rtpengine in user space: what one costs, with the same parties and bars as L{bench.relayed}.

It is started for the bench, with one thread for packets, and ended after it::

    python -m bench.rtpengine --calls 100 --seconds 10 --runs 3
"""

from __future__ import annotations

import tempfile
from typing import Any

from twisted.internet import reactor as _reactor

from b2bua.net.rtpengines import RtpengineSockets
from b2bua.settings import Rtpengine as Table
from bench import media_runs
from bench.relayed import talk, text
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


if __name__ == "__main__":
    media_runs.main(
        "rtpengine", __doc__, ("calls", 100, 3), measure, text, "bad_percent",
        lambda one: (float(one["bad_percent"]), float(one["cpu_percent"])),
    )  # fmt: skip
