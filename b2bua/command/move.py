"""
Move a call of two who talk to another service on the same database.

The phones notice nothing of it.  The other service is named by its server.node;
both have server.cluster set.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take which, and where to."""
    parser.add_argument("call", metavar="CALL", help="the call as b2bua calls shows it, or its beginning")
    parser.add_argument("node", metavar="NODE", help="the server.node of the other service")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Move it."""
    value = _asking.ask(options, "POST", "/calls/{call}/move", call=options.call, node=options.node)
    return _asking.show(options, value, lambda value: f"call {value['id']} is at node {value['node']} now")
