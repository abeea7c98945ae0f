"""Packets of RTP (RFC 3550 section 5.1) and of telephone events (RFC 4733 section 2.3)."""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct("!BBHII")
EVENT = struct.Struct("!BBH")
VERSION = 2
RATE = 8000
"""Samples a second of everything that is played and heard here."""
FRAME = 160
"""Samples of a packet: 20 ms, as RFC 3551 section 4.2 has it."""
DIGITS = "0123456789*#ABCD"


class Packet(NamedTuple):
    """One packet; what a mixer lists (CSRC) and extensions are left out."""

    payload_type: int
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def __bytes__(self) -> bytes:
        """As it is sent."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return HEADER.pack(VERSION << 6, second, self.seq, self.timestamp, self.ssrc) + self.payload

    @staticmethod
    def parse(data: bytes) -> Packet | None:
        """Read a packet; None if it is none (a STUN request, RTCP, rubbish)."""
        if len(data) < HEADER.size:
            return None
        first, second, seq, timestamp, ssrc = HEADER.unpack_from(data)
        # With RTCP multiplexed its types stand where 64 to 95 would (RFC 5761 section 4).
        if first >> 6 != VERSION or 64 <= second & 0x7F <= 95:
            return None
        start = HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:  # an extension (section 5.3.1)
            if len(data) < start + 4:
                return None
            start += 4 + 4 * struct.unpack_from("!H", data, start + 2)[0]
        end = len(data)
        if first & 0x20 and end > start:  # padding
            end -= data[-1]
        if start > end:
            return None
        return Packet(second & 0x7F, seq, timestamp, ssrc, data[start:end], bool(second & 0x80))


def later(seq: int, than: int) -> bool:
    """Does a number of 16 bits come after another, wrap-around included (section A.1)?"""
    return 0 < (seq - than) & 0xFFFF < 0x8000


class Events:
    """
    Reads the keys that a caller presses.

    Each is sent in several packets with one timestamp, the last of them three
    times (RFC 4733 section 2.5.1.4); it counts once, at its first packet.
    """

    def __init__(self) -> None:
        """Nothing was pressed yet."""
        self._last: int | None = None

    def read(self, packet: Packet) -> str:
        """Give the key that begins with this packet; empty if none does."""
        if len(packet.payload) < EVENT.size or packet.timestamp == self._last:
            return ""
        self._last = packet.timestamp
        number = packet.payload[0]
        return DIGITS[number] if number < len(DIGITS) else ""
