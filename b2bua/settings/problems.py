"""What is wrong with a configuration, in one line for each mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from b2bua.settings.pins import is_pin

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_SHOWN_MAX = 60
NAMED_MAX = 30
"""So many names are listed in one line."""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# What must not be shown, not even to say that it is wrong.
_SECRET = re.compile(r"password|passwd|secret|token|ha1", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]*@")


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


def problems_of(
    error: ValidationError,
    data: Mapping[str, Any],
    model: type[BaseModel],
    *,
    place: Sequence[str] = (),
    more: Mapping[tuple[str, ...], Iterable[str]] = MappingProxyType({}),
) -> list[Problem]:
    """
    Turn what pydantic says into our words.

    @param place: where in the file C{data} stands.
    @param more: further keys that are known, by the path of their table.
    """
    return [
        _problem(detail, data, model, place, more)
        for detail in error.errors(include_url=False)
        # A list is called too short as well when its items are wrong.
        if not (detail["type"] == "too_short" and detail["input"])
    ]


def _problem(
    detail: ErrorDetails,
    data: Mapping[str, Any],
    model: type[BaseModel],
    place: Sequence[str],
    more: Mapping[tuple[str, ...], Iterable[str]],
) -> Problem:
    steps = _steps(detail, data)
    path = key_path([*place, *steps])
    table, field = _find(model, steps)
    if detail["type"] == "extra_forbidden":
        known = {*(_keys(table) if table is not None else ()), *_more(more, [*place, *steps[:-1]])}
        return Problem(path, f"is not a known key{meant(str(steps[-1]), known)}")
    whole = isinstance(detail["input"], Mapping) and detail["type"] == "value_error"
    meaning = f" ({field.description})" if field is not None and field.description and not whole else ""
    if detail["type"] == "missing":
        return Problem(path, f"is missing{meaning}")
    secret = is_pin(path) or any(isinstance(step, str) and _SECRET.search(step) for step in steps)
    shown = "" if secret else shown_value(detail["input"])
    if detail["type"] == "value_error":
        why = str(detail.get("ctx", {}).get("error", detail["msg"]))
        return Problem(path, f"{shown} {why}{meaning}".lstrip())
    remedy = _quoted(detail) if not secret else ""
    return Problem(path, f"{_must(detail)}{', not ' + shown if shown else ''}{remedy}{meaning}")


_MUST = {
    "string": "must be text in quotes",
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "tuple": "must be a list in square brackets",
    "list": "must be a list in square brackets",
    "set": "must be a list in square brackets",
    "frozen": "must be a list in square brackets",
    "dict": "must be a table",
    "mapping": "must be a table",
    "model": "must be a table",
    "date": "must be a date",
    "time": "must be a time",
    "datetime": "must be a date with a time",
}
"""What should stand there, by the first word of what pydantic calls the mistake."""


def _must(detail: ErrorDetails) -> str:
    """What should stand there; pydantic's own words are about Python, which is not what people write."""
    kind, more = str(detail["type"]), detail.get("ctx", {})
    match kind:
        case "literal_error" | "enum":
            return f"must be {str(more['expected']).replace(chr(39), chr(34))}"
        case "greater_than":
            return f"must be more than {more['gt']:g}"
        case "greater_than_equal":
            return f"must be at least {more['ge']:g}"
        case "less_than":
            return f"must be less than {more['lt']:g}"
        case "less_than_equal":
            return f"must be at most {more['le']:g}"
        case "too_short":
            return f"must have at least {more['min_length']}"
        case "too_long":
            return f"must have at most {more['max_length']}"
        case "string_too_short" if more["min_length"] == 1:
            return "must not be empty"
        case "string_too_short":
            return f"must have at least {more['min_length']} characters"
        case "string_too_long":
            return f"must have at most {more['max_length']} characters"
        case "string_pattern_mismatch":
            return _must_match(str(more["pattern"]))
    return _MUST.get(kind.partition("_")[0], "is of the wrong kind")


_CHARACTERS = {"0-9": "digits", "0-9*#": "digits, * and #"}
_SOME = re.compile(r"\^(\()?\[(?P<of>[^]]+)\]\{(?P<least>\d+),(?P<most>\d+)\}(?(1)\)\?)\$")
"""Patterns that are so and so many of some characters; behind a question mark nothing is good as well."""


def _must_match(pattern: str) -> str:
    """What a pattern wants, in words where there are some."""
    found = _SOME.fullmatch(pattern)
    if found is None or found["of"] not in _CHARACTERS:
        return f"must match {pattern}"
    return f"must be {found['least']} to {found['most']} {_CHARACTERS[found['of']]}"


def _quoted(detail: ErrorDetails) -> str:
    """The remedy for a number, a name or a single value that lacks its quotes or brackets."""
    value, kind = detail["input"], str(detail["type"]).partition("_")[0]
    if kind in ("string", "model") and isinstance(value, int | float) and not isinstance(value, bool):
        return f'; write "{value}"'
    if kind in ("tuple", "list") and isinstance(value, str) and len(value) <= _SHOWN_MAX:
        return f"; write [{json.dumps(value, ensure_ascii=False)}]"
    return ""


def _more(more: Mapping[tuple[str, ...], Iterable[str]], steps: Sequence[str | int]) -> Iterator[str]:
    """The further keys of a table."""
    for pattern, keys in more.items():
        if len(pattern) == len(steps) and all(p in ("*", s) for p, s in zip(pattern, steps, strict=True)):
            yield from keys


def meant(name: str, known: Iterable[str], *, all_of_them: bool = True) -> str:
    """What to say behind a name that is wrong: the one that is meant, or those there are if they are few."""
    from difflib import get_close_matches

    there = sorted(known)
    if close := get_close_matches(name, there, 1):
        return f"; is {close[0]} meant?"
    if not all_of_them or len(there) > NAMED_MAX:
        return ""
    return f"; there {'is' if len(there) == 1 else 'are'} {', '.join(there)}" if there else ""


def _steps(detail: ErrorDetails, data: Any) -> list[str | int]:
    """Where a mistake is; of a key that is missing, the table would be too little."""
    steps = written_steps(detail["loc"], data)
    return [*steps, detail["loc"][-1]] if detail["type"] == "missing" else steps


def written_steps(location: Sequence[str | int], data: Any) -> list[str | int]:
    """The part of a location in a model that is in the file; the rest names types of ours."""
    steps: list[str | int] = []
    for step in location:
        if isinstance(data, Mapping) and step in data:
            data = data[str(step)]
        elif isinstance(data, Sequence) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            break
        steps.append(step)
    return steps


def shown_value(value: object) -> str:
    """A value as far as it helps; a table says nothing by its content, and a password is not shown."""
    if isinstance(value, (Mapping, BaseModel)):
        return ""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)  # as it stands in the file
    else:
        text = repr(value) if not isinstance(value, bool) else str(value).lower()
    text = _URL_PASSWORD.sub(r"\1:***@", text)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


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
