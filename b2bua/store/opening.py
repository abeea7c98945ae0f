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

T = TypeVar("T")
P = ParamSpec("P")

PATIENCE = 2.0
"""Seconds that a locked SQLite file is waited for; the next batch tries again."""
STATEMENT = 10.0
"""Seconds that PostgreSQL may take for a statement or a connection."""
MIGRATING = 0x62326275
"""The advisory lock of PostgreSQL that nodes which start at once take in turn."""


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
    Bring the tables up to date.

    @raise StoreError: if a later version of this program made them.
    """
    with engine.begin() as connection:
        if sa.inspect(connection).has_table("alembic_version"):
            step = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            if step == max(module.name for module in iter_modules(versions.__path__)).removeprefix("step_"):
                return
    # Alembic takes its time to load, and eleven megabytes: it comes when there is something to be done.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    place = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreError(f"the database is of a later version: {_line(error)}") from error
