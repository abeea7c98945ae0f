"""
Two processes on one database, and calls of both that are moved to and fro all the while.

The phones know of one process each.  A quarter of the calls is ended by the
caller, a quarter by the callee, a quarter is held and then ended, and the
callees of the last quarter transfer their callers::

    python -m tests.interop.moves                          # 20 calls a second for a minute; "make moves"
    python -m tests.interop.moves --rate 8 --seconds 10
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

from b2bua.settings import SettingsError
from tests.interop.kills import TARGET, scenarios
from tests.interop.load import CALLEE, Killable, Sipp, callee, caller, ended

FIRST = {"a": 200, "b": 210}
"""The number of the first phone of each node."""
TALKS = 8.0
"""Seconds that a call lasts at least."""


class Moving(threading.Thread):
    """Moves calls from one service to the other."""

    def __init__(self, services: dict[str, Killable], pause: float, seed: int) -> None:
        """
        Begin with none.

        @param services: the two, by their nodes.
        @param pause: seconds between two moves.
        """
        super().__init__(daemon=True)
        self._services = services
        self._pause = pause
        self._random = Random(seed)
        self.going = True
        self.moved = 0
        self.longest = 0.0
        """Seconds that a move has taken."""
        self.refused: Counter[str] = Counter()
        """Why some could not be moved, without the names of the calls."""

    def run(self) -> None:
        """Move one after the other."""
        while self.going:
            for here, there in (("a", "b"), ("b", "a")):
                self._move(here, there)
                time.sleep(self._pause)

    def _move(self, here: str, there: str) -> None:
        """Move any call that goes on."""
        service = self._services[here]
        calls = [row["id"] for row in service.ask("/calls", limit=10_000) if row["answered"] is not None]
        if not calls:
            return
        call, began = self._random.choice(calls), time.monotonic()
        try:
            service.ask(f"/calls/{call}/move", "POST", node=there)
        except SettingsError as error:
            self.refused[str(error).replace(call, "…")] += 1
        else:
            self.moved += 1
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self) -> None:
        """Let it end."""
        self.going = False
        self.join()


class Outcome(NamedTuple):
    """What came of it."""

    calls: int
    failed: dict[str, int]
    """How many failed, of each kind."""
    said: str
    """What SIPp says of them."""
    moved: int
    longest: float
    refused: Counter[str]
    open: int
    """Calls that a service believes to go on, when all are over."""
    records: list[int]
    """How many records have no end then, and how many there are."""

    @property
    def is_good(self) -> bool:
        """Has nothing been lost?"""
        return not (any(self.failed.values()) or self.open or self.records[0])

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.calls} calls, {self.moved} moves, the longest {1000 * self.longest:.0f} ms; failed: "
            f"{self.failed}; refused: {dict(self.refused)}; {self.open} calls and {self.records[0]} of "
            f"{self.records[1]} records open at the end"
        )


def services(directory: Path, database: str = "") -> dict[str, Killable]:
    """
    Start two of them on one database.

    @param database: its URL; by default it is a file of SQLite.
    """
    database = database or f"sqlite:///{directory}/shared.db"
    more = "".join(
        f'[extensions.{number}]\npassword = "secret-of-{number}-here"\n'
        for first in FIRST.values()
        for number in range(first, first + 5)
        if str(number) != CALLEE
    )
    found = {}
    for node in ("a", "b"):
        (directory / node).mkdir()
        keys = f'database = "{database}"\nnode = "{node}"\ncluster = "cluster.sock"\n'
        found[node] = Killable(directory / node, more, keys)
    return found


def play(
    directory: Path, rate: int, seconds: float, pause: float = 0.1, seed: int = 0, database: str = ""
) -> Outcome:
    """
    Call at both for some seconds, and move calls meanwhile.

    @param rate: calls a second, all in all.
    @param pause: seconds between two moves.
    """
    kinds = scenarios(round(1000 * TALKS))
    target = kinds.pop("target")[1]
    two = services(directory, database)
    each = max(1, round(rate * seconds / len(kinds) / len(two)))
    begun: list[tuple[str, Sipp]] = []
    things = []
    for node, service in two.items():
        first = FIRST[node]
        for number, (kind, (uac, uas)) in enumerate(kinds.items(), first):
            there = directory / f"{node}{number}"
            there.mkdir()
            # Callers are transferred to a phone of the other node.
            uas = uas.replace(f"sip:{TARGET}@", f"sip:{FIRST['b' if node == 'a' else 'a'] + 4}@")
            called, _ = callee(there, service.port, uas, str(number), "-aa")
            arguments = (
                "-r", str(each), "-rp", str(round(1000 * seconds)), "-m", str(each), "-l", str(each),
                "-d", str(round(1000 * TALKS)), "-aa",
            )  # fmt: skip
            things += [caller(there, service.port, uac, str(number), *arguments), called]
            begun.append((kind, things[-2]))
        (directory / f"{node}{first + 4}").mkdir()
        things.append(
            callee(directory / f"{node}{first + 4}", service.port, target, str(first + 4), "-aa")[0]
        )
    moving = Moving(two, pause, seed)
    with ended(*things, *two.values()):
        moving.start()
        until = time.monotonic() + seconds + TALKS + 60
        callers = [one for _, one in begun]
        while time.monotonic() < until and any(one.process.poll() is None for one in callers):
            time.sleep(0.5)
        moving.end()
        settled = [one.settled() for one in two.values()]
        left, open_ = sum(calls for calls, _ in settled), settled[-1][1]
        failed: Counter[str] = Counter()
        for kind, one in begun:
            failed[kind] += each - one.count("SuccessfulCall(C)")
        said = "".join(one.said() for one in things)
        count = each * len(begun)
        records = two["a"].ask("/calls/past", limit=count * 3)
        return Outcome(
            count,
            dict(failed),
            said,
            moving.moved,
            moving.longest,
            moving.refused,
            left,
            [open_, len(records)],
        )


def main() -> int:
    """Move from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.moves")
    parser.add_argument("--rate", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--database", default="", help="the URL of an empty one, in place of a new SQLite file"
    )
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = play(Path(directory), wanted.rate, wanted.seconds, wanted.pause, wanted.seed, wanted.database)
    print(found)  # noqa: T201
    if found.said:
        print(found.said[:4000])  # noqa: T201
    return not found.is_good


if __name__ == "__main__":
    sys.exit(main())
