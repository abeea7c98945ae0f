"""
INVITE with Replaces: take over a call, or pick one up while it rings (RFC 3891).

Phones send it when they pick up a call that they see ringing at a monitored
extension, when a user moves a call from one of her phones to another, and when
they carry out an attended transfer by themselves.  Whoever does it has to know
the identifiers of the dialog, and to be one of our extensions::

    [replaces]
    allow = "extensions"       # or "own": only legs of the same extension; or "nobody"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from b2bua import Options, Table, hookimpl
from b2bua.calls import Refuse, Replace

if TYPE_CHECKING:
    from b2bua.calls import Call, Leg


class Permission(Table):
    """C{[replaces]}: who may take the place of whom."""

    allow: Literal["extensions", "own", "nobody"] = "extensions"


class Replaces:
    """Says whether a new leg may take the place of another one."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"replaces": Permission}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the permission."""
        self._allow = options.of(Permission).allow

    @hookimpl
    def replace_requested(self, call: Call, leg: Leg, replaced: Leg) -> Replace | Refuse | None:
        """RFC 3891 section 3: the replacer has to be authorised."""
        own = leg.party.name == replaced.party.name
        if leg.party.internal and (self._allow == "extensions" or (self._allow == "own" and own)):
            return Replace()
        return Refuse(403)
