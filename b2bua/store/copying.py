"""Everything of one database into another one, as from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from b2bua.store import tables
from b2bua.store.alone import usual_node
from b2bua.store.database import Connection, line, names
from b2bua.store.opening import migrate, prepare
from b2bua.store.ports import StoreError
from b2bua.store.statements import insert

BATCH = 500
"""Rows that are read and written at a time."""


def copy(source: str, target: str) -> dict[str, int]:
    """
    Copy all rows; the source stays as it is but for being brought up to date.

    @param source: the URL of a database of ours.
    @param target: the URL of one without anything of ours in it.
    @return: how many rows of each table.
    @raise StoreError: if one cannot be opened, or the target has rows already;
        then nothing was written.
    """
    one, other = prepare(source), prepare(target)
    nodes = {usual_node(source): usual_node(target)}
    try:
        migrate(one)
        migrate(other)
        with one.begin() as reading, other.begin() as writing:
            for table in tables.TABLES:
                if writing.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone():
                    raise StoreError(f"{other.name} has {table.name} already; name a database that is empty")
            return {table.name: _copied(table, reading, writing, nodes) for table in tables.TABLES}
    except OSError as error:
        raise StoreError(line(error)) from error
    finally:
        one.close()
        other.close()


def _copied(table: tables.Table, reading: Connection, writing: Connection, nodes: Mapping[str, str]) -> int:
    """
    Copy one table.

    @param nodes: other names of nodes, since the usual one depends on the database.
    """
    count = 0
    node = table.columns.index("node") if "node" in table.columns else None
    for part in reading.parts(f"SELECT {names(table.columns)} FROM {table.name}", BATCH):
        rows = [list(row) for row in part]
        if node is not None:
            for row in rows:
                row[node] = nodes.get(row[node], row[node])
        insert(writing, table, [tuple(row) for row in rows])
        count += len(rows)
    return count
