"""
Speed dial: short numbers for long ones, the same for all or each extension's own.

    [speed_dial]
    granted = false             # may everybody dial these, whatever they may dial else?

    [speed_dial.numbers]
    801 = "+493012345678"       # dialled as it stands here: 801
    802 = "sip:support@example.net"

    [extensions.102.speed_dial]
    numbers = { 1 = "+491701234567" }     # dialled with the code: *751

Users set theirs with C{*74}, the short number of one or two digits, a C{*} and
the long one: C{*741*+491701234567}; without a long one it is removed.  What a short
number stands for is dialled with the permission of who dials, unless the
operator has granted those of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from b2bua import Changeable, NotConfigured, Options, Table, Target, hookimpl
from b2bua.calls import Confirm, Dial, Member, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt

NUMBERS_MAX = 1000
Long = Annotated[Target, Field(min_length=1)]
Short = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")]
_SET = re.compile(r"(?P<short>[0-9]{1,2})(?:\*(?P<long>.+))?")


class ForAll(Table):
    """C{[speed_dial]}: short numbers that everybody can dial."""

    numbers: Annotated[Mapping[Short, Long], Field(max_length=NUMBERS_MAX)] = Field(default_factory=dict)
    granted: bool = False


class OfExtension(Table):
    """C{[extensions.NUMBER.speed_dial]}: short numbers of one extension."""

    numbers: Changeable[Annotated[Mapping[Short, Long], Field(max_length=100)]] = Field(default_factory=dict)


class SpeedDial:
    """Dials what short numbers stand for."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """The tables of this feature."""
        return {"speed_dial": ForAll, "extensions.*.speed_dial": OfExtension}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Dial one's own, and set it."""
        return {"speed_dial": "*75", "speed_dial_set": "*74"}

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Take the numbers of all; those of extensions are looked up when they are dialled."""
        if not options.names(ForAll) and not options.names(OfExtension):
            raise NotConfigured("no [speed_dial] table")
        self._options = options
        self._all = options.of(ForAll)

    @hookimpl
    def b2bua_numbers(self) -> Mapping[str, str]:
        """The short numbers of all."""
        return dict.fromkeys(self._all.numbers, "speed_dial.numbers")

    @hookimpl
    def route_call(self, attempt: Attempt) -> Dial | None:
        """Dial what a short number of all stands for."""
        wanted = self._all.numbers.get(attempt.user) if attempt.local and attempt.behalf.internal else None
        return None if wanted is None else Dial((Member(wanted),), granted=self._all.granted)

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Dial | Confirm | Refuse:
        """Dial a short number of one's own, or set it."""
        own = self._options.of(OfExtension, attempt.caller.name).numbers
        if name == "speed_dial":
            wanted = own.get(argument)
            return Refuse(404, "No such short number") if wanted is None else Dial((Member(wanted),))
        found = _SET.fullmatch(argument)
        if found is None:
            return Refuse(484, "Dial a short number, a star and the long number")
        short, long = found["short"], found["long"]
        kept = {key: value for key, value in own.items() if key != short}
        try:
            self._options.change(
                OfExtension, attempt.caller.name, numbers=kept | ({short: long} if long else {})
            )
        except ValueError:
            return Refuse(484, "Not a number")
        return Confirm(f"{short}: {long}" if long else f"{short} removed")

    @hookimpl
    def code_referred(self, attempt: Attempt, name: str, argument: str) -> Dial | Refuse | None:
        """Transfer somebody to a short number of who transfers."""
        if name != "speed_dial":
            return None
        wanted = self._options.of(OfExtension, attempt.behalf.name).numbers.get(argument)
        return Refuse(404, "No such short number") if wanted is None else Dial((Member(wanted),))
