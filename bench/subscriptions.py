"""
What watching costs: microseconds a NOTIFY, and bytes a subscription.

The whole server with the dialog package tells watchers of a change and takes
their answers, in memory, on a clock that goes as it is told.  Each size is
measured in a process of its own::

    python -m bench.subscriptions                # with 100 and with 100,000 subscriptions
    python -m bench.subscriptions --size 1000    # one size
    python -m bench.subscriptions --profile 30   # and where the time goes

What is to be reached: at most 3 KiB a subscription, and a NOTIFY costs the same
however many there are.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

from zope.interface import implementer

from b2bua import collector
from b2bua.features import Features
from b2bua.features.plugin import installed
from b2bua.net.locate import NumericLocator
from b2bua.registrar.bindings import Binding
from b2bua.server import Server
from b2bua.settings import read
from b2bua.testing.clock import StandingClock
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import IServerTransaction
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import parse
from bench.machine import line, machine

HOST, DOMAIN = "192.0.2.1", "pbx.example.com"
LOCAL = (HOST, 5060)
SIZES = (100, 100_000)
LAMPS = 100
"""How many extensions each phone watches."""
BAR = 3 * 1024
PAGE = os.sysconf("SC_PAGESIZE")


class Basket:
    """A wire that keeps what is sent."""

    transport = "UDP"
    local = LOCAL

    def __init__(self) -> None:
        """Start empty."""
        self.sent: list[tuple[bytes, Flow]] = []

    def send(self, data: bytes, flow: Flow) -> None:
        """Keep it."""
        self.sent.append((data, flow))


@implementer(IServerTransaction)
class Opened:
    """A SUBSCRIBE that wants an answer."""

    def __init__(self, request: Request, flow: Flow) -> None:
        """Have none yet."""
        self.request = request
        self.flow = flow
        self.user: Any = None
        self.failed = None
        self.code = 0

    def respond(self, response: Response) -> None:
        """Take the answer, as far as it is of interest."""
        self.code = response.code

    def dismiss(self, code: int, reason: str = "", fields: Iterable[tuple[str, str]] = ()) -> None:
        """Take a refusal."""
        self.code = code

    def accept(self) -> None:
        """Take a 200."""
        self.code = 200

    def trying(self) -> None:
        """Wait on; nobody here sends it again."""

    def move(self, flow: Flow) -> None:
        """Wait there for the answer."""
        self.flow = flow

    def forget(self) -> None:
        """Have no answer."""


class Watched:
    """A server whose extensions watch each other."""

    def __init__(self, size: int) -> None:
        """Have C{size} subscriptions, those of each phone spread over all extensions."""
        self.clock = StandingClock()
        self.clock.rightNow = 1_000_000.0
        self.wire = Basket()
        self.names = [str(1000 + number) for number in range(max(LAMPS, size // LAMPS))]
        document: dict[str, Any] = {
            "server": {"domain": DOMAIN, "listen": [f"sip:{HOST}:5060;transport=udp"]},
            "extensions": {name: {"password": "secret"} for name in self.names},
            "plugins": {"order": ["busy_lamps"]},
            "subscriptions": {"total": max(size, 1)},
        }
        sources = [source for source in installed() if source.name == "busy_lamps"]
        features = Features.load(document, sources=sources)
        rest, problems, _ = Features.check(document, sources)
        assert not problems, problems
        self.server = Server(read(rest), self.clock, NumericLocator({DOMAIN: [HOST]}), features)
        features.bind(self.server.runner, self.server.core.calls)
        features.start()
        self.server.runner.attach(self.wire)
        self.notifier = self.server.notifier
        self._answered = 0
        gc.collect()
        before = _resident()
        for number in range(size):
            self._subscribe(number)
            if number % 1000 == 999:
                self.answer()
        self.answer()
        self.pass_time(60)
        gc.collect()
        self.bytes = (_resident() - before) / size
        collector.settle()

    def _subscribe(self, number: int) -> None:
        """Let a phone watch one more extension."""
        count = len(self.names)
        phone, lamp = divmod(number, LAMPS)
        name, watched = self.names[phone % count], self.names[(phone * 7 + lamp) % count]
        host = f"10.{phone // 65536}.{phone // 256 % 256}.{phone % 256}"
        flow = Flow("UDP", LOCAL, (host, 5060))
        if not lamp:
            contact, aor = f"sip:{name}@{host}:5060", f"{name}@{DOMAIN}"
            binding = Binding(aor, contact, flow, self.clock.rightNow + 7200, since=float(phone))
            self.server.bindings.put(aor, (*self.server.bindings.all(aor), binding))
        text = (
            f"SUBSCRIBE sip:{watched}@{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{number:010x}\r\nMax-Forwards: 70\r\n"
            f'From: "Extension {name}" <sip:{name}@{DOMAIN}>;tag={number:010d}\r\n'
            f"To: <sip:{watched}@{DOMAIN}>\r\n"
            f"Call-ID: 0_{number:010d}@{host}\r\nCSeq: 2 SUBSCRIBE\r\nContact: <sip:{name}@{host}:5060>\r\n"
            "Accept: application/dialog-info+xml\r\nEvent: dialog\r\nExpires: 3600\r\n"
            "User-Agent: Yealink SIP-T46U 108.86.0.20\r\nContent-Length: 0\r\n\r\n"
        )
        request = parse(text.encode())
        assert isinstance(request, Request)
        opened = Opened(request, flow)
        self.notifier.subscribe(request, opened, self.server.directory.party(name), watched)
        assert opened.code == 200, opened.code

    def answer(self) -> int:
        """Answer all NOTIFYs that were sent, and what follows from that; say how many there were."""
        count = 0
        while self.wire.sent:
            sent, self.wire.sent = self.wire.sent, []
            for data, flow in sent:
                request = parse(data)
                assert isinstance(request, Request), data
                assert request.method == "NOTIFY", data
                self.server.runner.received(write(request.response(200)), flow)
                count += 1
        return count

    def pass_time(self, seconds: float) -> None:
        """Let transactions end."""
        self.clock.run(seconds)

    def tell(self, count: int, profile: cProfile.Profile | None = None) -> float:
        """Change extensions until so many NOTIFYs were sent; microseconds of our own for each."""
        package = self.notifier.packages["dialog"].package
        spent, told, number = 0.0, 0, 0
        while told < count:
            if profile is not None:
                profile.enable()
            began = time.process_time()
            package.changed(self.names[number % len(self.names)])
            spent += time.process_time() - began
            answers = [
                (write(parse(data).response(200)), flow)  # type: ignore[union-attr]  # it is a request
                for data, flow in self.wire.sent
            ]
            self.wire.sent = []
            began = time.process_time()
            for data, flow in answers:
                self.server.runner.received(data, flow)
            spent += time.process_time() - began
            if profile is not None:
                profile.disable()
            told += len(answers)
            number += 1
            self.pass_time(0.1)
        return spent / told * 1e6


def _resident() -> int:
    """Bytes of memory that the process has."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


def measured(size: int) -> dict[str, float]:
    """Measure one size, in a process of its own."""
    command = [sys.executable, "-m", "bench.subscriptions", "--size", str(size), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(found: dict[int, dict[str, float]]) -> str:
    """As Markdown."""
    first = next(iter(found.values()))["us"]
    lines = ["| subscriptions | µs a NOTIFY | of the first | bytes a subscription |", "|---|---|---|---|"]
    lines += [
        f"| {size:,} | {one['us']:.0f} | {one['us'] / first:.2f} | {one['bytes']:,.0f} |"
        for size, one in found.items()
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", type=int)
    parser.add_argument("--notifies", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run?")
    parser.add_argument("--write", action="store_true", help="write the table into bench/README.md")
    chosen = parser.parse_args(arguments)
    if chosen.size is not None:
        watched = Watched(chosen.size)
        watched.tell(chosen.notifies // 10)
        profile = cProfile.Profile() if chosen.profile else None
        one = {"us": watched.tell(chosen.notifies, profile), "bytes": watched.bytes}
        print(json.dumps(one) if chosen.json else one)
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(chosen.profile)
        return
    on = machine()
    found = {size: measured(size) for size in ((100, 1000) if chosen.quick else SIZES)}
    said = f"{table(found)}\n\n{line(on)}"
    print(said)
    if chosen.write:
        from bench import report

        report.write("subscriptions", said)


if __name__ == "__main__":
    main()
