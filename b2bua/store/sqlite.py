"""An SQLite file, or a database in memory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from b2bua.store.database import Row, line
from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine

PATIENCE = 2.0
"""Seconds that a locked file is waited for; the next batch tries again."""
_BEGIN = "BEGIN IMMEDIATE"


class SqliteDatabase:
    """A database of SQLite, with one connection at most."""

    def __init__(self, file: str) -> None:
        """
        Be ready to open it.

        @param file: empty for one in memory.
        """
        self.file = file
        self.name = f"sqlite:///{file}"
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[SqliteConnection]:
        """Begin a transaction, which has the file for itself."""
        try:
            connection = self._connected()
            connection.execute(_BEGIN)
            try:
                yield SqliteConnection(connection)
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has undone it already where the disk was full.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(line(error)) from error

    def interrupt(self) -> None:
        """Have the statement fail that is being executed."""
        connection = self._connection
        if connection is not None:
            # The thread may just have closed it, for somebody who has waited as long.
            with suppress(sqlite3.ProgrammingError):
                connection.interrupt()

    def close(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def engine(self) -> Engine:
        """
        Let SQLAlchemy work on our connection.

        Were the file opened and closed once more, the locks of this process on it
        were gone (fcntl(2)), and the next program that looks into it would remove
        what is not checkpointed, as if it were the last one.
        """
        import sqlalchemy as sa  # only who migrates needs it

        engine = sa.create_engine("sqlite://", creator=self._connected, poolclass=sa.StaticPool)

        def begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql(_BEGIN)

        sa.event.listen(engine, "begin", begun)
        return engine

    def _connected(self) -> sqlite3.Connection:
        """The connection, which is made when there is none."""
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        """
        Open it, in a way in which a reader never waits for the writer (WAL).

        Python's driver begins transactions by itself and not before a CREATE
        TABLE; told not to, it leaves that to us, so that a migration is done as a
        whole or not at all.
        """
        if self.file:
            # It holds hashes of passwords and who called whom.
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            self.file or ":memory:", timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # After a crash of ours all commits are there; after one of the whole
            # machine perhaps not the last.
            connection.execute("PRAGMA synchronous = NORMAL")
            # KiB; what it reads is in the memory of the kernel anyway.
            connection.execute("PRAGMA cache_size = -256")
        except BaseException:
            connection.close()
            raise
        return connection


class SqliteConnection:
    """A transaction of SQLite, which lets one in at a time."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on a connection."""
        self.execute = connection.execute
        self._connection = connection

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute it for each row of values."""
        self._connection.executemany(sql, rows)

    def parts(self, sql: str, size: int) -> Iterator[Sequence[Row]]:
        """Read rows, so many at a time."""
        found = self.execute(sql)
        while rows := found.fetchmany(size):
            yield rows

    def has_table(self, name: str) -> bool:
        """Is it there?"""
        sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self.execute(sql, (name,)).fetchone() is not None
