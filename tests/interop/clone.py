"""
A bare clone, in which somebody types the two commands: C{make clone}, or C{trial tests.interop.clone}.

C{make test} leaves it out, since it is such a C{make test} itself, and installs all that tests need.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread

from tests.interop.processes import Program, free_port
from tests.interop.test_install import INSTALL_SECONDS, InstallCase, copied, run


class CloneTests(InstallCase):
    """Nobody has to know more than the two commands."""

    @inlineCallbacks
    def test_two_commands(self) -> Any:
        """
        In a bare clone C{make run} ends in a service, and C{make test} in tests that pass.

        sippy/b2bua#22: a newcomer could not tell which script to run.
        """
        directory = Path(self.mktemp()).resolve()
        copy = copied(str(directory))
        make = Program("make run")
        port = free_port()
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        command = ["/usr/bin/env", "make", "run", f"PORT={port}", f"PYTHON={sys.executable}"]
        make.start(command, str(copy), environment)
        self.addCleanup(make.kill)
        yield make.says("ready", limit=INSTALL_SECONDS)
        self.account_page(make.lines, str(port))
        make.signal("TERM")
        yield make.ended()
        # What is installed now is the editable kind.
        yield self.runs(copy / ".venv" / "bin" / "python", directory)
        said = yield deferToThread(run, "make", "test", "TESTS=tests.house", cwd=copy)
        self.assertIn("PASSED", said)

    def account_page(self, lines: list[str], port: str) -> None:
        """What is printed is all that a phone wants to know."""
        accounts = [line.split() for line in lines if line.strip()[-3:] == "TCP" and port in line]
        self.assertEqual([row[1] for row in accounts], ["101", "102", "103"], lines)
        self.assertEqual(len({row[2] for row in accounts}), 3)
