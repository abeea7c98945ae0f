"""
Change a setting of an extension while the service runs.

The path is the one in the configuration file: extensions.102.forward.busy.  The
change holds at once and after a restart, until --default brings the file's back.
A list is written as several values.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from b2bua.command import _asking
from b2bua.command.settings import shown
from b2bua.settings import Problem, SettingsError
from b2bua.settings.pins import without_pins


def arguments(parser: ArgumentParser) -> None:
    """Take which, and to what."""
    parser.add_argument("path", metavar="PATH", help="as b2bua settings shows it")
    parser.add_argument("value", metavar="VALUE", nargs="*", help='the new value, or values; "" turns off')
    parser.add_argument("--default", action="store_true", help="have the value of the file back")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Change it."""
    if options.default == bool(options.value):
        why = 'needs a value, "" to turn it off, or --default for the value of the file'
        raise SettingsError("b2bua set", [Problem(options.path, why)])
    given = options.value[0] if len(options.value) == 1 else options.value or None
    value = _asking.ask(options, "PUT", "/settings/{path}", path=options.path, value=given)
    return _asking.show(
        options, without_pins(value), lambda value: f"{value['path']} is {shown(value['value'])}"
    )
