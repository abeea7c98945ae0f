"""
A power cut: the lights are on again, and all phones register at once.

The service as C{twistd b2bua} starts it, with very many extensions, each of
which has a phone with an address and a socket of its own (127.0.0.0/8).  A
phone does what phones do: it asks again over UDP (RFC 3261 section 17.1.2.2),
answers the challenge, and after a 503 comes back when it was told to::

    python -m bench.storm               # all within a minute, and all within five seconds
    python -m bench.storm --write       # and keep the figures
"""

from __future__ import annotations

import argparse
import heapq
import resource
import selectors
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from b2bua.wire.digest import answer_challenge
from b2bua.wire.message import Response
from b2bua.wire.parser import parse
from bench import report
from bench.machine import line, machine
from bench.servers import HOST, free_port
from bench.start import FIRST, Started, configure

T1, T2 = 0.5, 4.0
"""Seconds of RFC 3261 section 17.1.2.2."""
HEADS = (
    "phones", "all begin within", "registered", "the last after", "of each: median, 99 of 100, longest",
    "sent again", "turned away", "CPU of the server",
)  # fmt: skip
SPARE = 256
"""File descriptors that are no phone's."""


@dataclass(slots=True)
class Phone:
    """One phone, from its first REGISTER to the answer that it is registered."""

    number: int
    source: str
    plug: Any
    """Its socket."""
    cseq: int = 0
    credentials: str = ""
    due: float = 0.0
    wait: float = T1
    begun: float = 0.0
    bound: float = 0.0
    data: bytes = field(default=b"", repr=False)

    def ask(self, port: int) -> None:
        """Write a REGISTER anew, as the next of its Call-ID."""
        self.cseq += 1
        self.wait = T1
        user = FIRST + self.number
        self.data = (
            f"REGISTER sip:{HOST}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.source}:5062;rport;branch=z9hG4bK{self.number}x{self.cseq}\r\n"
            f'From: "{user}" <sip:{user}@{HOST}>;tag=f{self.number}\r\nTo: "{user}" <sip:{user}@{HOST}>\r\n'
            f"Call-ID: 0_{self.number}@{self.source}\r\nCSeq: {self.cseq} REGISTER\r\n"
            f"Contact: <sip:{user}@{self.source}:5062>\r\n{self.credentials}"
            "Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER\r\n"
            "Max-Forwards: 70\r\nUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nExpires: 3600\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()


@dataclass(slots=True)
class Found:
    """What came of a storm."""

    phones: int
    within: float
    """Seconds in which they began."""
    bound: int = 0
    again: int = 0
    """Requests that were sent again, since no answer had come in time."""
    turned_away: int = 0
    """Answers 503."""
    others: set[str] = field(default_factory=set)
    """Answers that nobody expects."""
    seconds: float = 0.0
    """Until the last one was registered."""
    cpu: float = 0.0
    each: list[float] = field(default_factory=list)
    """Seconds from a phone's first REGISTER to its 200."""


class Storm:
    """All phones, in one loop."""

    def __init__(self, port: int, found: Found) -> None:
        """Give each its socket."""
        self._port = port
        self._found = found
        self._ready = selectors.EpollSelector()
        self._due: list[tuple[float, int]] = []
        self._phones: list[Phone] = []
        begin = time.monotonic() + 1
        for number in range(found.phones):
            source = f"127.{1 + (number >> 14)}.{number >> 7 & 127}.{1 + (number & 127)}"
            plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            plug.setblocking(False)
            plug.bind((source, 5062))
            phone = Phone(number, source, plug, due=begin + found.within * number / found.phones)
            self._phones.append(phone)
            self._ready.register(plug, selectors.EVENT_READ, phone)
            heapq.heappush(self._due, (phone.due, number))

    def rage(self, limit: float) -> None:
        """Go on until all are registered, or for so many seconds after the last one began."""
        first = self._due[0][0]
        last = first + self._found.within + limit
        while self._found.bound < self._found.phones and (now := time.monotonic()) < last:
            while self._due and self._due[0][0] <= now:
                due, number = heapq.heappop(self._due)
                phone = self._phones[number]
                if not phone.bound and phone.due == due:
                    self._send(phone, now)
            wait = self._due[0][0] - now if self._due else 0.1
            for key, _ in self._ready.select(max(0.0, min(wait, 0.1))):
                self._read(key.data)
        self._found.seconds = max((phone.bound for phone in self._phones), default=first) - first
        self._found.each = [phone.bound - phone.begun for phone in self._phones if phone.bound]

    def close(self) -> None:
        """Give the sockets back."""
        for phone in self._phones:
            phone.plug.close()
        self._ready.close()

    def _send(self, phone: Phone, now: float) -> None:
        """Send what is due, and know when it is due again."""
        if not phone.begun:
            phone.begun = now
        if not phone.data:
            phone.ask(self._port)
        elif phone.wait > T1:
            self._found.again += 1
        phone.plug.sendto(phone.data, (HOST, self._port))
        self._again(phone, now + phone.wait)
        phone.wait = min(2 * phone.wait, T2)

    def _again(self, phone: Phone, due: float) -> None:
        phone.due = due
        heapq.heappush(self._due, (due, phone.number))

    def _read(self, phone: Phone) -> None:
        """Take an answer."""
        response = parse(phone.plug.recv(65536))
        now = time.monotonic()
        if not isinstance(response, Response) or response.cseq.number != phone.cseq or phone.bound:
            return
        match response.code:
            case 200:
                phone.bound = now
                self._found.bound += 1
            case 401:
                user = str(FIRST + phone.number)
                value = answer_challenge(
                    response.challenges[0], user, f"secret-{phone.number}", "REGISTER",
                    f"sip:{HOST}:{self._port}", b"", "cnonce", 1,
                )  # fmt: skip
                phone.credentials = f"Authorization: {value}\r\n"
                phone.ask(self._port)
                self._send(phone, now)
            case 503:
                self._found.turned_away += 1
                phone.ask(self._port)
                self._again(phone, now + int(response.get("Retry-After") or "5"))
            case _:
                self._found.others.add(f"{response.code} {response.reason}")


def storm(phones: int, within: float) -> Found:
    """Have so many phones register, all of them beginning within so many seconds."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(phones + SPARE, most), most))
    found = Found(phones, within)
    with tempfile.TemporaryDirectory() as name:
        directory, port = Path(name), free_port()
        configure(directory, port, phones)
        server = Started(directory)
        try:
            weather = Storm(port, found)
            before = server.cpu()
            weather.rage(60.0)
            found.cpu = server.cpu() - before
            weather.close()
        finally:
            server.end()
    return found


def text(storms: list[Found], on: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    for one in storms:
        each = sorted(one.each)
        marks = (each[len(each) * part // 100] for part in (50, 99)) if each else ()
        times = ", ".join(f"{seconds:.2f} s" for seconds in (*marks, *each[-1:]))
        lines.append(
            f"| {one.phones:,} | {one.within:.0f} s | {one.bound:,} | {one.seconds:.1f} s | {times} "
            f"| {one.again:,} | {one.turned_away:,} | {one.cpu:.1f} s |"
        )
    return "\n".join([*lines, "", line(on)])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--phones", type=int, default=10_000)
    parser.add_argument("--within", type=float, nargs="+", default=[60.0, 5.0], help="seconds")
    parser.add_argument("--quick", action="store_true", help="only look whether it runs")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    wanted = parser.parse_args()
    phones, within = (100, [1.0]) if wanted.quick else (wanted.phones, wanted.within)
    on = machine()
    storms = [storm(phones, seconds) for seconds in within]
    found = text(storms, on)
    print(found)
    if wanted.write:
        report.write("storm", found)
    if others := set().union(*(one.others for one in storms)):
        raise SystemExit(f"some heard {', '.join(sorted(others))}")
    if any(one.bound < one.phones for one in storms):
        raise SystemExit("some are not registered")


if __name__ == "__main__":
    main()
