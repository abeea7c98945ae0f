"""Show the commands that plugins of the running service add."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is."""
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show them."""
    columns = [
        ("Command", lambda row: row["name"]),
        ("Plugin", lambda row: row["plugin"]),
        ("What it does", lambda row: row["text"].splitlines()[0]),
    ]
    return _asking.show(
        options,
        _asking.ask(options, "GET", "/commands"),
        lambda rows: _asking.table(rows, columns, "no plugin adds a command"),
    )
