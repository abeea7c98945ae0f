"""Moving to another database: all that is kept goes along."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.trial.unittest import TestCase

from b2bua.store.copying import copy
from b2bua.store.ports import Batch, Setting, StoreError
from b2bua.store.sql import SqlStore
from tests.command.support import run
from tests.store.contract import ENDED, ROW
from tests.store.postgresql import database

Steps = Generator[Deferred[Any], Any, None]


class CopyingTests(TestCase):
    """L{copy}, and C{b2bua copy-database}."""

    def setUp(self) -> None:
        """Two databases."""
        self.source = f"sqlite:///{Path(self.mktemp()).absolute()}.db"
        self.target = f"sqlite:///{Path(self.mktemp()).absolute()}.db"

    @inlineCallbacks
    def fill(self) -> Steps:
        """Keep something of every kind."""
        store = SqlStore(self.source, reactor)
        yield store.open()
        yield store.write(
            Batch(bindings=((ROW.aor, (ROW,)),), settings=(Setting("101", "x", "y", [1]),), records=(ENDED,))
        )
        yield store.close()

    @inlineCallbacks
    def assertThere(self) -> Steps:
        """It is all in the target."""
        store = SqlStore(self.target, reactor)
        yield store.open()
        self.addCleanup(store.close)
        self.assertEqual((yield store.load_bindings(0.0)), [ROW])
        self.assertEqual((yield store.load_settings()), [Setting("101", "x", "y", [1])])
        self.assertEqual([record.id for record in (yield store.find_records())], [ENDED.id])

    @inlineCallbacks
    def test_copied(self) -> Steps:
        """Registrations, what users have changed, and the records of calls."""
        yield self.fill()
        copied = copy(self.source, self.target)
        self.assertEqual((copied["bindings"], copied["settings"], copied["records"]), (1, 1, 1))
        yield self.assertThere()

    @inlineCallbacks
    def test_to_postgresql(self) -> Steps:
        """From a file to PostgreSQL."""
        yield self.fill()
        self.target = database()
        copy(self.source, self.target)
        yield self.assertThere()

    @inlineCallbacks
    def test_not_empty(self) -> Steps:
        """Nothing is mixed into a database that is in use, and nothing is half done."""
        yield self.fill()
        copy(self.source, self.target)
        error = self.assertRaises(StoreError, copy, self.source, self.target)
        self.assertIn("already; name a database that is empty", str(error))
        yield self.assertThere()

    def test_cannot_be_opened(self) -> None:
        """One line, and no traceback."""
        self.assertRaises(StoreError, copy, self.source, "sqlite:////nowhere/at/all.db")

    @inlineCallbacks
    def test_command(self) -> Steps:
        """The source is that of the configuration; what to do next is said."""
        yield self.fill()
        config = Path(self.mktemp())
        config.write_text(f'server.domain = "a"\nserver.database = "{self.source}"\n')
        status, out, err = run("copy-database", "-c", str(config), self.target)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("records: 1 row", out)
        self.assertIn("server.database", out)
        yield self.assertThere()
        status, _, err = run("copy-database", "-c", str(config), "mysql://me:hunter2@db/x")
        self.assertEqual((status, len(err.splitlines())), (1, 1))
        self.assertNotIn("hunter2", err)
