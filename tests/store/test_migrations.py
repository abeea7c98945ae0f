"""A database of an older version is brought up to date, and nothing in it is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from alembic import command
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.trial.unittest import TestCase

from b2bua.store.ports import Batch, Search, Setting
from b2bua.store.sql import SqlStore

OLD = sorted(Path(__file__).parent.glob("version_*.sql"))
Steps = Generator[Deferred[Any], Any, None]


class MigrationTests(TestCase):
    """What versions before this one have left on disks."""

    def kept(self, script: Path) -> str:
        """A file as one of them has left it."""
        file = f"{self.mktemp()}.db"
        with sqlite3.connect(file) as connection:
            connection.executescript(script.read_text())
        connection.close()
        return file

    @inlineCallbacks
    def test_old_databases(self) -> Steps:
        """Each kept database opens, with its registrations, settings and records."""
        self.assertTrue(OLD)
        for script in OLD:
            store = SqlStore(f"sqlite:///{self.kept(script)}", reactor, "")
            yield store.open()
            self.addCleanup(store.close)
            (record,) = yield store.find_records(Search(party="101"))
            self.assertEqual((record.caller, record.legs[0].call_id), ("extension 101", "1@phone"))
            (setting,) = yield store.load_settings()
            self.assertEqual((setting.key, setting.value), ("busy", "103"))
            (binding,) = yield store.load_bindings(0.0)
            self.assertEqual(binding.contact, "sip:101@192.0.2.101:5062")

    @inlineCallbacks
    def test_nothing_to_do(self) -> Steps:
        """Tables that are new, or as the last step left them, are not looked at by what could change them."""
        old, new = self.kept(OLD[0]), f"{self.mktemp()}.db"
        asked: list[str] = []
        upgrade = command.upgrade
        self.patch(command, "upgrade", lambda config, to: (asked.append(to), upgrade(config, to)))
        for file, expected in ((new, []), (new, []), (old, ["head"]), (old, ["head"])):
            store = SqlStore(f"sqlite:///{file}", reactor, "")
            yield store.open()
            yield store.close()
            self.assertEqual(asked, expected)

    @inlineCallbacks
    def test_another_program_looks_into_it(self) -> Steps:
        """The locks on a file that was brought up to date are held: who looks into it removes nothing."""
        file = self.kept(OLD[0])
        store = SqlStore(f"sqlite:///{file}", reactor, "")
        yield store.open()
        self.addCleanup(store.close)
        look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM records').fetchall()"
        subprocess.run([sys.executable, "-c", look, file], check=True)
        yield store.write(Batch(settings=(Setting("102", "x", "y", 1),)))
        self.assertIn(Setting("102", "x", "y", 1), (yield store.load_settings()))

    @inlineCallbacks
    def test_what_nobody_knew(self) -> Steps:
        """What records of an older version did not say stays empty, and is no reason to refuse them."""
        file = self.kept(OLD[0])
        store = SqlStore(f"sqlite:///{file}", reactor, "")
        yield store.open()
        self.addCleanup(store.close)
        (record,) = yield store.find_records()
        self.assertEqual((record.number, record.name, record.answered_by, record.why), ("", "", "", ""))
