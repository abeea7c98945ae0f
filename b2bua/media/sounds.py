"""Sounds that can be played: read from a WAV file once, kept, and cut into frames."""

from __future__ import annotations

import wave
from collections import OrderedDict
from pathlib import Path

from b2bua.media.g711 import WIDTH, converted
from b2bua.media.rtp import RATE

SECONDS_MAX = 1800
"""A longer file is refused: it would be a minute of memory for each megabyte."""
KEPT = 64


class NotASound(Exception):
    """A file cannot be played; the text is for people."""


def load(path: str | Path) -> bytes:
    """
    Read a WAV file as 16-bit samples of one channel, 8,000 a second.

    @raise NotASound: if it is none, with the remedy.
    """
    try:
        with wave.open(str(path), "rb") as file:
            seconds = file.getnframes() / max(file.getframerate(), 1)
            if seconds > SECONDS_MAX:
                raise NotASound(
                    f"{path} lasts {seconds / 60:.0f} minutes; at most {SECONDS_MAX // 60} are played"
                )
            if file.getnchannels() > 2:
                raise NotASound(f"{path} has {file.getnchannels()} channels; write it with one or two")
            pcm = file.readframes(file.getnframes())
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
    except FileNotFoundError:
        raise NotASound(f"there is no file {path}") from None
    except OSError as error:
        raise NotASound(f"{path} cannot be read: {error.strerror}") from None
    except (wave.Error, EOFError, ZeroDivisionError):
        raise NotASound(f"{path} is no WAV file of plain samples; convert it to one") from None
    whole = len(pcm) - len(pcm) % (width * channels)
    return converted(pcm[:whole], width, channels, rate, RATE)


def save(path: str | Path, pcm: bytes) -> None:
    """Write samples as a WAV file; it is there whole, or not at all."""
    part = Path(f"{path}.part")
    with wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(WIDTH)
        file.setframerate(RATE)
        file.writeframes(pcm)
    part.replace(path)


class Sounds:
    """The sounds that were played lately, read once; a file that has changed is read again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def get(self, path: str) -> bytes:
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
            known = self._kept[path] = changed, load(path)
        self._kept.move_to_end(path)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known[1]
