"""
How many functions are called for a basic call: a figure that no machine disturbs.

The server of L{bench.call} takes the fourteen messages of a call, and every
call of a function of Python or of C is counted, with those that its timers
cost::

    python -m bench.count               # in all, and in each room of the house
    python -m bench.count --top 40      # and the functions that are called most
    python -m bench.count --whole       # with what is written about a call: log, records, traces, store
    python -m bench.count --trunks      # from trunk to trunk: who is called has not registered
    python -m bench.count --messages    # for each of the fourteen messages
    python -m bench.count --check       # no more than is kept in bench/figures, 3 % over it at most, of both
    python -m bench.count --write       # keep it

C{make bench-check} is the one that checks.  Versions of Python may
count differently, so figures are kept for each.  All calls are counted that
C{sys.setprofile} tells of.  Some of them are none when nobody counts: for
C{len}, C{isinstance} and C{list.append} the interpreter has instructions of its
own (PEP 659), so how many of those there are stands apart in a second line.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from bench.call import Line
from bench.report import FIGURES

KEPT = FIGURES / "count.json"
TOLERANCE = 0.03
CALLS = 200
HOUSE = Path(__file__).resolve().parent.parent
KEEP = "python -m bench.count --write"
_STOP = sys.setprofile
INSTRUCTIONS = ("len", "isinstance", "list.append")
"""What the interpreter does without a call where it comes often (PRECALL_NO_KW_LEN and the like)."""


class Counted:
    """Counts calls of functions while it is enabled, as a profile is."""

    def __init__(self) -> None:
        """Start with none."""
        self.functions: Counter[tuple[str, str]] = Counter()
        """By the room they are called in, and their name."""
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
            self.functions[self._room(frame), getattr(what, "__qualname__", repr(what))] += 1

    def _room(self, frame: FrameType | None) -> str:
        """Say where a function is, or who calls it when it has no file, or serves the bench."""
        while frame is not None:
            name = frame.f_code.co_filename
            room = self._rooms.get(name)
            if room is None:
                room = self._rooms[name] = room_of(name)
            if room == "elsewhere" and frame.f_back is not None and self._room(frame.f_back) == "bench":
                return "bench"
            if room:
                return room
            frame = frame.f_back
        return "elsewhere"


def room_of(name: str) -> str:
    """Name the room of a file: C{wire}, C{server.py}, C{plugins}; empty for what dataclasses generate."""
    if name.startswith("<"):
        return ""
    file = Path(name).resolve()
    parts = file.parts
    if "site-packages" in parts:
        rest = parts[len(parts) - parts[::-1].index("site-packages") :]
    elif file.is_relative_to(HOUSE):
        rest = file.relative_to(HOUSE).parts
    else:
        return "elsewhere"
    if rest[0] == "b2bua":
        return rest[1]
    place = rest[0].removeprefix("b2bua_")
    return place if place in ("plugins", "bench", "twisted") else "elsewhere"


def count(calls: int = CALLS, *, trunks: bool = False) -> Counted:
    """Count what so many basic calls cost, when the caches are warm."""
    line = Line(trunks=trunks)
    line.basic(300)
    line.clock.run(60)
    line.basic(calls)
    counted = Counted()
    line.profiled(counted)
    line.basic(calls)
    return counted


def count_whole(calls: int = 4000, warm: int = 40_000, *, trunks: bool = False) -> Counted:
    """Count the same with what is written about them, when as much is cleared away as comes."""
    from bench.whole import WholeLine

    line = WholeLine(trunks=trunks)
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


def instructions(counted: Counted, calls: int) -> float:
    """Say how many of the functions of one call the interpreter has instructions for."""
    found = (
        times for (room, name), times in counted.functions.items() if name in INSTRUCTIONS and room != "bench"
    )
    return sum(found) / calls


def python() -> str:
    """Name this version, as figures are kept for it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures of one version of Python, as they are kept."""

    functions: float
    trunks: float
    """From trunk to trunk."""
    python: str
    """Which one it was, to the last number."""
    date: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.functions:.0f} and {self.trunks:.0f} are kept, of {self.date} with {self.python}"


def kept() -> dict[str, Kept]:
    """Read what is kept of each version."""
    found = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return {version: Kept(**one) for version, one in found.items()}


def keep(functions: float, trunks: float) -> None:
    """Keep the figures of this version."""
    mine = Kept(round(functions, 1), round(trunks, 1), platform.python_version(), time.strftime("%Y-%m-%d"))
    found = {version: asdict(one) for version, one in {**kept(), python(): mine}.items()}
    KEPT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def check(functions: float, trunks: float, before: Kept | None) -> str:
    """Say what is wrong with the figures; nothing if they are good."""
    if before is None:
        return f"no figure is kept for Python {python()}, so nothing is checked: {KEEP}"
    for found, kept_one, what in (
        (functions, before.functions, "a call"),
        (trunks, before.trunks, "a call from trunk to trunk"),
    ):
        if found > kept_one * (1 + TOLERANCE):
            grown = f"{found / kept_one - 1:+.1%}"
            return f"{found:.0f} calls of functions {what} are {grown} of what is kept ({before})"
    return ""


def stale(functions: float, trunks: float, before: Kept | None) -> str:
    """Say that what is kept is so much too large that a change for the worse would not be seen."""
    if before is None:
        return ""
    least = 1 - TOLERANCE
    if functions < before.functions * least or trunks < before.trunks * least:
        return (
            f"the kept figures are stale: {functions:.0f} calls of functions a call, {trunks:.0f} from trunk "
            f"to trunk, {before}: {KEEP}"
        )
    return ""


def main(arguments: list[str] | None = None) -> None:
    """Count, and print, check or keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--top", type=int, default=0, metavar="FUNCTIONS")
    parser.add_argument("--whole", action="store_true", help="with what is written about a call")
    parser.add_argument("--trunks", action="store_true", help="from trunk to trunk")
    parser.add_argument("--messages", action="store_true", help="for each of the fourteen messages")
    parser.add_argument("--check", action="store_true", help="fail when it has grown")
    parser.add_argument("--write", action="store_true", help="keep the figure")
    chosen = parser.parse_args(arguments)
    if (chosen.whole or chosen.trunks) and (chosen.check or chosen.write):
        parser.error("what is kept is counted without --whole and --trunks")
    if chosen.messages and (chosen.whole or chosen.trunks):
        parser.error("each of the messages is counted without --whole and --trunks")
    if chosen.messages:
        from bench import fourteen

        print(fourteen.text(fourteen.count_messages(CALLS), CALLS))
        return
    calls = chosen.calls or (4000 if chosen.whole else CALLS)
    counted = (count_whole if chosen.whole else count)(calls, trunks=chosen.trunks)
    found = rooms(counted, calls)
    total = sum(found.values())
    print(f"{total:.0f} calls of functions a basic call, {total / 14:.0f} a message (Python {python()})")
    known = ", ".join(INSTRUCTIONS).replace("list.", "")
    print(f"of them {instructions(counted, calls):.0f} of {known} (instructions of the interpreter)")
    for room, times in found.items():
        print(f"{times:8.1f}  {room}")
    for (room, name), times in counted.functions.most_common(chosen.top):
        print(f"{times / calls:8.1f}  {room}  {name}")
    if not chosen.check and not chosen.write:
        return
    trunks = sum(rooms(count(calls, trunks=True), calls).values())
    print(f"{trunks:.0f} calls of functions from trunk to trunk")
    if chosen.check:
        before = kept().get(python())
        if wrong := check(total, trunks, before):
            raise SystemExit(wrong)
        print(stale(total, trunks, before) or f"neither has grown: {before}")
    if chosen.write:
        keep(total, trunks)


if __name__ == "__main__":
    main()
