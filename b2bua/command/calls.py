"""List the calls that go on, or the records of those that are over."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime
from typing import Any

from b2bua.command import _asking
from b2bua.command._asking import Column, duration
from b2bua.settings import Problem, SettingsError


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument("--past", action="store_true", help="the records, the latest first")
    parser.add_argument("--of", metavar="PARTY", help="only those of an extension, a trunk or a number")
    parser.add_argument(
        "--since",
        metavar="TIME",
        help='with --past: only those that began then or later, as "2026-12-24 19:30"',
    )
    parser.add_argument("--before", metavar="TIME", help="with --past: only those that began before")
    parser.add_argument(
        "--outcome", metavar="STATE", nargs="+",
        help='with --past: only those of which STATE says so: answered, busy, "no answer"...',
    )  # fmt: skip
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="so many at most, by default 100")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """List them."""
    times = {name: _seconds(options, name) for name in ("since", "before")}
    said = {**times, "state": ",".join(options.outcome) if options.outcome else None}
    if not options.past and any(value is not None for value in said.values()):
        raise SettingsError("b2bua calls", [Problem("--since, --before, --outcome", "only go with --past")])
    path = "/calls/past" if options.past else "/calls"
    rows = _asking.ask(options, "GET", path, party=options.of, limit=options.limit, **said)
    none = "no call was recorded" if options.past else "no call goes on"
    return _asking.show(options, rows, lambda rows: _asking.table(rows, COLUMNS, none))


def _seconds(options: Namespace, name: str) -> float | None:
    """The time that an option names, in seconds since 1970."""
    moment = _asking.moment(getattr(options, name), f"--{name}", "b2bua calls")
    return None if moment is None else moment.timestamp()


def _clock(seconds: float) -> str:
    """The time of day, with the date."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _state(row: dict[str, Any]) -> str:
    """How it ended, or how far it is, with the status of what was refused."""
    refused = row["ended"] is not None and row["answered"] is None and row["status"]
    if refused:
        return f"{row['state']} ({row['status']})"
    return f"{row['state']}, restored" if row["restored"] else str(row["state"])


def _from(row: dict[str, Any]) -> str:
    """Who called: number and name, and by which trunk."""
    kind, _, name = row["caller"].partition(" ")
    who = " ".join(filter(None, (row["number"] or name, row["name"])))
    via = "" if kind == "extension" else f" ({row['caller']})"
    gone = row["ended"] is None and row["legs"] and row["legs"][0]["ended"] is not None
    return f"{who}{via}{', who has left' if gone else ''}"


def _with(row: dict[str, Any]) -> str:
    """
    Who is at the other side.

    While it goes on, those who are there now; afterwards those who have
    talked, or whose phones rang for nothing.
    """
    legs = [leg for leg in row["legs"][1:] if row["ended"] is not None or leg["ended"] is None]
    talked = [leg for leg in legs if leg["answered"] is not None]
    return ", ".join(dict.fromkeys(_party(leg) for leg in talked or legs))


def _party(leg: dict[str, Any]) -> str:
    """The party of a leg."""
    kind, _, name = leg["party"].partition(" ")
    return " ".join(filter(None, (name if kind == "extension" else leg["party"], leg["name"])))


_ENDS = {"operator": "an operator", "shutdown": "a shutdown", "crash": "a crash", "error": "an error of ours"}
_LOST = {"lost": "lost", "timeout": "no sign of it"}


def _hung_up(row: dict[str, Any]) -> str:
    """Who ended it, or was lost."""
    if row["why"] in _ENDS:
        return _ENDS[row["why"]]
    who = str(row["hung_up_by"]).removeprefix("extension ")
    return f"{who} ({_LOST[row['why']]})" if row["why"] in _LOST else who


COLUMNS: list[Column] = [
    ("CALL", lambda row: row["id"]),
    ("BEGAN", lambda row: _clock(row["started"])),
    ("FROM", _from),
    ("DIALLED", lambda row: row["dialled"]),
    ("WITH", _with),
    ("TALKED", lambda row: duration(row["seconds"])),
    ("STATE", _state),
    ("HUNG UP", _hung_up),
    ("FEATURES", lambda row: ", ".join(row["features"])),
]
