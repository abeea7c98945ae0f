"""The configuration as it is played: that of a file, or with what users have changed and what was added."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from b2bua.command import _asking


def tables_of(path: str) -> dict[str, Any]:
    """
    The tables of a file, whose relative paths are found from anywhere.

    @raise SettingsError: if the configuration is not good.
    """
    from b2bua.settings import document

    return with_files(path, document(path))


def with_files(path: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """
    The same of tables that are read already; they stay as they are.

    @raise SettingsError: if the configuration is not good.
    """
    # Not needed to say what can be typed, and it takes its time.
    from b2bua.configuration import configuration

    found: dict[str, Any] = deepcopy(dict(tables))
    for place, file in configuration(path).features.files():
        table: Any = found
        for step in place[:-1]:
            table = table[step]
        table[place[-1]] = file
    return found


def live_tables(options: Namespace, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Lay over the tables of a file the extensions and settings of the running service."""
    from b2bua.explain.scene import with_changes

    found = {**tables, "extensions": dict(tables.get("extensions", {}))}
    for row in _asking.ask(options, "GET", "/extensions"):
        if row["added"]:
            # Its password is nobody's business, and no phone of a played call needs it.
            found["extensions"].setdefault(row["extension"], {"password": "added", "name": row["name"]})
    return with_changes(found, _asking.ask(options, "GET", "/settings"))
