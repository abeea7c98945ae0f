"""Who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from b2bua.admin.refused import Refused
from b2bua.admin.route import Role, Route


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may ask, or a program."""

    name: str
    role: Role
    extension: str = ""
    """The extension that is theirs."""
    reads: bool = False
    """Do they look only?"""

    def may(self, route: Route, values: Mapping[str, Any]) -> bool:
        """May they ask this, about that?"""
        if self.reads and route.method != "GET":
            return False
        if self.role >= route.role:
            return True
        if not (route.own and self.extension):
            return False
        named = str(values.get(route.own, ""))
        return named == self.extension or named.startswith(f"extensions.{self.extension}.")

    def check(self, route: Route, values: Mapping[str, Any]) -> None:
        """
        See whether they may.

        @raise Refused: if not.
        """
        if not self.may(route, values):
            raise Refused(f"{self.name} may not do this", 403)


LOCAL = Person("local", Role.ADMINISTRATOR)
"""Whoever the permissions of the control socket let in."""
