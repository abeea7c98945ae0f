"""List the calls that go on, or the records of those that are over."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime
from typing import Any

from b2bua.command import _asking
from b2bua.command._asking import Column, duration


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument("--past", action="store_true", help="the records, the latest first")
    parser.add_argument("--of", metavar="PARTY", help="only those of an extension, a trunk or a number")
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="so many at most, by default 100")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """List them."""
    rows = _asking.ask(options, "calls", party=options.of, past=options.past, limit=options.limit)
    none = "no call was recorded" if options.past else "no call goes on"
    return _asking.show(options, rows, lambda rows: _asking.table(rows, COLUMNS, none))


def _clock(seconds: float) -> str:
    """The time of day, with the date."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _state(row: dict[str, Any]) -> str:
    """How it ended, or how far it is."""
    if row["ended"] is None:
        return "talking" if row["answered"] is not None else "ringing"
    return f"{row['status']} {row['reason']}".strip()


COLUMNS: list[Column] = [
    ("CALL", lambda row: row["id"]),
    ("BEGAN", lambda row: _clock(row["started"])),
    ("FROM", lambda row: row["caller"]),
    ("DIALLED", lambda row: row["dialled"]),
    ("WITH", lambda row: ", ".join(leg["party"] for leg in row["legs"][1:])),
    ("TALKED", lambda row: duration(row["seconds"])),
    ("STATE", _state),
    ("HUNG UP", lambda row: row["hung_up_by"]),
    ("FEATURES", lambda row: ", ".join(row["features"])),
]
