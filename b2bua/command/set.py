"""
Change a setting of an extension while the service runs.

The path is the one in the configuration file: extensions.102.forward.busy.  The
change holds at once and after a restart; without a value the file's is back.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking
from b2bua.command.settings import shown


def arguments(parser: ArgumentParser) -> None:
    """Take which, and to what."""
    parser.add_argument("path", metavar="PATH", help="as b2bua settings shows it")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="the new value; empty turns off")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Change it."""
    value = _asking.ask(options, "set", path=options.path, value=options.value)
    return _asking.show(options, value, lambda value: f"{value['path']} is {shown(value['value'])}")
