"""What is noted beside an engine's captures, and found by the next process."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.rtpengine import spool
from b2bua.media.rtpengine.capture import GOES_ON, Work

ID = "b2bua-0123"


class SpoolTests(SynchronousTestCase):
    """The notes."""

    def setUp(self) -> None:
        """Have a directory of an engine."""
        self.directory = Path(self.mktemp()).absolute()
        self.pcaps = self.directory / "pcaps"
        self.pcaps.mkdir(parents=True)
        ports = {40000: ("a", {8: "PCMA/8000"}), 40002: ("b", {})}
        self.work = Work("/r/1.wav", str(self.directory), ID, 1000.0, GOES_ON, "a", ports)

    def capture(self, id: str = ID, at: float = 1060.0) -> Path:
        """Have the engine write something, last at a time of day."""
        file = self.pcaps / f"{id}-55.pcap"
        file.write_bytes(b"x")
        os.utime(file, (at, at))
        return file

    def test_found(self) -> None:
        """What was noted is found as it was; captures of others are not ours."""
        self.capture()
        self.capture("somebody-1")
        self.capture("b2bua-4567")
        spool.note(self.work)
        self.assertEqual(spool.leftovers(str(self.directory)), {ID: self.work, "b2bua-4567": None})

    def test_nothing(self) -> None:
        """Where an engine has never written there is nothing."""
        self.assertEqual(spool.leftovers(str(self.directory / "elsewhere")), {})

    def test_end(self) -> None:
        """A recording without an end ended when the last of it was written."""
        self.capture()
        self.assertEqual(spool.ended(self.work).ended, 1060.0)
        self.assertEqual(spool.ended(self.work._replace(ended=1030.0)).ended, 1030.0)

    def test_made(self) -> None:
        """The note goes when it is made, but not that of the next recording of the call."""
        spool.note(self.work)
        spool.forget(self.work._replace(path="/r/0.wav"))
        self.assertEqual(list(spool.leftovers(str(self.directory))), [ID])
        spool.forget(self.work)
        self.assertEqual(spool.leftovers(str(self.directory)), {})

    def test_broken(self) -> None:
        """A note that cannot be read is none."""
        for text in ("", "[]", "{}", '{"ports": 1}', "[" * 100_000, '{"ports": {"x": ["a", {}]}}'):
            (self.pcaps / f"{ID}.json").write_text(text)
            self.assertEqual(spool.leftovers(str(self.directory)), {ID: None})

    def test_of_another_call(self) -> None:
        """A note under another name is none: nothing else would be removed by it."""
        spool.note(self.work)
        (self.pcaps / f"{ID}.json").rename(self.pcaps / "b2bua-9.json")
        self.assertEqual(spool.leftovers(str(self.directory)), {"b2bua-9": None})

    def test_removed(self) -> None:
        """What nobody knows goes when it is old enough."""
        file = self.capture()
        spool.remove(str(self.directory), ID, 1059.0)
        self.assertTrue(file.exists())
        spool.remove(str(self.directory), ID, 1061.0)
        self.assertFalse(file.exists())

    def test_once(self) -> None:
        """Only one at a time makes it; without a note whoever has captures does."""
        with spool.taken(self.work) as first:
            self.assertTrue(first)
        spool.note(self.work)
        with spool.taken(self.work) as first, spool.taken(self.work) as second:
            self.assertEqual((first, second), (True, False))
        with spool.taken(self.work) as again:
            self.assertTrue(again)
