"""Show why a call did what it did: its messages as a ladder, with the reasons."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument(
        "call", metavar="CALL", help="the call as b2bua calls shows it, or its beginning, or a Call-ID"
    )
    parser.add_argument(
        "--messages", action="store_true", help="its messages as they were, with time, way and direction"
    )
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show it."""
    answer = _asking.ask(options, "trace", call=options.call, messages=options.messages)
    return _asking.show(options, answer, lambda value: str(value["text"]))
