"""A database of PostgreSQL; SQLAlchemy keeps the connection, and finds it again after it was lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from b2bua.store.alone import claim
from b2bua.store.database import Row, Rows, line
from b2bua.store.ports import StoreError

STATEMENT = 10.0
"""Seconds that PostgreSQL may take for a statement or a connection."""
TEXTS = 128
"""So many texts of statements are remembered: that of a search depends on how much is asked for."""


class PostgresqlDatabase:
    """A database of PostgreSQL, with one connection at most."""

    file = None

    def __init__(self, url: str, node: str | None) -> None:
        """
        Be ready to connect.

        @param node: whose name is claimed on each connection; None claims none.
        @raise StoreError: this is not the URL of one, or its driver is missing.
        """
        self._node = node
        self._raw: Any = None
        """The connection of the driver; there is one at most."""
        try:
            parsed = sa.make_url(url)
            self.name = parsed.render_as_string(hide_password=True)
            self._engine = sa.create_engine(
                parsed,
                pool_size=1,
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": int(STATEMENT),
                    "options": f"-c statement_timeout={int(STATEMENT * 1000)}",
                },
            )
        except (ArgumentError, ValueError, NoSuchModuleError, ImportError) as error:
            raise StoreError(line(error)) from error
        sa.event.listen(self._engine, "connect", self._made)

    def _made(self, connection: Any, _: object) -> None:
        """Note the connection of the driver, on which PostgreSQL knows our node."""
        self._raw = connection
        if self._node is not None:
            claim(connection, self._node)

    @contextmanager
    def begin(self) -> Iterator[PostgresqlConnection]:
        """Begin a transaction."""
        try:
            with self._engine.begin() as connection:
                yield PostgresqlConnection(connection)
        except SQLAlchemyError as error:
            raise StoreError(line(getattr(error, "orig", None) or error)) from error

    def interrupt(self) -> None:
        """
        Have whoever waits for it fail.

        PostgreSQL limits statements itself, but not while it is stopped; and
        its library waits for ever for an answer.  So the socket is shut down
        below it, which it takes for a lost connection.
        """
        raw = self._raw
        if raw is None:
            return
        from psycopg import OperationalError

        # The thread may just have closed it, for somebody who has waited as long.
        with (
            suppress(OSError, OperationalError),
            socket.socket(fileno=os.dup(raw.fileno())) as connection,
        ):
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def engine(self) -> sa.Engine:
        """Give our own."""
        return self._engine


class PostgresqlConnection:
    """A transaction of PostgreSQL."""

    dialect = "postgresql"

    def __init__(self, connection: sa.Connection) -> None:
        """Work on a connection."""
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Execute a statement."""
        result: Any = self._connection.exec_driver_sql(_translated(sql), tuple(values))
        return result  # type: ignore[no-any-return]  # it has what is asked of it

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute it for each row of values."""
        self._connection.exec_driver_sql(_translated(sql), [tuple(row) for row in rows])

    def parts(self, sql: str, size: int) -> Iterator[Sequence[Row]]:
        """Read rows, so many at a time, and no more of them into our memory."""
        result = self._connection.exec_driver_sql(
            _translated(sql), (), execution_options={"stream_results": True, "max_row_buffer": size}
        )
        for rows in result.partitions(size):
            yield [tuple(row) for row in rows]

    def has_table(self, name: str) -> bool:
        """Is it there?"""
        return sa.inspect(self._connection).has_table(name)


@lru_cache(TEXTS)
def _translated(sql: str) -> str:
    """The text with the marks of the driver."""
    return sql.replace("%", "%%").replace("?", "%s")
