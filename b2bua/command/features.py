"""Show the features in the order in which they are asked."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is."""
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show them."""
    return _asking.show(options, _asking.ask(options, "features"), people)


def people(rows: list[dict[str, Any]]) -> str:
    """A table."""
    return _asking.table(
        rows,
        (
            ("FEATURE", lambda row: row["name"]),
            ("VERSION", lambda row: row["version"]),
            ("CODES", lambda row: "  ".join(f"{code} {name}" for name, code in row["codes"].items())),
            ("NOT ASKED", lambda row: row["out"]),
        ),
        "there are no features",
    )
