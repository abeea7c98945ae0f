"""
A subcommand that a plugin adds: C{b2bua NAME ...}, answered by the running service.

The service says which arguments there are, so that the command line needs no
plugin of its own.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from b2bua.command import _asking
from b2bua.settings import SettingsError

TYPES = {"whole number": int, "number": float}


def run(name: str, rest: Sequence[str]) -> int:
    """
    Run it.

    @return: the exit status; 2 if there is no such command, as far as we can know.
    """
    where = ArgumentParser(add_help=False)
    _asking.arguments(where)
    options, _ = where.parse_known_args(rest)
    try:
        found = next((one for one in _asking.ask(options, "GET", "/commands") if one["name"] == name), None)
    except SettingsError as error:
        _asking.complain(
            f"b2bua: {name} is no command of its own, and plugins cannot be asked for it: {error}"
        )
        return 2
    if found is None:
        _asking.complain(f"b2bua: {name} is no command; b2bua --help and b2bua commands say which there are")
        return 2
    parser, names = _parser(found)
    given = parser.parse_args(rest)
    arguments = {one: value for one in names if (value := getattr(given, f"of_{one}")) is not None}
    answer = _asking.ask(given, "POST", "/commands/{command}", command=name, arguments=arguments)
    return _asking.show(given, answer, _people)


def _parser(command: dict[str, Any]) -> tuple[ArgumentParser, list[str]]:
    """What can be written behind the command, and the names of its arguments."""
    parser = ArgumentParser(f"b2bua {command['name']}", description=command["text"])
    _asking.arguments(parser)
    names = []
    for one in command["arguments"]:
        names.append(one["name"])
        _add(parser, one)
    return parser, names


def _add(parser: ArgumentParser, one: dict[str, Any]) -> None:
    """One argument; a flag is turned round by its option."""
    name, option = one["name"], "--" + one["name"].replace("_", "-")
    more: dict[str, Any] = {"help": one["kind"]}
    if one["choices"]:
        more = {"help": "one of these", "choices": one["choices"]}
    elif one["kind"] in TYPES:
        more["type"] = TYPES[one["kind"]]
    if one["kind"] == "flag":
        parser.add_argument(
            option, dest=f"of_{name}", action="store_const", const=not one["default"], help="flag"
        )
    elif one["required"]:
        parser.add_argument(f"of_{name}", metavar=name.upper(), **more)
    else:
        parser.add_argument(
            option, dest=f"of_{name}", metavar=None if one["choices"] else name.upper(), **more
        )


def _people(value: Any) -> str:
    """A text, a row, or rows."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        heads = list(dict.fromkeys(head for row in value for head in row))
        columns: list[_asking.Column] = [(head, lambda row, head=head: row.get(head)) for head in heads]  # type: ignore[misc]  # bound as it is now
        return _asking.table(value, columns, "")
    if isinstance(value, list):
        return "\n".join(map(_asking.plain, value)) or "nothing"
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_asking.plain(one)}" for key, one in value.items())
    return "\n".join(map(_asking.plain, ("" if value is None else str(value)).splitlines()))
