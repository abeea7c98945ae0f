"""Databases opened in their own way, their tables brought up to date, and what they fail with in a line."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from b2bua.store.migrations import versions
from b2bua.store.ports import StoreError
from b2bua.store.tables import metadata

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE = 2.0
"""Seconds that a locked SQLite file is waited for; the next batch tries again."""
STATEMENT = 10.0
"""Seconds that PostgreSQL may take for a statement or a connection."""
MIGRATING = 0x62326275
"""The advisory lock of PostgreSQL that nodes which start at once take in turn."""
VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""How far the tables are, as Alembic has it."""


def guarded(work: Callable[..., T], *values: Any) -> T:
    """Do it; whatever a database can fail with becomes one line."""
    try:
        return work(*values)
    except SQLAlchemyError as error:
        raise StoreError(_line(getattr(error, "orig", None) or error)) from error
    except OSError as error:
        raise StoreError(_line(error)) from error


def failures_in_a_line(work: Callable[P, T]) -> Callable[P, T]:
    """Let a function fail with a L{StoreError} of one line only."""

    @wraps(work)
    def whole(*values: P.args, **keys: P.kwargs) -> T:
        return guarded(partial(work, *values, **keys))

    return whole


def _line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def connect(url: URL) -> sa.Engine:
    """Connect in the way of the database."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    return sa.create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": int(STATEMENT),
            "options": f"-c statement_timeout={int(STATEMENT * 1000)}",
        },
    )


def _sqlite(url: URL) -> sa.Engine:
    """
    Open an SQLite file, in which a reader never waits for the writer (WAL).

    Python's driver begins transactions by itself and not before a CREATE
    TABLE; told not to, it leaves that to us, so that a migration is done as a
    whole or not at all.
    """
    memory = url.database in (None, "", ":memory:")
    if not memory:
        # It holds hashes of passwords and who called whom.
        os.close(os.open(Path(str(url.database)), os.O_RDWR | os.O_CREAT, 0o600))
    more: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    args = {"timeout": PATIENCE, "isolation_level": None, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=args, **more)

    def connected(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        # After a crash of ours all commits are there; after one of the whole
        # machine perhaps not the last.
        connection.execute("PRAGMA synchronous = NORMAL")
        # KiB; what it reads is in the memory of the kernel anyway.
        connection.execute("PRAGMA cache_size = -256")

    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)
    return engine


def migrate(engine: sa.Engine) -> None:
    """
    Make the tables of an empty database, and bring those of an older one up to date.

    @raise StoreError: if a later version of this program made them.
    """
    newest = max(module.name for module in iter_modules(versions.__path__)).removeprefix("step_")
    with engine.begin() as connection:
        _take_turns(connection)
        found = sa.inspect(connection)
        if found.has_table(VERSION.name):
            if connection.execute(sa.select(VERSION)).scalar() == newest:
                return
        elif not any(map(found.has_table, metadata.tables)):
            metadata.create_all(connection)
            VERSION.create(connection)
            connection.execute(sa.insert(VERSION).values(version_num=newest))
            return
    upgrade(engine)


def upgrade(engine: sa.Engine) -> None:
    """Take the tables from step to step, by Alembic, which takes its time to load, and twelve megabytes."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    place = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        _take_turns(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError(f"the database is of a later version: {_line(error)}") from error


def _take_turns(connection: sa.Connection) -> None:
    """Let nodes that start at once look at the tables one after the other."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
