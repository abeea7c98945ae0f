"""What is wrong with a configuration, in one line for each mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# What must not be shown, not even to say that it is wrong.
_SECRETS = {"password", "ha1"}


class Problem(NamedTuple):
    """One mistake."""

    path: str
    """The key, as C{server.listen[0]}; empty when it is about the file itself."""
    text: str
    """What is wrong, and the remedy."""

    def __str__(self) -> str:
        """One line."""
        return f"{self.path}: {self.text}" if self.path else self.text


class SettingsError(Exception):
    """A configuration cannot be used; C{problems} says all that is wrong with it."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        """Collect the C{problems} of one C{file}."""
        super().__init__(file, problems)
        self.file = file
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """One line for each problem."""
        return "\n".join(f"{self.file}: {problem}" for problem in self.problems)


def key_path(steps: Sequence[str | int]) -> str:
    """
    Write a key path as people write it.

    >>> key_path(["extensions", "101", "password"])
    'extensions.101.password'
    """
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE.fullmatch(step) else json.dumps(step))
    return text


def problems_of(error: ValidationError, data: Mapping[str, Any], model: type[BaseModel]) -> list[Problem]:
    """Turn what pydantic says into our words."""
    return [
        _problem(detail, data, model)
        for detail in error.errors(include_url=False)
        # A list is called too short as well when its items are wrong.
        if not (detail["type"] == "too_short" and detail["input"])
    ]


def _problem(detail: ErrorDetails, data: Mapping[str, Any], model: type[BaseModel]) -> Problem:
    steps = _steps(detail, data)
    path = key_path(steps)
    table, field = _find(model, steps)
    if detail["type"] == "extra_forbidden":
        return Problem(path, _unknown(str(steps[-1]), table))
    whole = isinstance(detail["input"], Mapping) and detail["type"] == "value_error"
    meaning = f" ({field.description})" if field is not None and field.description and not whole else ""
    if detail["type"] == "missing":
        return Problem(path, f"is missing{meaning}")
    shown = "" if _SECRETS & set(steps) else _shown(detail["input"])
    if detail["type"] == "value_error":
        why = str(detail.get("ctx", {}).get("error", detail["msg"]))
        return Problem(path, f"{shown} {why}{meaning}".lstrip())
    should = detail["msg"].replace("Input should", "should", 1)
    should = should[:1].lower() + should[1:]
    return Problem(path, f"{should}{', not ' + shown if shown else ''}{meaning}")


def _steps(detail: ErrorDetails, data: Any) -> list[str | int]:
    """The part of pydantic's location that is in the file; the rest names its own types."""
    steps: list[str | int] = []
    for step in detail["loc"]:
        if isinstance(data, Mapping) and step in data:
            data = data[str(step)]
        elif isinstance(data, Sequence) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            if detail["type"] == "missing" and isinstance(data, Mapping):
                steps.append(step)
            break
        steps.append(step)
    return steps


def _shown(value: object) -> str:
    """A value as far as it helps; a table says nothing by its content."""
    if isinstance(value, (Mapping, BaseModel)):
        return ""
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."


def _unknown(key: str, table: type[BaseModel] | None) -> str:
    known = sorted(_keys(table)) if table is not None else []
    meant = get_close_matches(key, known, 1)
    if meant:
        return f"is not a known key; is {meant[0]} meant?"
    return f"is not a known key; known here are {', '.join(known)}" if known else "is not a known key"


def _keys(table: type[BaseModel]) -> Iterator[str]:
    for name, field in table.model_fields.items():
        yield field.alias or name


def _find(
    model: type[BaseModel], steps: Sequence[str | int]
) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The table in which the last step stands, and its field if it is a known one."""
    table: type[BaseModel] | None = model
    field: FieldInfo | None = None
    kind: Any = model
    for step in steps:
        kind = _bare(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            table = kind
            names = {entry.alias or name: entry for name, entry in kind.model_fields.items()}
            field = names.get(str(step))
            kind = field.annotation if field is not None else None
        elif isinstance(kind, type):
            kind = None
        elif get_args(kind):
            # A list's items are of its first argument, a table's values of its last.
            inside = [entry for entry in get_args(kind) if entry is not Ellipsis]
            kind = inside[-1]
    return table, field


def _bare(kind: Any) -> Any:
    """A type without what is annotated and without None."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, UnionType):
            kind = next(entry for entry in get_args(kind) if entry is not type(None))
        else:
            return kind
