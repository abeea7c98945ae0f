"""
Calls through one worker's relay: what one costs, how much later its packets come, and what recording adds.

Both parties of each call send G.711 in packets of 20 ms, evenly spread over the
time.  A packet carries when it was sent, and the kernel stamps it when it
comes; of several runs the one that waited least for a core counts::

    python -m bench.relayed --calls 100 --seconds 10 --runs 3
    python -m bench.relayed --record
"""

from __future__ import annotations

import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import LoopingCall, deferLater

from b2bua.media import negotiation
from b2bua.media.ports import IRelay, IRelays, Towards
from b2bua.media.rtp import FRAME, HEADER, Packet
from b2bua.net.relays import Relays
from b2bua.net.workers import Workers
from b2bua.wire.sdp import Sdp
from bench import media_runs
from bench.voices import HOST, LATE, STAMP, Ear, cpu, memory, queued

reactor: Any = _reactor
SENT = struct.Struct("!d")
PARTS = 20
"""Each millisecond another part of the calls speaks."""


class Side(Ear):
    """One side of all calls."""

    def __init__(self) -> None:
        """Begin without calls."""
        super().__init__()
        self.ports: list[int] = []
        """Of the relay, one for each call."""
        self.delays: list[float] = []
        self.sent = 0

    def doRead(self) -> None:
        """Note how long each packet was on its way."""
        while True:
            try:
                data, more, _, _ = self.socket.recvmsg(2048, 128)
            except BlockingIOError:
                return
            seconds, nanoseconds = STAMP.unpack_from(more[0][2])
            (sent,) = SENT.unpack_from(data, HEADER.size)
            self.delays.append(seconds + nanoseconds / 1e9 - sent)

    def speak(self, number: int, part: int) -> None:
        """Send the packets of a part of the calls."""
        for call in range(part, len(self.ports), PARTS):
            payload = SENT.pack(time.time()).ljust(FRAME, b"\x55")
            packet = Packet(8, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, call, payload)
            self.socket.sendto(bytes(packet), (HOST, self.ports[call]))
            self.sent += 1


async def measure(calls: int, seconds: float, record: bool) -> dict[str, Any]:
    """Let so many calls talk through a worker for so long."""
    workers = Workers(reactor, (20_000, 60_000), 1, 30.0)
    try:
        return await talk(Relays(workers), lambda: workers.pids[0], calls, seconds, record)
    finally:
        workers.stop()
        await workers.gone


async def talk(
    relays: IRelays, pid_of: Callable[[], int], calls: int, seconds: float, record: bool
) -> dict[str, Any]:
    """
    Let so many calls talk for so long.

    @param pid_of: gives the process that relays, once the first call is up.
    """
    sides = Side(), Side()
    for side in sides:
        reactor.addReader(side)
    turn = 0

    def speak(missed: int) -> None:
        nonlocal turn
        for _ in range(missed):
            turn += 1
            for side in sides:
                side.speak(turn // PARTS, turn % PARTS)

    async def connect(relay: IRelay) -> None:
        towards = Towards(HOST)
        one, other = (negotiation.offer(HOST, side.port) for side in sides)
        theirs = await relay.offer("a", "b", one, towards, HOST)
        ours = await relay.answer("b", "a", other, towards, HOST)
        for side, session in zip(sides, (ours, theirs), strict=True):
            side.ports.append(Sdp.parse(session).media[0].port)

    with tempfile.TemporaryDirectory() as place:
        opened = [relays.open(str(number), lambda happened: None) for number in range(calls)]
        await connect(opened[0])
        pid = pid_of()
        empty = memory(pid)
        for number, relay in enumerate(opened):
            if number:
                await connect(relay)
            if record:
                await relay.record(f"{place}/{number}.wav")
        clock = LoopingCall.withCount(speak)
        clock.start(1 / 1000)
        await deferLater(reactor, 2.0, lambda: None)
        for side in sides:
            side.delays.clear()
            side.sent = 0
        before, waited, began = cpu(pid), queued(pid), time.monotonic()
        await deferLater(reactor, seconds, lambda: None)
        used, waited, seconds = cpu(pid) - before, queued(pid) - waited, time.monotonic() - began
        clock.stop()
        bytes_a_call = (memory(pid) - empty) / calls
        await deferLater(reactor, 0.2, lambda: None)
        for relay in opened:
            await relay.close()
    delays = sorted(sides[0].delays + sides[1].delays)
    sent = sides[0].sent + sides[1].sent
    for side in sides:
        reactor.removeReader(side)
    bad = sum(delay > LATE for delay in delays) + max(sent - len(delays), 0)
    return {
        "calls": calls,
        "recorded": record,
        "packets": sent,
        "bad_percent": round(100 * bad / max(sent, 1), 3),
        "median_us": round(1e6 * statistics.median(delays)),
        "hundredth_ms": round(1000 * delays[len(delays) * 99 // 100], 1),
        "no_core_percent": round(100 * waited / seconds, 1),
        "cpu_percent": round(100 * used / seconds, 1),
        "cpu_us_a_call_second": round(1e6 * used / seconds / calls),
        "bytes_a_call": round(bytes_a_call),
    }


def text(found: dict[str, Any]) -> str:
    """The figures for people."""
    what = "relayed calls, all of them recorded" if found["recorded"] else "relayed calls"
    return (
        f"{found['calls']} {what}: {found['bad_percent']} % of {found['packets']:,} packets lost or later "
        f"than 20 ms, median {found['median_us']} µs, 99th percentile {found['hundredth_ms']} ms; "
        f"{found['cpu_percent']} % of a core, {found['cpu_us_a_call_second']:,} µs a second and "
        f"{found['bytes_a_call'] / 1024:.0f} KiB each; no core for {found['no_core_percent']} % of the time"
    )


if __name__ == "__main__":
    media_runs.main(
        "relayed",
        __doc__,
        ("calls", 100, 3),
        measure,
        text,
        "bad_percent",
        lambda one: float(one["no_core_percent"]),
    )
