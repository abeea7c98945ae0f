"""A SIP back-to-back user agent for a PBX, whose features are plugins."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from b2bua.face.options import NotConfigured, Options
    from b2bua.face.service import Service
    from b2bua.face.tables import Changeable
    from b2bua.face.timer import Timer
    from b2bua.hookspecs import hookimpl
    from b2bua.settings import Directory, Elsewhere, File, Named, Seconds, Table, Target

__all__ = [
    "Changeable",
    "Directory",
    "Elsewhere",
    "File",
    "Named",
    "NotConfigured",
    "Options",
    "Seconds",
    "Service",
    "Table",
    "Target",
    "Timer",
    "hookimpl",
]

_HOMES = {
    "Changeable": "b2bua.face.tables",
    "Directory": "b2bua.settings",
    "Elsewhere": "b2bua.settings",
    "File": "b2bua.settings",
    "Named": "b2bua.settings",
    "NotConfigured": "b2bua.face.options",
    "Options": "b2bua.face.options",
    "Seconds": "b2bua.settings",
    "Service": "b2bua.face.service",
    "Table": "b2bua.settings",
    "Target": "b2bua.settings",
    "Timer": "b2bua.face.timer",
    "hookimpl": "b2bua.hookspecs",
}


def __getattr__(name: str) -> Any:
    """What plugins need, imported when it is asked for: nothing happens at import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
