"""
The statements that are executed once for each row of a batch.

They are compiled once, with the values of a row in the order of its columns: the
driver gets the tuples as they are, and nothing is done in Python for a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import pysqlite

from b2bua.store import tables


def put(connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """
    Insert rows, or update those that are there and may be changed.

    @param rows: the values of the first columns; the others stay as they are.
    """
    if rows:
        connection.exec_driver_sql(_upsert(table, len(rows[0]), connection.dialect.name), list(rows))


def remove(connection: sa.Connection, table: sa.Table, keys: Sequence[tuple[Any, ...]]) -> None:
    """Remove the rows with some keys."""
    if keys:
        connection.exec_driver_sql(_removal(table, connection.dialect.name), list(keys))


@cache
def _upsert(table: sa.Table, columns: int, dialect: str) -> str:
    """Compile what inserts or updates a row."""
    insert: Any
    if dialect == "sqlite":
        insert = sqlite.insert(table)
    else:
        from sqlalchemy.dialects import postgresql  # a megabyte that SQLite does not need

        insert = postgresql.insert(table)
    names, keys = [column.name for column in table.columns][:columns], _keys(table)
    where = None
    if table is tables.records:
        # Another one's since its call was moved is not ours to change; one that has
        # ended may get what is known of that end a moment later.
        old, new = table.c, insert.excluded
        where = (old.ended.is_(None) | (old.ended == new.ended)) & (old.node == new.node)
    values = {name: insert.excluded[name] for name in names if name not in keys}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=values, where=where)
    return str(statement.compile(dialect=_by_position(dialect), column_keys=names))


@cache
def _removal(table: sa.Table, dialect: str) -> str:
    """Compile what removes a row."""
    same = [table.c[name] == sa.bindparam(f"old_{name}") for name in _keys(table)]
    return str(table.delete().where(*same).compile(dialect=_by_position(dialect)))


def _keys(table: sa.Table) -> list[str]:
    """The columns by which a row is known, which are the first ones."""
    return [column.name for column in table.primary_key]


def _by_position(dialect: str) -> sa.Dialect:
    """The dialect of a database, with values that have no names."""
    if dialect == "sqlite":
        return pysqlite.dialect(paramstyle="qmark")
    from sqlalchemy.dialects.postgresql import psycopg

    return psycopg.dialect(paramstyle="format")
