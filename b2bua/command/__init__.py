"""
The command C{b2bua}.

Each module of this package is a subcommand by its name, an underscore in it
being a hyphen; a module that begins with an underscore is none.  It has a
docstring, whose first line is the help, and::

    def arguments(parser: ArgumentParser) -> None: ...
    def run(options: Namespace) -> int: ...

C{run} returns the exit status.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from types import ModuleType

from b2bua.command import _of_plugin
from b2bua.settings import SettingsError


def subcommands() -> Iterator[tuple[str, ModuleType]]:
    """All subcommands by name."""
    for module in iter_modules(__path__):
        if not module.name.startswith("_"):
            yield module.name.replace("_", "-"), import_module(f"{__name__}.{module.name}")


def parser() -> ArgumentParser:
    """What can be written on the command line."""
    made = ArgumentParser(
        "b2bua",
        description="Looks after a SIP back-to-back user agent.",
        epilog="Plugins may add more: b2bua commands asks the running service.",
    )
    made.add_argument("--version", action="version", version=f"b2bua {version('b2bua')}")
    rows = made.add_subparsers(metavar="COMMAND", required=True)
    for name, module in subcommands():
        text = (module.__doc__ or "").strip()
        row = rows.add_parser(name, help=text.splitlines()[0].rstrip("."), description=text)
        module.arguments(row)
        row.set_defaults(run=module.run)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one subcommand.

    @return: the exit status: 1 if it failed, 2 if it was not understood.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    status: int
    try:
        if given and given[0].isascii() and given[0][:1].isalpha() and given[0] not in dict(subcommands()):
            status = _of_plugin.run(given[0], given[1:])
        else:
            options = parser().parse_args(given)
            status = options.run(options)
        sys.stdout.flush()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who reads us has seen enough; there is nobody to flush to at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status
