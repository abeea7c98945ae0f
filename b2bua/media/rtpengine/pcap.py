"""
Packets out of a file of libpcap, one after the other: those of UDP over IPv4 or IPv6.

The format is that of draft-ietf-opsawg-pcap; the link types are raw IP and Ethernet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

UDP = 17
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_LINKS = {101: 0, 1: 14}
"""Bytes before the header of IP, by link type."""
LARGEST = 262_144


class Datagram(NamedTuple):
    """A datagram that was seen."""

    moment: float
    """Seconds since 1970."""
    port: int
    """Where it went to."""
    payload: bytes


class NotACapture(Exception):
    """A file is none; the text is for people."""


def datagrams(path: Path) -> Iterator[Datagram]:
    """
    Read a file; one that was cut off ends where it was cut.

    @raise NotACapture: if it is none.
    @raise OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(24)
        order, unit = _MAGIC.get(head[:4], ("", 0.0))
        if not order or len(head) < 24:
            raise NotACapture(f"{path} is no capture of packets")
        before = _LINKS.get(struct.unpack_from(f"{order}I", head, 20)[0] & 0xFFFF)
        if before is None:
            raise NotACapture(f"{path} is a capture of another network than IP")
        record = struct.Struct(f"{order}IIII")
        while len(begins := file.read(record.size)) == record.size:
            seconds, parts, length, _ = record.unpack(begins)
            if length > LARGEST:
                return
            data = file.read(length)
            if len(data) < length:
                return
            found = _udp(data[before:])
            if found is not None:
                yield Datagram(seconds + parts * unit, *found)


def _udp(packet: bytes) -> tuple[int, bytes] | None:
    """The port that a packet goes to, and what is in it; None if it is no whole datagram of UDP."""
    if len(packet) < 28:
        return None
    if packet[0] >> 4 == 4:
        start, protocol = 4 * (packet[0] & 0x0F), packet[9]
        if struct.unpack_from("!H", packet, 6)[0] & 0x3FFF:  # a fragment
            return None
    else:
        start, protocol = 40, packet[6]
    if protocol != UDP or start < 20 or len(packet) < start + 8:
        return None
    return struct.unpack_from("!H", packet, start + 2)[0], packet[start + 8 :]
