"""What comes with the installation: the pages, and the unit of the service."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command.install_service import left_to_do, unit
from tests.command.support import run


class DocsTests(SynchronousTestCase):
    """C{b2bua docs}."""

    def test_pages(self) -> None:
        """Every page is named with what it is about, and can be read."""
        status, names, _ = run("docs")
        self.assertEqual(status, 0)
        self.assertRegex(names, r"(?m)^operation +Running it$")
        for line in names.splitlines():
            status, text, _ = run("docs", line.split()[0])
            self.assertEqual(status, 0)
            self.assertTrue(text.startswith("# "), line)

    def test_no_such_page(self) -> None:
        """The one that is meant is named."""
        status, _, said = run("docs", "operations")
        self.assertEqual(
            (status, said), (1, "b2bua docs: operations: there is no such page; is operation meant?\n")
        )


class ServiceTests(SynchronousTestCase):
    """C{b2bua install-service}."""

    def setUp(self) -> None:
        """An installation where the unit can see it."""
        self.patch(sys, "prefix", "/srv/b2bua")
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def test_written(self) -> None:
        """The unit has the paths of this installation; what is left to do is said."""
        status, said, _ = run("install-service", "--to", str(self.directory))
        self.assertEqual(status, 0)
        text = (self.directory / "b2bua.service").read_text()
        self.assertIn("ExecStart=/srv/b2bua/bin/twistd ", text)
        self.assertNotIn("/opt/b2bua", text)
        self.assertIn("systemctl enable --now b2bua", said)
        self.assertEqual(run("install-service", "--print")[1], text)
        self.assertTrue(list(left_to_do("/srv/b2bua")))

    def test_another_one(self) -> None:
        """One that somebody has changed is not written over, unless that is wanted."""
        path = self.directory / "b2bua.service"
        path.write_text("mine")
        status, _, said = run("install-service", "--to", str(self.directory))
        self.assertEqual((status, path.read_text()), (1, "mine"))
        self.assertIn("--force", said)
        self.assertEqual(run("install-service", "--to", str(self.directory), "--force")[0], 0)
        self.assertEqual(path.read_text(), unit("/srv/b2bua"))

    def test_hidden(self) -> None:
        """An installation that the unit would hide from its own service is refused."""
        self.patch(sys, "prefix", "/home/me/b2bua/.venv")
        status, _, said = run("install-service", "--to", str(self.directory))
        self.assertEqual(status, 1)
        self.assertIn("/opt/b2bua", said)

    def test_watchdog(self) -> None:
        """A service that is stuck is started anew."""
        self.assertIn("\nWatchdogSec=", unit("/srv/b2bua"))
