"""
Commands that plugins add to C{b2bua}: their names, their arguments and types, and running one.

A command is a function of the plugin.  Its parameters are the arguments: those
without a default are positional, the others are options.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from b2bua.docstring import told
from b2bua.features.per_function import hints_of, parameters_of

RESERVED = frozenset(
    path.stem.replace("_", "-") for path in (Path(__file__).parent.parent / "command").glob("[!_]*.py")
)
"""The subcommands of C{b2bua} itself; no plugin can have one of these names."""

PLAIN = {str: "text", int: "whole number", float: "number", bool: "flag"}
"""What an argument can be, and how people call it; L{Literal}s of these, and C{| None}, besides."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command."""

    name: str
    kind: str
    """As people call it: C{text}, C{whole number}, C{number}, C{flag}, or C{one of}."""
    choices: tuple[str, ...]
    required: bool
    default: object
    read: TypeAdapter[Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a plugin."""

    name: str
    plugin: str
    text: str
    """What it does, for people."""
    arguments: tuple[Argument, ...]
    call: Callable[..., Any]

    def described(self) -> dict[str, Any]:
        """It as plain values, from which the command line is made."""
        arguments = [
            {
                "name": one.name,
                "kind": one.kind,
                "choices": list(one.choices),
                "required": one.required,
                "default": one.default,
            }
            for one in self.arguments
        ]
        return {"name": self.name, "plugin": self.plugin, "text": self.text, "arguments": arguments}

    def values(self, given: Mapping[str, object]) -> dict[str, Any]:
        """
        The arguments as the function takes them.

        @raise ValueError: if one is missing, unknown or of the wrong type; the text is for people.
        """
        known = {one.name: one for one in self.arguments}
        for name in given:
            if name not in known:
                raise ValueError(f"{self.name} has no argument {name}")
        values: dict[str, Any] = {}
        for name, one in known.items():
            if name not in given:
                if one.required:
                    raise ValueError(f"{self.name} needs the argument {name}")
                continue
            try:
                values[name] = one.read.validate_python(given[name])
            except ValidationError as error:
                raise ValueError(f"{name}: {error.errors()[0]['msg'].lower()}") from None
        return values


def commands_of(plugin: str, declared: Mapping[str, Callable[..., Any]]) -> list[Command]:
    """
    The commands that a plugin declares.

    @raise ValueError: if one has a name or an argument that it cannot have.
    """
    return [_command(plugin, name, call) for name, call in declared.items()]


def _command(plugin: str, name: str, call: Callable[..., Any]) -> Command:
    """One of them."""
    if (
        not name.replace("-", "").isalnum()
        or not name.isascii()
        or not name[0].isalpha()
        or name.lower() != name
    ):
        raise ValueError(f"the command {name!r} is no word of small letters, digits and hyphens")
    if name in RESERVED:
        raise ValueError(f"the command {name} is one of b2bua itself")
    hints = hints_of(call)
    arguments = tuple(
        _argument(name, parameter, hints.get(parameter.name, str)) for parameter in parameters_of(call)
    )
    text = told(call) or f"A command of the plugin {plugin}."
    return Command(name, plugin, text, arguments, call)


def _argument(command: str, parameter: inspect.Parameter, kind: Any) -> Argument:
    """One argument, by its parameter."""
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ValueError(f"the command {command} cannot take *{parameter.name}")
    inner = [one for one in get_args(kind) if one is not NoneType] if NoneType in get_args(kind) else [kind]
    choices = get_args(inner[0]) if get_origin(inner[0]) is Literal else ()
    if len(inner) != 1 or not (choices or inner[0] in PLAIN):
        raise ValueError(
            f"the command {command} cannot take {parameter.name}: it is no {', '.join(PLAIN.values())}"
        )
    required = parameter.default is parameter.empty
    return Argument(
        parameter.name,
        "one of" if choices else PLAIN[inner[0]],
        tuple(map(str, choices)),
        required,
        None if required else parameter.default,
        _adapter(kind),
    )


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """What reads a value of one kind; there are few, and many arguments of each."""
    return TypeAdapter(kind)
