"""
What a basic call costs in the process itself, without sockets.

The whole server with its default plugins takes the fourteen messages of a call
from memory, on a clock that goes as it is told, so that the figures are those
of our own code and can be profiled::

    python -m bench.call                 # microseconds a call, bytes a call
    python -m bench.call --profile 40    # and where they go
    python -m bench.call --whole         # with all that is written about a call: see L{bench.whole}
    python -m bench.call --trunks        # from trunk to trunk: who is called has not registered
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import os
import pstats
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from b2bua import collector, huge_pages
from b2bua.features import Features
from b2bua.net.locate import NumericLocator
from b2bua.registrar.bindings import Binding
from b2bua.server import Server
from b2bua.settings import read
from b2bua.store.ports import IStore
from b2bua.testing.clock import StandingClock
from b2bua.transactions.flow import Flow
from bench.messages import Callee, Caller

HOST, DOMAIN = "192.0.2.1", "pbx.example.com"
ALICE, BOB = ("192.0.2.8", 5060), ("192.0.2.9", 5060)
LOCAL = (HOST, 5060)
BATCH = 50
PAGE = os.sysconf("SC_PAGESIZE")


class Profile(Protocol):
    """What notes where the time goes: that of the interpreter, or a count of ours."""

    def enable(self) -> None:
        """Note from now on."""

    def disable(self) -> None:
        """Note no more."""


class Basket:
    """A wire that keeps what is sent."""

    transport = "UDP"
    local = LOCAL

    def __init__(self) -> None:
        """Start empty."""
        self.for_alice: list[bytes] = []
        self.for_bob: list[bytes] = []

    def send(self, data: bytes, flow: Flow) -> None:
        """Keep it for its receiver."""
        (self.for_alice if flow.remote == ALICE else self.for_bob).append(data)

    def take(self) -> tuple[list[bytes], list[bytes]]:
        """Take what was sent to either."""
        taken = self.for_alice, self.for_bob
        self.for_alice, self.for_bob = [], []
        return taken


class Line:
    """A server between a caller and a callee, all in memory."""

    def __init__(
        self,
        *,
        rate: float = 1000.0,
        bindings: int = 1,
        plugins: str = "default",
        store: IStore | None = None,
        survive: bool = True,
        trunks: bool = False,
    ) -> None:
        """
        Set it up.

        @param rate: how many calls begin in a second of the clock.
        @param bindings: how many phones are registered.
        @param plugins: C{default}, C{none}, or the name of the only one.
        @param store: what keeps records and calls, if anything does.
        @param survive: are calls kept in it?
        @param trunks: is who is called a trunk, and no phone that has registered?
        """
        self.clock = StandingClock()
        self.clock.rightNow = 1_000_000.0
        self.wire = Basket()
        document: dict[str, Any] = {
            "server": {"domain": DOMAIN, "listen": [f"sip:{HOST}:5060;transport=udp"]},
            "extensions": {
                "bob": {"name": "Bob", "password": "knows"},
                **{f"x{n}": {"password": "knows"} for n in range(bindings - 1)},
            },
            "trunks": {"load": {"uri": f"sip:{ALICE[0]}", "accept_from": [ALICE[0]], "options_seconds": 0}},
            "limits": {"calls": 1_000_000, "transactions": 10_000_000},
            "calls": {"survive": survive},
        }
        if trunks:
            _call_a_trunk(document)
        features, document = _features(plugins, document)
        self.records = 0
        self.server = Server(
            read(document),
            self.clock,
            NumericLocator({DOMAIN: [HOST]}),
            features,
            store=store,
            record=self._ended,
            wall=self.clock.seconds,
        )
        features.bind(self.server.runner, self.server.core.calls)
        features.start()
        self.server.runner.attach(self.wire)
        self.server.runner.transport.admission.know(ALICE[0])
        for name in document["extensions"]:
            flow = Flow("UDP", LOCAL, BOB if name == "bob" else ("192.0.2.10", 5060))
            binding = Binding(
                f"{name}@{DOMAIN}",
                f"sip:{name}@{flow.remote[0]}:{flow.remote[1]}",
                flow,
                self.clock.seconds() + 1e9,
            )
            self.server.bindings.put(binding.aor, (binding,))
        self.caller = Caller(*ALICE, f"{HOST}:5060", "bob", DOMAIN)
        self.callee = Callee(*BOB, "bob")
        self.number = 0
        self.spent = 0.0
        self._pause = 1.0 / rate
        self._profile: Profile | None = None
        self._from_alice = Flow("UDP", LOCAL, ALICE)
        self._from_bob = Flow("UDP", LOCAL, BOB)

    def _ended(self, record: Any) -> None:
        self.records += 1

    def profiled(self, profile: Profile) -> None:
        """Write down where the time goes from now on, in messages and timers."""
        self._profile = profile

    def give(self, messages: Iterable[bytes], flow: Flow) -> tuple[list[bytes], list[bytes]]:
        """Let the server take messages, and measure it."""
        with self._measured():
            received = self.server.runner.received
            for data in messages:
                received(data, flow)
        return self.wire.take()

    def wait(self, seconds: float) -> None:
        """Let time pass, and measure what the server does meanwhile."""
        with self._measured():
            self.clock.run(seconds)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Measure what the server does meanwhile."""
        if self._profile is not None:
            self._profile.enable()
        begun = time.process_time()
        try:
            yield
        finally:
            self.spent += time.process_time() - begun
            if self._profile is not None:
                self._profile.disable()

    def set_up(self, count: int) -> list[tuple[int, bytes]]:
        """Establish calls; give number and 200 of each."""
        numbers = range(self.number, self.number + count)
        self.number += count
        self.wait(self._pause * count)
        _, invites = self.give([self.caller.invite(number) for number in numbers], self._from_alice)
        assert len(invites) == count, (count, invites[:1])
        answers = [self.callee.ring(invite) for invite in invites]
        self.give([response for three in answers for response in three[:2]], self._from_bob)
        accepted, acks = self.give([three[2] for three in answers], self._from_bob)
        assert len(acks) == count
        calls = list(zip(numbers, accepted, strict=True))
        self.give([self.caller.later("ACK", *call) for call in calls], self._from_alice)
        return calls

    def tear_down(self, calls: list[tuple[int, bytes]]) -> None:
        """End calls."""
        _, byes = self.give([self.caller.later("BYE", *call) for call in calls], self._from_alice)
        assert len(byes) == len(calls), byes[:1]
        self.give([self.callee.answer(bye, b"200 OK") for bye in byes], self._from_bob)

    def basic(self, count: int) -> float:
        """Make so many whole calls; give microseconds a call."""
        self.spent = 0.0
        for size in _batches(count):
            self.tear_down(self.set_up(size))
        return self.spent / count * 1e6

    def hold_up(self, count: int) -> list[tuple[int, bytes]]:
        """Establish calls and leave them."""
        return [call for size in _batches(count) for call in self.set_up(size)]


def _call_a_trunk(document: dict[str, Any]) -> None:
    """Let who is called be reached by a route."""
    del document["extensions"]["bob"]
    document["trunks"]["load"]["may_dial"] = ["trunks"]
    document["trunks"]["far"] = {"uri": f"sip:{BOB[0]}", "options_seconds": 0}
    document["routes"] = [{"match": "bob", "trunk": "far", "callers": ["trunks"]}]


def _features(plugins: str, document: dict[str, Any]) -> tuple[Features, dict[str, Any]]:
    if plugins == "none":
        return Features.none(), document
    from b2bua.features.plugin import installed

    sources = [source for source in installed() if plugins in ("default", source.name)]
    wanted = document
    if plugins != "default":
        wanted = {**document, "plugins": {"order": [plugins]}}
    features = Features.load(wanted, sources=sources)
    rest, problems, _ = Features.check(wanted, sources)
    assert not problems, problems
    return features, dict(rest)


def _batches(count: int) -> Iterator[int]:
    for begun in range(0, count, BATCH):
        yield min(BATCH, count - begun)


def on_huge_pages() -> None:
    """Have all memory where a service that has had much to do for a minute has it."""
    if huge_pages.offered():
        asked = huge_pages.HugePages()
        for _ in range(rss() // (huge_pages.STEP * huge_pages.SIZE) + 1):
            asked.ask()


def rss() -> int:
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


def memory(count: int, plugins: str = "default") -> float:
    """
    Bytes of an established call, its transactions being over.

    Each call's messages that the bench itself needs are not kept.
    """
    line = Line(plugins=plugins)
    line.basic(500)
    line.clock.run(60)
    gc.collect()
    before = rss()
    for size in _batches(count):
        line.set_up(size)
    # The transactions of INVITE stay for 32 s (timers L and M).
    line.clock.run(60)
    gc.collect()
    assert len(line.server.core.calls.going) == count
    return (rss() - before) / count


def traced(count: int, top: int) -> None:
    """Say which lines hold the memory of an established call, without the trace, which is bounded."""
    import tracemalloc

    line = Line()
    line.server.trace.bytes_max = 0
    line.basic(200)
    line.clock.run(60)
    gc.collect()
    tracemalloc.start(6)
    before = tracemalloc.take_snapshot()
    line.hold_up(count)
    line.clock.run(60)
    gc.collect()
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    ours = [tracemalloc.Filter(False, str(Path(__file__).resolve().parent / "*"))]
    known = after.filter_traces(ours).compare_to(before.filter_traces(ours), "lineno")
    total = sum(entry.size_diff for entry in known)
    print(f"{total / count:.0f} bytes of objects a call")
    for entry in known[:top]:
        frame = entry.traceback[0]
        place = f"{frame.filename[-50:]}:{frame.lineno}"
        print(f"{entry.size_diff / count:8.1f} {entry.count_diff / count:5.2f}  {place}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1000.0, help="calls a second of the clock")
    parser.add_argument("--warm", type=int, default=500)
    parser.add_argument("--plugins", default="default", help="default, none, or the name of one")
    parser.add_argument("--profile", type=int, default=0, metavar="LINES")
    parser.add_argument("--sort", default="tottime")
    parser.add_argument("--callers", default="", metavar="FUNCTION")
    parser.add_argument("--held", type=int, default=0, help="calls that are up meanwhile")
    parser.add_argument("--bindings", type=int, default=1, help="phones that are registered")
    parser.add_argument("--memory", type=int, default=0, metavar="CALLS")
    parser.add_argument("--traced", type=int, default=0, metavar="LINES")
    parser.add_argument("--whole", action="store_true", help="with log, store and figures")
    parser.add_argument("--trunks", action="store_true", help="from trunk to trunk")
    parser.add_argument("--turns", action="store_true", help="measure once for each line that is typed")
    chosen = parser.parse_args()
    if chosen.traced:
        traced(1000, chosen.traced)
        return
    if chosen.memory:
        print(f"{memory(chosen.memory, chosen.plugins):.0f} bytes of RSS an established call")
        return
    kind: type[Line] = Line
    if chosen.whole:
        from bench.whole import WholeLine

        kind = WholeLine
    line = kind(rate=chosen.rate, bindings=chosen.bindings, plugins=chosen.plugins, trunks=chosen.trunks)
    line.basic(chosen.warm)
    if chosen.held:
        line.hold_up(chosen.held)
        line.clock.run(60)
    collector.settle()
    on_huge_pages()
    if chosen.turns:
        for _ in sys.stdin:
            print(f"{line.basic(chosen.calls):.1f}", flush=True)
        return
    if chosen.profile:
        profile = cProfile.Profile()
        line.profiled(profile)
        print(f"{line.basic(chosen.calls):.1f} us a call, profiled")
        stats = pstats.Stats(profile).strip_dirs().sort_stats(chosen.sort)
        stats.print_stats(chosen.profile)
        if chosen.callers:
            stats.print_callers(chosen.callers)
        return
    costs = [line.basic(chosen.calls) for _ in range(chosen.runs)]
    print(f"{statistics.median(costs):.1f} us a call (runs: {', '.join(f'{cost:.1f}' for cost in costs)})")


if __name__ == "__main__":
    main()
