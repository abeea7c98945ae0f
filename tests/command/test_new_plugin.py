"""C{b2bua new-plugin}: what it writes works."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command import main


class NewPluginTests(SynchronousTestCase):
    """The command, and what it has written."""

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run it: its status and what it prints."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(["new-plugin", *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_works(self) -> None:
        """The test that it writes passes, for the feature that it writes."""
        place = self.mktemp()
        status, said, _ = self.command("closed_today", place)
        self.assertEqual(status, 0)
        self.assertIn("pip install -e .", said)
        played = subprocess.run(
            [sys.executable, "-m", "twisted.trial", "test_closed_today"],
            cwd=place,
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.assertIn("PASSED (successes=2)", played.stdout, played.stdout + played.stderr)

    def test_metadata(self) -> None:
        """Its entry point names the class in its file."""
        place = self.mktemp()
        self.command("closed_today", place)
        metadata = tomllib.loads((Path(place) / "pyproject.toml").read_text())
        self.assertEqual(
            metadata["project"]["entry-points"], {"b2bua": {"closed_today": "closed_today:ClosedToday"}}
        )
        self.assertEqual(metadata["project"]["name"], "b2bua-closed-today")
        self.assertIn("class ClosedToday:", (Path(place) / "closed_today.py").read_text())

    def test_nothing_overwritten(self) -> None:
        """What is there stays as it is."""
        place = Path(self.mktemp())
        place.mkdir()
        (place / "pyproject.toml").write_text("mine")
        status, _, why = self.command("closed_today", str(place))
        self.assertEqual(status, 1)
        self.assertEqual(why, f"{place}/pyproject.toml: is there already; choose another directory\n")
        self.assertEqual([file.name for file in place.iterdir()], ["pyproject.toml"])
        self.assertEqual((place / "pyproject.toml").read_text(), "mine")

    def test_names(self) -> None:
        """A name that cannot be one is refused in one line, and nothing is written."""
        for name in ("Night", "night-time", "7", "class", "json", "b2bua", "a/b", "forward", ""):
            with self.subTest(name):
                place = self.mktemp()
                status, _, why = self.command(name, place)
                self.assertEqual(status, 1)
                self.assertEqual(why.count("\n"), 1)
                self.assertFalse(Path(place).exists())

    def test_not_writable(self) -> None:
        """A place that cannot be written is said in one line."""
        place = Path(self.mktemp())
        place.write_text("a file")
        status, _, why = self.command("closed_today", str(place / "below"))
        self.assertEqual((status, why), (1, f"{place}/below: cannot be written: Not a directory\n"))
