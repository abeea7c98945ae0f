"""Requests of somebody whom nobody knows, from an address that may be forged."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing import World
from b2bua.transactions.flow import Flow
from b2bua.wire.parser import parse

STRANGER = ("203.0.113.66", 5060)
MESSAGE = (
    "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.66;branch=z9hG4bK{number}\r\n"
    "Max-Forwards: {hops}\r\nFrom: <sip:alice@pbx.example.com>;tag=1\r\nTo: <{to}>{tag}\r\n"
    "Call-ID: {number}\r\nCSeq: 1 {method}\r\nContact: <sip:x@203.0.113.66>\r\n{more}"
    "Content-Length: 0\r\n\r\n"
)


class StrangersTests(SynchronousTestCase):
    """What a request costs us, and what it may do to whoever has that address."""

    def setUp(self) -> None:
        """A server runs."""
        self.world = World(features="installed", settings={"extensions": {"alice": {}}})
        assert self.world.served is not None
        self.wire = self.world.served.datagrams
        self.runner = self.world.served.server.runner
        self.sent: list[bytes] = []
        self.patch(self.wire, "send", lambda data, flow: self.sent.append(data))
        self._number = 0

    def ask(self, method: str, more: str = "", *, tag: str = "", hops: int = 70) -> set[int]:
        """Send a request, and again after half a second; what is answered within the minute."""
        self._number += 1
        uri = "sip:pbx.example.com" if method == "REGISTER" else "sip:alice@pbx.example.com"
        data = MESSAGE.format(
            method=method, uri=uri, to=uri, number=self._number, tag=tag, more=more, hops=hops
        ).encode()
        flow = Flow("UDP", self.wire.local, STRANGER)
        self.sent.clear()
        self.runner.received(data, flow)
        self.world.run(0.5)
        self.runner.received(data, flow)
        self.assertEqual(self.runner.live, 0, method)
        self.world.run(60)
        answers = [parse(data) for data in self.sent]
        self.assertEqual(len(answers), 2, f"{method}: {answers}")
        tags = {answer.to.tag for answer in answers}
        self.assertEqual(len(tags), 1, method)
        return {int(data.split()[1]) for data in self.sent}

    def test_challenge(self) -> None:
        """A challenge is sent once for each time it is asked for, and nothing is kept (section 8.2.7)."""
        for method in ("INVITE", "REGISTER", "REFER"):
            self.assertEqual(self.ask(method), {401})

    def test_unknown_dialog(self) -> None:
        """So is the answer to whoever makes up a dialog."""
        for method in ("INVITE", "BYE", "UPDATE", "NOTIFY", "INFO", "REFER", "OPTIONS"):
            self.assertEqual(self.ask(method, tag=";tag=made-up"), {481})

    def test_not_served(self) -> None:
        """And what is not served to anybody."""
        self.assertEqual(self.ask("SERVICE"), {405})
        self.assertEqual(self.ask("PUBLISH", "Event: presence\r\n"), {401})
        self.assertEqual(self.ask("MESSAGE"), {401})
        self.assertEqual(self.ask("SUBSCRIBE", "Event: conference\r\n"), {489})
        self.assertEqual(self.ask("BYE"), {481})
        self.assertEqual(self.ask("INVITE", "Require: magic\r\n"), {420})
        self.assertEqual(self.ask("INVITE", hops=0), {483})
        self.assertEqual(self.ask("REGISTER", "Require: magic\r\n"), {420})
        self.assertEqual(self.ask("OPTIONS"), {200})
        self.assertEqual(self.ask("NOTIFY"), {200})
