"""
The recordings of calls, as files; other programs may read and remove them.

    DIRECTORY/20261126-101500-5405122f26f37b30d2-101-102.wav      when, in which call, who called whom
    DIRECTORY/....wav.part                                        is being recorded just now

Left is who spoke first to the relay, mostly the caller, and right the other party.
A recording is there whole or not at all; of what was being recorded when the
power failed is made what there is of it, when the service starts again.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from b2bua.calls import rescue_recording

STAMP = "%Y%m%d-%H%M%S"
HEAD_BYTES = 44
BYTES_A_SECOND = 32_000
COLUMNS = ("when", "caller", "dialled", "seconds", "call")
"""What the page says of each."""
_NAME = re.compile(r"(?P<stamp>\d{8}-\d{6})-(?P<call>[0-9a-zA-Z]+)-(?P<caller>[^-]*)-(?P<dialled>[^-]*)\.wav")
_UNFIT = re.compile(r"[^0-9A-Za-z+*#.]")


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
        Where a new one goes.

        @raise OSError: if there is no place for it.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        who, whom = (_UNFIT.sub("_", number)[:40] for number in (caller, dialled))
        return self._directory / f"{when.strftime(STAMP)}-{call}-{who}-{whom}.wav"

    def all(self) -> Iterator[Recorded]:
        """Those that are whole, the oldest first."""
        for path in sorted(self._directory.glob("*.wav")):
            found = _NAME.fullmatch(path.name)
            if found is not None:
                when = datetime.strptime(found["stamp"], STAMP)  # the time of day of the house
                yield Recorded(path, when, found["call"], found["caller"], found["dialled"])

    def find(self, name: str) -> Recorded | None:
        """One by the name of its file."""
        return next((one for one in self.all() if one.path.name == name), None)

    def rescue(self, besides: Container[str]) -> int:
        """
        Make recordings of those that came to no end; gives how many.

        @param besides: the paths of those that go on.
        """
        parts = list(self._directory.glob("*.wav.part"))
        lost = [part for part in parts if str(part.with_suffix("")) not in besides]
        for part in lost:
            rescue_recording(part)
        return len(lost)

    def expire(self, now: datetime, days: float) -> int:
        """Remove the older ones; gives how many."""
        last = (now - timedelta(days=days)).strftime(STAMP)
        old = [one for one in self.all() if one.path.name < last]
        for one in old:
            one.path.unlink(missing_ok=True)
        return len(old)
