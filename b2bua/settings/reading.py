"""
Reading a configuration: one TOML file into frozen typed values.

Features have tables and keys of their own in it.  Whoever knows them hands in
a L{Claim}, which takes them out of the document and says what is wrong with
them; what nobody claims is a mistake.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from pydantic import ValidationError

from b2bua.settings.agreement import disagreements
from b2bua.settings.problems import Problem, SettingsError, problems_of
from b2bua.settings.tables import CONTROL, Settings, control_path

Document: TypeAlias = Mapping[str, Any]


class Claimed(NamedTuple):
    """What is left of a document when features have taken what is theirs."""

    rest: Document
    problems: Sequence[tuple[str, str]]
    """What is wrong with what they took, as key path and text."""
    keys: Mapping[tuple[str, ...], Iterable[str]] = MappingProxyType({})
    """The tables and keys that they know, by the path of the table above, C{*} standing for a name."""


Claim: TypeAlias = Callable[[Document], Claimed]

_HINT = 'text stands in quotes, name = "Reception", and each key and table once'
_LARGEST = 64 * 1024 * 1024


def load(path: Path | str, claim: Claim | None = None) -> Settings:
    """
    Read a configuration file.

    @param claim: takes out what belongs to features.
    @raise SettingsError: with everything that is wrong with it.
    """
    return read(document(path), claim, file=str(path), directory=Path(path).resolve().parent)


def control_of(path: Path | str) -> str:
    """
    The control socket that a file names, whatever else may be wrong with it.

    @raise SettingsError: if it cannot be read.
    """
    server = document(path).get("server")
    name = server.get("control", CONTROL) if isinstance(server, dict) else CONTROL
    return control_path(str(name), Path(path).resolve().parent)


def document(path: Path | str) -> dict[str, Any]:
    """
    The tables of a file, as they are written.

    @raise SettingsError: if it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) <= _LARGEST:
            return tomllib.loads(text.decode("utf-8-sig"))  # some editors begin a file with a mark
        why = "is too large for a configuration file"
    except FileNotFoundError:
        why = f'there is no such file; "b2bua init {path}" writes one'
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 text: byte {error.start} is wrong; save it as UTF-8"
    except tomllib.TOMLDecodeError as error:
        why = f"is not TOML: {error}; {_HINT}"
    except RecursionError:
        why = "is nested too deeply"
    raise SettingsError(str(path), [Problem("", why)])


def read(
    document: Document,
    claim: Claim | None = None,
    *,
    file: str = "configuration",
    directory: Path | None = None,
) -> Settings:
    """
    Make settings of tables that are in memory.

    @param file: what to call it when something is wrong.
    @param directory: where relative paths start; by default they stay relative.
    @raise SettingsError: with everything that is wrong with them.
    """
    rest, found, keys = claim(document) if claim is not None else Claimed(document, [])
    problems = [Problem(path, text) for path, text in found]
    settings = None
    try:
        settings = Settings.model_validate(rest, context={"directory": directory or Path()})
    except ValidationError as error:
        problems += problems_of(error, rest, Settings, more=keys)
    problems += disagreements(rest)
    if problems or settings is None:
        raise SettingsError(file, problems)
    return settings
