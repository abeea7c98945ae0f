"""What is no message, and transactions whose connections come and go, on a clock that stands still."""

from __future__ import annotations

from b2bua.net.limits import NetLimits
from b2bua.transactions.flow import Flow
from b2bua.wire.stun import answer
from b2bua.wire.uri import Uri
from tests.net.world import ALICE, BOB, TO_BOB_TCP, Case, MemoryWire, World, writer
from tests.transactions.messages import request, response


class KeepAliveTests(Case):
    """What is no message."""

    def test_ping(self) -> None:
        """A double CRLF is answered with one; other junk of up to four bytes is ignored."""
        for junk in (b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"hi", b""):
            self.world.receive(junk)
        self.assertEqual(self.wire.log, [(0, "\r\n")])
        self.assertEqual(self.runner.transport.counts.keep_alives, 5)

    def test_stun(self) -> None:
        """A Binding request gets the address that it came from (RFC 5626 section 4.4.2)."""
        ask = bytes.fromhex("000100002112a442") + b"transaction1"
        self.world.receive(ask)
        (reply, flow) = self.wire.sent[-1]
        self.assertEqual((reply, flow.remote), (answer(ask, ALICE), ALICE))
        self.assertEqual((self.user.requests, self.runner.transport.counts.keep_alives), ([], 1))
        self.world.receive(ask, TO_BOB_TCP)
        self.world.receive(b"\0" * 30)
        self.assertEqual(len(self.wire.sent), 1)

    def test_bounded(self) -> None:
        """Pings of somebody unknown are rate-limited like messages."""
        world = World(limits=NetLimits(rate=1, burst=3))
        for _ in range(10):
            world.receive(b"\r\n\r\n")
        self.assertEqual(world.wire.log, [(0, "\r\n")] * 3)
        world.receive(bytes.fromhex("000100002112a442") + b"transaction1")
        self.assertEqual(len(world.wire.sent), 3)


class ReliableTests(Case):
    """What is different on connections."""

    transport = "TCP"

    def test_invite(self) -> None:
        """Nothing is sent again, and a refusal leaves nothing behind (timers A, D, G, I)."""
        self.runner.request(writer(), TO_BOB_TCP, self.world.hear)
        self.world.until(10)
        invite = self.wire.last()
        self.world.receive(response(invite, 486), TO_BOB_TCP)
        self.assertEqual(self.wire.log, [(0, "INVITE"), (10, "ACK")])
        self.quiet()

    def test_server(self) -> None:
        """A refusal waits for its ACK without being repeated, and that ends it."""
        self.world.receive(request())
        self.user.servers[0].respond(self.user.requests[0].response(486, to_tag="x"))
        self.world.until(10)
        self.world.receive(request("ACK"))
        self.assertEqual(self.wire.log, [(0, 486)])
        self.quiet()

    def test_closed(self) -> None:
        """The loss of a connection is told at once, to transactions and user."""
        self.runner.request(writer("OPTIONS"), TO_BOB_TCP, self.world.hear)
        self.runner.request(writer(), TO_BOB_TCP._replace(connection=8), self.world.hear)
        self.runner.closed(TO_BOB_TCP)
        self.assertEqual(self.world.heard, [(0, 503)])
        self.assertEqual(self.user.lost, [TO_BOB_TCP])

    def test_back_by_another(self) -> None:
        """A peer that rings by another connection, its own being closed, is cancelled there."""
        client = self.runner.request(writer(), TO_BOB_TCP, self.world.hear)
        invite = self.wire.last()
        self.world.receive(response(invite, 100), TO_BOB_TCP)
        self.runner.closed(TO_BOB_TCP)
        again = TO_BOB_TCP._replace(remote=("192.0.2.2", 41000), connection=8)
        self.world.receive(response(invite, 180), again)
        client.cancel()
        self.assertEqual(self.wire.sent[-1][1], again)
        self.assertEqual([code for _, code in self.world.heard], [100, 180])

    def test_moved(self) -> None:
        """What a phone may have missed is sent where it is now; what it has answered is not."""
        again = TO_BOB_TCP._replace(connection=8)
        for method, heard, sent in (
            ("OPTIONS", 0, "OPTIONS"),
            ("INVITE", 0, "INVITE"),
            ("INVITE", 180, None),
            ("OPTIONS", 200, None),
        ):
            with self.subTest(method=method, heard=heard):
                client = self.runner.request(writer(method), TO_BOB_TCP, self.world.hear)
                first = self.wire.last()
                if heard:
                    self.world.receive(response(first, heard), TO_BOB_TCP)
                before = len(self.wire.sent)
                client.move(again)
                self.assertEqual([flow for _, flow in self.wire.sent[before:]], [again] if sent else [])
                if sent:
                    self.assertEqual(self.wire.last(), first)

    def test_cancelled_and_moved(self) -> None:
        """A CANCEL that may have been lost with the connection is sent by the new one too."""
        again = TO_BOB_TCP._replace(connection=8)
        client = self.runner.request(writer(), TO_BOB_TCP, self.world.hear)
        self.world.receive(response(self.wire.last(), 180), TO_BOB_TCP)
        client.cancel()
        client.move(again)
        self.assertEqual((self.wire.log[-1][1], self.wire.sent[-1][1]), ("CANCEL", again))

    def test_taken_up_and_moved(self) -> None:
        """An INVITE of a process that is gone is not sent where its phone is now; its CANCEL is."""
        invite, again = (
            request(via="SIP/2.0/TCP 192.0.2.10;branch=z9hG4bKa"),
            TO_BOB_TCP._replace(connection=8),
        )
        client = self.runner.take_up_client(invite, TO_BOB_TCP, self.world.hear, self.world.hear, heard=False)
        client.cancel()
        client.move(again)
        self.assertEqual(self.wire.sent, [])
        self.world.receive(response(invite, 180), again)
        self.assertEqual((self.wire.last().method, self.wire.sent[-1][1]), ("CANCEL", again))

    def test_moved_to_another_transport(self) -> None:
        """Over another transport it needs another Via: it has failed, and who sent it may send it again."""
        client = self.runner.request(writer("OPTIONS"), TO_BOB_TCP, self.world.hear)
        client.move(TO_BOB_TCP._replace(transport="TLS", connection=8))
        self.assertEqual(self.world.heard, [(0, 503)])

    def test_moved_to_another_socket(self) -> None:
        """By another process it is the same: the answer comes by its connection (section 18.2.2)."""
        other = MemoryWire(self.world.clock, "TCP", ("192.0.2.99", 5060))
        there = Flow("TCP", other.local, BOB, 8)
        self.runner.transport.wires.lend(other, "")
        client = self.runner.request(writer(), TO_BOB_TCP, self.world.hear)
        client.move(there)
        self.assertEqual(other.sent, [(self.wire.sent[0][0], there)])
        self.world.receive(response(other.last(), 200), there)
        self.assertEqual(self.world.heard, [(0, 200)])

    def test_otherwise(self) -> None:
        """Where there is no way to a host, the request takes the one that is named besides."""
        nowhere = Uri.parse("sip:nowhere.invalid:5060;transport=tcp")
        self.runner.request(writer("BYE"), nowhere, self.world.hear, TO_BOB_TCP)
        self.world.until(1)
        self.assertEqual((self.wire.log[-1][1], self.wire.sent[-1][1]), ("BYE", TO_BOB_TCP))

    def test_ping(self) -> None:
        """A double CRLF is answered with one (RFC 5626 section 3.5.1); junk is not."""
        for junk in (b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"hi", b""):
            self.world.receive(junk)
        self.assertEqual(self.wire.log, [(0, "\r\n")])
