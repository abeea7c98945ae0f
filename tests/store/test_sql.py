"""The stores in databases: what both do beyond the contract, and what may become of each."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from b2bua.store import alone, opening, sql, sqlite, statements, tables
from b2bua.store.ports import Batch, Setting, Snapshot, StoreError
from b2bua.store.sql import SqlStore
from tests.store.contract import RECORD, ROW, Contract, Steps
from tests.store.postgresql import database


class SqlContract(Contract):
    """What stores in a database do beyond that."""

    def url(self) -> str:
        """The database of this test."""
        raise NotImplementedError

    def make(self, node: str = "a") -> Any:
        """A store in the database of this test."""
        from twisted.internet import reactor

        return SqlStore(self.url(), reactor, node)

    @inlineCallbacks
    def again(self) -> Steps:
        """Close it and open it again."""
        yield self.store.close()
        self.store = self.make()
        yield self.store.open()

    @inlineCallbacks
    def test_one_node_one_name(self) -> Steps:
        """Two that run cannot be the same node: each takes the open calls of its node for cut."""
        self.patch(alone, "FORMER", 0.05)  # type: ignore[attr-defined]
        second = self.make()
        error = yield self.assertFailure(second.open(), StoreError)
        self.assertIn("server.node", str(error))
        yield second.close()
        yield self.again()
        other = self.make("b")
        yield other.open()
        yield other.close()

    @inlineCallbacks
    def test_nodes(self) -> Steps:
        """Settings and records are common; bindings, open records and snapshots are the node's own."""
        t: Any = self
        other = self.make("b")
        yield other.open()
        batch = Batch(
            bindings=((ROW.aor, (ROW,)),),
            settings=(Setting("101", "x", "y", 1),),
            records=(RECORD,),
            snapshots=(Snapshot("1", "1"),),
        )
        yield self.store.write(batch)
        yield other.write(Batch(bindings=((ROW.aor, ()),), snapshots=(Snapshot("1", None),)))
        for found in (other.load_bindings(0.0), other.load_open(), other.load_snapshots()):
            t.assertEqual((yield found), [])
        t.assertEqual((yield other.load_settings()), [Setting("101", "x", "y", 1)])
        t.assertEqual([r.node for r in (yield other.find_records())], ["a"])
        t.assertEqual((yield self.store.load_bindings(0.0)), [ROW])
        t.assertEqual((yield self.store.load_snapshots()), [Snapshot("1", "1")])
        yield other.close()

    @inlineCallbacks
    def test_migrations_make_the_tables(self) -> Steps:
        """What the migrations make is what a new database has, with all columns that the code knows."""

        def made(found: sa.Inspector, table: str) -> tuple[Any, ...]:
            columns = [{**column, "type": str(column["type"])} for column in found.get_columns(table)]
            named = sorted(columns, key=lambda column: str(column["name"]))
            return table, named, found.get_pk_constraint(table), found.get_indexes(table)

        t: Any = self
        yield self.store.close()
        opened = opening.prepare(self.url())
        engine = sa.create_engine(self.url(), poolclass=sa.NullPool)
        found = []
        for make in (opening.upgrade, opening.migrate):
            with opened.begin() as connection:
                for table in (*tables.TABLES, tables.version):
                    connection.execute(f"DROP TABLE {table.name}")
            make(opened)
            there = sa.inspect(engine)
            t.assertEqual(set(there.get_table_names()), {t.name for t in (*tables.TABLES, tables.version)})
            for table in tables.TABLES:
                names = {column["name"] for column in there.get_columns(table.name)}
                t.assertEqual(names, set(table.columns))
            with opened.begin() as connection:
                version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            found.append((version, [made(there, table.name) for table in (*tables.TABLES, tables.version)]))
        opened.close()
        t.assertEqual(*found)
        yield self.store.open()

    @inlineCallbacks
    def test_later_version(self) -> Steps:
        """A database of a later version is left alone."""
        t: Any = self
        yield self.store.close()
        engine = sa.create_engine(self.url())
        with engine.begin() as connection:
            before = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            connection.execute(sa.text("UPDATE alembic_version SET version_num = 'later'"))
        error = yield t.assertFailure(self.store.open(), StoreError)
        t.assertIn("later version", str(error))
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :was"), {"was": before})
        engine.dispose()
        yield self.store.close()
        yield self.store.open()

    @inlineCallbacks
    def test_closed(self) -> Steps:
        """What is asked of a store that is not open fails in one line."""
        t: Any = self
        yield self.store.close()
        yield t.assertFailure(self.store.write(Batch()), StoreError)

    @inlineCallbacks
    def test_left_when_closed(self) -> Steps:
        """Who gives up a database in the moment in which it is closed does no harm."""
        yield self.store.close()
        self.store._leave()
        yield self.store.open()


class SqliteTests(SqlContract, TestCase):
    """L{SqlStore} in a file."""

    def url(self) -> str:
        """A file of its own for each test."""
        if not hasattr(self, "file"):
            directory = Path(self.mktemp()).absolute()
            directory.mkdir()
            self.file = directory / "b2bua.db"
        return f"sqlite:///{self.file}"

    def test_permissions(self) -> None:
        """Nobody else may read it: it holds hashes of passwords."""
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_indexes(self) -> None:
        """What is written of a call that goes on costs no index but the one whose column may have changed."""
        row = tables.record_values("a", RECORD)
        sql = f"EXPLAIN {statements._upsert(tables.records, len(row))}"
        with self.store._database.begin() as connection:
            steps = connection.execute(sql, row).fetchall()
        self.assertEqual([step[1] for step in steps].count("IdxDelete"), 1)

    @inlineCallbacks
    def test_locked(self) -> Steps:
        """A file that another program has locked fails the batch, and later ones are written."""
        self.patch(sqlite, "PATIENCE", 0.05)
        yield self.again()
        engine = sa.create_engine(self.url())
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
            error = yield self.assertFailure(
                self.store.write(Batch(settings=(Setting("", "x", "y", 1),))), StoreError
            )
            self.assertIn("locked", str(error))
            connection.rollback()
        engine.dispose()
        yield self.store.write(Batch(settings=(Setting("", "x", "y", 1),)))

    @inlineCallbacks
    def test_full_disk(self) -> Steps:
        """A full disk fails the batch, which leaves nothing behind; when there is room it is written."""
        database: Any = self.store._database
        with database.begin() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
        settings = tuple(Setting("", "x", str(n), "x" * 1000) for n in range(500))
        error = yield self.assertFailure(self.store.write(Batch(settings=settings)), StoreError)
        self.assertIn("full", str(error))
        self.assertEqual((yield self.store.load_settings()), [])
        with database.begin() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        yield self.store.write(Batch(settings=settings))
        self.assertEqual(len((yield self.store.load_settings())), 500)

    @inlineCallbacks
    def test_no_database(self) -> Steps:
        """A file that is no database is said to be none."""
        from twisted.internet import reactor

        other = Path(self.mktemp())
        other.write_bytes(b"no database at all" * 100)
        store = SqlStore(f"sqlite:///{other.absolute()}", reactor)
        error = yield self.assertFailure(store.open(), StoreError)
        self.assertIn("not a database", str(error))
        yield store.close()

    @inlineCallbacks
    def test_directory_removed(self) -> Steps:
        """Into a file that is gone nothing is written, and people hear of it before the next start."""
        shutil.rmtree(Path(self.url().removeprefix("sqlite:///")).parent)
        error = yield self.assertFailure(self.store.write(Batch()), StoreError)
        self.assertIn("was removed", str(error))

    @inlineCallbacks
    def test_shared_memory_cut_off(self) -> Steps:
        """Touching what SQLite has mapped of a file that is shorter now would end the process (SIGBUS)."""
        yield self.store.write(Batch(settings=(Setting("", "x", "y", 1),)))
        shared = Path(self.url().removeprefix("sqlite:///") + "-shm")
        size = shared.stat().st_size
        os.truncate(shared, 0)
        self.addCleanup(os.truncate, shared, size)  # the end of this process touches it again
        error = yield self.assertFailure(self.store.write(Batch()), StoreError)
        self.assertIn("cut off", str(error))
        yield self.store.close()

    @inlineCallbacks
    def test_no_directory(self) -> Steps:
        """A file that cannot be made is one line."""
        from twisted.internet import reactor

        store = SqlStore("sqlite:////nonexistent/b2bua.db", reactor)
        yield self.assertFailure(store.open(), StoreError)
        yield store.close()


class PostgresqlTests(SqlContract, TestCase):
    """L{SqlStore} in a real PostgreSQL."""

    timeout = 120

    def url(self) -> str:
        """A database of its own for each test."""
        if not hasattr(self, "_url"):
            self._url = database()
        return self._url

    @inlineCallbacks
    def test_connection_lost(self) -> Steps:
        """After the server has dropped us the next batch finds it again."""
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        engine.dispose()
        yield self.store.write(Batch(settings=(Setting("", "x", "y", 1),)))
        self.assertEqual(len((yield self.store.load_settings())), 1)

    @inlineCallbacks
    def test_stopped(self) -> Steps:
        """A server that hangs (SIGSTOP) is left after some time; when it goes on it is found again."""
        from twisted.internet import reactor

        self.patch(sql, "SILENCE", 0.3)
        backend: Any = self.store._database._raw.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        try:
            yield self.assertFailure(
                self.store.write(Batch(settings=(Setting("", "x", "y", 1),))), StoreError
            )
        finally:
            os.kill(backend, signal.SIGCONT)
        self.patch(sql, "SILENCE", 30.0)
        for _ in range(600):
            try:
                yield self.store.write(Batch(settings=(Setting("", "x", "y", 2),)))
            except StoreError:  # the former connection still has the name of our node
                yield deferLater(reactor, 0.1)
            else:
                break
        self.assertEqual((yield self.store.load_settings()), [Setting("", "x", "y", 2)])

    @inlineCallbacks
    def test_former_connection(self) -> Steps:
        """The name of a node is free when PostgreSQL has noticed the end of what had it, a moment later."""
        import psycopg
        from twisted.internet import reactor

        yield self.store.close()
        url = sa.make_url(self.url()).set(drivername="postgresql")
        former = psycopg.connect(url.render_as_string(hide_password=False))
        alone.claim(former, "a")
        delayed = deferLater(reactor, 0.2, former.close)
        yield self.store.open()
        yield delayed
        self.assertEqual((yield self.store.load_settings()), [])

    def test_password_is_not_shown(self) -> None:
        """The name that people see is without the password."""
        from twisted.internet import reactor

        store = SqlStore("postgresql+psycopg://b2bua:secret@host/b2bua", reactor)
        self.assertNotIn("secret", store.name)
