"""
What registrations cost: a refresh, a look-up, a start, a kilobyte of memory.

The whole server takes REGISTERs with digest from memory and its answers are
counted; a store keeps the bindings in an SQLite file behind it::

    python -m bench.registrar
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, ensureDeferred
from zope.interface import implementer

from b2bua import collector
from b2bua.clock import IClock
from b2bua.features import Features
from b2bua.net.locate import NumericLocator
from b2bua.registrar.bindings import Binding, Bindings
from b2bua.registrar.keeping import Keeper
from b2bua.server import Server
from b2bua.settings import read
from b2bua.store.journal import Journal
from b2bua.store.memory import MemoryStore
from b2bua.store.ports import Batch, BindingRow
from b2bua.store.sql import SqlStore
from b2bua.testing.clock import StandingClock
from b2bua.transactions.flow import Flow
from b2bua.wire.digest import Challenge, ha1, response
from b2bua.wire.message import Response
from b2bua.wire.parser import parse

reactor: Any = _reactor
HOST, DOMAIN = "192.0.2.1", "pbx.example.com"
LOCAL = (HOST, 5060)
AGENT = "Yealink SIP-T46S 66.86.0.15"
INSTANCE = "urn:uuid:00000000-0000-1000-8000-"


class Basket:
    """A wire that keeps what is sent."""

    transport = "UDP"
    local = LOCAL

    def __init__(self) -> None:
        """Start empty."""
        self.sent: list[bytes] = []

    def send(self, data: bytes, flow: Flow) -> None:
        """Keep it."""
        self.sent.append(data)


class Phones:
    """Phones that register again and again, and the server that they register with."""

    def __init__(self, count: int) -> None:
        """Set up the server, and so many phones."""
        self.clock = StandingClock()
        self.clock.rightNow = 1_000_000.0
        self.wire = Basket()
        self.users = [f"{1000 + number}" for number in range(count)]
        settings = read(
            {
                "server": {"domain": DOMAIN, "listen": [f"sip:{HOST}:5060;transport=udp"]},
                "extensions": {user: {"password": f"secret-{user}"} for user in self.users},
                "limits": {"transactions": 10_000_000},
                "registrar": {"options_seconds": 0.0},
            }
        )
        self.server = Server(
            settings,
            self.clock,
            NumericLocator({DOMAIN: [HOST]}),
            Features.none(),
            store=MemoryStore(),
            wall=self.clock.seconds,
        )
        self.server.runner.attach(self.wire)
        self._secrets = {u: ha1("SHA-256", u, DOMAIN, f"secret-{u}") for u in self.users}
        self._nonces: dict[str, tuple[str, int]] = {}
        self._cseq = 0
        for host in {self._flow(at).remote[0] for at in range(count)}:
            self.server.runner.transport.admission.know(host)

    def _flow(self, at: int) -> Flow:
        """Where a phone is."""
        return Flow("UDP", LOCAL, (f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}", 5062))

    def write(self, at: int) -> tuple[bytes, Flow]:
        """Write a REGISTER as a Yealink does, with the nonce of the last time."""
        user, flow = self.users[at], self._flow(at)
        self._cseq += 1
        credentials = ""
        if user in self._nonces:
            nonce, count = self._nonces[user]
            self._nonces[user] = (nonce, count + 1)
            nc = f"{count + 1:08x}"
            digest = response(
                "SHA-256",
                self._secrets[user],
                "REGISTER",
                f"sip:{DOMAIN}",
                nonce,
                qop="auth",
                nc=nc,
                cnonce="0a4f",
            )
            credentials = (
                f'Authorization: Digest username="{user}", realm="{DOMAIN}", nonce="{nonce}", '
                f'uri="sip:{DOMAIN}", response="{digest}", algorithm=SHA-256, '
                f'cnonce="0a4f", qop=auth, nc={nc}\r\n'
            )
        host = flow.remote[0]
        text = (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:5062;rport;branch=z9hG4bK{self._cseq}\r\n"
            f'From: "{user}" <sip:{user}@{DOMAIN}>;tag=f{self._cseq}\r\n'
            f'To: "{user}" <sip:{user}@{DOMAIN}>\r\n'
            f"Call-ID: 0_{at}{user}@{host}\r\nCSeq: {self._cseq} REGISTER\r\n"
            f'Contact: <sip:{user}@{host}:5062>;+sip.instance="<{INSTANCE}{at:012x}>"\r\n'
            f"{credentials}Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER\r\n"
            f"Max-Forwards: 70\r\nUser-Agent: {AGENT}\r\nExpires: 3600\r\n"
            "Allow-Events: talk,hold,conference,refer,check-sync\r\nContent-Length: 0\r\n\r\n"
        )
        return text.encode(), flow

    def register(self) -> float:
        """Register all phones from nothing, challenged and then bound; gives CPU seconds of the server."""
        spent = 0.0
        for expected in (401, 200):
            wanted = [self.write(at) for at in range(len(self.users))]
            begun = time.process_time()
            for data, flow in wanted:
                self.server.runner.received(data, flow)
            self.clock.run(0.1)
            spent += time.process_time() - begun
            answers = [parse(data) for data in self.wire.sent]
            self.wire.sent.clear()
            assert len(answers) == len(self.users)
            for user, answer in zip(self.users, answers, strict=True):
                assert isinstance(answer, Response) and answer.code == expected, answer
                if expected == 401:
                    challenge = Challenge.parse(answer.all("WWW-Authenticate")[0])
                    assert challenge is not None
                    self._nonces[user] = (challenge.nonce, 0)
        assert len(self.server.bindings) == len(self.users)
        return spent

    def refresh(self, count: int) -> float:
        """Refresh so many times; gives CPU seconds."""
        spent = 0.0
        for start in range(0, count, 100):
            wanted = [self.write(at % len(self.users)) for at in range(start, min(start + 100, count))]
            begun = time.process_time()
            for data, flow in wanted:
                self.server.runner.received(data, flow)
            self.clock.run(0.1)
            spent += time.process_time() - begun
            answers = [data[:11] for data in self.wire.sent]
            assert answers == [b"SIP/2.0 200"] * len(wanted), answers[:3]
            self.wire.sent.clear()
        return spent


def refreshes(phones: int = 1000, count: int = 10_000, runs: int = 3) -> list[float]:
    """REGISTER refreshes with digest per CPU second, of each run."""
    house = Phones(phones)
    house.register()
    house.refresh(1000)
    collector.settle()
    return [count / house.refresh(count) for _ in range(runs)]


def storm(phones: int = 10_000) -> tuple[float, float]:
    """
    What a power cut costs that switches so many phones off and on: all register from nothing, none is lost.

    @return: CPU seconds until a server with so many extensions stands, and of the storm itself.
    """
    begun = time.process_time()
    house = Phones(phones)
    stands = time.process_time() - begun
    collector.settle()
    return stands, house.register()


def binding(number: int, since: float = 0.0) -> Binding:
    """A binding as a real one is, no part of it shared with another but the phone's make."""
    host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    user = f"{100_000 + number}"
    return Binding(
        f"{user}@{DOMAIN}", f"sip:{user}@{host}:5062", Flow("UDP", LOCAL, (host, 5062)),
        since + 3600.0 + number % 60, f"0_{number}{user}@{host}", 1000 + number, 1000, (),
        f"{INSTANCE}{number:012x}", 0, "", AGENT, (), since + number / 1000,
    )  # fmt: skip


def filled(count: int) -> Bindings:
    """So many bindings in memory."""
    clock = StandingClock()
    bindings = Bindings(_Clock(clock))
    for number in range(count):
        one = binding(number)
        bindings.put(one.aor, (one,))
    return bindings


@implementer(IClock)
class _Clock:
    """A clock without a runner."""

    moment = 0.0

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock
        self.now: Callable[[], float] = clock.seconds
        self.wall = lambda: 1e9 + clock.seconds()

    def start(self, seconds: float, call: Callable[[], None]) -> Any:
        """Set a timer."""
        delayed = self._clock.callLater(seconds, call)
        delayed.stop = delayed.cancel  # type: ignore[attr-defined]
        return delayed


def look_up(sizes: tuple[int, ...] = (10, 10_000, 100_000), rounds: int = 200) -> dict[int, float]:
    """
    Nanoseconds of a look-up, by the number of bindings.

    The same ten users are asked for each time, so that what is measured is the
    look-up and not the caches of the processor, which know the users who are
    called; the sizes take turns, and the fastest round of each counts.
    """
    tables = {size: filled(size) for size in sizes}
    users = [f"{100_000 + number}@{DOMAIN}" for number in range(10)] * 200
    found: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size, bindings in tables.items():
            contacts = bindings.contacts
            begun = time.perf_counter_ns()
            for user in users:
                contacts(user)
            found[size].append((time.perf_counter_ns() - begun) / len(users))
    return {size: min(costs) for size, costs in found.items()}


def scattered(sizes: tuple[int, ...] = (10, 10_000, 100_000)) -> dict[int, float]:
    """Nanoseconds of a look-up of users drawn from all, with the misses of the processor's caches."""
    costs = {}
    for size in sizes:
        bindings, random = filled(size), Random(1)
        users = [f"{100_000 + random.randrange(size)}@{DOMAIN}" for _ in range(20_000)]
        begun = time.perf_counter_ns()
        for user in users:
            bindings.contacts(user)
        costs[size] = (time.perf_counter_ns() - begun) / len(users)
    return costs


def memory(count: int = 100_000) -> float:
    """Bytes of a binding, with all its indexes."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    bindings = filled(count)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bindings) == count
    return (after - before) / count


async def start(count: int = 100_000) -> tuple[float, float, int]:
    """Seconds until stored bindings are back in memory, seconds of writing them, bytes of the file."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "b2bua.db"
        store = SqlStore(f"sqlite:///{file}", reactor)
        await store.open()
        clock = StandingClock()
        source = filled(count)
        keeper = Keeper(source, Journal(store, _Clock(clock)), _Clock(clock))
        begun = time.perf_counter()
        for first in range(0, count, 5000):
            users = [f"{100_000 + n}@{DOMAIN}" for n in range(first, min(first + 5000, count))]
            rows: list[tuple[str, tuple[BindingRow, ...]]] = [(user, keeper.rows(user)) for user in users]
            await store.write(Batch(bindings=tuple(rows)))
        written = time.perf_counter() - begun
        await store.close()
        begun = time.perf_counter()
        store = SqlStore(f"sqlite:///{file}", reactor)
        await store.open()
        bindings = Bindings(_Clock(clock))
        back = Keeper(bindings, Journal(store, _Clock(clock)), _Clock(clock)).restore(
            await store.load_bindings(1e9)
        )
        seconds = time.perf_counter() - begun
        assert back == count, back
        await store.close()
        return seconds, written, os.path.getsize(file)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("bench.registrar", description=__doc__)
    parser.add_argument("--bindings", type=int, default=100_000)
    parser.add_argument("--refreshes", type=int, default=10_000)
    parser.add_argument("--phones", type=int, default=10_000, help="that register at once after a power cut")
    parser.add_argument(
        "--profile", type=int, default=0, metavar="LINES", help="of the refreshes, and nothing else"
    )
    chosen = parser.parse_args()
    if chosen.profile:
        _profile(chosen.refreshes, chosen.profile)
        return
    runs = refreshes(count=chosen.refreshes)
    print(f"{statistics.median(runs):.0f} REGISTER refreshes with digest (SHA-256) per CPU second "
          f"({', '.join(f'{run:.0f}' for run in runs)})")  # fmt: skip
    stands, spent = storm(chosen.phones)
    print(f"a server with {chosen.phones:,} extensions stands after {stands:.2f} s of CPU time")
    print(f"{chosen.phones:,} phones that register from nothing: {spent:.2f} s of CPU time "
          f"({spent / chosen.phones * 1e6:.0f} us each), none lost")  # fmt: skip
    sizes = (10, 10_000, chosen.bindings)
    costs = look_up(sizes)
    print("look-up: " + ", ".join(f"{cost:.0f} ns of {size:,}" for size, cost in costs.items()))
    costs = scattered(sizes)
    print("look-up of anybody: " + ", ".join(f"{cost:.0f} ns of {size:,}" for size, cost in costs.items()))
    print(f"memory: {memory(chosen.bindings):.0f} bytes a binding")
    _run(chosen.bindings)


def _run(count: int) -> None:
    """Measure the start, which needs a reactor."""
    failed: list[Any] = []

    def done(found: tuple[float, float, int]) -> None:
        seconds, written, size = found
        print(f"start with {count:,} stored bindings: {seconds:.2f} s "
              f"(written in {written:.2f} s, {size / count:.0f} bytes a binding in the file)")  # fmt: skip

    def go() -> Deferred[Any]:
        return (
            ensureDeferred(start(count))
            .addCallback(done)
            .addErrback(failed.append)
            .addBoth(lambda _: reactor.stop())
        )

    reactor.callWhenRunning(go)
    reactor.run()
    if failed:
        failed[0].printTraceback()
        sys.exit(1)


def _profile(count: int, lines: int) -> None:
    """Show where the time of a refresh goes."""
    import cProfile
    import pstats

    house = Phones(1000)
    house.register()
    profile = cProfile.Profile()
    profile.enable()
    house.refresh(count)
    profile.disable()
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(lines)


if __name__ == "__main__":
    main()
