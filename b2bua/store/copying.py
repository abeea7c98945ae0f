"""Everything of one database into another one, as from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from b2bua.store import tables
from b2bua.store.alone import usual_node
from b2bua.store.opening import connect, failures_in_a_line, migrate
from b2bua.store.ports import StoreError

BATCH = 500
"""Rows that are read and written at a time."""


@failures_in_a_line
def copy(source: str, target: str) -> dict[str, int]:
    """
    Copy all rows; the source stays as it is but for being brought up to date.

    @param source: the URL of a database of ours.
    @param target: the URL of one without anything of ours in it.
    @return: how many rows of each table.
    @raise StoreError: if one cannot be opened, or the target has rows already;
        then nothing was written.
    """
    one, other = connect(make_url(source)), connect(make_url(target))
    try:
        migrate(one)
        migrate(other)
        with one.connect() as reading, other.begin() as writing:
            for table in tables.metadata.sorted_tables:
                if writing.execute(sa.select(sa.func.count()).select_from(table)).scalar():
                    name = other.url.render_as_string(hide_password=True)
                    raise StoreError(f"{name} has {table.name} already; name a database that is empty")
            nodes = {usual_node(one.url): usual_node(other.url)}
            return {
                table.name: _copied(table, reading, writing, nodes) for table in tables.metadata.sorted_tables
            }
    finally:
        one.dispose()
        other.dispose()


def _copied(table: sa.Table, reading: sa.Connection, writing: sa.Connection, nodes: Mapping[str, str]) -> int:
    """
    Copy one table.

    @param nodes: other names of nodes, since the usual one depends on the database.
    """
    count = 0
    rows = reading.execute(sa.select(table).execution_options(yield_per=BATCH))
    for part in rows.mappings().partitions(BATCH):
        copied = [dict(row) for row in part]
        for row in copied:
            if "node" in row:
                row["node"] = nodes.get(row["node"], row["node"])
        writing.execute(table.insert(), copied)
        count += len(part)
    return count
