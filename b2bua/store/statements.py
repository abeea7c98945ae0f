"""
The statements that are executed once for each row of a batch.

The values of a row are in the order of its columns: the driver gets the tuples
as they are, and nothing is done in Python for a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from b2bua.store import tables
from b2bua.store.database import Connection, marks, names


def insert(connection: Connection, table: tables.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, with values for the first columns."""
    if rows:
        connection.execute_many(_insertion(table, len(rows[0])), rows)


def put(connection: Connection, table: tables.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """
    Insert rows, or update those that are there and may be changed.

    @param rows: the values of the first columns; the others stay as they are.
    """
    if rows:
        connection.execute_many(_upsert(table, len(rows[0])), rows)


def remove(connection: Connection, table: tables.Table, keys: Sequence[tuple[Any, ...]]) -> None:
    """Remove the rows with some keys."""
    if keys:
        connection.execute_many(_removal(table), keys)


@cache
def _insertion(table: tables.Table, columns: int) -> str:
    """What inserts a row."""
    into = table.columns[:columns]
    return f"INSERT INTO {table.name} ({names(into)}) VALUES ({marks(into)})"


@cache
def _upsert(table: tables.Table, columns: int) -> str:
    """What inserts or updates a row."""
    keys, others = table.columns[: table.keys], table.columns[table.keys : columns]
    changes = names(f"{name} = excluded.{name}" for name in others if name not in table.fixed)
    sql = f"{_insertion(table, columns)} ON CONFLICT ({names(keys)}) DO UPDATE SET {changes}"
    if table is tables.records:
        # Another one's since its call was moved is not ours to change; one that has
        # ended may get what is known of that end a moment later.
        sql += (
            " WHERE (records.ended IS NULL OR records.ended = excluded.ended)"
            " AND records.node = excluded.node"
        )
    return sql


@cache
def _removal(table: tables.Table) -> str:
    """What removes a row."""
    same = " AND ".join(f"{name} = ?" for name in table.columns[: table.keys])
    return f"DELETE FROM {table.name} WHERE {same}"
