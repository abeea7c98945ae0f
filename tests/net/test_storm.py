"""
Three times as much as can be done, on a clock that goes by what the work costs.

A message that is read, served or turned away takes its time, which is what the
clock shows; what arrives meanwhile waits in the kernel, as it would.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.limits import NetLimits
from b2bua.net.runner import Runner
from b2bua.net.udp import BACKLOG, ROUND
from b2bua.testing.clock import StandingClock
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, write
from b2bua.wire.parser import parse
from tests.net.world import ALICE, HERE, MemoryWire, Recorder
from tests.transactions.messages import request

READ, INVITE, ACK, BYE, SEND = 12e-6, 1200e-6, 150e-6, 600e-6, 36e-6
"""Seconds that these take: three times what they do, to have less of them."""
HIGHEST = 1 / (3 * READ + INVITE + ACK + BYE + 2 * SEND)
"""Calls a second, if nothing else is done."""
TALK = 1.0


class Machine:
    """One core: a runner, a kernel that keeps what arrives, and callers."""

    def __init__(self) -> None:
        """Begin at rest."""
        self.clock = StandingClock()
        self.user = Recorder()
        self.user.answer = self._answer
        self.user.ack_received = self._acknowledged  # type: ignore[method-assign]
        self.runner = Runner(self.clock, self.user, locator=None, limits=NetLimits(rate=1e9, burst=10**9))  # type: ignore[arg-type]  # nothing is sent anywhere
        self.wire = MemoryWire(self.clock)  # type: ignore[arg-type]  # only its time is asked
        self.wire.send = self._sent  # type: ignore[method-assign]
        self.runner.attach(self.wire)
        self.flow = Flow("UDP", HERE, ALICE)
        self._arriving: list[tuple[float, int, bytes]] = []
        self._number = 0
        self.asked: dict[tuple[int, str], float] = {}
        self.done: list[float] = []
        self.refused = 0
        self.waits: dict[str, list[float]] = {}
        self.piled = 0

    # The callers.

    def storm(self, rate: float, start: float, seconds: float) -> None:
        """Let calls come evenly."""
        for index in range(int(rate * seconds)):
            self.send("INVITE", start + index / rate, self._number)
            self._number += 1

    def send(self, method: str, at: float, number: int, to: str = "<sip:bob@example.com>") -> None:
        """Let a request arrive."""
        seq = 2 if method == "BYE" else 1
        via = f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}{method}"
        data = write(request(method, via=via, to=to, cseq=seq, more=(("X", str(number)),)))
        data = data.replace(b"call-1", b"call-%d" % number)
        heappush(self._arriving, (at, len(self.asked), data))
        self.asked[number, method] = at

    def _sent(self, data: bytes, flow: Flow) -> None:
        """Sending takes its time; the caller goes on."""
        now = self.clock.rightNow = self.clock.rightNow + SEND
        answer: Any = parse(data)
        number, method = int(answer.call_id[5:]), answer.cseq.method
        if answer.code == 100:
            return
        kind = f"{answer.code} {method}"
        waited = now - self.asked[number, method]
        self.waits.setdefault(kind, []).append(waited)
        to = answer.get("To")
        if answer.code == 503:
            self.refused += 1
            self.send("ACK", now + 0.001, number, to)
        elif method == "INVITE":
            self.send("ACK", now + 0.001, number, to)
            self.send("BYE", now + TALK, number, to)
        else:
            self.done.append(now)

    # The server.

    def _answer(self, message: Request, server: Any) -> None:
        self.clock.rightNow += INVITE if message.method == "INVITE" else BYE
        server.respond(message.response(200, to_tag="b"))

    def _acknowledged(self, message: Request, flow: Flow) -> None:
        self.clock.rightNow += ACK

    def run(self, until: float) -> None:
        """Go on like a reactor: timers that are due, then what is to be read."""
        clock, overload = self.clock, self.runner.overload
        while clock.rightNow < until:
            due = [call for call in clock.calls if call.getTime() <= clock.rightNow]
            for _ in due:
                clock.step(clock.rightNow)
            if self._read(self.runner.received, ROUND) and not overload.busy:
                overload.begin()
            if overload.busy:
                self._read(overload.take, BACKLOG)
            self.piled = max(self.piled, len(overload))
            if not overload.busy and not (self._arriving and self._arriving[0][0] <= clock.rightNow):
                moments = [until, *[one[0] for one in self._arriving[:1]]]
                moments += [call.getTime() for call in clock.calls[:1]]
                clock.rightNow = max(clock.rightNow, min(moments))

    def _read(self, deliver: Callable[[bytes, Flow], None], count: int) -> bool:
        """Read a round; is there more?"""
        if self.runner.overload.busy:
            deliver = self.runner.overload.take
        for _ in range(count):
            if not self._arriving or self._arriving[0][0] > self.clock.rightNow:
                return False
            _, _, data = heappop(self._arriving)
            self.clock.rightNow += READ
            deliver(data, self.flow)
        return bool(self._arriving) and self._arriving[0][0] <= self.clock.rightNow


class StormTests(SynchronousTestCase):
    """Storms of some seconds."""

    def setUp(self) -> None:
        """Nothing has happened."""
        self.machine = Machine()
        self.addCleanup(self.machine.runner.close)

    def test_below(self) -> None:
        """At nine tenths of what can be done nobody is turned away."""
        machine = self.machine
        machine.storm(0.9 * HIGHEST, 0.0, 5.0)
        machine.run(8.0)
        self.assertEqual((machine.refused, len(machine.done)), (0, machine._number))

    def test_three_times(self) -> None:
        """
        Three times the highest rate: four fifths of it is completed, and the rest hears 503 at once.

        Calls that are up end as if nothing were, and what waits is little.
        """
        machine = self.machine
        machine.storm(3 * HIGHEST, 0.0, 6.0)
        machine.run(6.0)
        within = sum(1 for at in machine.done if at >= TALK + 1) / (6.0 - TALK - 1)
        self.assertGreater(within, 0.8 * HIGHEST)
        refused = sorted(machine.waits["503 INVITE"])
        self.assertLess(refused[len(refused) * 99 // 100], 0.05)
        self.assertLess(refused[-1], 0.5)
        self.assertLess(max(machine.waits["200 BYE"]), 0.1)
        self.assertLess(max(machine.waits["200 INVITE"]), 0.5)
        self.assertLess(machine.piled, 0.5 * 3 * HIGHEST)
        machine.run(9.0)
        self.assertEqual(machine.refused + len(machine.done), machine._number)

    def test_afterwards(self) -> None:
        """Half a second after it, all is as it was before."""
        machine = self.machine
        machine.storm(3 * HIGHEST, 0.0, 3.0)
        machine.storm(0.5 * HIGHEST, 3.5, 2.0)
        machine.run(3.5)
        refused = machine.refused
        machine.waits.clear()
        machine.run(8.0)
        self.assertEqual(machine.refused, refused)
        self.assertFalse(machine.runner.overload.busy)
        self.assertLess(max(machine.waits["200 INVITE"]), 0.05)
