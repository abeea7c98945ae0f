"""
Find me: one number, several places to look for its user (RFC 5359 section 2.12).

Each extension that wants it has a table::

    [extensions.102.find_me]
    mode = "sequential"        # or "parallel"
    ring_seconds = 15          # for each place
    forwards = true            # do the forwards of other places count?
    confirm = ""               # "en" or "de" asks who answers to press 1, in all places; or a WAV file
    places = ["102", "103", { target = "+491701234567", after = 5, ring_seconds = 25, confirm = "en" }]

The extension's own number among the places means its own phones.  C{after} is
the delay of a place, in seconds from the start of a parallel search, or from
the failure of the place before.  Users turn it on and off with C{*21} and
C{*22}.  Other places are dialled with the permission of the extension; when the
search fails, the extension's forwards for no answer or busy hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from b2bua import Changeable, Options, Seconds, Table, hookimpl
from b2bua.calls import Confirm, Dial, Diverted, Refuse
from b2bua_plugins._members import Confirmation, Wants, members

if TYPE_CHECKING:
    from b2bua.calls import Attempt


class Search(Table):
    """C{[extensions.NUMBER.find_me]}: how one user is looked for."""

    active: Changeable[bool] = True
    mode: Literal["sequential", "parallel"] = "sequential"
    ring_seconds: Seconds = 15.0
    forwards: bool = True
    confirm: Confirmation = ""
    places: Annotated[Wants, Field(max_length=16)] = ()

    def dial(self) -> Dial:
        """The search as a verdict."""
        where = members(self.places, self.ring_seconds, self.confirm)
        return Dial(where, self.mode, self.forwards, why=Diverted.FOLLOW_ME)


class FindMe:
    """Looks for people where they said they may be."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The table of this feature."""
        return {"extensions.*.find_me": Search}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """On and off."""
        return {"find_me_on": "*21", "find_me_off": "*22"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Remember where the settings are."""
        self._options = options

    @hookimpl
    def route_call(self, attempt: Attempt) -> Dial | None:
        """Look for the user, unless diversions do not count."""
        name = attempt.extension
        if name is None or not attempt.forwards:
            return None
        search = self._options.of(Search, name)
        return search.dial() if search.places and search.active else None

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str) -> Confirm | Refuse:
        """Turn it on or off for whoever dials."""
        owner = attempt.caller.name
        if not self._options.of(Search, owner).places:
            return Refuse(603, "No places to look are configured")
        on = name == "find_me_on"
        self._options.change(Search, owner, active=on)
        return Confirm(f"Find me: {'on' if on else 'off'}")
