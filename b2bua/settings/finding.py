"""Where the configuration is, when nobody says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from b2bua.settings.problems import Problem, SettingsError

VARIABLE = "B2BUA_CONFIG"
"""The environment variable that names the file."""
HERE = "b2bua.toml"
SYSTEM = "/etc/b2bua/b2bua.toml"


def find(named: str | None = None, environment: Mapping[str, str] = os.environ, system: str = SYSTEM) -> str:
    """
    The configuration file: as it is named, else by the environment, else here, else the system's.

    @raise SettingsError: if nobody names one and there is none at the usual places.
    """
    if named := named or environment.get(VARIABLE):
        return named
    for usual in (HERE, system):
        if os.path.lexists(usual):
            return usual
    why = (
        f"there is no configuration: neither {Path(HERE).absolute()} nor {system} is there; "
        f'name it with -c or in {VARIABLE}, or let "b2bua init" write one'
    )
    raise SettingsError("b2bua", [Problem("", why)])
