"""Which settings are PINs, and what is shown in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
"""Stands where a PIN is."""


def is_pin(path: str) -> bool:
    """Is the setting at this path, or of this key, a PIN?"""
    key = path.rpartition(".")[2]
    return key == "pin" or key.endswith("_pin")


def hidden(path: str, value: Any) -> Any:
    """The value of a setting as all may see it: of a PIN only whether there is one."""
    return value if value in (None, "") or isinstance(value, bool) or not is_pin(path) else HIDDEN


def without_pins(value: Any) -> Any:
    """
    Hide the PINs in something that is plain data.

    They stand at their own key or path, or as C{value} and C{before} beside a C{path}.
    """
    if isinstance(value, Mapping):
        path = value.get("path")
        beside = path if isinstance(path, str) else ""
        return {
            key: hidden(beside if key in ("value", "before") else str(key), without_pins(below))
            for key, below in value.items()
        }
    return [without_pins(one) for one in value] if isinstance(value, list | tuple) else value
