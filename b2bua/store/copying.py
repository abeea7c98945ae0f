"""Everything of one database into another one, as from SQLite to PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from b2bua.store import tables
from b2bua.store.ports import StoreError
from b2bua.store.sql import connect, failures_in_a_line, migrate

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
            return {table.name: _copied(table, reading, writing) for table in tables.metadata.sorted_tables}
    finally:
        one.dispose()
        other.dispose()


def _copied(table: sa.Table, reading: sa.Connection, writing: sa.Connection) -> int:
    """Copy one table."""
    count = 0
    rows = reading.execute(sa.select(table).execution_options(yield_per=BATCH))
    for part in rows.mappings().partitions(BATCH):
        writing.execute(table.insert(), [dict(row) for row in part])
        count += len(part)
    return count
