"""A call as it is recorded: what one side says left, what the other says right, each at its time."""

from __future__ import annotations

from b2bua.media.g711 import CODECS, WIDTH, mixed, stereo
from b2bua.media.jitter import DEPTH, MOST, JitterBuffer
from b2bua.media.rtp import FRAME, RATE, Packet

BLOCK = FRAME // 2
"""Samples that are put in order as one: 10 ms, of which packets of any usual length are made."""
BLOCK_BYTES = BLOCK * WIDTH
BLOCKS_MAX = 24
"""Of one packet."""
BLOCKS_A_SECOND = RATE // BLOCK
SILENCE = bytes(FRAME * WIDTH)
AT_ONCE = 500
"""Frames of 20 ms that are made at once; what is due beyond that, after a machine has slept, comes next."""


class Channel:
    """What one leg says, put in order."""

    def __init__(self) -> None:
        """Nothing was said."""
        self._jitter = _buffer()
        self._ssrc: int | None = None
        self._base = 0

    def hear(self, packet: Packet, name: str, rate: int) -> None:
        """Take a packet; one in a codec that is not understood is silence."""
        codec = CODECS.get(name)
        if codec is None:
            return
        if packet.ssrc != self._ssrc:
            self._ssrc, self._base, self._jitter = packet.ssrc, packet.timestamp, _buffer()
        first = ((packet.timestamp - self._base) & 0xFFFFFFFF) * BLOCKS_A_SECOND // rate
        pcm = codec.decode(packet.payload)[: BLOCK_BYTES * BLOCKS_MAX]
        for number, at in enumerate(range(0, len(pcm), BLOCK_BYTES)):
            block = pcm[at : at + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0")
            self._jitter.put(packet._replace(seq=(first + number) & 0xFFFF, payload=block))

    def take(self) -> bytes | None:
        """Give 20 ms of samples; None where nothing was said."""
        halves = self._jitter.take(), self._jitter.take()
        if halves == (None, None):
            return None
        quiet = bytes(BLOCK_BYTES)
        return b"".join(quiet if half is None else half for half in halves)


class Stereo:
    """The recording of a call; the clock makes it as long as the call, whatever comes."""

    def __init__(self, began: float, frames: int = 0) -> None:
        """
        Begin.

        @param began: when it began, in seconds of the clock that nobody sets.
        @param frames: how many frames of 20 ms there are already.
        """
        self.began = began
        self.frames = frames
        self.paused = False
        self._channels: tuple[dict[str, Channel], dict[str, Channel]] = {}, {}

    @staticmethod
    def understood() -> set[str]:
        """The names of codecs that can be recorded."""
        return set(CODECS)

    def hear(self, leg: str, side: int, packet: Packet, name: str, rate: int) -> None:
        """
        Hear a packet of a leg.

        @param side: 0 for left, 1 for right.
        @param name: of its codec, in capitals.
        @param rate: how many a second its timestamps count.
        """
        channels = self._channels[side]
        if leg not in channels:
            channels[leg] = Channel()
        channels[leg].hear(packet, name, rate)

    def until(self, now: float) -> bytes:
        """Give the samples of two channels that are due by now; silence while it is paused."""
        due = min(round((now - self.began) * RATE) // FRAME, self.frames + AT_ONCE)
        made = []
        while self.frames < due:
            self.frames += 1
            left, right = map(_said, self._channels)
            made.append(stereo(SILENCE, SILENCE) if self.paused else stereo(left, right))
        return b"".join(made)


def _said(channels: dict[str, Channel]) -> bytes:
    """What all on one side say for 20 ms."""
    said = SILENCE
    for channel in channels.values():
        frame = channel.take()
        if frame is not None:
            said = frame if said is SILENCE else mixed(said, frame)
    return said


def _buffer() -> JitterBuffer:
    """A buffer for blocks, of the usual delay."""
    return JitterBuffer(DEPTH * FRAME // BLOCK, MOST * FRAME // BLOCK)
