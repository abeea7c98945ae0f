"""
Copy the database of the configuration into another one, as from SQLite to PostgreSQL.

Nothing is removed.  Stop the service first; afterwards server.database names the
new one.  A password in the URL can stand in the environment: PGPASSWORD.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.plural import counted
from b2bua.settings import Problem, SettingsError, find


def arguments(parser: ArgumentParser) -> None:
    """Take from where, and to where."""
    parser.add_argument(
        "url", metavar="URL", help="where to, such as postgresql+psycopg://b2bua@localhost/b2bua"
    )
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        help="the configuration; by default B2BUA_CONFIG, b2bua.toml here or /etc/b2bua/b2bua.toml",
    )


def run(options: Namespace) -> int:
    """Copy it."""
    from b2bua.configuration import configuration
    from b2bua.preflight import is_running, obstacles_of_database
    from b2bua.store.copying import copy
    from b2bua.store.ports import StoreError

    settings = configuration(find(options.config)).settings
    if is_running(settings):
        why = "the service runs, and what it writes meanwhile would be missing; end it first"
        raise SettingsError("b2bua copy-database", [Problem("", why)])
    if problems := obstacles_of_database(options.url):
        raise SettingsError("b2bua copy-database", problems)
    try:
        copied = copy(settings.server.database, options.url)
    except StoreError as error:
        raise SettingsError("b2bua copy-database", [Problem("", str(error))]) from None
    print("; ".join(f"{name}: {counted(count, 'row')}" for name, count in copied.items()))
    print("Now let server.database name it, and start the service.")
    return 0
