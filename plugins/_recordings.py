"""
The recordings of calls, as files; other programs may read and remove them.

    DIRECTORY/20261126-101500-cb0806a426f37b30d2-101-102.wav      when, in which call, who called whom
    DIRECTORY/....wav.part                                        is being recorded just now

Left is who spoke first to the relay, mostly the caller, and right the other party.
A recording is there whole or not at all; of what was being recorded when the
power failed is made what there is of it, when the service starts again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from html import escape
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from b2bua.calls import rescue

STAMP = "%Y%m%d-%H%M%S"
HEAD_BYTES = 44
BYTES_A_SECOND = 32_000
COLUMNS = ("when", "caller", "dialled", "seconds", "call")
"""What the page says of each."""
_FIT = "0-9A-Za-z+*#."
_NAME = re.compile(
    rf"(?P<stamp>\d{{8}}-\d{{6}})-(?P<call>[0-9a-zA-Z]+)-(?P<caller>[{_FIT}_]*)-(?P<dialled>[{_FIT}_]*)\.wav",
    re.ASCII,
)
_UNFIT = re.compile(f"[^{_FIT}]")


class Recorded(NamedTuple):
    """One recording."""

    path: Path
    when: datetime
    call: str
    caller: str
    dialled: str

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 if it is not there any more."""
        try:
            return max(self.path.stat().st_size - HEAD_BYTES, 0) / BYTES_A_SECOND
        except OSError:
            return 0.0

    def row(self) -> dict[str, object]:
        """The same for people and programs."""
        return {
            "when": self.when.isoformat(" "),
            "call": self.call,
            "caller": self.caller,
            "dialled": self.dialled,
            "seconds": round(self.seconds, 1),
            "file": self.path.name,
        }


def page(rows: Iterable[Mapping[str, object]]) -> str:
    """A page that lists recordings, the latest first, each with its sound."""
    lines = [
        "<tr>"
        + "".join(
            f"<td>{escape(str(row[key]))}</td>" for key in ("when", "caller", "dialled", "seconds", "call")
        )
        + f'<td><a href="{quote(str(row["file"]))}">{escape(str(row["file"]))}</a></td></tr>'
        for row in rows
    ]
    head = "".join(f"<th>{word}</th>" for word in ("When", "Caller", "Dialled", "Seconds", "Call", "File"))
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Recordings</title><h1>Recordings</h1>'
        f"<table><tr>{head}</tr>{''.join(reversed(lines))}</table></html>"
    )


class Recordings:
    """All of them."""

    def __init__(self, directory: Path) -> None:
        """Look there."""
        self._directory = directory

    def place(self, when: datetime, call: str, caller: str, dialled: str) -> Path:
        """
        Where a new one goes: of two in one second the later one goes to the next.

        @raise OSError: if there is no place for it.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        who, whom = (_UNFIT.sub("_", number)[:40] for number in (caller, dialled))
        while True:
            path = self._directory / f"{when.strftime(STAMP)}-{call}-{who}-{whom}.wav"
            if not path.exists() and not path.with_name(f"{path.name}.part").exists():
                return path
            when += timedelta(seconds=1)

    def all(self, call: str = "", most: int | None = None) -> list[Recorded]:
        """
        Those that are whole, the oldest first.

        @param call: only those of one call.
        @param most: only so many, the latest ones.
        """
        names = sorted((name for name in self._names() if f"-{call}" in name), reverse=True)
        known = (found for found in map(self.find, names) if found is not None and call in ("", found.call))
        return list(islice(known, most))[::-1]

    def of(self, calls: Container[str]) -> list[Recorded]:
        """Those of some calls, the oldest first."""
        names = sorted(name for name in self._names() if name.count("-") > 2 and name.split("-")[2] in calls)
        return [found for found in map(self.find, names) if found is not None]

    def _names(self) -> list[str]:
        """The names of all files there, in no order: of hundreds of thousands in a moment."""
        return os.listdir(self._directory) if self._directory.is_dir() else []

    def find(self, name: str) -> Recorded | None:
        """One by the name of its file."""
        found = _NAME.fullmatch(name)
        path = self._directory / name
        if found is None or not path.is_file():
            return None
        try:
            when = datetime.strptime(found["stamp"], STAMP)  # the time of day of the house
        except ValueError:
            return None  # there is no such day
        return Recorded(path, when, found["call"], found["caller"], found["dialled"])

    def rescue(self, besides: Container[str]) -> int:
        """
        Make recordings of those that came to no end; gives how many.

        @param besides: the paths of those that go on.
        @raise OSError: one cannot be written; the others are.
        """
        parts = list(self._directory.glob("*.wav.part"))
        lost = [part for part in parts if str(part.with_suffix("")) not in besides]
        problem: OSError | None = None
        for part in lost:
            try:
                rescue(part)
            except OSError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return len(lost)

    def expire(self, now: datetime, days: float) -> int:
        """
        Remove the older ones; gives how many.

        @raise OSError: one cannot be removed; the others are.
        """
        last = (now - timedelta(days=days)).strftime(STAMP)
        old = [one for name in self._names() if name < last and (one := self.find(name)) is not None]
        problem: OSError | None = None
        for one in old:
            try:
                one.path.unlink(missing_ok=True)
            except OSError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return len(old)
