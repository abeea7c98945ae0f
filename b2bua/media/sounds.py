"""Sounds that can be played: read from a WAV file once, kept, and encoded once."""

from __future__ import annotations

import os
import struct
import wave
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from b2bua.media.codec import Codec, Turn
from b2bua.media.g711 import WIDTH, converted
from b2bua.media.rtp import FRAME, RATE

SECONDS_MAX = 1800
"""A longer file is refused: it would be a minute of memory for each megabyte."""
KEPT = 64
FRAME_BYTES = FRAME * WIDTH


class NotASound(Exception):
    """A file cannot be played; the text is for people."""


def unplayable(path: str | Path) -> str:
    """Say why a file cannot be played, with the remedy; empty if it can."""
    try:
        with _opened(path):
            return ""
    except NotASound as error:
        return str(error)


def load(path: str | Path) -> bytes:
    """
    Read a WAV file as 16-bit samples of one channel, 8,000 a second.

    @raise NotASound: if it is none, with the remedy.
    """
    with _opened(path) as file:
        pcm = file.readframes(file.getnframes())
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
    whole = len(pcm) - len(pcm) % (width * channels)
    return converted(pcm[:whole], width, channels, rate, RATE)


@contextmanager
def _opened(path: str | Path) -> Iterator[wave.Wave_read]:
    """Open a WAV file that can be played."""
    try:
        with wave.open(str(path), "rb") as file:
            seconds = file.getnframes() / max(file.getframerate(), 1)
            if seconds > SECONDS_MAX:
                raise NotASound(
                    f"{path} lasts {seconds / 60:.0f} minutes; at most {SECONDS_MAX // 60} are played"
                )
            if file.getnchannels() > 2:
                raise NotASound(f"{path} has {file.getnchannels()} channels; write it with one or two")
            yield file
    except FileNotFoundError:
        raise NotASound(f"there is no file {path}") from None
    except OSError as error:
        raise NotASound(f"{path} cannot be read: {error.strerror}") from None
    except (wave.Error, EOFError, ZeroDivisionError):
        raise NotASound(f"{path} is no WAV file of plain samples; convert it to one") from None


def save(path: str | Path, pcm: bytes) -> None:
    """Write samples as a WAV file; it is there whole, or not at all, whenever the power fails."""
    path, whole = Path(path), Path(f"{path}.whole")
    with whole.open("wb") as file:
        file.write(head(len(pcm)) + pcm)
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)
    settle(path)


def settle(path: Path) -> None:
    """Have the name of a file on the disk, too."""
    place = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
"""The head of a WAV file of plain samples."""


def head(size: int, channels: int = 1) -> bytes:
    """The head before so many bytes of samples."""
    frame = WIDTH * channels
    return HEAD.pack(
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, channels, RATE, RATE * frame, frame, 8 * WIDTH,
        b"data", size,
    )  # fmt: skip


def part_of(path: str | Path) -> Path:
    """Where a recording grows."""
    return Path(f"{path}.part")


class Sound:
    """
    Samples to be played, and what packets carry of them.

    Each frame is encoded once for each codec, when the first who plays it is
    there, and is the same for all.
    """

    def __init__(self, pcm: bytes) -> None:
        """Keep samples of one channel, 8,000 a second."""
        self.pcm = pcm
        self.frames = max(-(-len(pcm) // FRAME_BYTES), 1)
        """How many times 20 ms it lasts; the last one is filled up with silence."""
        self._encoded: dict[str, tuple[Turn, list[bytes]]] = {}

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / WIDTH / RATE

    def samples(self, frame: int) -> bytes:
        """The samples of a frame."""
        return self.pcm[frame * FRAME_BYTES : (frame + 1) * FRAME_BYTES].ljust(FRAME_BYTES, b"\0")

    def payload(self, frame: int, codec: Codec) -> bytes:
        """What a packet carries of a frame; empty where the codec has nothing for it yet."""
        if codec.name not in self._encoded:
            self._encoded[codec.name] = codec.encoder(), []
        encode, encoded = self._encoded[codec.name]
        while len(encoded) <= frame:
            encoded.append(encode(self.samples(len(encoded))))
        return encoded[frame]


class Sounds:
    """The sounds that were played lately, read once; a file that has changed is read again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[str, tuple[float, Sound]] = OrderedDict()

    def get(self, path: str) -> Sound:
        """
        Give a sound.

        @raise NotASound: if it cannot be played.
        """
        try:
            changed = Path(path).stat().st_mtime
        except OSError:
            raise NotASound(f"there is no file {path}") from None
        known = self._kept.get(path)
        if known is None or known[0] != changed:
            known = self._kept[path] = changed, Sound(load(path))
        self._kept.move_to_end(path)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known[1]
