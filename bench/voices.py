"""
Players of one worker: how many of their packets are late, and what a player and a recorder cost.

One socket hears all of them; the kernel stamps each packet when it comes, so
that the ear's own time does not count.  A packet is late that comes more than a
frame (20 ms) after its turn, counted from the packet of its stream that was
earliest.  On a machine that has other work packets are late because the worker
does not get a core; the kernel counts for how long, and of several runs the
one with the fewest late packets counts::

    python -m bench.voices --players 200 --seconds 10 --runs 3
    python -m bench.voices --record           # only with all of them recorded as well
"""

from __future__ import annotations

import os
import socket
import struct
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import LoopingCall, deferLater

from b2bua.media import negotiation
from b2bua.media.endpoint import FRAME_SECONDS
from b2bua.media.rtp import FRAME, RATE, Packet
from b2bua.net.voices import Voices
from b2bua.wire.sdp import Sdp
from bench import media_runs

reactor: Any = _reactor
HOST = "127.0.0.1"
LATE = FRAME_SECONDS
PARTS = 20
"""Each millisecond another part of the parties speaks."""
STAMP = struct.Struct("@ll")
SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
MUSIC = Path(__file__).resolve().parent.parent / "plugins" / "sounds" / "music" / "music.wav"


class Ear:
    """Hears everybody, and notes when."""

    def __init__(self) -> None:
        """Open a socket with room for what the ear is too slow for."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.came: dict[int, list[tuple[int, float]]] = defaultdict(list)
        """Of each stream: the timestamp of RTP, and when it came."""

    def fileno(self) -> int:
        """For the reactor."""
        return self.socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "ear"

    def connectionLost(self, reason: Any) -> None:
        """For the reactor."""

    def doRead(self) -> None:
        """Take what there is."""
        while True:
            try:
                data, more, _, _ = self.socket.recvmsg(2048, 128)
            except BlockingIOError:
                return
            packet = Packet.parse(data)
            if packet is not None and more:
                seconds, nanoseconds = STAMP.unpack_from(more[0][2])
                self.came[packet.ssrc].append((packet.timestamp, seconds + nanoseconds / 1e9))

    def late(self) -> tuple[int, int, float]:
        """All packets, those that were late, and by how many ms the latest."""
        total = late = 0
        worst = 0.0
        for packets in self.came.values():
            first = packets[0][0]
            shifts = [at - ((stamp - first) & 0xFFFFFFFF) / RATE for stamp, at in packets]
            earliest = min(shifts)
            total += len(shifts)
            late += sum(shift - earliest > LATE for shift in shifts)
            worst = max(worst, max(shifts) - earliest)
        return total, late, 1000 * worst


def cpu(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Bytes that a process has resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def queued(pid: int) -> float:
    """Seconds that a process could have computed, and had no core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


class Parties:
    """Who speak to us, evenly spread over the time."""

    def __init__(self, ear: Ear) -> None:
        """Speak from where the ear is, so that they are heard."""
        self._ear, self._ports, self._turn = ear, list[int](), 0
        self.clock = LoopingCall.withCount(self._speak)

    def join(self, session: bytes) -> None:
        """Speak to one more."""
        self._ports.append(Sdp.parse(session).media[0].port)

    def _speak(self, missed: int) -> None:
        """Send the packets of so many milliseconds."""
        for _ in range(missed):
            self._turn += 1
            number = self._turn // PARTS
            packet = bytes(Packet(8, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, 66, b"\x2a" * FRAME))
            for port in self._ports[self._turn % PARTS :: PARTS]:
                self._ear.socket.sendto(packet, (HOST, port))


async def measure(players: int, seconds: float, record: bool) -> dict[str, Any]:
    """Let so many play for so long."""
    ear, voices = Ear(), Voices(reactor, (20_000, 40_000), 1)
    reactor.addReader(ear)
    parties = Parties(ear)
    offer = negotiation.offer(HOST, ear.port)
    with tempfile.TemporaryDirectory() as place:
        first = await voices.open(HOST, lambda happened: None, offer)
        [pid] = voices.pids
        empty = memory(pid)
        opened = [first] + [await voices.open(HOST, lambda happened: None, offer) for _ in range(players - 1)]
        for number, voice in enumerate(opened):
            await voice.play(str(MUSIC), True)
            if record:
                voice.record(f"{place}/{number}.wav", 3600.0)
                parties.join(voice.session)
        parties.clock.start(1 / 1000)
        await deferLater(reactor, 2.0, lambda: None)
        ear.came.clear()
        before, waited, began = cpu(pid), queued(pid), time.monotonic()
        await deferLater(reactor, seconds, lambda: None)
        used, waited = cpu(pid) - before, queued(pid) - waited
        seconds = time.monotonic() - began
        total, late, worst = ear.late()
        found = {
            "players": players,
            "recorded": record,
            "seconds": round(seconds, 1),
            "packets": total,
            "late_percent": round(100 * late / max(total, 1), 3),
            "latest_ms": round(worst, 1),
            "no_core_percent": round(100 * waited / seconds, 1),
            "cpu_percent": round(100 * used / seconds, 1),
            "cpu_us_a_player_second": round(1e6 * used / seconds / players),
            "bytes_a_player": round((memory(pid) - empty) / players),
        }
        parties.clock.stop()
        reactor.removeReader(ear)
        voices.stop()
        await voices.gone
    return found


def text(found: dict[str, Any]) -> str:
    """The figures for people."""
    what = "players, all of them recorded" if found["recorded"] else "players"
    return (
        f"{found['players']} {what}: {found['late_percent']} % of {found['packets']:,} packets late, "
        f"the latest by {found['latest_ms']} ms; {found['cpu_percent']} % of a core, "
        f"{found['cpu_us_a_player_second']} µs a second and {found['bytes_a_player'] / 1024:.0f} KiB each; "
        f"no core for {found['no_core_percent']} % of the time"
    )


if __name__ == "__main__":
    media_runs.main(
        "voices",
        __doc__,
        ("players", 200, 5),
        measure,
        text,
        "late_percent",
        lambda one: float(one["late_percent"]),
    )
