"""Show the features in the order in which they are asked."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is."""
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show them."""
    return _asking.show(options, _asking.ask(options, "GET", "/features"), people)


def people(rows: list[dict[str, Any]]) -> str:
    """A table, with a line for each code."""
    return _asking.table(
        [line for row in rows for line in _lines(row)],
        (
            ("FEATURE", lambda line: line["name"]),
            ("VERSION", lambda line: line["version"]),
            ("CODES", lambda line: line["told"]),
        ),
        "there are no features",
    )


def _lines(row: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What is told of one feature; the first line names it."""
    told = [f"not asked: {row['out']}"] if row["out"] else []
    told += [f"{code}  {name}" for name, code in row["codes"].items()]
    yield {"name": row["name"], "version": row["version"], "told": told[0] if told else ""}
    for text in told[1:]:
        yield {"name": "", "version": "", "told": text}
