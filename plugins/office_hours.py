"""
Office hours: outside of them calls go elsewhere.

    [office_hours.shop]
    numbers = ["100", "600"]           # calls to these, as they are dialled
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

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from b2bua import Changeable, File, NotConfigured, Options, Table, Target, hookimpl
from b2bua.calls import Confirm, Diverted, Forward, Lamp, Refuse

if TYPE_CHECKING:
    from b2bua.calls import Attempt

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CODES = {"hours_clock": "*280", "hours_open": "*281", "hours_closed": "*282"}
SPOKEN = {"clock": "Open by the clock", "open": "Open", "closed": "Closed"}
BYTES_MAX = 1_000_000
AGAIN_MAX = 1000
YEARS = 60
_TIMES = r"(?P<begins>\d\d:\d\d)-(?P<ends>\d\d:\d\d)"
_WEEKLY = re.compile(rf"(?P<first>{'|'.join(DAYS)})(?:-(?P<last>{'|'.join(DAYS)}))? {_TIMES}", re.IGNORECASE)
_DATED = re.compile(rf"(?P<date>\d{{4}}-\d\d-\d\d) (?:closed|{_TIMES})", re.IGNORECASE)


class Span(NamedTuple):
    """From one time of a day to another one, of the next day if that is earlier."""

    begins: time
    ends: time


def span(begins: str, ends: str) -> Span:
    """Read two times; 24:00 is the midnight at the end of the day."""
    return Span(time.fromisoformat(begins), time() if ends == "24:00" else time.fromisoformat(ends))


def weekly(text: str) -> str:
    """Check C{mon-fri 08:30-12:00}."""
    if (found := _WEEKLY.fullmatch(text)) is None:
        raise ValueError('is not like "mon-fri 08:30-12:00"')
    span(found["begins"], found["ends"])
    return text


def dated(text: str) -> str:
    """Check C{2026-12-24 09:00-12:00} or C{2026-12-24 closed}."""
    if (found := _DATED.fullmatch(text)) is None:
        raise ValueError('is not like "2026-12-24 09:00-12:00" or "2026-12-24 closed"')
    date.fromisoformat(found["date"])
    if found["begins"]:
        span(found["begins"], found["ends"])
    return text


def zone(name: str) -> str:
    """Check the name of a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a directory, or no name of a file
        raise ValueError("is no time zone that this host knows; write one like Europe/Berlin") from None
    return name


class Office(Table):
    """C{[office_hours.NAME]}: when the numbers of one office are answered, and what then."""

    numbers: Annotated[tuple[Annotated[Target, Field(min_length=1)], ...], Field(min_length=1)]
    zone: Annotated[str, AfterValidator(zone)]
    open: tuple[Annotated[str, AfterValidator(weekly)], ...]
    holidays: File | None = None
    exceptions: tuple[Annotated[str, AfterValidator(dated)], ...] = ()
    otherwise: Target = ""
    switched_by: tuple[str, ...] | None = None
    mode: Changeable[Literal["clock", "open", "closed"]] = "clock"


class Calendar:
    """When an office is open by the clock."""

    def __init__(self, office: Office, holidays: frozenset[date]) -> None:
        """Read what the table says."""
        self._zone = ZoneInfo(office.zone)
        self._holidays = holidays
        self._week: dict[int, list[Span]] = {}
        for found in filter(None, map(_WEEKLY.fullmatch, office.open)):
            first = DAYS.index(found["first"].lower())
            last = DAYS.index((found["last"] or found["first"]).lower())
            for day in range(first, last + 1 if last >= first else last + 8):
                self._week.setdefault(day % 7, []).append(span(found["begins"], found["ends"]))
        self._dates: dict[date, list[Span]] = {}
        for found in filter(None, map(_DATED.fullmatch, office.exceptions)):
            spans = self._dates.setdefault(date.fromisoformat(found["date"]), [])
            if found["begins"]:
                spans.append(span(found["begins"], found["ends"]))

    def is_open(self, now: datetime) -> bool:
        """Is it open at that time?  A day's hours may go past midnight into the next one."""
        there = now.astimezone(self._zone)
        today, clock = there.date(), there.time()
        if any(s.begins <= clock and (clock < s.ends or s.ends <= s.begins) for s in self._of(today)):
            return True
        before = self._of(today - timedelta(days=1))
        return any(s.ends <= s.begins and clock < s.ends for s in before)

    def _of(self, day: date) -> list[Span]:
        """The hours of one date."""
        if day in self._dates:
            return self._dates[day]
        return [] if day in self._holidays else self._week.get(day.weekday(), [])


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
        return ("boss_secretary", "do_not_disturb", "forward", "find_me", "ring_group", "agents", "redirects")

    @hookimpl
    def b2bua_configure(self, options: Options) -> None:
        """Read the hours and the files with holidays."""
        self._options = options
        self._offices: dict[str, str] = {}
        self._calendars: dict[str, Calendar] = {}
        for [name] in options.names(Office):
            office = options.of(Office, name)
            for number in office.numbers:
                if number in self._offices:
                    raise ValueError(
                        f"[office_hours.{name}] has the number {number}, "
                        f"which [office_hours.{self._offices[number]}] has already; remove one"
                    )
                self._offices[number] = name
            holidays = frozenset() if office.holidays is None else read_holidays(name, office.holidays)
            self._calendars[name] = Calendar(office, holidays)
        if not self._offices:
            raise NotConfigured("no [office_hours.NAME] table")

    def _is_open(self, name: str) -> bool:
        """Is an office open now?"""
        mode = self._options.of(Office, name).mode
        return self._calendars[name].is_open(self._options.now()) if mode == "clock" else mode == "open"

    @hookimpl
    def route_call(self, attempt: Attempt) -> Forward | Refuse | None:
        """Send calls to a closed office elsewhere."""
        name = self._offices.get(attempt.user) if attempt.local else None
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


def read_holidays(office: str, path: Path | str) -> frozenset[date]:
    """The dates in a file of holidays."""
    try:
        data = Path(path).read_bytes()
        if len(data) > BYTES_MAX:
            raise ValueError("it is too long")
        text = data.decode()
        return frozenset(_of_calendar(text) if Path(path).suffix.lower() == ".ics" else _of_lines(text))
    except OSError as error:
        raise ValueError(
            f"[office_hours.{office}] holidays: {path} cannot be read: {error.strerror}"
        ) from None
    except ValueError as error:
        what = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ValueError(f"[office_hours.{office}] holidays: {path} cannot be read: {what}") from None


def _of_lines(text: str) -> Iterator[date]:
    """Dates that begin their lines; what follows is for people, and so is what a C{#} begins."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            try:
                yield date.fromisoformat(words[0])
            except ValueError:
                raise ValueError(f'line {number} begins with "{words[0]:.20}", which is no date') from None


def _of_calendar(text: str) -> Iterator[date]:
    """The days that the events of a calendar take (RFC 5545), sixty years of those that come again."""
    try:
        from dateutil.rrule import rrulestr
        from icalendar import Calendar as Events
    except ImportError:
        raise ValueError("what reads calendars is missing; install b2bua[calendar]") from None
    for event in Events.from_ical(text).walk("VEVENT"):
        first = _day(event.decoded("DTSTART"))
        # DTEND is the day after the last one (section 3.6.1).
        last = _day(event.decoded("DTEND", first + timedelta(days=1))) - timedelta(days=1)
        begins = [first]
        if "RRULE" in event:
            rule = rrulestr(
                _text(event["RRULE"].to_ical()), dtstart=datetime.combine(first, time()), ignoretz=True
            )
            begins = [one.date() for one in islice(rule, AGAIN_MAX) if one.year <= first.year + YEARS]
        for begin in begins:
            yield from (begin + timedelta(days=n) for n in range(min((last - first).days, 366) + 1))


def _day(value: date | datetime) -> date:
    """The day of a date, or of a time."""
    return value.date() if isinstance(value, datetime) else value


def _text(value: bytes | str) -> str:
    """A rule as the library writes it."""
    return value.decode() if isinstance(value, bytes) else value
