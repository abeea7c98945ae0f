"""What one party says, put in order: packets that come when they like, samples that are due every 20 ms."""

from __future__ import annotations

from b2bua.media.codec import Codec, Turn
from b2bua.media.g711 import WIDTH
from b2bua.media.jitter import DEPTH, MOST, JitterBuffer
from b2bua.media.rtp import FRAME, RATE, Packet

BLOCK = FRAME // 2
"""Samples that are put in order as one: 10 ms, of which packets of any usual length are made."""
BLOCK_BYTES = BLOCK * WIDTH
BLOCKS_MAX = 24
"""Of one packet."""
BLOCKS_A_SECOND = RATE // BLOCK


class Channel:
    """
    Decodes packets, and gives out samples.

    They are decoded when they come, so that a party may change between codecs,
    and between lengths of packets, as it likes.
    """

    def __init__(self) -> None:
        """Nothing was said."""
        self._jitter = _buffer()
        self._ssrc: int | None = None
        self._base = 0
        """The timestamp of the party's that counts as 0."""
        self._codec: Codec | None = None
        self._decode: Turn | None = None

    def hear(self, packet: Packet, codec: Codec) -> None:
        """Take a packet."""
        if codec is not self._codec or self._decode is None:
            if self._codec is None or codec.clock != self._codec.clock:
                self._ssrc = None  # its timestamps count otherwise from here on
            self._codec, self._decode = codec, codec.decoder()
        if packet.ssrc != self._ssrc:
            self._ssrc, self._base, self._jitter = packet.ssrc, packet.timestamp, _buffer()
        first = ((packet.timestamp - self._base) & 0xFFFFFFFF) * BLOCKS_A_SECOND // codec.clock
        pcm = self._decode(packet.payload)[: BLOCK_BYTES * BLOCKS_MAX]
        for number, at in enumerate(range(0, len(pcm), BLOCK_BYTES)):
            block = pcm[at : at + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0")
            self._jitter.put(packet._replace(seq=(first + number) & 0xFFFF, payload=block))

    def take(self) -> bytes | None:
        """Give 20 ms of samples; None where nothing was said."""
        one, other = self._jitter.take(), self._jitter.take()
        if one is None and other is None:
            return None
        quiet = bytes(BLOCK_BYTES)
        return (one or quiet) + (other or quiet)

    def __len__(self) -> int:
        """How many blocks wait for their turn."""
        return len(self._jitter)


def _buffer() -> JitterBuffer:
    """A buffer for blocks, of the usual delay."""
    return JitterBuffer(DEPTH * FRAME // BLOCK, MOST * FRAME // BLOCK)
