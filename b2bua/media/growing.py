"""
A WAV file of two channels that grows on the disk, two seconds at a time, and has its name when it is whole.

Whatever happens, C{.part} beside it is a WAV file of what there is; L{rescue}
gives it its name.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from b2bua.media.g711 import WIDTH
from b2bua.media.rtp import FRAME, RATE
from b2bua.media.sounds import HEAD, head, part_of, settle

CHANNELS = 2
SAMPLE = WIDTH * CHANNELS
FRAME_BYTES = FRAME * SAMPLE
WRITTEN = 2 * RATE * SAMPLE
"""So many bytes may be lost: two seconds."""
LONGEST = 2**32 - 2**16
"""The head has 32 bits for the size: 37 hours."""


class Growing:
    """One recording."""

    def __init__(self, path: str | Path, *, goes_on: bool = False) -> None:
        """
        Begin.

        @param goes_on: add to what there is of it, if there is something.
        @raise OSError: if there is no place for it.
        """
        self.path = Path(path)
        self._part = part_of(path)
        self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | (0 if goes_on else os.O_TRUNC), 0o640)
        try:
            size = os.fstat(self._file).st_size - HEAD.size
            self.size = max(size - size % FRAME_BYTES, 0)
            """Bytes of samples that are on the disk."""
            os.pwrite(self._file, head(self.size, CHANNELS), 0)
        except OSError:
            os.close(self._file)
            if not goes_on:
                self._part.unlink()
            raise
        self._new = bytearray()

    @property
    def frames(self) -> int:
        """How many times 20 ms it has."""
        return (self.size + len(self._new)) // FRAME_BYTES

    def add(self, pcm: bytes) -> None:
        """
        Add samples of two channels; they are written when it is worth it.

        @raise OSError: if there is no place for them any more.
        """
        self._new += pcm
        if len(self._new) >= WRITTEN:
            self._write()

    def _write(self) -> None:
        """Write what is new, and the head that says so."""
        if self.size + len(self._new) > LONGEST:
            raise OSError(errno.EFBIG, "a WAV file cannot be longer than 37 hours")
        while self._new:
            written = os.pwrite(self._file, self._new, HEAD.size + self.size)
            del self._new[:written]
            self.size += written
        os.pwrite(self._file, head(self.size, CHANNELS), 0)

    def end(self) -> str:
        """
        Give it its name, for good; it takes as long as the disk does.

        @return: why something of it is missing; empty if nothing is.
        @raise OSError: if there can be no file of that name; then there is C{.part}.
        """
        missing = ""
        try:
            try:
                self._write()
            except OSError as error:
                missing = error.strerror or str(error)
            self.size -= self.size % SAMPLE
            os.ftruncate(self._file, HEAD.size + self.size)
            os.pwrite(self._file, head(self.size, CHANNELS), 0)
            os.fsync(self._file)
        finally:
            os.close(self._file)
        self._part.replace(self.path)
        settle(self.path)
        return missing


def rescue(part: Path) -> Path:
    """
    Make a recording of what there is of one that came to no end, as when the power has failed.

    @param part: its C{.part}.
    @raise OSError: if it cannot be written.
    """
    whole = Growing(part.with_suffix(""), goes_on=True)
    whole.end()
    return whole.path
