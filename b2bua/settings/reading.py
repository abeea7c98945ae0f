"""
Reading a configuration: one TOML file into frozen typed values.

A plugin claims tables and keys of its own by a I{schema}: a path such as
C{"forward"} or C{"extensions.*.forward"} and what stands there, a L{Table} or
any other type that pydantic knows.  What nobody claims is a mistake.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError, create_model

from b2bua.errors import UsageError
from b2bua.settings.agreement import disagreements
from b2bua.settings.problems import Problem, SettingsError, problems_of
from b2bua.settings.tables import AnyTable, Extension, Route, Settings, Table, Trunk
from b2bua.settings.values import Frozen

Schemas: TypeAlias = Mapping[str, Any]
"""What plugins claim: a key path, in which * is any name, and its type."""

# The tables that a plugin may add a key to.
_OPEN: dict[str, type[Table]] = {"extensions": Extension, "trunks": Trunk, "routes": Route}
_LARGEST = 64 * 1024 * 1024


def load(
    path: Path | str,
    schemas: Schemas = MappingProxyType({}),
    plugins: Collection[str] | None = None,
) -> Settings:
    """
    Read a configuration file.

    @param schemas: what plugins claim.
    @param plugins: the names of the plugins there are, if known.
    @raise SettingsError: with everything that is wrong with it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise SettingsError(str(path), [Problem("", "is too large for a configuration file")])
        data = tomllib.loads(text.decode())
    except FileNotFoundError:
        remedy = f'there is no such file; "b2bua init {path}" writes one'
        raise SettingsError(str(path), [Problem("", remedy)]) from None
    except OSError as error:
        raise SettingsError(str(path), [Problem("", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        problem = Problem("", f"is not UTF-8 text: byte {error.start} is wrong")
        raise SettingsError(str(path), [problem]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(str(path), [Problem("", f"is not TOML: {error}")]) from None
    return read(data, schemas, plugins, file=str(path), directory=path.resolve().parent)


def read(
    data: Mapping[str, Any],
    schemas: Schemas = MappingProxyType({}),
    plugins: Collection[str] | None = None,
    *,
    file: str = "configuration",
    directory: Path | None = None,
) -> Settings:
    """
    Make settings of tables that are in memory.

    @param directory: where relative paths start; by default they stay relative.
    @raise SettingsError: with everything that is wrong with them.
    """
    model = model_of(schemas)
    problems: list[Problem] = []
    settings = None
    try:
        settings = model.model_validate(data, context={"directory": directory or Path()})
    except ValidationError as error:
        problems = problems_of(error, data, model)
    problems.extend(disagreements(data, plugins))
    if problems or settings is None:
        raise SettingsError(file, problems)
    return settings


def model_of(schemas: Schemas) -> type[Settings]:
    """
    The shape of a configuration in which plugins have claimed keys.

    @raise UsageError: for a claim that cannot be granted.
    """
    claims: dict[str, dict[str, Any]] = {"": {}, **{name: {} for name in _OPEN}}
    for path, kind in schemas.items():
        table, key = _place(path)
        owner = _OPEN.get(table, Settings)
        if key in {field.alias or name for name, field in owner.model_fields.items()} or hasattr(owner, key):
            raise UsageError(f"the setting {path} is the server's own")
        if (
            isinstance(kind, type)
            and issubclass(kind, BaseModel)
            and kind.model_config.get("extra") != "forbid"
        ):
            raise UsageError(f"the schema of {path} lets unknown keys pass; derive it from Table")
        claims[table][key] = (kind | None, None)
    for name, table in _OPEN.items():
        if claims[name]:
            many = _with(table, claims[name])
            claims[""][name] = (_several(name, many), Settings.model_fields[name])
    return _with(Settings, claims[""])


def _place(path: str) -> tuple[str, str]:
    """In which open table a claimed path lies, and its key there."""
    match path.split("."):
        case [key] if key.isidentifier():
            return "", key
        case [table, "*", key] if table in _OPEN and key.isidentifier():
            return table, key
    places = ", ".join(f'"{name}.*.KEY"' for name in _OPEN)
    raise UsageError(f'a plugin claims the setting {path!r}, which is none of "KEY", {places}')


def _with(table: type[AnyTable], claims: Mapping[str, Any]) -> type[AnyTable]:
    """A table with more keys."""
    if not claims:
        return table
    return create_model(table.__name__, __base__=table, __doc__=table.__doc__, **dict(claims))


def _several(name: str, table: Any) -> Any:
    """The type of an open table's value: a list of tables, or tables by name."""
    tables: Any = Frozen
    rows: Any = tuple
    return rows[table, ...] if name == "routes" else tables[table]
