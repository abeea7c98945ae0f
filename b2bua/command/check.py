"""
Say whether the service would start with a configuration.

All that is wrong is said at once, one line each; the exit status is 0 only if
nothing is.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.settings import SettingsError


def arguments(parser: ArgumentParser) -> None:
    """Take the file."""
    parser.add_argument("file", metavar="FILE", nargs="?", default="b2bua.toml", help="by default b2bua.toml")


def run(options: Namespace) -> int:
    """Check it."""
    print(verdict(options.file))
    return 0


def verdict(file: str) -> str:
    """
    One line about a configuration that is good.

    @raise SettingsError: if it is not.
    """
    # Not needed to say what can be typed, and it takes its time.
    from b2bua.configuration import configuration
    from b2bua.preflight import is_running, obstacles

    settings = configuration(file).settings
    running = is_running(settings)
    if problems := obstacles(settings, running=running):
        raise SettingsError(file, problems)
    parts = ", ".join(
        f"{len(rows)} {name[:-1] if len(rows) == 1 else name}"
        for name, rows in (
            ("extensions", settings.extensions),
            ("trunks", settings.trunks),
            ("routes", settings.routes),
            ("sockets", settings.server.listen),
        )
    )
    note = "; the service is running, so its sockets were left alone" if running else ""
    return f"{file}: good: {parts}{note}"
