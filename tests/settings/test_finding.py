"""Which file is the configuration, when nobody says so."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.settings import SettingsError, find


class FindingTests(SynchronousTestCase):
    """L{find}."""

    def setUp(self) -> None:
        """A directory of our own, and a system's file."""
        here = Path(self.mktemp())
        here.mkdir()
        self.addCleanup(os.chdir, Path.cwd())
        self.system = here.resolve() / "system.toml"
        os.chdir(here)

    def find(self, named: str | None = None, variable: str = "") -> str:
        """Look for it."""
        return find(named, {"B2BUA_CONFIG": variable} if variable else {}, str(self.system))

    def test_none(self) -> None:
        """One line that says where was looked, how to name it and how to get one."""
        with self.assertRaises(SettingsError) as caught:
            self.find()
        (line,) = str(caught.exception).splitlines()
        for word in ("b2bua.toml", str(self.system), "-c", "B2BUA_CONFIG", "b2bua init"):
            self.assertIn(word, line)

    def test_order(self) -> None:
        """What is named, what the environment names, what is here, what is the system's."""
        self.system.touch()
        self.assertEqual(self.find(), str(self.system))
        Path("b2bua.toml").touch()
        self.assertEqual(self.find(), "b2bua.toml")
        self.assertEqual(self.find(variable="/x.toml"), "/x.toml")
        self.assertEqual(self.find("/y.toml", "/x.toml"), "/y.toml")
