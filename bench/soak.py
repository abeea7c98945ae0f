"""
Very many calls through all features: memory at the end is where it was.

The real server in a simulated world (see C{docs/testing.md}): phones call each
other directly, through forwards, groups, find me, do not disturb and redirects,
hold, and transfer; every call has to come out as it should.  Memory is looked
at when all timers have run out, after a tenth of the calls and at the end.  Then
basic calls go from SIPp through the service on sockets, with its database::

    python -m bench.soak                    # 200,000 calls: an hour
    python -m bench.soak --quick            # does it run?
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.testing.world import World
from bench import sipp
from bench.load import SETTLE, Bench, Scale
from bench.machine import line, machine
from bench.servers import NotHere, Ours, Server

CALLS = 200_000
ON_SOCKETS = 20_000
RATE = 200
"""Calls a second on sockets."""
EVERY = 100
"""Calls after which the simulated world is tidied up."""
GROWTH = 1.05
"""How much more than after the first tenth it may be at the end: caches and tables fill up until then."""
PAGE = os.sysconf("SC_PAGESIZE")
SETTINGS: dict[str, Any] = {
    "extensions": {
        "always": {"forward": {"always": "bob"}},
        "engaged": {"forward": {"busy": "carol"}},
        "silent": {"forward": {"no_answer": "dave", "no_answer_after": 3}},
        "absent": {"forward": {"unreachable": "bob"}},
        "quiet": {"do_not_disturb": True},
        "finder": {"find_me": {"places": ["mute", "bob"], "ring_seconds": 3}},
        "moved": {},
        "mute": {},
    },
    "ring_groups": {
        "600": {"members": ["mute", "bob"], "ring_seconds": 10},
        "601": {"members": ["mute", "carol"], "mode": "sequential", "ring_seconds": 3},
    },
    "trunks": {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "options_seconds": 0}},
    "routes": [{"match": r"\+\d+", "trunk": "carrier"}],
}
MANNERS: dict[str, dict[str, Any]] = {
    "engaged": {"refuses": 486},
    "silent": {"answers_after": None},
    "mute": {"answers_after": None},
    "moved": {"redirects": "carol"},
}
NAMES = ("alice", "bob", "carol", "dave", "always", "engaged", "silent", "quiet", "finder", "moved", "mute")


class Stage:
    """A world with phones that play the same scenes again and again."""

    def __init__(self) -> None:
        """Set it up."""
        self.world = World(settings=SETTINGS, features="installed")
        # The rules are for the tests; nobody is to remember all messages here.
        network = self.world.network
        self.world.witness = None
        for listeners in (network.on_send, network.on_arrive, network.on_close):
            listeners.clear()
        self.phones: dict[str, Phone] = {}
        for name in NAMES:
            manners = Manners(answers_after=0.2).but(**MANNERS.get(name, {}))
            [self.phones[name]] = self.world.phones(name, manners=manners)
        self.phones["carrier"] = self.world.trunk("carrier", Manners(answers_after=0.2), host="198.51.100.7")
        self.calls = 0
        self.outcomes: Counter[str] = Counter()
        self.scenes: list[Callable[[], None]] = [
            self.basic,
            self.hung_up_by_callee,
            self.given_up,
            self.held,
            self.forwarded,
            self.not_disturbed,
            self.grouped,
            self.found,
            self.redirected,
            self.through_trunk,
            self.blind,
            self.attended,
        ]

    # What scenes are made of.

    def call(self, to: str, answers: str, caller: str = "alice") -> tuple[Session, Session]:
        """Let somebody call, and see that the right one answers."""
        phone, callee = self.phones[caller], self.phones[answers]
        session = phone.dial(to)
        self.calls += 1
        self.world.run_until(lambda: phone.talks_to(callee))
        return session, callee.session

    def over(self, session: Session) -> None:
        """Hang up, and see that it is over for everybody."""
        session.hang_up()
        self.world.run_until(self._silent)

    def _silent(self) -> bool:
        return not any(phone.live for phone in self.phones.values())

    # The scenes.

    def basic(self) -> None:
        """A call."""
        self.over(self.call("bob", "bob")[0])

    def hung_up_by_callee(self) -> None:
        """A call that the callee ends."""
        self.over(self.call("bob", "bob")[1])

    def given_up(self) -> None:
        """A call that the caller gives up while it rings."""
        session = self.phones["alice"].dial("mute")
        self.calls += 1
        self.world.run_until(lambda: 180 in session.codes)
        self.over(session)

    def held(self) -> None:
        """Each side holds and resumes."""
        for session in (pair := self.call("bob", "bob")):
            session.hold()
            self.world.run(0.5)
            session.resume()
            self.world.run_until(lambda: pair[0].talks_to(pair[1]))
        self.over(pair[0])

    def forwarded(self) -> None:
        """Each kind of forward."""
        for to, answers in (("always", "bob"), ("engaged", "carol"), ("silent", "dave"), ("absent", "bob")):
            self.over(self.call(to, answers)[0])

    def not_disturbed(self) -> None:
        """Do not disturb."""
        session = self.phones["alice"].dial("quiet")
        self.calls += 1
        self.world.run_until(lambda: session.code >= 300)
        self.world.run_until(self._silent)

    def grouped(self) -> None:
        """Groups that ring at once, and one after the other."""
        self.over(self.call("600", "bob")[0])
        self.over(self.call("601", "carol")[0])

    def found(self) -> None:
        """Find me."""
        self.over(self.call("finder", "bob")[0])

    def redirected(self) -> None:
        """A phone that answers with 302."""
        self.over(self.call("moved", "carol")[0])

    def through_trunk(self) -> None:
        """Out to a trunk, and in from it."""
        self.over(self.call("+15550123", "carrier")[0])
        self.over(self.call("bob", "bob", "carrier")[0])

    def blind(self) -> None:
        """The caller hands her callee on, and the callee his caller."""
        for by, left in ((0, "bob"), (1, "alice")):
            self.call("bob", "bob")[by].transfer("carol")
            self.calls += 1
            self.world.run_until(lambda left=left: self.phones[left].talks_to(self.phones["carol"]))  # type: ignore[misc]
            self.world.run(1)
            self.over(self.phones["carol"].session)

    def attended(self) -> None:
        """She asks the third one first."""
        first, _ = self.call("bob", "bob")
        first.hold()
        self.world.run(0.5)
        second, _ = self.call("carol", "carol")
        first.transfer(replaces=second)
        self.world.run_until(lambda: self.phones["bob"].talks_to(self.phones["carol"]))
        self.world.run(1)
        self.over(self.phones["carol"].session)

    # All of them.

    def play(self, calls: int) -> None:
        """Play scenes until so many calls were made, and let all timers run out."""
        end, tidied = self.calls + calls, self.calls
        for scene in self._again_and_again():
            scene()
            self.outcomes[scene.__name__] += 1
            if self.calls >= tidied + EVERY or self.calls >= end:
                tidied = self.calls
                self.tidy()
            if self.calls >= end:
                return

    def _again_and_again(self) -> Iterator[Callable[[], None]]:
        while True:
            yield from self.scenes

    def tidy(self) -> None:
        """Let all timers run out, insist that nothing is left, and forget what the phones remember."""
        world = self.world
        assert world.served is not None
        served = world.served
        world.run(100)
        # Phones may just be registering anew.
        world.clock.run_until(lambda: not served.remains(), 400)
        complaints = [*map(str, world.violations), *served.complaints()]
        if complaints:
            raise world.failure("\n".join(complaints))
        served.records.clear()
        world.network.log.clear()
        for phone in self.phones.values():
            phone.sessions.clear()
            phone.inbox.clear()
            phone._nonces.clear()

    def memory(self) -> dict[str, int]:
        """Bytes of the process, and how many objects the collector knows."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return {"calls": self.calls, "bytes": pages * PAGE, "objects": len(gc.get_objects())}


def simulated(calls: int) -> dict[str, Any]:
    """Play all of it."""
    stage = Stage()
    seen = []
    began = time.process_time()
    for _ in range(10):
        stage.play(calls // 10)
        seen.append(stage.memory())
        print(f"  {seen[-1]}", flush=True)
    return {"seen": seen, "seconds": time.process_time() - began, "scenes": dict(stage.outcomes)}


def on_sockets(server: Server, core: int | None, calls: int, settle: float) -> list[dict[str, int]]:
    """
    Basic calls through the service, half of them to warm up.

    Transactions stay for 32 seconds, and what they took is kept for the next ones.
    """
    seen, done = [], 0
    for count in (calls // 2, calls - calls // 2):
        found = sipp.calls(server, core, rate=RATE, count=count)
        time.sleep(settle)
        done += found.done
        seen.append({"calls": done, "bytes": server.rss()})
        print(f"  on sockets: {seen[-1]}, {found.failed} failed", flush=True)
    return seen


def complaints(found: dict[str, Any]) -> list[str]:
    """Where memory is not what it was when it was first looked at."""
    said = []
    for name in ("seen", "sockets"):
        rows = found.get(name) or [{}]
        for what in ("bytes", "objects"):
            first, last = rows[0].get(what, 0), rows[-1].get(what, 0)
            if last > first * GROWTH:
                said.append(
                    f"{name}: {what} were {first:,} after {rows[0]['calls']:,} calls, and are {last:,}"
                )
    return said


def table(found: dict[str, Any]) -> str:
    """As Markdown."""
    lines = ["| simulated, calls | memory, MiB | objects |", "|---|---|---|"]
    lines += [
        f"| {row['calls']:,} | {row['bytes'] / 2**20:.1f} | {row['objects']:,} |" for row in found["seen"]
    ]
    if found.get("sockets"):
        lines += ["", "| on sockets, calls | memory of the service, MiB |", "|---|---|"]
        lines += [f"| {row['calls']:,} | {row['bytes'] / 2**20:.1f} |" for row in found["sockets"]]
    each = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found["scenes"].items())
    lines += ["", f"Scenes played: {each}; {found['seconds']:.0f} s of CPU time."]
    lines += ["", line(found["machine"])]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Play, print, and say whether memory has grown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    parser.add_argument("--calls", type=int, default=CALLS, help="in the simulated world")
    parser.add_argument("--sockets", type=int, default=ON_SOCKETS, help="from SIPp; 0 leaves that out")
    parser.add_argument("--write", action="store_true", help="write the tables into bench/README.md")
    chosen = parser.parse_args(arguments)
    calls, count, settle = chosen.calls, chosen.sockets, SETTLE
    if chosen.quick:
        calls, count, settle = 600, 200, 1.0
    found = simulated(calls)
    found["machine"] = machine()
    if count:
        with tempfile.TemporaryDirectory(prefix="b2bua-bench-") as directory:
            bench = Bench(Scale(runs=1), Path(directory), [Ours], spread=False)
            try:
                found["sockets"] = bench.with_server(
                    Ours, lambda server, _: on_sockets(server, None, count, settle)
                )
            except NotHere as error:
                print(f"  not on sockets: {error} is not installed")
    print(table(found))
    if chosen.write:
        from bench import report

        report.write("soak", table(found))
    # The few calls of a quick run do not fill what is filled once.
    if not chosen.quick and (said := complaints(found)):
        raise SystemExit("\n".join(said))


if __name__ == "__main__":
    main()
