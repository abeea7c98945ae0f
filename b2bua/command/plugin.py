"""
Forget what a plugin has left behind.

Its rows and what users have changed of its settings are removed from the store.
A plugin that is at work has to be turned off first.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking


def arguments(parser: ArgumentParser) -> None:
    """Take what to do with which."""
    rows = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    text = "remove what a plugin has kept"
    row = rows.add_parser("forget", help=text, description=text.capitalize() + ".")
    row.add_argument("name", metavar="NAME", help="the plugin, as b2bua features shows it")
    _asking.arguments(row)


def run(options: Namespace) -> int:
    """Do it."""
    value = _asking.ask(options, "DELETE", "/features/{name}/kept", name=options.name)
    return _asking.show(
        options,
        value,
        lambda value: f"{value['rows']} rows and {value['settings']} settings of {value['name']} are gone",
    )
