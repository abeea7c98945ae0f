"""G.711, which every phone speaks: PCMU and PCMA (RFC 3551 section 4.5.14), by a library."""

from __future__ import annotations

import warnings

from b2bua.media.codec import Codec

with warnings.catch_warnings():
    # Python 3.13 has it no more; there audioop-lts goes by the same name.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

WIDTH = 2
"""Bytes of a sample."""


PCMU = Codec(
    "PCMU",
    0,
    lambda: lambda pcm: audioop.lin2ulaw(pcm, WIDTH),
    lambda: lambda data: audioop.ulaw2lin(data, WIDTH),
    "PCMU/8000",
)
PCMA = Codec(
    "PCMA",
    8,
    lambda: lambda pcm: audioop.lin2alaw(pcm, WIDTH),
    lambda: lambda data: audioop.alaw2lin(data, WIDTH),
    "PCMA/8000",
)


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
