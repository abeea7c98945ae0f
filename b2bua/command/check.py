"""
Say whether the service would start with a configuration.

All that is wrong is said at once, one line each; the exit status is 0 only if
nothing is.  Lines that begin with "warning" tell of what is hardly meant.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

from b2bua.command._live import tables_of
from b2bua.plural import counted
from b2bua.settings import SettingsError, find


def arguments(parser: ArgumentParser) -> None:
    """Take the file."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="by default as for --config of the others")
    parser.add_argument(
        "--explain", action="store_true", help="also play every call, and name the settings that decide none"
    )


def run(options: Namespace) -> int:
    """Check it."""
    file = find(options.file)
    print(verdict(file))
    if options.explain:
        print(explained(file))
    return 0


def explained(file: str) -> str:
    """A line for each setting of a good configuration that decides no call."""
    from b2bua.explain.unused import unused

    found = unused(tables_of(file), datetime.now().astimezone())
    lines = [f"{file}: {setting} decides none of the calls that were played" for setting in found]
    return "\n".join(lines or [f"{file}: every table and route decides some call"])


def verdict(file: str) -> str:
    """
    A line about a configuration that is good, after those about what is hardly meant.

    @raise SettingsError: if it is not.
    """
    # Not needed to say what can be typed, and it takes its time.
    from b2bua.configuration import configuration
    from b2bua.doubts import doubts
    from b2bua.preflight import is_running, obstacles

    configured = configuration(file)
    settings = configured.settings
    running = is_running(settings)
    if problems := obstacles(settings, running=running):
        raise SettingsError(file, problems)
    parts = ", ".join(
        str(counted(len(rows), name))
        for name, rows in (
            ("extension", settings.extensions),
            ("trunk", settings.trunks),
            ("route", settings.routes),
            ("socket", settings.server.listen),
        )
    )
    note = "; the service is running, so its sockets were left alone" if running else ""
    warnings = [f"{file}: warning: {doubt}" for doubt in doubts(configured)]
    return "\n".join((*warnings, f"{file}: good: {parts}{note}"))
