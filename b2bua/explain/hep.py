"""
Messages as Homer takes them: HEP version 3 (Homer Encapsulation Protocol).

A frame is C{HEP3}, its whole length, and chunks: vendor (0), type, length with
its own six bytes, and a value; all numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

SIP, LOG = 1, 100
"""What a frame has: a message of SIP, or a line for people."""
_UDP, _TCP = 17, 6
_IPV4, _IPV6 = 2, 10
_CHUNK = struct.Struct("!HHH")
LONGEST = 65_507
"""Bytes of a frame: what fits into a datagram."""


class Frame(NamedTuple):
    """What is told of one message."""

    at: float
    """Seconds since 1970."""
    source: tuple[str, int]
    target: tuple[str, int]
    datagram: bool
    """Did it go over UDP?"""
    payload: bytes
    correlation: str
    """The same for all that belongs to one call."""
    kind: int = SIP


class Sender(NamedTuple):
    """Who tells it."""

    capture_id: int
    node: str = ""
    key: str = ""


def packed(frame: Frame, sender: Sender) -> bytes:
    """A frame as bytes."""
    body = b"".join(_chunk(kind, value) for kind, value in _values(frame, sender))
    return b"HEP3" + struct.pack("!H", len(body) + 6) + body


def _values(frame: Frame, sender: Sender) -> Iterator[tuple[int, bytes]]:
    """Its chunks, by their type."""
    source, target = ip_address(_bare(frame.source[0])), ip_address(_bare(frame.target[0]))
    if source.version != target.version:  # one of them is not known: unspecified, in the way of the other
        source = source if source.version == 6 else ip_address("::")
        target = target if target.version == 6 else ip_address("::")
    six = source.version == 6
    whole = int(frame.at)
    yield 1, bytes((_IPV6 if six else _IPV4,))
    yield 2, bytes((_UDP if frame.datagram else _TCP,))
    yield 5 if six else 3, source.packed
    yield 6 if six else 4, target.packed
    yield 7, struct.pack("!H", frame.source[1])
    yield 8, struct.pack("!H", frame.target[1])
    yield 9, struct.pack("!I", whole)
    yield 10, struct.pack("!I", int((frame.at - whole) * 1_000_000))
    yield 11, bytes((frame.kind,))
    yield 12, struct.pack("!I", sender.capture_id)
    if sender.key:
        yield 14, sender.key.encode()
    yield 15, frame.payload
    yield 17, frame.correlation.encode()
    if sender.node:
        yield 19, sender.node.encode()


def _chunk(kind: int, value: bytes) -> bytes:
    """One chunk."""
    return _CHUNK.pack(0, kind, len(value) + _CHUNK.size) + value


def _bare(host: str) -> str:
    """An address without brackets and without a zone."""
    return host.strip("[]").partition("%")[0]
