"""Tests of C{b2bua check} and of the command itself."""

from __future__ import annotations

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command import subcommands
from tests.command.support import run

GOOD = """
[server]
domain = "pbx.example.com"
listen = ["sip:127.0.0.1:0"]
control = "/tmp/b2bua-check-test.sock"
[extensions.101]
password = "secret"
"""


class CheckTests(SynchronousTestCase):
    """C{b2bua check}."""

    def file(self, text: str) -> str:
        """A file with C{text} in it."""
        path = Path(self.mktemp())
        path.write_text(text)
        return str(path)

    def test_good(self) -> None:
        """Status 0, and one line that says what there is."""
        file = self.file(GOOD)
        self.assertEqual(
            run("check", file), (0, f"{file}: good: 1 extension, 0 trunks, 0 routes, 1 socket\n", "")
        )

    def test_bad(self) -> None:
        """Status 1, and a line for each mistake; those of features as well."""
        file = self.file(GOOD + 'colour = "red"\n[timers]\nt1 = 0\n[plugins]\norder = ["pizza"]\n')
        status, out, err = run("check", file)
        self.assertEqual((status, out), (1, ""))
        paths = [line.removeprefix(f"{file}: ").split(": ")[0] for line in err.splitlines()]
        self.assertEqual(sorted(paths), ["extensions.101.colour", "plugins.order", "timers.t1"], err)

    def test_obstacle(self) -> None:
        """Status 1 for what no file can tell."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            place = f"sip:127.0.0.1:{other.getsockname()[1]}"
            file = self.file(GOOD.replace("sip:127.0.0.1:0", place))
            status, _, err = run("check", file)
        self.assertEqual(status, 1)
        self.assertIn("server.listen[0]: ", err)
        self.assertEqual(len(err.splitlines()), 1)

    def test_missing(self) -> None:
        """No file: one line that says how to get one."""
        status, _, err = run("check", "/nowhere/b2bua.toml")
        self.assertEqual((status, len(err.splitlines())), (1, 1))
        self.assertIn("b2bua init", err)


class CommandTests(SynchronousTestCase):
    """What holds for all subcommands."""

    def test_help(self) -> None:
        """Each subcommand has a line of help, and help of its own."""
        status, said, _ = run("--help")
        self.assertEqual(status, 0)
        for name, _ in subcommands():
            self.assertIn(f"    {name}", said)
            self.assertEqual(run(name, "--help")[0], 0)

    def test_not_understood(self) -> None:
        """Status 2 for what is no subcommand, and for none."""
        for arguments in (("pizza",), ()):
            self.assertEqual(run(*arguments)[0], 2)

    def test_version(self) -> None:
        """The version of what is installed."""
        self.assertRegex(run("--version")[1], r"^b2bua \d+\.\d+")
