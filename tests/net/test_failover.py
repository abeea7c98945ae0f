"""From server to server, on a clock that stands still (RFC 3263 section 4.3)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.locate import Hop
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request
from b2bua.wire.parser import parse
from b2bua.wire.uri import Uri
from tests.net.world import HERE, MemoryWire, World
from tests.transactions.messages import request, response

URI = Uri.parse("sip:two.example.com")
ONE, TWO = ("192.0.2.2", 5060), ("192.0.2.3", 5060)


class FailOverTests(SynchronousTestCase):
    """Two servers are known for two.example.com."""

    def setUp(self) -> None:
        """Nothing has been sent."""
        self.world = World()
        self.wire, self.runner = self.world.wire, self.world.runner

    def ask(self, method: str = "INVITE", target: Any = URI, **more: Any) -> Any:
        """Send a request."""

        def write(flow: Flow, via: str) -> Request:
            return request(method, via=via, **more)

        return self.runner.request(write, target, self.world.hear)

    def tried(self) -> list[tuple[float, tuple[str, int]]]:
        """When each server was first asked."""
        first: dict[tuple[str, int], float] = {}
        for (at, _), (_, flow) in zip(self.wire.log, self.wire.sent, strict=True):
            first.setdefault(flow.remote, at)
        return sorted((at, remote) for remote, at in first.items())

    def answer(self, code: int, index: int = -1, fields: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer a request that was sent."""
        sent = parse(self.wire.sent[index][0])
        assert isinstance(sent, Request)
        self.world.receive(sent.response(code, to_tag="b", fields=fields))

    def test_timeout(self) -> None:
        """A server that does not answer in 64*T1 is followed by the next, with a new branch."""
        self.ask()
        self.world.until(33)
        self.assertEqual(self.tried(), [(0, ONE), (32, TWO)])
        branches = {parse(data).via.branch for data, _ in self.wire.sent}
        self.assertEqual(len(branches), 2)
        self.answer(200)
        self.assertEqual(self.world.heard, [(33, 200)])

    def test_answered_late(self) -> None:
        """When the first server answers after all, the second is cancelled."""
        self.ask()
        self.world.until(33)
        self.answer(180)
        self.answer(200, 0)
        self.assertEqual(self.world.heard, [(33, 180), (33, 200)])
        self.assertEqual(self.wire.log[-1], (33, "CANCEL"))
        self.assertEqual(self.wire.sent[-1][1].remote, TWO)

    def test_answered_late_again(self) -> None:
        """A 2xx that comes again tells that its server is alive, and nothing of the other one."""
        self.ask()
        self.world.until(33)
        self.runner.unreachable(self.wire.sent[-1][1], self.wire.sent[-1][0])
        accepted = parse(self.wire.sent[0][0]).response(200, to_tag="b")
        for _ in range(2):
            self.world.receive(accepted, Flow("UDP", HERE, ONE))
            self.assertEqual(list(self.runner.transport.wires.dead), [("UDP", TWO)])
        self.assertEqual(self.world.heard, [(33, 503), (33, 200), (33, 200)])

    def test_memory(self) -> None:
        """The next call does not wait for the dead server again, for a minute."""
        self.ask()
        self.world.until(33)
        self.answer(200)
        self.wire.log.clear()
        self.wire.sent.clear()
        self.ask()
        self.assertEqual(self.tried(), [(33, TWO)])
        self.world.until(93)
        self.wire.log.clear()
        self.wire.sent.clear()
        self.ask()
        self.assertEqual(self.tried(), [(93, ONE)])

    def test_all_dead(self) -> None:
        """When all are dead they are tried all the same, and the user hears a 408."""
        self.ask("OPTIONS")
        self.world.until(65)
        self.assertEqual(self.world.heard, [(64, 408)])
        self.ask("OPTIONS")
        self.assertEqual(self.wire.sent[-1][1].remote, ONE)

    def test_unavailable(self) -> None:
        """A 503 is acknowledged, and the next server asked; its Retry-After is respected."""
        self.ask()
        self.answer(503, fields=(("Retry-After", "7"),))
        self.assertEqual([what for _, what in self.wire.log], ["INVITE", "ACK", "INVITE"])
        self.assertEqual(self.tried(), [(0, ONE), (0, TWO)])
        # The 503 comes again, and so does its ACK.
        self.answer(503, 0)
        self.assertEqual(self.wire.log[-1], (0, "ACK"))
        self.answer(200, 2)
        self.assertEqual(self.world.heard, [(0, 200)])
        self.ask()
        self.assertEqual(self.wire.sent[-1][1].remote, TWO)
        self.world.until(7)
        self.ask()
        self.assertEqual(self.wire.sent[-1][1].remote, ONE)

    def test_last_unavailable(self) -> None:
        """The 503 of the last server is heard."""
        self.ask("OPTIONS")
        self.answer(503)
        self.answer(503)
        self.assertEqual(self.world.heard, [(0, 503)])
        self.assertFalse(self.world.responses[0].local)

    def test_unreachable(self) -> None:
        """An ICMP error sends us on at once."""
        self.ask()
        self.runner.unreachable(self.wire.sent[0][1], self.wire.sent[0][0])
        self.assertEqual(self.tried(), [(0, ONE), (0, TWO)])
        self.assertEqual(self.world.heard, [])

    def test_other_errors(self) -> None:
        """Other refusals are answers: nobody else is asked."""
        self.ask()
        self.answer(500)
        self.assertEqual(self.world.heard, [(0, 500)])
        self.assertEqual(self.tried(), [(0, ONE)])

    def test_alive(self) -> None:
        """A server that has answered anything did not fail, even if it times out."""
        self.ask("OPTIONS")
        self.answer(100)
        self.world.until(33)
        self.assertEqual(self.tried(), [(0, ONE)])
        self.assertEqual(self.world.heard, [(0, 100), (32, 408)])

    def test_cancelled(self) -> None:
        """What was cancelled is not sent elsewhere."""
        self.ask().cancel()
        self.world.until(33)
        self.assertEqual(self.tried(), [(0, ONE)])
        self.assertEqual(self.world.heard, [(32, 408)])

    def test_nowhere(self) -> None:
        """Without servers the user hears a 503, but not before it has its transaction."""
        client = self.ask(target=Uri.parse("sip:nobody.example"))
        self.assertIsNone(client.flow)
        self.assertEqual(self.world.heard, [])
        self.world.clock.advance(0)
        self.assertEqual(self.world.heard, [(0, 503)])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_no_wire(self) -> None:
        """A flow without a socket is a 503 too, with the fields of the request."""
        self.ask(target=Flow("TCP", HERE, ONE, 3))
        self.world.clock.advance(0)
        self.assertEqual(self.world.heard, [(0, 503)])
        self.assertEqual(self.world.responses[0].call_id, "call-1")

    def test_located_later(self) -> None:
        """While the servers are looked up a CANCEL makes the request unnecessary."""
        waiting: Deferred[list[Hop]] = Deferred()
        self.runner.locator = _Waiting(waiting)
        client = self.ask()
        client.cancel()
        waiting.callback([Hop("UDP", "192.0.2.2", 5060)])
        self.world.clock.advance(0)
        self.assertEqual(self.wire.log, [])
        self.assertEqual(self.world.heard, [(0, 487)])

    def test_look_up_fails(self) -> None:
        """A look-up that fails is no way to anywhere."""
        self.runner.locator = _Waiting(fail(ValueError("broken")))
        self.ask()
        self.world.clock.advance(0)
        self.assertEqual(self.world.heard, [(0, 503)])

    def test_large(self) -> None:
        """A large request goes by TCP; refused there it goes by UDP (RFC 3261 section 18.1.1)."""
        tcp = MemoryWire(self.world.clock, "TCP")
        self.runner.attach(tcp)
        self.ask(target=Uri.parse("sip:192.0.2.2"), more=(("X", "x" * 2000),))
        self.assertEqual((len(tcp.sent), len(self.wire.sent)), (1, 0))
        self.assertEqual(parse(tcp.sent[0][0]).via.transport, "TCP")
        self.runner.unreachable(tcp.sent[0][1])
        self.assertEqual((len(tcp.sent), len(self.wire.sent)), (1, 1))
        self.assertEqual(parse(self.wire.sent[0][0]).via.transport, "UDP")

    def test_large_everywhere(self) -> None:
        """Each server is asked by TCP first; by UDP only if it takes no TCP."""
        tcp = MemoryWire(self.world.clock, "TCP")
        self.runner.attach(tcp)
        self.ask(more=(("X", "x" * 2000),))
        self.runner.unreachable(tcp.sent[0][1], tcp.sent[0][0])
        self.runner.unreachable(self.wire.sent[0][1], self.wire.sent[0][0])
        self.assertEqual([flow.remote for _, flow in tcp.sent], [ONE, TWO])
        self.assertEqual([flow.remote for _, flow in self.wire.sent], [ONE])
        sent = parse(tcp.sent[1][0])
        assert isinstance(sent, Request)
        self.world.receive(sent.response(503, to_tag="b"))
        self.assertEqual(self.world.heard, [(0, 503)])
        self.assertEqual(len(self.wire.sent), 1)

    def test_large_flow(self) -> None:
        """A flow is used as it is, however large the request."""
        self.runner.attach(MemoryWire(self.world.clock, "TCP"))
        self.ask(target=Flow("UDP", HERE, ONE), more=(("X", "x" * 2000),))
        self.assertEqual(len(self.wire.sent), 1)

    def test_acknowledge(self) -> None:
        """The ACK of a 2xx goes to the best server, once."""
        self.runner.acknowledge(lambda flow, via: request("ACK", via=via), URI)
        self.assertEqual([flow.remote for _, flow in self.wire.sent], [ONE])
        self.assertEqual(self.runner.live, 0)

    def test_stray(self) -> None:
        """A response to nothing of ours is dropped (RFC 6026 section 7.3)."""
        self.world.receive(response(request(via="SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKnone"), 200))
        self.assertEqual((self.world.heard, self.runner.transport.counts.stray), ([], 1))

    def test_second_via(self) -> None:
        """A response with more than one Via is for somebody else (section 8.1.3.3)."""
        self.ask("OPTIONS")
        sent = parse(self.wire.sent[0][0])
        assert isinstance(sent, Request)
        answer = sent.response(200, to_tag="b")
        other = "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother"
        self.world.receive(answer.with_fields(add=[("v", other)]))
        both = f"{sent.get('Via')}, {other}"
        self.world.receive(answer.with_fields(remove=["Via"], add=[("Via", both)]))
        self.assertEqual((self.world.heard, self.runner.transport.counts.stray), ([], 2))
        self.world.receive(answer.with_fields(add=[("Allow", "BYE"), ("Allow", "ACK")]))
        self.assertEqual(self.world.heard, [(0, 200)])


class _Waiting:
    """Answers when the test wants it."""

    def __init__(self, hops: Deferred[list[Hop]]) -> None:
        """Take the answer."""
        self.hops = hops

    def locate(self, uri: Uri, supported: Any = ()) -> Deferred[list[Hop]]:
        """Give it."""
        return self.hops
