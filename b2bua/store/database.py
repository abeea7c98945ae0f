"""
What the store needs of a database: transactions on one connection, in SQL that all know.

The texts have C{?} for each value.  SQLite is spoken to by the driver that comes
with Python, L{b2bua.store.sqlite}; SQLAlchemy keeps the connection to PostgreSQL,
L{b2bua.store.postgresql}, and is loaded by those who have one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from b2bua.store.ports import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine

Row = tuple[Any, ...]


class Rows(Protocol):
    """What came of a statement; of the DB-API (PEP 249)."""

    @property
    def rowcount(self) -> int:
        """So many rows were changed."""

    def fetchone(self) -> Row | None:
        """Give the next row."""

    def fetchall(self) -> Sequence[Row]:
        """Give all that are left."""


class Connection(Protocol):
    """A transaction."""

    dialect: str
    """C{sqlite} or C{postgresql}."""

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Execute a statement."""

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute it for each row of values."""

    def parts(self, sql: str, size: int) -> Iterator[Sequence[Row]]:
        """Read rows, so many at a time."""

    def has_table(self, name: str) -> bool:
        """Is it there?"""


class Database(Protocol):
    """A database: it is connected to when it is used, and again after a connection was lost."""

    name: str
    """Its URL, for people to read."""

    @property
    def file(self) -> str | None:
        """The file of SQLite, empty if it is in memory; None for PostgreSQL."""

    def begin(self) -> AbstractContextManager[Connection]:
        """
        Begin a transaction; an exception undoes it.

        @raise StoreError: what the database fails with, in a line.
        """

    def interrupt(self) -> None:
        """Have whoever waits for it fail; called by another thread."""

    def close(self) -> None:
        """Close the connection, if there is one."""

    def engine(self) -> Engine:
        """Give what Alembic works with."""


def sqlite_file(url: str) -> str | None:
    """
    Find the file in the URL of an SQLite database.

    @return: empty for a database in memory, None if it is none of SQLite.
    @raise StoreError: there is something else in it than the file.
    """
    scheme, _, place = url.partition("://")
    if scheme.partition("+")[0] != "sqlite":
        return None
    name, _, options = place.partition("?")
    file = unquote(name[1:])
    known = scheme in ("sqlite", "sqlite+pysqlite")
    if not known or name[:1] not in ("", "/") or options or "\0" in file:
        shown = json.dumps(url, ensure_ascii=False)
        raise StoreError(f'{shown} is not the URL of an SQLite database, which is "sqlite:///FILE"')
    return "" if file == ":memory:" else file


def line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def names(columns: Iterable[str]) -> str:
    """Columns, as they stand in a statement."""
    return ", ".join(columns)


def marks(values: Iterable[object]) -> str:
    """A mark for each value, as they stand in a statement."""
    return ", ".join("?" for _ in values)
