"""The configuration as the running service has it: with what users have changed and what was added."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from b2bua.command import _asking


def live_tables(options: Namespace, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Lay over the tables of a file the extensions and settings of the running service."""
    from b2bua.explain.scene import with_changes

    found = {**tables, "extensions": dict(tables.get("extensions", {}))}
    for row in _asking.ask(options, "GET", "/extensions"):
        if row["added"]:
            # Its password is nobody's business, and no phone of a played call needs it.
            found["extensions"].setdefault(row["extension"], {"password": "added", "name": row["name"]})
    return with_changes(found, _asking.ask(options, "GET", "/settings"))
