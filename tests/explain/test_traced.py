"""A call saved to a file, and opened again by somebody else."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain import traced
from b2bua.explain.traced import TracedCall
from b2bua.settings import SettingsError
from b2bua.testing import Manners, World
from tests.explain.calls import forwarded


class SavedTests(SynchronousTestCase):
    """What C{b2bua trace --save} writes."""

    def setUp(self) -> None:
        """Save a call."""
        self.path = Path(self.mktemp())
        forwarded().save(self.path)

    def complaint(self) -> str:
        """Say what is wrong with the file now."""
        return str(self.assertRaises(SettingsError, TracedCall.open, self.path)).removeprefix(
            f"{self.path}: "
        )

    def test_again(self) -> None:
        """It is the same call when it is opened, with every byte."""
        self.assertEqual(TracedCall.open(self.path), forwarded())

    def test_cut_off(self) -> None:
        """A file that is cut off is said to be so."""
        self.path.write_text(self.path.read_text()[:-100])
        self.assertEqual(self.complaint(), "it is not a call that b2bua trace --save wrote, or it is cut off")

    def test_other_version(self) -> None:
        """A file of a format to come is not guessed at."""
        self.path.write_text(json.dumps({**json.loads(self.path.read_text()), "format": 7}))
        self.assertEqual(self.complaint(), "it was written by another version (format 7; this one reads 2)")

    def test_something_else(self) -> None:
        """Other JSON is refused with what it misses."""
        self.path.write_text("{}")
        self.assertEqual(self.complaint(), "it is not a call that b2bua trace --save wrote: record")

    def test_too_large(self) -> None:
        """A huge file is not read into memory."""
        self.patch(traced, "SAVED_MAX", 1024)
        self.assertIn("it is larger than", self.complaint())

    def test_not_there(self) -> None:
        """A file that is not there is said to be missing."""
        self.path.unlink()
        self.assertEqual(self.complaint(), "No such file or directory")


class GatheredTests(SynchronousTestCase):
    """What a server still knows of a call."""

    def test_time_of_day(self) -> None:
        """Whatever is told of it has the time of day, though the clock of the server counts from anywhere."""
        world = World()
        alice, _ = world.phones("alice", "bob", manners=Manners(answers_after=1))
        alice.dial("bob")
        world.run(3)
        server = world.served.server
        (call,) = server.core.calls.going.values()
        call.story.note("something")
        past = world.wall() - world.clock.seconds()
        found = TracedCall.of(call.record, call.story, server.trace, "", past)
        times = [one.at for one in (*found.messages, *found.said, *found.reasons)]
        self.assertGreater(len(found.reasons), 0)
        self.assertLess(max(times) - min(times), 10)
        self.assertLess(max(abs(at - found.record.started) for at in times), 10)

    def test_missing(self) -> None:
        """Dialogs of which the INVITE has fallen out of the ring are named."""
        self.assertEqual(forwarded().missing, ())
