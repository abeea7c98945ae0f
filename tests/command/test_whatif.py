"""C{b2bua whatif} and C{b2bua replay}, as people type them."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from tests.command.support import run
from tests.explain.calls import forwarded

OFFICE = """
[server]
domain = "pbx.example.com"
listen = ["sip:127.0.0.1:0"]
[extensions.101]
password = "secret-of-101"
[extensions.102]
password = "secret-of-102"
[extensions.103]
password = "secret-of-103"
"""


class WhatIfTests(SynchronousTestCase):
    """No service has to run for it."""

    def setUp(self) -> None:
        """A configuration that the environment names."""
        self.file = Path(self.mktemp())
        self.file.write_text(OFFICE)
        environment = patch.dict(os.environ, {"B2BUA_CONFIG": str(self.file)})
        environment.start()
        self.addCleanup(environment.stop)

    def test_told(self) -> None:
        """The configuration is found as by every other command; steps before, meanwhile and then are told."""
        status, out, err = run(
            "whatif", "101", "102", "--answers-after", "3", "--meanwhile", "103 dials pickup 102",
            "--then", "103 transfers to 102",
        )  # fmt: skip
        self.assertEqual((status, err), (0, ""))
        self.assertIn("103 dials pickup 102: 101 talks to 103", out)
        self.assertIn("103 transfers to 102: 101 talks to 102", out)

    def test_mistakes(self) -> None:
        """One line, with the option and the remedy."""
        for arguments, line in (
            (["--then", "102 sings"], "--then: '102 sings' is not one of"),
            (["--redirects", "102"], "--redirects: '102' is not NAME=NUMBER"),
            (["--answers-after", "nan"], "--answers-after: must be seconds, 600 at most"),
            (["--busy", "9"], "--busy: there is no extension or trunk 9"),
        ):
            status, out, err = run("whatif", "101", "102", *arguments)
            self.assertEqual((status, out), (1, ""))
            self.assertIn(line, err)
            self.assertEqual(err.count("\n"), 1)

    def test_same(self) -> None:
        """The same configuration changes no call."""
        self.assertEqual(run("whatif", "--diff", str(self.file))[1], "every call would do the same\n")

    def test_replay(self) -> None:
        """A call that was saved is played with the configuration that is found; what differs is told."""
        saved = Path(self.mktemp())
        forwarded().save(saved)
        status, out, err = run("replay", "--open", str(saved))
        self.assertEqual((status, err), (1, ""))
        self.assertIn("was not sent", out)
