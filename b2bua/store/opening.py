"""Databases by their URL, and their tables made or brought up to date."""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules

from b2bua.store import tables
from b2bua.store.database import Connection, Database, line, sqlite_file
from b2bua.store.migrations import versions
from b2bua.store.ports import StoreError
from b2bua.store.sqlite import SqliteDatabase

MIGRATING = 0x62326275
"""The advisory lock of PostgreSQL that nodes which start at once take in turn."""


def prepare(url: str, node: str | None = None) -> Database:
    """
    Prepare one; nothing is connected to yet.

    @param node: whose name is to be claimed in PostgreSQL; None claims none.
    @raise StoreError: this is not the URL of one, or its driver is missing.
    """
    file = sqlite_file(url)
    if file is None:
        from b2bua.store.postgresql import PostgresqlDatabase  # SQLite does without

        return PostgresqlDatabase(url, node)
    return SqliteDatabase(file)


def migrate(database: Database) -> None:
    """
    Make the tables of an empty database, and bring those of an older one up to date.

    @raise StoreError: if a later version of this program made them.
    """
    newest = max(module.name for module in iter_modules(versions.__path__)).removeprefix("step_")
    with database.begin() as connection:
        _take_turns(connection)
        if connection.has_table(tables.version.name):
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if found is not None and found[0] == newest:
                return
        elif not any(connection.has_table(table.name) for table in tables.TABLES):
            for table in (*tables.TABLES, tables.version):
                for statement in table.creation(connection.dialect):
                    connection.execute(statement)
            connection.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (newest,))
            return
    upgrade(database)


def upgrade(database: Database) -> None:
    """Take the tables from step to step, by Alembic, which takes its time to load, and 24 MiB."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    config = Config()
    place = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = database.engine()
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_TURN)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"the database is of a later version: {line(error)}") from error
    except SQLAlchemyError as error:
        raise StoreError(line(getattr(error, "orig", None) or error)) from error


_TURN = f"SELECT pg_advisory_xact_lock({MIGRATING})"


def _take_turns(connection: Connection) -> None:
    """Let nodes that start at once look at the tables one after the other."""
    if connection.dialect == "postgresql":
        connection.execute(_TURN)
