"""What the tables of features name: numbers, which ought to lead somewhere, and files and directories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, get_args, get_origin

from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from b2bua.settings import Table
from b2bua.settings.table import beside, kept_in, not_itself, only_named
from b2bua.settings.values import target


class Aim(NamedTuple):
    """A target that a table names."""

    path: tuple[str | int, ...]
    target: str
    onward: bool
    """Is it where calls go on, rather than one of those that are reached by the table's number?"""


Text: TypeAlias = tuple[tuple[str | int, ...], str, list[Any]]
"""A text of a table: its place, what it says, and the functions that look at it."""


def aims(table: Table, path: tuple[str | int, ...]) -> Iterator[Aim]:
    """All targets in a table, with their places."""
    for at, text, checks in _texts(table, path):
        if target in checks:
            yield Aim(at, text, not_itself in checks)


def directories(table: Table) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """All directories in a table in which files are kept, with their places."""
    for at, text, checks in _texts(table, ()):
        if kept_in in checks:
            yield at, text


def files(table: Table) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """All files and directories in a table, by their whole paths, with their places."""
    for at, text, checks in _texts(table, ()):
        if beside in checks:
            yield at, text


def _texts(table: BaseModel, path: tuple[str | int, ...]) -> Iterator[Text]:
    """All texts in a table."""
    for name, field in type(table).model_fields.items():
        if value := getattr(table, name):
            yield from _inside_of(value, field, (*path, field.alias or name))


def _inside_of(value: Any, field: FieldInfo, path: tuple[str | int, ...]) -> Iterator[Text]:
    """The texts in the value of one key."""
    if isinstance(value, str):
        if value and value not in _words(field.annotation):
            yield path, value, list(_checks(field.annotation, field.metadata))
    elif isinstance(value, BaseModel):
        yield from _texts(value, path)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _inside_of(one, field, (*path, str(key)))
    elif isinstance(value, tuple | list):
        for index, one in enumerate(value):
            yield from _inside_of(one, field, (*path, index))


def _words(annotation: Any) -> Iterator[Any]:
    """The words that may stand in the place of what a type is made of, such as "all"."""
    return (word for kind in _inside(annotation) if get_origin(kind) is Literal for word in get_args(kind))


def _checks(annotation: Any, metadata: Any) -> Iterator[Any]:
    """The functions that look at a value, however deep its type is wrapped."""
    for one in metadata:
        if isinstance(one, AfterValidator):
            yield one.func
    for inner in get_args(annotation):
        yield from _checks(inner, getattr(inner, "__metadata__", ()))


def names_targets(model: type[Table]) -> bool:
    """Does a table of this kind reach others, as a group reaches its members?"""
    return any(_reaches(field.annotation, field.metadata) for field in model.model_fields.values())


def _reaches(annotation: Any, metadata: Any) -> bool:
    """Can there be a target in a value of this type that is not where calls go on?"""
    checks = list(_checks(annotation, metadata))
    if target in checks and not_itself not in checks and only_named not in checks:
        return True
    return any(
        isinstance(inner, type) and issubclass(inner, Table) and names_targets(inner)
        for inner in _inside(annotation)
    )


def _inside(annotation: Any) -> Iterator[Any]:
    """The types that a type is made of."""
    yield annotation
    for inner in get_args(annotation):
        yield from _inside(inner)
