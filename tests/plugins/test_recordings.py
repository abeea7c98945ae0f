"""Recordings as files: how they lie there, and how long."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from b2bua_plugins._recordings import Recordings
from tests.plugins.recordings import RecordingCase


class ShelfTests(SynchronousTestCase):
    """Recordings as files."""

    def setUp(self) -> None:
        """Let there be a directory."""
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        self.shelf = Recordings(self.place)

    def test_same_second(self) -> None:
        """One that begins in the same second as another one of the call has a file of its own."""
        now = datetime(2026, 11, 26, 10, 15, 59)
        for suffix in ("", ".part", ""):
            path = self.shelf.place(now, "5405", "101", "102")
            path.with_name(path.name + suffix).touch()
        self.assertEqual(
            sorted(path.name[:15] for path in self.place.iterdir()),
            ["20261126-101559", "20261126-101600", "20261126-101601"],
        )

    def test_files_of_others(self) -> None:
        """Files whose names are none of ours are not listed, nor removed, and keep none of ours from that."""
        for name in ("20261399-101500-1-101-102.wav", "20200101-000000.wav", "20261126-101500-1-101-102.wav"):
            (self.place / name).touch()
        self.assertEqual([one.path.name for one in self.shelf.all()], ["20261126-101500-1-101-102.wav"])
        self.assertEqual(self.shelf.expire(datetime(2030, 1, 1), 1), 1)
        self.assertEqual(len(list(self.place.iterdir())), 2)

    def test_not_removed(self) -> None:
        """One that may not be removed is told of, and keeps no other one from that."""
        names = [f"2026010{day}-101500-1-101-102.wav" for day in (1, 2, 3)]
        for name in names:
            (self.place / name).touch()
        remove = Path.unlink

        def unlink(path: Path, *, missing_ok: bool = False) -> None:
            if path.name == names[1]:
                raise PermissionError(13, "Permission denied", str(path))
            remove(path, missing_ok=missing_ok)

        self.patch(Path, "unlink", unlink)
        error = self.assertRaises(PermissionError, self.shelf.expire, datetime(2030, 1, 1), 1)
        self.assertIn(names[1], str(error))
        self.assertEqual([path.name for path in self.place.iterdir()], [names[1]])

    def test_not_rescued(self) -> None:
        """One that cannot be saved after a crash keeps no other one from that."""
        names = [f"2026010{day}-101500-1-101-102.wav" for day in (1, 2, 3)]
        for name in names:
            (self.place / f"{name}.part").touch()
        (self.place / names[1]).mkdir()  # something else has its name
        self.assertRaises(OSError, self.shelf.rescue, ())
        self.assertEqual([path.name for path in self.place.glob("*.part")], [f"{names[1]}.part"])

    def test_latest(self) -> None:
        """Of many the latest are listed, those of one call whatever their age."""
        for second in range(5):
            self.shelf.place(datetime(2026, 1, 1, 0, 0, second), f"a{second}", "101", "102").touch()
        self.assertEqual([one.call for one in self.shelf.all(most=2)], ["a3", "a4"])
        self.assertEqual([one.call for one in self.shelf.all("a0", 2)], ["a0"])


class KeptTests(RecordingCase):
    """How long they are kept."""

    settings: ClassVar[dict[str, Any]] = {"recording": {"days": 30}}
    extensions: ClassVar[dict[str, Any]] = {"alice": {"on": True}}

    def test_not_removed(self) -> None:
        """What may not be removed is a line of the log, and no failure of the feature."""

        def refuse(path: Path, *, missing_ok: bool = False) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        (self.place / "20200101-101500-1-101-102.wav").touch()
        self.patch(Path, "unlink", refuse)
        with capturedLogs() as events:
            self.world.reload()
        (told,) = (one for one in events if "cannot be removed" in (one.get("log_format") or ""))
        self.assertIn("older than {days} days", told["log_format"])
        self.assertEqual(told["days"], 30)
        self.quiet()

    def test_days(self) -> None:
        """Older ones are deleted, other files are not touched."""
        self.talk()
        self.over()
        (name,) = self.files()
        (self.place / "notes.txt").touch()
        assert self.world.served is not None
        self.world.clock.run(29 * 86400)
        self.world.reload()
        self.assertEqual(self.files(), [name, "notes.txt"])
        self.world.clock.run(2 * 86400)
        self.world.reload()
        self.assertEqual(self.files(), ["notes.txt"])
