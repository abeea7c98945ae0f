"""Something to play, and how much of it arrives."""

from __future__ import annotations

import math
import struct

from b2bua.media.rtp import RATE


def tone(seconds: float, frequency: float = 440.0) -> bytes:
    """Samples of a tone, of 440 Hz without another frequency."""
    count = int(seconds * RATE)
    step = 2 * math.pi * frequency / RATE
    return struct.pack(f"<{count}h", *(int(8000 * math.sin(n * step)) for n in range(count)))


def loudness(pcm: bytes, frequency: float) -> float:
    """How loud a frequency is in samples: the amplitude, by one term of Fourier's series."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    step = 2 * math.pi * frequency / RATE
    real = sum(sample * math.cos(n * step) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(n * step) for n, sample in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / max(len(samples), 1)
