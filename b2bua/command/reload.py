"""
Let the running service read its configuration and its plugins again.

Calls that go on keep what they began with.  A configuration that is bad, or a
plugin that is broken, changes nothing.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is."""
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Ask for it."""
    value = _asking.ask(options, "POST", "/reload")
    if value["problems"] and not options.json:
        _asking.complain("\n".join((*value["problems"], "nothing was changed")))
    else:
        _asking.show(options, value, lambda value: "\n".join((*value["said"], "read again")))
    return 1 if value["problems"] else 0
