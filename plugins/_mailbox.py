"""
The mailbox of an extension, as files; other programs may read, add and remove them.

    DIRECTORY/102/greeting.wav                          its own greeting, if it has one
    DIRECTORY/102/new/20261126-101500-000000-101.wav    nobody has heard it: when it came, and from whom
    DIRECTORY/102/kept/20261125-160233-000000-+49301.wav
    DIRECTORY/102/new/....wav.part                      a message that is being spoken just now

A message is there whole or not at all.  What was being spoken when the power
failed is made a message soon after the service has started again, but for its
last seconds: as soon as nobody can be at work on it, since it grows no more.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from b2bua.calls import Messages, rescue

STAMP = "%Y%m%d-%H%M%S-%f"
HEAD_BYTES = 44
BYTES_A_SECOND = 16_000
QUIET_SECONDS = 5.0
"""A message that is being spoken grows more often than that."""


class Mailbox:
    """The messages of one extension."""

    def __init__(self, directory: Path) -> None:
        """Look there."""
        self.greeting = directory / "greeting.wav"
        self._new, self._kept = directory / "new", directory / "kept"

    def new(self) -> list[Path]:
        """The messages that nobody has heard, the oldest first."""
        return sorted(self._new.glob("*.wav"))

    def kept(self) -> list[Path]:
        """Those that were heard and kept, the oldest first."""
        return sorted(self._kept.glob("*.wav"))

    def counts(self) -> Messages:
        """How many there are."""
        return Messages(len(self.new()), len(self.kept()))

    def place(self, when: datetime, caller: str) -> Path:
        """Where a new message goes."""
        self._new.mkdir(parents=True, exist_ok=True)
        return self._new / f"{when.strftime(STAMP)}-{caller}.wav"

    def keep(self, message: Path) -> None:
        """A message was heard, and is kept."""
        self._kept.mkdir(parents=True, exist_ok=True)
        if message.exists():
            message.replace(self._kept / message.name)

    def take(self, message: Path) -> None:
        """Have a copy of the message of another mailbox, as a new one."""
        self._new.mkdir(parents=True, exist_ok=True)
        place = self._new / message.name
        copy = place.with_suffix(".copy")
        shutil.copyfile(message, copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())  # its name may not be on the disk before it
        copy.replace(place)

    def expire(self, before: datetime) -> int:
        """Remove the messages that came before a time; gives how many."""
        old = [one for one in (*self.new(), *self.kept()) if one.name < before.strftime(STAMP)]
        for message in old:
            message.unlink(missing_ok=True)
        return len(old)

    def rescue(self, now: datetime, shortest: float) -> list[Path]:
        """
        Make messages of those that came to no end, and remove what else was left half done.

        @param now: by it is seen whether somebody is still speaking, as when
            the configuration is read again.
        @param shortest: seconds; shorter ones are none.
        @return: the messages.
        @raise OSError: if none can be, since the disk is full, say.
        """
        greeting = self.greeting.with_name("greeting.wav.part")
        for left in filter(lambda one: _rests(one, now), (greeting, *self._new.glob("*.copy"))):
            left.unlink(missing_ok=True)
        parts = sorted(one for one in self._new.glob("*.wav.part") if _rests(one, now))
        found, problem = list[Path](), None
        for part in parts:
            try:
                found.append(rescue(part))
            except OSError as error:
                problem = problem or error
        if problem is not None and not found:
            raise problem  # where others could be, those come first: what is left is looked at again
        for message in found:
            if seconds(message) < shortest:
                message.unlink(missing_ok=True)
        return [message for message in found if message.exists()]


def _rests(path: Path, now: datetime) -> bool:
    """Is a file there that nobody has written to for a while?"""
    try:
        return now.timestamp() - path.stat().st_mtime > QUIET_SECONDS
    except OSError:
        return False


def seconds(message: Path) -> float:
    """How long a message lasts; 0 if it is not there."""
    try:
        return max(message.stat().st_size - HEAD_BYTES, 0) / BYTES_A_SECOND
    except OSError:
        return 0.0


def caller_of(message: Path) -> str:
    """The number of who has left it; empty if it was not told."""
    return number if (number := message.stem.split("-", 3)[-1]) != "anonymous" else ""


def age(days: float) -> timedelta:
    """So many days."""
    return timedelta(days=days)
