"""The table of interpreters: what each needs, and who cannot take part."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.interpreters import Interpreter, compiles, furnished, needed, text


class InterpretersTests(SynchronousTestCase):
    """Interpreters side by side."""

    def test_needed(self) -> None:
        """What is needed is asked for the version that is to run, and for no extra."""
        old, new = (
            {wanted.split(">")[0].split("[")[0].strip() for wanted in needed(version)}
            for version in ("3.11", "3.13")
        )
        self.assertEqual(new - old, {"audioop-lts"})
        self.assertLess({"twisted", "pydantic"}, {wanted.lower() for wanted in old})
        self.assertNotIn("hypothesis", old)

    def test_no_room(self) -> None:
        """A directory without another Debian is named, and what puts one there."""
        nowhere = Path(self.mktemp())
        error = self.assertRaises(SystemExit, furnished, nowhere)
        self.assertIn("debootstrap --include=python3", str(error))

    def test_compiler(self) -> None:
        """CinderX is for 3.14 alone, so it is offered to no other version, such as who runs this."""
        self.assertEqual(compiles(Interpreter((sys.executable,))), sys.version_info[:2] == (3, 14))

    def test_table(self) -> None:
        """A row has the median and spread of its turns; the machine stands beneath, without interpreter."""
        found = text(
            [("3.13.5, Debian 13", [150.0, 190.0, 160.0], 700.0)],
            {"processor": "x", "python": "3.11.2", "date": "2026-11-27"},
        )
        self.assertIn("| 3.13.5, Debian 13 | 160 (150 to 190) | 700 |", found)
        self.assertTrue(found.endswith("\nprocessor: x, date: 2026-11-27, turns: 3"), found)
