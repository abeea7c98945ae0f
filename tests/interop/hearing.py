"""What phones say and hear: tones, and files in which they are found again by their frequency."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Collection
from itertools import count
from pathlib import Path

RATE = 8000
HEAD_BYTES = 44
"""The head of a WAV file as all of these programs write it."""
LOUD, FAINT = 2500.0, 600.0
"""The amplitude from which a tone counts as heard, and up to which it does not; each is said with 8,000."""


def tone(seconds: float, frequency: float) -> bytes:
    """Samples of a tone."""
    return Mouth(frequency).say(RATE, 1, seconds)


class Mouth:
    """A tone that goes on and on."""

    def __init__(self, frequency: float) -> None:
        """Begin with silence's zero."""
        self._frequency, self._at = frequency, count()

    def say(self, rate: int, channels: int, seconds: float = 0.02) -> bytes:
        """The next samples."""
        step = 2 * math.pi * self._frequency / rate
        said = [int(8000 * math.sin(next(self._at) * step)) for _ in range(int(seconds * rate))]
        return b"".join(struct.pack("<h", one) * channels for one in said)


class Writer:
    """A WAV file that grows; only its head says too little of it."""

    def __init__(self, path: str) -> None:
        """Write nothing before it is known how."""
        self._path, self._rate, self._rest = Path(path), 0, b""

    def write(self, pcm: bytes, rate: int, channels: int) -> None:
        """Add samples; a file of another rate begins anew."""
        if not pcm:
            return
        if rate != self._rate:
            self._rate = rate
            with wave.open(str(self._path), "wb") as file:
                file.setparams((1, 2, rate, 0, "NONE", ""))
        with self._path.open("ab") as grown:
            grown.write(b"".join(pcm[at : at + 2] for at in range(0, len(pcm), 2 * channels)))


class Ear:
    """A WAV file that a phone writes, while it does."""

    def __init__(self, path: Path) -> None:
        """Hear it from its beginning, until it is said otherwise."""
        self._path, self._before = path, HEAD_BYTES

    def forget(self) -> None:
        """What was heard until now does not count any more."""
        self._before = max(self._path.stat().st_size, HEAD_BYTES) if self._path.exists() else HEAD_BYTES

    def last(self, seconds: float) -> tuple[bytes, int]:
        """What was heard last, with its rate; less than that much if there is no more."""
        if not self._path.exists():
            return b"", RATE
        with self._path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if len(head) < HEAD_BYTES:
                return b"", RATE
            rate = int.from_bytes(head[24:28], "little") or RATE  # linphone writes the head at the end
            size = max(self._path.stat().st_size - self._before, 0) & ~1
            wanted = min(size, 2 * int(seconds * rate))
            file.seek(self._before + size - wanted)
            return file.read(wanted), rate

    def tones(self, among: Collection[float], seconds: float = 0.4) -> set[float]:
        """
        Which tones were heard in the last moment.

        Speech has a little of all frequencies: 0 is among them when one is neither there nor absent.
        """
        pcm, rate = self.last(seconds)
        if len(pcm) < rate * seconds:  # half of it
            return set()
        loud = {frequency: loudness(pcm, frequency, rate) for frequency in among}
        unclear = {0.0} if any(FAINT < one <= LOUD for one in loud.values()) else set()
        return {frequency for frequency, one in loud.items() if one > LOUD} | unclear


def loudness(pcm: bytes, frequency: float, rate: int) -> float:
    """How loud a frequency is in samples: the amplitude, by one term of Fourier's series."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm[: len(pcm) & ~1])
    step = 2 * math.pi * frequency / rate
    real = sum(sample * math.cos(n * step) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(n * step) for n, sample in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / max(len(samples), 1)
