"""
The ends of a relay: the legs of a call, and our ports to which their parties send, one for each stream.

A port judges what comes: whether it is what the stream is made of, whether it is
the party that sends, and whether it is too much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from b2bua.media.latch import Address, Latch
from b2bua.media.ports import RelayHappened
from b2bua.media.reception import Reception
from b2bua.media.relay_session import Stream
from b2bua.media.rtp import HEADER, VERSION, Events, Packet
from b2bua.media.stereo import Stereo

FLOOD = 25
"""Packets of audio in 20 ms beyond which the rest is dropped."""
FLOOD_OTHERS = 200
"""The same for video and fax."""
EVENTS = "TELEPHONE-EVENT"
SHORTEST = 8
"""Bytes of the shortest packet of RTCP that says something (RFC 3550 section 6.4.2)."""
SIP = re.compile(rb"SIP/2\.0", re.IGNORECASE)
"""
What is in every message of SIP (RFC 3261 section 25.1), and in no fax.

A carrier that knows us by our address would take a call for ours of who has it
described as a place for fax, and so get past all that is not allowed to them.
"""
TURNS = 50
"""So many times 20 ms are a second."""


class PortOwner(Protocol):
    """What a port asks of its relay."""

    recording: Stereo | None
    happened: list[RelayHappened]

    def is_ours(self, source: Address) -> bool:
        """Is it one of our own ports that sends?"""


class Port:
    """A port of ours, to which one party sends, and from which we send to it."""

    __slots__ = (
        "_came", "_turn", "control", "events", "host", "latch", "leg", "number", "out", "reception", "relay",
        "socket", "stream",
    )  # fmt: skip

    def __init__(self, relay: PortOwner, leg: Leg, stream: Stream, host: str, *, control: bool) -> None:
        """
        Belong to a leg.

        @param host: our address, as its party reaches it.
        @param control: is it the one for RTCP?
        """
        self.relay, self.leg, self.host, self.control = relay, leg, host, control
        self.number = 0
        self.socket: Any = None
        """Whatever L{Sockets} keeps with it."""
        self.out: Port | None = None
        """The port of the party that gets what comes here."""
        self.latch = Latch(stream.host, stream.port)
        self.reception = Reception()
        self.events = Events()
        self.stream = stream
        self._turn = self._came = 0

    def describe(self, stream: Stream, peer: str) -> None:
        """Take what the party says of its end of the stream."""
        self.stream = stream
        if self.control:
            self.latch.describe(stream.control_host, stream.control_port, peer)
        else:
            self.latch.describe(stream.host, stream.port, peer)

    def receive(self, data: bytes, source: Address, now: float) -> tuple[Port, Address] | None:
        """
        Take a packet.

        @return: from which port it goes on, and where to; None if it does not.
        """
        turn = int(now * TURNS)
        if turn != self._turn:
            self._turn, self._came = turn, 0
        self._came += 1
        if self._came > (FLOOD if self.stream.kind == "audio" else FLOOD_OTHERS):
            return None
        what = self._kind(data)
        if not what or (source != self.latch.source and self.relay.is_ours(source)):
            return None  # a description that names a port of ours would have packets go in circles
        if not self.latch.admits(source):
            return None
        self.leg.heard_at = now
        if what == "rtp":
            self._look_at(data, now)
        out = self.out
        if out is None:
            return None
        target = out.latch.target(now)
        return None if target is None else (out, target)

    def _kind(self, data: bytes) -> str:
        """
        What a packet is, if it is what the stream is made of; else empty.

        Told apart as RFC 7983 section 7 and RFC 5761 section 4 do it.  STUN is
        not passed on; DTLS is where it agrees on keys.
        """
        if not self.stream.rtp:
            return "other" if data and SIP.search(data) is None else ""
        if len(data) >= SHORTEST and data[0] >> 6 == VERSION:
            if 192 <= data[1] <= 223:
                return "rtcp"
            return "rtp" if len(data) >= HEADER.size and not self.control else ""
        return "dtls" if self.stream.secure == "dtls" and data and 20 <= data[0] <= 63 else ""

    def _look_at(self, data: bytes, now: float) -> None:
        """Count a packet of RTP, notice keys, and let the recording hear it."""
        _, second, seq, timestamp, ssrc = HEADER.unpack_from(data)
        name, rate = self._format(second & 0x7F)
        key = name == EVENTS
        self.reception.take(seq, timestamp, ssrc, now, None if key else rate)
        relay = self.relay
        if self.stream.kind != "audio" or self.stream.secure or not (key or relay.recording):
            return
        packet = Packet.parse(data)
        if packet is None:
            return
        if key:
            pressed = self.events.read(packet)
            if pressed:
                relay.happened.append(RelayHappened("digit", self.leg.id, pressed))
        elif relay.recording is not None and self.out is not None:
            relay.recording.hear(self.leg.id, self.leg.side, packet, name, rate)

    def _format(self, number: int) -> tuple[str, int]:
        """What a payload type means: to who hears it (RFC 3264 section 5.1), else to who says it."""
        found = self.out.stream.formats.get(number) if self.out is not None else None
        return found or self.stream.formats.get(number) or ("", 8000)


class Sockets(Protocol):
    """Who opens and closes ports."""

    def open(self, ports: tuple[Port, ...], host: str, number: int) -> int:
        """
        Open a port, or an even one and the next, for RTCP (RFC 3550 section 11).

        @param host: our address there; its family is that of the sockets.
        @param number: the one that it has to be; 0 for any.
        @return: the first one.
        @raise NoRelay: if there is none.
        """

    def close(self, port: Port) -> None:
        """Close it."""


@dataclass(eq=False)
class Leg:
    """One leg: what its party has described, and our ports for it."""

    id: str
    side: int
    """Where it is heard in a recording: 0 for left, 1 for right."""
    peer: str = ""
    streams: dict[int, Stream] = field(default_factory=dict)
    """By the places of streams in its session."""
    proposed: tuple[dict[int, Stream], str] | None = None
    """An offer of it that waits for its answer, and from where it came."""
    ports: dict[int, tuple[Port, ...]] = field(default_factory=dict)
    partner: str = ""
    """Whom it talks to."""
    heard_at: float | None = None
    """When the last packet came, or since when one is due."""
