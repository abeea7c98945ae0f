"""Listen again to an address that is ignored for guessing passwords."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument("address", metavar="ADDRESS", help="as b2bua status shows it")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Pardon it."""
    value = _asking.ask(options, "DELETE", "/ignored/{source}", source=options.address)
    return _asking.show(options, value, lambda value: f"{value['source']} is listened to again")
