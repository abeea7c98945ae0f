"""Transactions over a network that loses, doubles and reorders."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.client_transactions import ClientTransaction
from b2bua.net.limits import NetLimits
from b2bua.net.locate import NumericLocator
from b2bua.net.runner import Runner
from b2bua.testing.clock import StandingClock
from b2bua.testing.network import Network
from b2bua.testing.wires import DatagramWire
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response
from tests.net.world import Recorder
from tests.transactions.messages import request

A, B = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
FREE = NetLimits(rate=1e6, burst=1_000_000)


class WeatherTests(SynchronousTestCase):
    """Two runners in a simulated network."""

    def setUp(self) -> None:
        """The weather is fine."""
        self.clock = StandingClock()
        self.network = Network(self.clock, Random(5))
        self.user = Recorder()
        self.alice, self.bob = (
            Runner(self.clock, user, locator=NumericLocator(), limits=FREE)
            for user in (Recorder(), self.user)
        )
        for runner, local in ((self.alice, A), (self.bob, B)):
            runner.attach(DatagramWire(self.network, local, runner))
        self.heard: dict[int, list[int]] = {}

    def ask(self, number: int, method: str) -> ClientTransaction:
        """Send a request."""
        self.heard[number] = []

        def write(flow: Flow, via: str) -> Request:
            return request(method, via=via, cseq=number)

        def hear(response: Response) -> None:
            self.heard[number].append(response.code)

        return self.alice.request(write, Flow("UDP", A, B), hear)

    def storm(self) -> None:
        """The weather turns foul."""
        link = self.network.link
        link.loss, link.duplicate, link.reorder, link.jitter = 0.25, 0.25, 0.25, 0.05

    def refuse(self, message: Request, server: Any) -> None:
        """Ring, and refuse some time later."""
        server.respond(message.response(180, to_tag="x"))
        self.bob.start(1.0, lambda: server.respond(message.response(486, to_tag="x")))

    def quiet(self) -> None:
        """Time passes, and nothing is left."""
        self.clock.run(200)
        self.assertEqual((self.alice.live, self.bob.live), (0, 0))
        self.assertEqual(self.clock.waiting(), [])

    def test_requests(self) -> None:
        """Each request is told once and answered once, in fine weather and foul."""
        self.user.answer = lambda message, server: server.respond(message.response(200, to_tag="x"))
        self.storm()
        for number in range(300):
            self.ask(number, "OPTIONS")
            self.clock.run(0.05)
        self.quiet()
        self.assertEqual(len(self.user.requests), 300)
        self.assertEqual([codes for codes in self.heard.values() if codes != [200]], [])

    def test_refusals(self) -> None:
        """Each INVITE that is refused is acknowledged; the refusal is heard once."""
        failed: list[int] = []

        def answer(message: Request, server: Any) -> None:
            server.failed = failed.append
            self.refuse(message, server)

        self.user.answer = answer
        self.storm()
        for number in range(300):
            self.ask(number, "INVITE")
            self.clock.run(0.05)
        self.quiet()
        self.assertEqual((len(self.user.requests), failed), (300, []))
        finals = [[code for code in codes if code >= 200] for codes in self.heard.values()]
        self.assertEqual([codes for codes in finals if codes != [486]], [])
        self.assertEqual(self.user.acks, [])

    def test_cancelled(self) -> None:
        """CANCEL reaches its INVITE, and the 487 comes back."""
        self.user.answer = lambda message, server: server.respond(message.response(180, to_tag="x"))
        self.user.cancelled = lambda message, server: server.respond(server.request.response(487, to_tag="x"))
        self.storm()
        for number in range(100):
            client = self.ask(number, "INVITE")
            self.clock.run(0.1)
            client.cancel()
        self.quiet()
        self.assertEqual({codes[-1] for codes in self.heard.values()}, {487})

    def test_cut(self) -> None:
        """A network that is cut ends every transaction in its time."""
        self.network.link.cut = True
        self.ask(1, "OPTIONS")
        self.ask(2, "INVITE")
        self.quiet()
        self.assertEqual(self.heard, {1: [408], 2: [408]})
