"""
Reports of an endpoint of ours (RFC 3550 section 6): what it has sent, how well it hears, and who it is.

A party sees by them how well it is heard, and that somebody is there while
nothing is said.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from b2bua.media.reception import Reception
from b2bua.wire.sdp import Media

SENDER, RECEIVER, SOURCE, BYE = 200, 201, 202, 203
SECONDS = 5.0
"""Between two reports, on the average (section 6.2)."""
COMPENSATION = 1.21828
"""Section 6.3.1."""
EPOCH = 2_208_988_800
"""Seconds from 1900, from where NTP counts, to 1970 (section 4)."""
WORD = 0xFFFFFFFF
CNAME = 1


def place(media: Media, host: str) -> tuple[str, int]:
    """Where RTCP of a stream goes: to the next port, or where a=rtcp says (RFC 3605 section 2.1)."""
    for value in media.attributes("rtcp"):
        parts = value.split()
        if parts and parts[0].isascii() and parts[0].isdigit() and len(parts[0]) < 6:
            port = int(parts[0])
            if 0 < port < 65536:
                return (parts[3] if len(parts) == 4 else host), port
    return host, min(media.port + 1, 65535)


class Reports:
    """What one endpoint reports, and hears reported."""

    def __init__(self, name: str, chance: Callable[[], float]) -> None:
        """
        Begin.

        @param name: whatever names us for as long as it lasts, and says nothing of us (RFC 7022 section 4.2).
        @param chance: gives numbers from 0 to 1, so that not all report at once.
        """
        self.reception = Reception()
        self.packets = self.octets = 0
        """What we have sent."""
        self._name, self._chance = name.encode(), chance
        self._due: float | None = None
        self._reported = 0
        """How many packets had been sent at the last report."""
        self._before = 0, 0
        """How many packets of the party were expected, and had come, at the last report."""
        self._last: tuple[int, float] | None = None
        """The middle of the NTP timestamp of the party's last sender report, and when it came."""

    def sent(self, octets: int) -> None:
        """Count a packet of ours."""
        self.packets += 1
        self.octets += octets

    def is_due(self, now: float) -> bool:
        """Is it time for a report?  The first one comes after half the time (section 6.2)."""
        if self._due is None:
            self._due = now + self._interval() / 2
        if now < self._due:
            return False
        self._due = now + self._interval()
        return True

    def _interval(self) -> float:
        return SECONDS * (0.5 + self._chance()) / COMPENSATION

    def report(self, ssrc: int, timestamp: int, now: float, wall: float, *, bye: bool = False) -> bytes:
        """
        Write a report: of a sender if something was sent since the last one, else of a receiver.

        @param ssrc: ours.
        @param timestamp: that of RTP, at C{now}.
        @param now: seconds of the clock that nobody sets.
        @param wall: seconds since 1970.
        @param bye: is it the last one (section 6.6)?
        """
        block = self._block(now)
        count = len(block) // 24
        if self.packets != self._reported:
            self._reported = self.packets
            seconds, part = divmod(wall + EPOCH, 1.0)
            body = struct.pack(
                "!6I",
                ssrc,
                int(seconds) & WORD,
                int(part * 2**32),
                timestamp,
                self.packets & WORD,
                self.octets & WORD,
            )
            first = _packet(SENDER, count, body + block)
        else:
            first = _packet(RECEIVER, count, struct.pack("!I", ssrc) + block)
        name = struct.pack("!IBB", ssrc, CNAME, len(self._name)) + self._name
        source = _packet(SOURCE, 1, name + bytes(4 - len(name) % 4))
        return first + source + (_packet(BYE, 1, struct.pack("!I", ssrc)) if bye else b"")

    def _block(self, now: float) -> bytes:
        """How well the party is heard (section 6.4.1); nothing while it has said nothing."""
        heard = self.reception
        if heard.ssrc is None:
            return b""
        expected, came = heard.expected, heard.packets
        new, lost = expected - self._before[0], expected - self._before[0] - (came - self._before[1])
        self._before = expected, came
        fraction = min(256 * lost // new, 255) if new > 0 and lost > 0 else 0
        total = min(max(expected - came, -0x800000), 0x7FFFFF) & 0xFFFFFF
        last, delay = (0, 0) if self._last is None else (self._last[0], int((now - self._last[1]) * 65536))
        return struct.pack(
            "!6I",
            heard.ssrc,
            fraction << 24 | total,
            heard.highest & WORD,
            int(heard.jitter * heard.rate) & WORD,
            last,
            delay & WORD,
        )

    def hear(self, data: bytes, now: float) -> bool:
        """
        Take reports of the party.

        @return: False if they are none.
        """
        found = False
        while len(data) >= 8 and data[0] >> 6 == 2 and 200 <= data[1] <= 207:
            size = 4 + 4 * struct.unpack_from("!H", data, 2)[0]
            if size > len(data):
                break
            found = True
            if data[1] == SENDER and size >= 28:
                seconds, part = struct.unpack_from("!II", data, 8)
                self._last = (seconds & 0xFFFF) << 16 | part >> 16, now
            data = data[size:]
        return found


def _packet(kind: int, count: int, body: bytes) -> bytes:
    """One packet of a compound one (section 6.1)."""
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
