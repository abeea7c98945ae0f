"""
A recording that grows on the disk, two seconds at a time, and has its name when it is whole.

Whatever happens, C{.part} beside it is a WAV file of what there is; L{rescue}
gives it its name.
"""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from b2bua.media.g711 import WIDTH
from b2bua.media.rtp import FRAME, RATE
from b2bua.media.sounds import HEAD, head, part_of, settle

STEREO = 2
FRAME_BYTES = FRAME * WIDTH * STEREO
"""20 ms of a call."""
SECONDS = 2
"""So much may be lost."""
LONGEST = 2**32 - 2**16
"""The head has 32 bits for the size: 37 hours of two channels."""
_DISK = ThreadPoolExecutor(1, "disk")
"""Where the disk is waited for; no voice does."""


class Growing:
    """One recording."""

    def __init__(
        self, path: str | Path, channels: int = STEREO, *, goes_on: bool = False, mode: int = 0o640
    ) -> None:
        """
        Begin.

        @param goes_on: add to what there is of it, if there is something; also where it is whole
            already, as when the process before has let it go.
        @param mode: who may read it, as far as the umask lets them.
        @raise OSError: if there is no place for it.
        """
        self.path = Path(path)
        self._channels, self._sample = channels, WIDTH * channels
        self._frame = FRAME * self._sample
        self._part = part_of(path)
        if goes_on and not self._part.exists():
            with suppress(FileNotFoundError):
                self.path.replace(self._part)
        self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | (0 if goes_on else os.O_TRUNC), mode)
        try:
            size = os.fstat(self._file).st_size - HEAD.size
            self.size = max(size - size % self._frame, 0)
            """Bytes of samples that are on the disk."""
            self._write_head()
        except OSError:
            os.close(self._file)
            if not goes_on:
                self._part.unlink()
            raise
        self._new = bytearray()

    @property
    def taken(self) -> int:
        """How many bytes of samples it has been given."""
        return self.size + len(self._new)

    @property
    def frames(self) -> int:
        """How many times 20 ms it has."""
        return self.taken // self._frame

    def add(self, pcm: bytes | bytearray) -> None:
        """
        Add samples; they are written when it is worth it.

        @raise OSError: if there is no place for them any more.
        """
        self._new += pcm
        if len(self._new) >= SECONDS * RATE * self._sample:
            self._write()
            _DISK.submit(_settle_data, os.dup(self._file))

    def _write(self) -> None:
        """Write what is new, and the head that says so."""
        if self.taken > LONGEST:
            raise OSError(errno.EFBIG, "a WAV file cannot be longer than 37 hours")
        while self._new:
            written = os.pwrite(self._file, self._new, HEAD.size + self.size)
            del self._new[:written]
            self.size += written
        self._write_head()

    def _write_head(self) -> None:
        os.pwrite(self._file, head(self.size, self._channels), 0)

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
            self._settle()
        finally:
            os.close(self._file)
        self._name()
        return missing

    def become(self, pcm: bytes) -> None:
        """
        Give it its name with just these samples, of which the first ones may be on the disk.

        @raise OSError: if there is no place for all of them; then there is C{.part}.
        """
        try:
            self.size = min(self.size, len(pcm))
            self._new = bytearray(pcm[self.size :])
            self._write()
            self._settle()
        finally:
            os.close(self._file)
        self._name()

    def let_go(self) -> None:
        """Write no more: there is C{.part}."""
        os.close(self._file)

    def _settle(self) -> None:
        """Have it on the disk, and nothing else."""
        self.size -= self.size % self._sample
        os.ftruncate(self._file, HEAD.size + self.size)
        self._write_head()
        os.fsync(self._file)

    def _name(self) -> None:
        self._part.replace(self.path)
        settle(self.path)


def rescue(part: Path) -> Path:
    """
    Make a recording of what there is of one that came to no end, as when the power has failed.

    @param part: its C{.part}.
    @raise OSError: if it cannot be written.
    """
    whole = Growing(part.with_suffix(""), _channels_of(part), goes_on=True)
    whole.end()
    return whole.path


def _channels_of(part: Path) -> int:
    """How many channels a recording has; versions before this one wrote one channel without a head."""
    with part.open("rb") as file:
        said = file.read(HEAD.size)
    if said and said[:4] != b"RIFF":
        return 1
    channels = HEAD.unpack(said)[6] if len(said) == HEAD.size else STEREO
    return channels if channels in (1, STEREO) else STEREO


def _settle_data(file: int) -> None:
    """Have on the disk what was written to an open file, and close it."""
    try:
        os.fdatasync(file)
    finally:
        os.close(file)
