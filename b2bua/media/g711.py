"""G.711, which every phone speaks: PCMU and PCMA (RFC 3551 section 4.5.14), by a library."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

with warnings.catch_warnings():
    # Python 3.13 has it no more; there audioop-lts goes by the same name.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

WIDTH = 2
"""Bytes of a sample."""


class Codec(NamedTuple):
    """One of the two."""

    name: str
    payload_type: int
    """The static one (RFC 3551 section 6)."""
    encode: Callable[[bytes], bytes]
    """Of 16-bit samples."""
    decode: Callable[[bytes], bytes]
    silence: bytes
    """A sample of nothing."""


PCMU = Codec(
    "PCMU", 0, lambda pcm: audioop.lin2ulaw(pcm, WIDTH), lambda data: audioop.ulaw2lin(data, WIDTH), b"\xff"
)
PCMA = Codec(
    "PCMA", 8, lambda pcm: audioop.lin2alaw(pcm, WIDTH), lambda data: audioop.alaw2lin(data, WIDTH), b"\xd5"
)
CODECS = {codec.name: codec for codec in (PCMA, PCMU)}


def level(pcm: bytes) -> int:
    """How loud samples are: the root of the mean of their squares, 0 to 32767."""
    return audioop.rms(pcm, WIDTH) if pcm else 0


def mixed(one: bytes, other: bytes) -> bytes:
    """Two voices at once; what is too loud is cut."""
    return audioop.add(one, other, WIDTH)


def stereo(left: bytes, right: bytes) -> bytes:
    """Two voices side by side, as samples of two channels."""
    return audioop.add(audioop.tostereo(left, WIDTH, 1, 0), audioop.tostereo(right, WIDTH, 0, 1), WIDTH)


def converted(pcm: bytes, width: int, channels: int, rate: int, wanted: int) -> bytes:
    """
    Samples as they are wanted here: 16 bits, one channel, C{wanted} a second.

    @param width: bytes of a sample as it is; 8-bit ones of a WAV file have no sign.
    """
    if width == 1:
        pcm = audioop.bias(pcm, 1, 128)
    if width != WIDTH:
        pcm = audioop.lin2lin(pcm, width, WIDTH)
    if channels == 2:
        pcm = audioop.tomono(pcm, WIDTH, 0.5, 0.5)
    if rate != wanted:
        pcm, _ = audioop.ratecv(pcm, WIDTH, 1, rate, wanted, None)
    return pcm
