"""Show why a call did what it did: its messages as a ladder, with the reasons."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument(
        "call", metavar="CALL", help="the call as b2bua calls shows it, or its beginning, or a Call-ID"
    )
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show it."""
    return _asking.show(
        options, _asking.ask(options, "trace", call=options.call), lambda value: str(value["text"])
    )
