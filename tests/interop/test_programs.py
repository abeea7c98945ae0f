"""Tests of L{tests.interop.programs}: what becomes of a test whose program is missing."""

from __future__ import annotations

import os

from twisted.trial.unittest import FailTest, SkipTest, SynchronousTestCase

from tests.interop import programs


class NeedTests(SynchronousTestCase):
    """L{programs.need}, of a program that is not there and cannot be installed."""

    def setUp(self) -> None:
        """A program of which nobody has heard, and nobody who may install it."""
        self.patch(programs, "PACKAGES", {"no-such-program": "no-such-package"})
        self.patch(os, "geteuid", lambda: 1000)
        self.patch(os, "environ", {**os.environ, "CI": ""})

    def test_skipped(self) -> None:
        """The test is skipped with one line that names the package."""
        error = self.assertRaises(SkipTest, programs.need, "no-such-program")
        self.assertEqual(len(str(error).splitlines()), 1)
        self.assertIn("no-such-package", str(error))

    def test_failed(self) -> None:
        """With C{CI=true} it fails."""
        os.environ["CI"] = "true"
        error = self.assertRaises(FailTest, programs.need, "no-such-program")
        self.assertIn("no-such-package", str(error))

    def test_found(self) -> None:
        """One that is there is found."""
        self.assertTrue(os.access(programs.need("sh"), os.X_OK))
