"""Mailboxes as files: what is there, whenever the power fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media import growing
from b2bua.media.growing import Growing
from b2bua.media.rtp import RATE
from b2bua.media.sounds import load, save
from b2bua_plugins._mailbox import Mailbox, caller_of


class _AtOnce:
    """In place of a thread."""

    def submit(self, do: Callable[[int], None], value: int) -> None:
        """Do it now."""
        do(value)


class MailboxTests(SynchronousTestCase):
    """The files of a mailbox."""

    def setUp(self) -> None:
        """Make one."""
        self.directory = Path(self.mktemp()).absolute()
        self.mailbox = Mailbox(self.directory)

    def test_age(self) -> None:
        """What is older than a time goes, new or kept."""
        for day in (1, 2, 3):
            self.mailbox.place(datetime(2026, 1, day), "1").write_bytes(b"")
        self.mailbox.keep(self.mailbox.new()[0])
        self.assertEqual(self.mailbox.expire(datetime(2026, 1, 2, 12)), 2)
        self.assertEqual([caller_of(one) for one in self.mailbox.new()], ["1"])
        self.assertEqual(self.mailbox.kept(), [])

    def test_power_fails(self) -> None:
        """A message in the middle of which the power fails is there afterwards, and can be played."""
        place = self.mailbox.place(datetime(2026, 1, 1), "101")
        part = Growing(place, 1)
        pcm = b"\1\2" * RATE * 5
        for frame in range(0, len(pcm), 320):
            part.add(pcm[frame : frame + 320])
        self.assertEqual(self.mailbox.new(), [])  # nobody hears what is not whole
        self.assertEqual(self.mailbox.rescue(self.now(), 1.0), [])  # somebody is still speaking
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [place])
        [message] = self.mailbox.new()
        self.assertEqual(load(message), pcm[: 4 * RATE * 2])
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [])

    def test_one_cannot_be_saved(self) -> None:
        """Where one message cannot be saved the others are; it is told of when it is all that is left."""
        places = [self.mailbox.place(datetime(2026, 1, day), "101") for day in (1, 2, 3)]
        for place in places:
            part = Growing(place, 1)
            part.add(b"\1\2" * RATE * 2)
            part.let_go()
        places[1].mkdir()  # something else has its name
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [places[0], places[2]])
        self.assertRaises(OSError, self.mailbox.rescue, self.now(12), 1.0)

    def test_on_the_disk(self) -> None:
        """What has been spoken is on the disk every two seconds, whatever else the system keeps in memory."""
        synced: list[int] = []
        self.patch(growing, "_DISK", _AtOnce())
        self.patch(os, "fdatasync", lambda file: synced.append(os.fstat(file).st_size))
        part = Growing(self.mailbox.place(datetime(2026, 1, 1), "101"), 1)
        pcm = b"\1\2" * RATE * 5
        for frame in range(0, len(pcm), 320):
            part.add(pcm[frame : frame + 320])
        self.assertEqual(synced, [44 + 4 * RATE, 44 + 8 * RATE])
        part.end()

    def test_power_fails_at_once(self) -> None:
        """What is too short for a message is none afterwards, either; copies that are not whole are gone."""
        place = self.mailbox.place(datetime(2026, 1, 1), "101")
        Growing(place, 1)
        place.with_suffix(".copy").write_bytes(b"RIFF")
        self.assertEqual(self.mailbox.rescue(self.now(6), 1.0), [])
        self.assertEqual(list(place.parent.iterdir()), [])

    def now(self, later: float = 0.0) -> datetime:
        """Some seconds after something was written last."""
        written = max(one.stat().st_mtime for one in self.directory.rglob("*"))
        return datetime.fromtimestamp(written + later, UTC)

    def test_power_fails_while_saving(self) -> None:
        """The old file, or the new one: never half of one, and never none that was there before."""
        path = self.directory / "greeting.wav"
        path.parent.mkdir(parents=True)
        save(path, b"\1\0" * RATE)
        for name in ("replace", "fsync"):
            with self.assertRaises(OSError):
                self._failing(name, path)
            self.assertEqual(load(path), b"\1\0" * RATE)

    def _failing(self, name: str, path: Path) -> None:
        """Save while something of the system fails."""

        def broken(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        with self.subTest(name):
            owner = Path if name == "replace" else os
            patch = self.patch(owner, name, broken)
            try:
                save(path, b"\2\0" * RATE)
            finally:
                patch.restore()

    def test_no_place_left(self) -> None:
        """A directory that cannot be written to is said so, in the words of the system."""
        error = self.assertRaises(OSError, Growing, self.directory / "nowhere" / "x.wav")
        self.assertEqual(error.strerror, "No such file or directory")
