"""
Show the settings that an extension can change at run time.

Those of features that are off are not among them.  Of a PIN it is only said that
there is one, since others read screens and logs as well; --pins shows it.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from b2bua.command import _asking
from b2bua.settings.pins import without_pins


def arguments(parser: ArgumentParser) -> None:
    """Take whose."""
    parser.add_argument("extension", metavar="EXTENSION", help="its number")
    parser.add_argument("--pins", action="store_true", help="show PINs, which are *** otherwise")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show them."""
    rows = _asking.ask(options, "GET", "/extensions/{extension}/settings", extension=options.extension)
    return _asking.show(options, rows if options.pins else without_pins(rows), people)


def people(rows: list[dict[str, Any]]) -> str:
    """A table; what the user has changed is marked."""
    return _asking.table(
        rows,
        (
            ("SETTING", lambda row: row["path"]),
            ("VALUE", lambda row: shown(row["value"])),
            ("", lambda row: "changed" if row["changed"] else ""),
        ),
        "no feature has settings for it",
    )


def shown(value: object) -> str:
    """A value as it is written in the file."""
    if value in (None, "", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
