"""Tests of C{b2bua init}."""

from __future__ import annotations

import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command.init import EXTENSIONS, LENGTH, LETTERS, password
from b2bua.settings import load
from tests.command.support import run


class InitTests(SynchronousTestCase):
    """The file, and what is printed about it."""

    def setUp(self) -> None:
        """No file."""
        self.file = Path(self.mktemp())

    def test_written(self) -> None:
        """UDP and TCP on port 5060, an SQLite file beside it, and three extensions."""
        self.assertEqual(run("init", str(self.file))[0], 0)
        settings = load(self.file)
        self.assertEqual(
            [(place.transport, place.host, place.port) for place in settings.server.listen],
            [("UDP", "0.0.0.0", 5060), ("TCP", "0.0.0.0", 5060)],
        )
        self.assertEqual(settings.server.database, f"sqlite:///{self.file.resolve().parent}/b2bua.db")
        self.assertEqual(list(settings.extensions), ["101", "102", "103"])

    def test_passwords(self) -> None:
        """Each is random: no two are equal, neither here nor in another file."""
        other = Path(self.mktemp())
        for file in (self.file, other):
            run("init", str(file))
        known = [one.password for file in (self.file, other) for one in load(file).extensions.values()]
        self.assertEqual(len(set(known)), 6)
        for one in known:
            self.assertEqual(len(one or ""), LENGTH)
        self.assertGreaterEqual(len(LETTERS) ** LENGTH, 2**75)
        self.assertEqual(set(password()) - set(LETTERS), set())

    def test_account_page(self) -> None:
        """What is printed is what a phone wants to know."""
        status, said, _ = run("init", "--domain", "pbx.example.com", "--port", "5070", str(self.file))
        self.assertEqual(status, 0)
        for number, extension in load(self.file).extensions.items():
            row = next(line for line in said.splitlines() if f" {number} " in line)
            for cell in (
                EXTENSIONS[number],
                extension.password or "",
                "pbx.example.com",
                "5070",
                "UDP or TCP",
            ):
                self.assertIn(cell, row)

    def test_secret(self) -> None:
        """Nobody else can read the passwords."""
        run("init", str(self.file))
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_system(self) -> None:
        """For a service of the system, state is where its unit has room for it."""
        run("init", "--system", str(self.file))
        server = load(self.file).server
        unit = (Path(__file__).parents[2] / "b2bua" / "command" / "b2bua.service").read_text()
        self.assertEqual(server.database, "sqlite:////var/lib/b2bua/b2bua.db")
        self.assertEqual(server.control, "/run/b2bua/b2bua.sock")
        for line in ("StateDirectory=b2bua", "RuntimeDirectory=b2bua"):
            self.assertIn(f"\n{line}\n", unit)

    def test_there_already(self) -> None:
        """A file that is there is not touched."""
        self.file.write_text("mine")
        status, _, said = run("init", str(self.file))
        self.assertEqual((status, self.file.read_text()), (1, "mine"))
        self.assertEqual(said, f"{self.file}: is there already; nothing was changed\n")

    def test_bad_input(self) -> None:
        """A domain or port that cannot be, and a place where nothing can be written: one line."""
        for arguments in (
            ("--domain", "no domain", str(self.file)),
            ("--port", "70000", str(self.file)),
            ("/nowhere/at/all/b2bua.toml",),
        ):
            with self.subTest(" ".join(arguments)):
                status, _, said = run("init", *arguments)
                self.assertEqual((status, len(said.splitlines())), (1, 1), said)
        self.assertFalse(self.file.exists())
