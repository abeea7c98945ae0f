"""A real rtpengine on the loopback, in user space, and telephones made of nothing but RTP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall, deferLater

from b2bua.media.g711 import PCMA
from b2bua.media.rtp import EVENT, FRAME, Packet
from tests.interop.processes import LIMIT, Ended, Program, free_port, reactor
from tests.interop.programs import need
from tests.media.tones import loudness, tone

PORTS = 60
"""How many media ports an engine gets: each stream takes two for either side."""
LOUD = 1500
PTIME = 0.02


class Rtpengine:
    """One engine, with the two loopback addresses."""

    def __init__(self, directory: str, *options: str, ports: int = PORTS) -> None:
        """
        Nothing runs yet.

        @param options: more of the command line.
        """
        self.directory = Path(directory).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.recordings = self.directory / "spool"
        self.recordings.mkdir(exist_ok=True)
        self._options, self._count = options, ports
        self.program = Program("rtpengine")

    async def start(self) -> None:
        """Start it; it takes commands then."""
        first = free_port(self._count)
        self.program = Program("rtpengine")
        command = [
            need("rtpengine"),
            *(
                "--config-file=none",
                "--foreground",
                "--log-stderr",
                "--log-level=6",
                "--table=-1",
                "--num-threads=1",
            ),
            *("--interface=127.0.0.1", "--interface=::1"),
            f"--listen-ng={self.address}",
            f"--port-min={first}",
            f"--port-max={first + self._count - 1}",
            f"--recording-dir={self.recordings}",
            f"--pidfile={self.directory / 'pid'}",
            "--mos=LQ",
            *self._options,
        ]
        self.program.start(command, str(self.directory))
        await self.program.says("Startup complete")

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.program.transport is not None
        return int(self.program.transport.pid)

    async def kill(self) -> None:
        """End it, whatever it does."""
        await self.program.kill()


class Talker(DatagramProtocol):
    """Says a tone, wherever it is told to, and hears."""

    def __init__(self, frequency: int, host: str = "127.0.0.1") -> None:
        """Have something to say, for ever."""
        self.host, self.port = host, 0
        self.frequency = frequency
        self.heard: list[Packet] = []
        self.target: tuple[str, int] | None = None
        self._says = PCMA.encode(tone(1.0, frequency))
        self._number = 0
        self._loop = LoopingCall(self._say)
        self._listening: Any = None

    def start(self) -> None:
        """Open its port."""
        self._listening = reactor.listenUDP(0, self, interface=self.host)
        self.port = self._listening.getHost().port
        self._loop.start(PTIME)

    def stop(self) -> Any:
        """Close it."""
        if self._loop.running:
            self._loop.stop()
        return self._listening.stopListening()

    def session(self, *lines: str) -> bytes:
        """What it offers, and answers."""
        family = "IP6" if ":" in self.host else "IP4"
        text = ["v=0", f"o=- 1 1 IN {family} {self.host}", "s=-", f"c=IN {family} {self.host}", "t=0 0"]
        text += [f"m=audio {self.port} RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", *lines]
        return "".join(f"{line}\r\n" for line in text).encode()

    def take(self, session: bytes) -> None:
        """Send where a session says."""
        host = re.search(rb"c=IN IP[46] (\S+)", session)
        port = re.search(rb"m=audio (\d+)", session)
        assert host is not None and port is not None, session
        self.target = host[1].decode(), int(port[1])

    def _say(self) -> None:
        self._number += 1
        if self.target is None or self.transport is None:
            return
        at = self._number * FRAME % len(self._says)
        frame = (self._says + self._says)[at : at + FRAME]
        packet = Packet(8, self._number & 0xFFFF, self._number * FRAME, self.frequency, frame)
        self.transport.write(bytes(packet), self.target)

    async def press(self, key: int) -> None:
        """Send a key (RFC 4733 section 2.5)."""
        assert self.transport is not None
        at = self._number * FRAME
        for number in range(8):
            self._number += 1
            end = 0x80 if number >= 5 else 0
            payload = EVENT.pack(key, end | 10, FRAME * min(number + 1, 6))
            packet = Packet(101, self._number & 0xFFFF, at, self.frequency, payload, marker=not number)
            self.transport.write(bytes(packet), self.target)
            await deferLater(reactor, PTIME)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear a packet."""
        packet = Packet.parse(datagram)
        if packet is not None:
            self.heard.append(packet)

    def pitches(self, *frequencies: int) -> set[int]:
        """Which of these it hears now: in what came during the last half second."""
        pcm = b"".join(PCMA.decode(packet.payload) for packet in self.heard[-25:] if packet.payload_type == 8)
        return {frequency for frequency in frequencies if loudness(pcm, frequency) > LOUD}

    async def hears(self, frequency: int, limit: float = LIMIT) -> None:
        """Wait until it hears this tone, in what comes from now on."""
        self.heard.clear()
        began = reactor.seconds()
        while len(self.heard) < 25 or self.pitches(frequency) != {frequency}:
            if reactor.seconds() - began > limit:
                heard = self.pitches(300, 440, 600, 900)
                raise Ended(f"{frequency} Hz are not heard: {len(self.heard)} packets, {heard}")
            await deferLater(reactor, PTIME)
