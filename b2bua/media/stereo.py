"""A call as it is recorded: what one side says left, what the other says right, each at its time."""

from __future__ import annotations

from b2bua.media.channel import Channel
from b2bua.media.codecs import CODECS
from b2bua.media.g711 import WIDTH, mixed, stereo
from b2bua.media.rtp import FRAME, RATE, Packet

SILENCE = bytes(FRAME * WIDTH)
AT_ONCE = 500
"""Frames of 20 ms that are made at once; what is due beyond that, after a machine has slept, comes next."""


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
        @param rate: how many a second its timestamps count; one that is unknown for the codec is silence.
        """
        codec = CODECS.get(name)
        if codec is None or codec.clock != rate:
            return
        channels = self._channels[side]
        if leg not in channels:
            channels[leg] = Channel()
        channels[leg].hear(packet, codec)

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
