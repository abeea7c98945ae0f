"""
How many functions are called for a basic call: a figure that no machine disturbs.

The server of L{bench.call} takes the fourteen messages of a call, and every
call of a function of Python or of C is counted, with those that its timers
cost::

    python -m bench.count               # in all, and in each room of the house
    python -m bench.count --top 40      # and the functions that are called most
    python -m bench.count --whole       # with what is written about a call: log, records, traces, store
    python -m bench.count --check       # no more than is kept in bench/figures, 3 % over it at most
    python -m bench.count --write       # keep it

C{make bench-check} is the one that checks.  Versions of Python count
differently, so a figure is kept for each.  What has an instruction of its own
(PEP 659) is no call: who is to count C{len} and C{list.append} writes what makes
the figure smaller and the program slower, as a slice that is looked at, or a
list of one that is added.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from bench.call import Line
from bench.report import FIGURES

KEPT = FIGURES / "count.json"
TOLERANCE = 0.03
CALLS = 200
HOUSE = Path(__file__).resolve().parent.parent
_STOP = sys.setprofile
_INSTRUCTIONS = frozenset(("isinstance", "len", "list.append"))
"""What the interpreter does without a call where it comes often (PRECALL_NO_KW_LEN and the like)."""


class Counted:
    """Counts calls of functions while it is enabled, as a profile is."""

    def __init__(self) -> None:
        """Start with none."""
        self.functions: Counter[tuple[str, str]] = Counter()
        """By the room they are called in, and their name."""
        self.instructions = 0
        """How often it was what the interpreter has an instruction for."""
        self._rooms: dict[str, str] = {}

    def enable(self) -> None:
        """Count from now on."""
        sys.setprofile(self._note)

    def disable(self) -> None:
        """Count no more."""
        _STOP(None)

    def _note(self, frame: FrameType, event: str, what: Any) -> None:
        """Take one event of the interpreter."""
        if event == "call":
            self.functions[self._room(frame), frame.f_code.co_qualname] += 1
        elif event == "c_call" and what is not _STOP:
            name = getattr(what, "__qualname__", repr(what))
            if name in _INSTRUCTIONS:
                self.instructions += self._room(frame) != "bench"
            else:
                self.functions[self._room(frame), name] += 1

    def _room(self, frame: FrameType | None) -> str:
        """Say where a function is, or who calls it when it has no file of its own."""
        while frame is not None:
            name = frame.f_code.co_filename
            room = self._rooms.get(name)
            if room is None:
                room = self._rooms[name] = _room_of(name)
            if room:
                return room
            frame = frame.f_back
        return "elsewhere"


def _room_of(name: str) -> str:
    """Name the room of a file: C{wire}, C{server.py}, C{plugins}; empty for what dataclasses generate."""
    if name.startswith("<"):
        return ""
    parts = Path(name).resolve().parts
    for place in ("b2bua", "plugins", "b2bua_plugins", "bench", "twisted"):
        if place in parts:
            rest = parts[len(parts) - parts[::-1].index(place) :]
            return rest[0] if place == "b2bua" else place.removeprefix("b2bua_")
    return "elsewhere"


def count(calls: int = CALLS) -> Counted:
    """Count what so many basic calls cost, when the caches are warm."""
    line = Line()
    line.basic(300)
    line.clock.run(60)
    line.basic(calls)
    counted = Counted()
    line.profiled(counted)
    line.basic(calls)
    return counted


def count_whole(calls: int = 4000, warm: int = 40_000) -> Counted:
    """Count the same with what is written about them, when as much is cleared away as comes."""
    from bench.whole import WholeLine

    line = WholeLine()
    try:
        line.basic(warm)
        counted = Counted()
        line.profiled(counted)
        line.basic(calls)
    finally:
        line.close()
    return counted


def rooms(counted: Counted, calls: int) -> dict[str, float]:
    """Give the functions called in each room for one call, most first."""
    found: Counter[str] = Counter()
    for (room, _), times in counted.functions.items():
        found[room] += times
    return {room: times / calls for room, times in found.most_common() if room != "bench"}


def python() -> str:
    """Name this version, as figures are kept for it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def check(found: float, kept: dict[str, float]) -> str:
    """Say what is wrong with a figure; nothing if it is good."""
    before = kept.get(python())
    if before is None:
        return f"no figure is kept for Python {python()}: python -m bench.count --write"
    if found > before * (1 + TOLERANCE):
        return f"{found:.0f} calls of functions a call, {before:.0f} are kept: {found / before - 1:+.1%}"
    return ""


def main(arguments: list[str] | None = None) -> None:
    """Count, and print, check or keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--top", type=int, default=0, metavar="FUNCTIONS")
    parser.add_argument("--whole", action="store_true", help="with what is written about a call")
    parser.add_argument("--check", action="store_true", help="fail when it has grown")
    parser.add_argument("--write", action="store_true", help="keep the figure")
    chosen = parser.parse_args(arguments)
    if chosen.whole and (chosen.check or chosen.write):
        parser.error("what is kept is the figure without --whole")
    calls = chosen.calls or (4000 if chosen.whole else CALLS)
    counted = count_whole(calls) if chosen.whole else count(calls)
    found = rooms(counted, calls)
    total, more = sum(found.values()), counted.instructions / calls
    print(f"{total:.0f} calls of functions a basic call, {total / 14:.0f} a message (Python {python()})")
    print(f"{total + more:.0f} with {more:.0f} of {', '.join(sorted(_INSTRUCTIONS))}")
    for room, times in found.items():
        print(f"{times:8.1f}  {room}")
    for (room, name), times in counted.functions.most_common(chosen.top):
        print(f"{times / calls:8.1f}  {room}  {name}")
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if chosen.check and (wrong := check(total, kept)):
        raise SystemExit(wrong)
    if chosen.write:
        KEPT.write_text(json.dumps({**kept, python(): round(total, 1)}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
