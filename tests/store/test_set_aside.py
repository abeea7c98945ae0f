"""What cannot be read of calls is kept in a file for people."""

from __future__ import annotations

import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.store.set_aside import NAME, place, set_aside


class SetAsideTests(SynchronousTestCase):
    """A file beside the database."""

    def test_place(self) -> None:
        """It is beside the file of SQLite; another database has no directory of its own."""
        self.assertEqual(place("sqlite:////var/lib/b2bua/b2bua.db"), Path("/var/lib/b2bua") / NAME)
        self.assertEqual(place("sqlite:///b2bua.db"), Path(NAME))
        self.assertEqual(place("sqlite://"), Path(NAME))
        self.assertEqual(place("postgresql://pbx@db/pbx"), Path(NAME))

    def test_added(self) -> None:
        """One start after the other adds to it, and only the service may read it."""
        path = Path(self.mktemp())
        set_aside(path, [("a", "why", "{")])
        set_aside(path, [("b", "why", "\ud800\n")])
        found = [json.loads(line) for line in path.read_text().splitlines()]
        self.assertEqual([(one["call"], one["kept"]) for one in found], [("a", "{"), ("b", "\ud800\n")])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
