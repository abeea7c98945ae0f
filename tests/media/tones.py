"""Something to play."""

from __future__ import annotations

import math
import struct

from b2bua.media.rtp import RATE


def tone(seconds: float) -> bytes:
    """Samples of a tone of 440 Hz."""
    count = int(seconds * RATE)
    step = 2 * math.pi * 440 / RATE
    return struct.pack(f"<{count}h", *(int(8000 * math.sin(n * step)) for n in range(count)))
