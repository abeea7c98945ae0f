"""
Office hours: outside of them calls go elsewhere.

    [office_hours.shop]
    numbers = ["100", "600"]           # calls to these, as they are dialled
    trunks = ["carrier"]               # and all that come by these
    zone = "Europe/Berlin"
    open = ["mon-fri 08:30-12:30", "mon-fri 13:30-18:00", "sat 09:00-13:00"]
    holidays = "holidays.txt"          # "2026-12-25 Christmas", one a line; or a calendar, holidays.ics
    exceptions = ["2026-12-24 09:00-12:00", "2026-12-28 closed"]
    otherwise = "199"                  # where calls go then; without it they are refused with 480
    switched_by = ["100"]              # who may switch by code; all extensions by default

Times are those of the clocks in that zone, so an office opens at 8:30 in
summer and in winter.  An interval may go past midnight (C{"fri 22:00-02:00"}).
On a holiday the office is closed; an exception says what holds on its date,
whatever the week and the holidays say.

C{*281} opens, C{*282} closes, and with C{*280} the clock decides again; with
several offices the code goes on with one of its numbers: C{*282600}.  That
stays so until somebody switches again, over restarts too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from b2bua import Changeable, File, NotConfigured, Options, Table, Target, hookimpl
from b2bua.calls import Confirm, Diverted, Forward, Lamp, Refuse
from b2bua_plugins._calendar import Calendar, dated, read_holidays, weekly, zone

if TYPE_CHECKING:
    from b2bua.calls import Attempt

CODES = {"hours_clock": "*280", "hours_open": "*281", "hours_closed": "*282"}
SPOKEN = {"clock": "Open by the clock", "open": "Open", "closed": "Closed"}


class Office(Table):
    """C{[office_hours.NAME]}: when the numbers of one office are answered, and what then."""

    numbers: tuple[Annotated[Target, Field(min_length=1)], ...] = ()
    trunks: tuple[str, ...] = ()
    zone: Annotated[str, AfterValidator(zone)]
    open: tuple[Annotated[str, AfterValidator(weekly)], ...]
    holidays: File | None = None
    exceptions: tuple[Annotated[str, AfterValidator(dated)], ...] = ()
    otherwise: Target = ""
    switched_by: tuple[str, ...] | None = None
    mode: Changeable[Literal["clock", "open", "closed"]] = "clock"

    @model_validator(mode="after")
    def of_something(self) -> Office:
        """Hours of nothing are a mistake."""
        if not self.numbers and not self.trunks:
            raise ValueError("says whose hours they are by numbers, or by trunks")
        return self


class OfficeHours:
    """Sends calls elsewhere when nobody is there to answer them."""

    @hookimpl
    def b2bua_settings(self) -> Mapping[str, type[Table]]:
        """One table for each office."""
        return {"office_hours.*": Office}

    @hookimpl
    def b2bua_codes(self) -> Mapping[str, str]:
        """Open, closed, or as the clock says."""
        return CODES

    @hookimpl
    def b2bua_before(self) -> tuple[str, ...]:
        """Whoever is called: the office is closed."""
        return (
            "agents",
            "auto_attendant",
            "boss_secretary",
            "conference",
            "do_not_disturb",
            "find_me",
            "forward",
            "night_ring",
            "paging",
            "park",
            "redirects",
            "ring_group",
            "shared_lines",
            "speed_dial",
            "voicemail",
        )

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Read the hours and the files with holidays."""
        self._options = options
        self._offices: dict[str, str] = {}
        """By number."""
        self._trunks: dict[str, str] = {}
        """The offices of all calls that come by a trunk."""
        self._calendars: dict[str, Calendar] = {}
        for [name] in options.names(Office):
            office = options.of(Office, name)
            for kind, known, wanted in (
                ("number", self._offices, office.numbers),
                ("trunk", self._trunks, office.trunks),
            ):
                for one in wanted:
                    if kind == "trunk" and one not in options.trunks:
                        raise ValueError(f"[office_hours.{name}] trunks: there is no trunk {one}")
                    if (other := known.setdefault(one, name)) != name:
                        raise ValueError(
                            f"[office_hours.{name}] has the {kind} {one}, "
                            f"which [office_hours.{other}] has already; remove one"
                        )
            holidays = frozenset() if office.holidays is None else read_holidays(name, office.holidays)
            self._calendars[name] = Calendar(office.zone, office.open, office.exceptions, holidays)
        if not self._calendars:
            raise NotConfigured("no [office_hours.NAME] table")

    def _is_open(self, name: str) -> bool:
        """Is an office open now?"""
        mode = self._options.of(Office, name).mode
        return self._calendars[name].is_open(self._options.now()) if mode == "clock" else mode == "open"

    @hookimpl
    def route_call(self, attempt: Attempt) -> Forward | Refuse | None:
        """Send calls to a closed office elsewhere."""
        name = self._offices.get(attempt.user) if attempt.local else None
        if name is None and attempt.parent is None and attempt.caller.kind == "trunk":
            name = self._trunks.get(attempt.caller.name)
        if name is None or self._is_open(name):
            return None
        otherwise = self._options.of(Office, name).otherwise
        if not otherwise or otherwise == attempt.user:
            return Refuse(480, "Closed")
        return Forward(otherwise, Diverted.TIME_OF_DAY, granted=True)

    @hookimpl
    def code_shown(self, name: str, argument: str) -> Lamp | None:
        """A key that switches an office is lit while the office is so."""
        office = self._offices.get(argument)
        if not argument and len(self._calendars) == 1:
            [office] = self._calendars
        if office is None:
            return None
        mode = self._options.of(Office, office).mode
        return Lamp("busy" if mode == name.removeprefix("hours_") else "idle", SPOKEN[mode])

    @hookimpl
    def code_dialled(self, attempt: Attempt, name: str, argument: str) -> Confirm | Refuse:
        """Switch an office."""
        office = self._offices.get(argument)
        if not argument and len(self._calendars) == 1:
            [office] = self._calendars
        if office is None:
            return Refuse(484, "Dial a number of the office as well")
        allowed = self._options.of(Office, office).switched_by
        if allowed is not None and attempt.caller.name not in allowed:
            return Refuse(403, "Not Allowed")
        mode = name.removeprefix("hours_")
        self._options.change(Office, office, mode=mode)
        return Confirm(f"{office}: {SPOKEN[mode]}")
