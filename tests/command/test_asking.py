"""Where the command finds the service, and what it says before it asks."""

from __future__ import annotations

import os
import socket
from argparse import Namespace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command._asking import listening, moment, socket_of
from b2bua.command.settings import shown
from b2bua.settings import SettingsError
from tests.command.support import run

TABLE = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 101 /var/lib/one/b2bua.sock
0000000000000000: 00000003 00000000 00000000 0001 03 102 /var/lib/two/b2bua.sock
0000000000000000: 00000002 00000000 00010000 0001 01 103 /tmp/b2bua-0123456789abcdef01234567.sock
0000000000000000: 00000002 00000000 00010000 0001 01 104 /run/systemd/private
0000000000000000: 00000002 00000000 00000000 0002 01 105
"""


class FindingTests(SynchronousTestCase):
    """How the control socket is found."""

    def test_table(self) -> None:
        """Those that listen, and are called as ours are; connections to them count for nothing."""
        table = Path(self.mktemp())
        table.write_text(TABLE)
        self.assertEqual(
            listening(str(table)),
            ["/tmp/b2bua-0123456789abcdef01234567.sock", "/var/lib/one/b2bua.sock"],
        )
        self.assertEqual(listening("/nowhere"), [])

    def test_a_running_one(self) -> None:
        """A socket that really listens is in the table of the system."""
        with TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as server:
            path = f"{directory}/b2bua.sock"
            server.bind(path)
            server.listen()
            if not Path("/proc/net/unix").exists():
                raise self.skipTest("no /proc/net/unix here")  # type: ignore[misc]  # trial raises it itself
            self.assertIn(path, listening())

    def test_named(self) -> None:
        """A configuration that was named is not exchanged for another service."""
        options = Namespace(socket=None, config="/nowhere/b2bua.toml")
        self.assertRaises(SettingsError, socket_of, options)
        self.assertEqual(socket_of(Namespace(socket="/x.sock", config=None)), "/x.sock")

    def test_nowhere(self) -> None:
        """From a directory without a configuration no second one is proposed where another is meant."""
        directory = self.mktemp()
        os.mkdir(directory)
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(directory)
        status, _, said = run("status", "-c", "elsewhere.toml")
        self.assertEqual((status, len(said.splitlines())), (1, 1))


class SetTests(SynchronousTestCase):
    """C{b2bua set}."""

    def test_no_value(self) -> None:
        """Without a value nothing is reset by accident: one says --default for that, and not both."""
        for more in ((), ("103", "--default")):
            status, _, said = run("set", "extensions.102.forward.busy", *more, "--socket", "/nowhere.sock")
            self.assertEqual(status, 1)
            self.assertIn("extensions.102.forward.busy: needs a value", said)
            self.assertIn("--default", said)

    def test_shown(self) -> None:
        """A list as people write it."""
        self.assertEqual(
            [shown(v) for v in (["102", "103"], [], "", True, 5)], ["102, 103", "-", "-", "true", "5"]
        )


class MomentTests(SynchronousTestCase):
    """Times as people write them."""

    def test_read(self) -> None:
        """Without a zone it is the time of this machine."""
        self.assertIsNone(moment(None, "--since", "b2bua calls"))
        found = moment("2026-12-24 19:30", "--since", "b2bua calls")
        self.assertEqual(found, datetime(2026, 12, 24, 19, 30).astimezone())
        zoned = moment("2026-12-24T19:30+01:00", "--since", "b2bua calls")
        assert zoned is not None
        self.assertEqual(zoned.timestamp(), 1798137000)

    def test_no_time(self) -> None:
        """What is no time is named with its option, and how to write one, before anything is asked."""
        for text in ("yesterday", "", "2026-13-01", "0001-01-01"):
            error = self.assertRaises(SettingsError, moment, text, "--since", "b2bua calls")
            self.assertIn("2026-12-24 19:30", str(error))

    def test_with_past_only(self) -> None:
        """Calls that go on have no such question."""
        status, _, said = run("calls", "--since", "2026-12-24 19:30")
        self.assertNotEqual(status, 0)
        self.assertIn("--past", said)
