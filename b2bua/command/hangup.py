"""End a call."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument("call", metavar="CALL", help="the call as b2bua calls shows it, or its beginning")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """End it."""
    value = _asking.ask(options, "DELETE", "/calls/{call}", call=options.call)
    return _asking.show(options, value, lambda value: f"call {value['id']} is ended")
