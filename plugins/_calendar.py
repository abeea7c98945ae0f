"""When an office is open: hours of the week, exceptions, and holidays out of files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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


class Calendar:
    """When an office is open by the clock."""

    def __init__(
        self, zone: str, hours: Iterable[str], exceptions: Iterable[str] = (), holidays: Iterable[date] = ()
    ) -> None:
        """
        Read hours as L{weekly} checks them, and exceptions as L{dated} does.

        @param zone: the name of the time zone whose clocks count.
        """
        self._zone = ZoneInfo(zone)
        self._holidays = frozenset(holidays)
        self._week: dict[int, list[Span]] = {}
        for found in filter(None, map(_WEEKLY.fullmatch, hours)):
            first = DAYS.index(found["first"].lower())
            last = DAYS.index((found["last"] or found["first"]).lower())
            for day in range(first, last + 1 if last >= first else last + 8):
                self._week.setdefault(day % 7, []).append(span(found["begins"], found["ends"]))
        self._dates: dict[date, list[Span]] = {}
        for found in filter(None, map(_DATED.fullmatch, exceptions)):
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
