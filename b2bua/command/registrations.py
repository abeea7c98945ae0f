"""List the phones that are registered."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking
from b2bua.command._asking import Column, duration

COLUMNS: list[Column] = [
    ("EXTENSION", lambda row: row["extension"]),
    ("CONTACT", lambda row: row["contact"]),
    ("FROM", lambda row: f"{row['transport']} {row['source']}".strip() or ", ".join(row["path"])),
    ("EXPIRES", lambda row: duration(row["expires"])),
    ("ANSWERS", lambda row: {True: "yes", False: "NO", None: "not asked"}[row["answers"]]),
    ("MAC", lambda row: row["extra"].get("mac", "")),
    ("LINE", lambda row: row["extra"].get("line", "")),
    ("PHONE", lambda row: row["user_agent"]),
]


def arguments(parser: ArgumentParser) -> None:
    """Take whose."""
    parser.add_argument("extension", metavar="EXTENSION", nargs="?", help="only those of one extension")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """List them."""
    rows = _asking.ask(options, "GET", "/registrations", extension=options.extension)
    return _asking.show(options, rows, lambda rows: _asking.table(rows, COLUMNS, "no phone is registered"))
