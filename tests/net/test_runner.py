"""Whole transactions on a clock that stands still."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.limits import NetLimits
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response, parse
from b2bua.wire.stun import answer
from b2bua.wire.uri import Uri
from tests.net.world import ALICE, BOB, HERE, MemoryWire, World
from tests.transactions.messages import request, response

TO_BOB = Flow("UDP", HERE, BOB)
TO_BOB_TCP = Flow("TCP", HERE, BOB, 7)
T = 64 * 0.5


def writer(method: str = "INVITE", **more: Any) -> Any:
    """Write requests with the Via that is handed in."""
    return lambda flow, via: request(method, via=via, **more)


class Case(SynchronousTestCase):
    """What the tests below have in common."""

    transport = "UDP"

    def setUp(self) -> None:
        """The clock stands at zero."""
        self.world = World(self.transport)
        self.runner, self.wire, self.user = self.world.runner, self.world.wire, self.world.user

    def quiet(self) -> None:
        """No timer and no transaction is left."""
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.runner.transport.wheel), 0)
        self.assertEqual(self.runner.live, 0)


class InviteClientTests(Case):
    """L{b2bua.transactions.invite_client} at work."""

    def ask(self, flow: Flow = TO_BOB) -> Any:
        """Send an INVITE."""
        return self.runner.request(writer(), flow, self.world.hear)

    def answer(self, code: int, tag: str = "b1") -> None:
        """Have Bob answer what was sent first."""
        invite = parse(self.wire.sent[0][0])
        assert isinstance(invite, Request)
        self.world.receive(response(invite, code, tag))

    def test_timeout(self) -> None:
        """Timer A doubles from T1 until timer B, 64*T1, tells of a timeout (section 17.1.1.2)."""
        self.ask()
        self.world.until(40)
        self.assertEqual([at for at, _ in self.wire.log], [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
        self.assertEqual(self.world.heard, [(T, 408)])
        self.assertTrue(self.world.responses[0].local)
        self.world.until(2 * T + 0.2)
        self.quiet()

    def test_late(self) -> None:
        """Who rings after timer B is cancelled, and who answers is heard (section 13.2.2.4)."""
        self.ask()
        self.world.until(T + 1)
        self.answer(180)
        self.assertEqual(self.wire.log[-1], (T + 1, "CANCEL"))
        self.answer(200)
        self.assertEqual(self.world.heard, [(T, 408), (T + 1, 200)])
        self.world.receive(response(self.wire.last(), 200))
        self.world.until(2 * T + 2)
        self.quiet()

    def test_refused_late(self) -> None:
        """Who refuses after timer B gets the ACK, and nobody hears of it."""
        self.ask()
        self.world.until(T + 1)
        self.answer(486)
        self.assertEqual(self.wire.log[-1], (T + 1, "ACK"))
        self.assertEqual(self.world.heard, [(T, 408)])
        self.world.until(2 * T + 2)
        self.quiet()

    def test_proceeding(self) -> None:
        """A provisional response stops retransmission, and there is no timer B any more."""
        self.ask()
        self.world.until(0.7)
        self.answer(180)
        self.world.until(200)
        self.answer(486)
        self.assertEqual(self.wire.log, [(0, "INVITE"), (0.5, "INVITE"), (200, "ACK")])
        self.assertEqual([code for _, code in self.world.heard], [180, 486])
        self.world.until(233)
        self.quiet()

    def test_refused(self) -> None:
        """A 486 is acknowledged by the transaction each time it comes, and told once."""
        self.ask()
        self.answer(486)
        self.world.until(1)
        self.answer(486)
        self.assertEqual(self.wire.log, [(0, "INVITE"), (0, "ACK"), (1, "ACK")])
        self.assertEqual(self.world.heard, [(0, 486)])
        ack = self.wire.last()
        self.assertEqual(ack.to.tag, "b1")
        self.assertEqual(ack.via.branch, self.wire.last().via.branch)
        for code in (180, 200):
            self.answer(code)
        self.assertEqual((len(self.wire.log), len(self.world.heard)), (3, 1))
        self.world.until(31.9)
        self.assertEqual(self.runner.live, 1)
        self.world.until(32.1)
        self.quiet()

    def test_accepted(self) -> None:
        """Every 2xx is told for 64*T1, of all forks; later it is stray (RFC 6026 section 7.2)."""
        self.ask()
        self.answer(200)
        self.world.until(0.5)
        self.answer(200)
        self.answer(200, "other")
        self.assertEqual(self.world.heard, [(0, 200), (0.5, 200), (0.5, 200)])
        for code in (180, 486):
            self.answer(code)
        self.assertEqual((len(self.wire.log), len(self.world.heard)), (1, 3))
        self.world.until(T - 0.1)
        self.assertEqual(self.runner.live, 1)
        self.world.until(T + 0.1)
        self.quiet()
        self.answer(200)
        self.assertEqual(len(self.world.heard), 3)
        self.assertEqual(self.runner.transport.counts.stray, 1)

    def test_cancel_waits(self) -> None:
        """A CANCEL is not sent before a provisional response (section 9.1)."""
        client = self.ask()
        client.cancel([("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
        self.world.until(0.1)
        self.assertEqual(self.wire.log, [(0, "INVITE")])
        self.answer(100)
        self.assertEqual(self.wire.log[1:], [(0.1, "CANCEL")])
        cancel = self.wire.last()
        self.assertEqual(cancel.get("Reason"), 'SIP;cause=200;text="Call completed elsewhere"')
        self.assertEqual(str(cancel.cseq), "1 CANCEL")
        self.world.receive(response(cancel, 200))
        self.answer(487)
        self.assertEqual([code for _, code in self.world.heard], [100, 487])
        self.world.until(33)
        self.quiet()

    def test_cancel_refused(self) -> None:
        """A 481 to a CANCEL is about the CANCEL alone: the INVITE gets its answer (RFC 5057 section 5.1)."""
        for code, acks in ((487, ["ACK"]), (486, ["ACK"]), (200, [])):
            with self.subTest(code=code):
                self.setUp()
                client = self.ask()
                self.answer(180)
                client.cancel()
                self.world.receive(response(self.wire.last(), 481))
                self.world.until(1)
                self.answer(code)
                self.assertEqual([heard for _, heard in self.world.heard], [180, code])
                self.assertEqual([what for _, what in self.wire.log], ["INVITE", "CANCEL", *acks])

    def test_cancel_unanswered(self) -> None:
        """A cancelled INVITE without a final answer is given up after 64*T1 (section 9.1)."""
        client = self.ask()
        self.answer(180)
        client.cancel()
        client.cancel()
        self.world.until(T + 0.1)
        self.assertEqual(self.wire.log.count((0, "CANCEL")), 1)
        self.assertEqual(self.world.heard, [(0, 180), (T, 408)])
        self.world.until(2 * T + 0.2)
        self.quiet()

    def test_cancel_leaves_late(self) -> None:
        """That time runs from the CANCEL, which waits for a provisional response (section 9.1)."""
        self.ask().cancel()
        self.world.until(31)
        self.answer(100)
        self.world.until(31 + T + 0.1)
        self.assertEqual(self.world.heard, [(31, 100), (31 + T, 408)])

    def test_forget(self) -> None:
        """What is forgotten is not heard, but acknowledged all the same."""
        self.ask().forget()
        self.answer(486)
        self.assertEqual(self.world.heard, [])
        self.assertEqual(self.wire.log, [(0, "INVITE"), (0, "ACK")])

    def test_unreachable(self) -> None:
        """A transport error is heard at once as a 503 (section 8.1.3.1)."""
        self.ask()
        self.runner.unreachable(TO_BOB, self.wire.sent[0][0])
        self.assertEqual(self.world.heard, [(0, 503)])
        self.quiet()

    def test_unreachable_before(self) -> None:
        """A late error of the way before does not fail what goes on by another one since."""
        client = self.ask()
        elsewhere = TO_BOB._replace(remote=(BOB[0], BOB[1] + 1))
        client.move(elsewhere)
        self.runner.unreachable(TO_BOB, self.wire.sent[0][0])
        self.assertEqual(self.world.heard, [])
        self.runner.unreachable(elsewhere, self.wire.sent[1][0])
        self.assertEqual(self.world.heard, [(0, 503)])

    def test_unreachable_other(self) -> None:
        """What came back and is no request of ours that waits changes nothing."""
        self.ask()
        mine = self.wire.sent[0][0]
        for data in (mine[:30], mine.replace(b"z9hG4bK", b"z9hG4bKx"), b"SIP/2.0 200 OK\r\n", b"\0"):
            self.runner.unreachable(TO_BOB, data)
        self.assertEqual(self.world.heard, [])

    def test_ack_via_route(self) -> None:
        """The ACK has the Request-URI, Route and only the top Via of its INVITE (section 17.1.1.3)."""
        more = (("Route", "<sip:p1;lr>"), ("Route", "<sip:p2;lr>"))
        self.runner.request(writer(more=more), TO_BOB, self.world.hear)
        self.answer(404)
        ack = self.wire.last()
        self.assertEqual((ack.method, ack.uri), ("ACK", "sip:bob@192.0.2.2"))
        self.assertEqual(ack.all("Route"), ["<sip:p1;lr>", "<sip:p2;lr>"])
        self.assertEqual(len(ack.all("Via")), 1)


class NonInviteClientTests(Case):
    """L{b2bua.transactions.non_invite_client} at work."""

    def ask(self) -> Any:
        """Send an OPTIONS."""
        return self.runner.request(writer("OPTIONS"), TO_BOB, self.world.hear)

    def test_timeout(self) -> None:
        """Timer E doubles up to T2; timer F ends it after 64*T1 (section 17.1.2.2)."""
        self.ask()
        self.world.until(40)
        times = [at for at, _ in self.wire.log]
        self.assertEqual(times, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
        self.assertEqual(self.world.heard, [(T, 408)])
        self.quiet()

    def test_proceeding(self) -> None:
        """After a provisional response the interval is T2."""
        self.ask()
        self.world.until(0.1)
        options = self.wire.last()
        self.world.receive(response(options, 100))
        self.world.until(9)
        self.assertEqual([at for at, _ in self.wire.log], [0, 0.5, 4.5, 8.5])
        self.world.receive(response(options, 200))
        self.world.receive(response(options, 200))
        self.assertEqual([code for _, code in self.world.heard], [100, 200])
        self.world.until(13.9)
        self.assertEqual(self.runner.live, 1)
        self.world.until(14.1)
        self.quiet()


class ServerTests(Case):
    """The server transactions at work."""

    def test_trying(self) -> None:
        """An INVITE without an answer for 200 ms draws a 100 (section 17.2.1)."""
        self.world.receive(request())
        self.world.until(0.3)
        self.assertEqual(self.wire.log, [(0.2, 100)])
        self.world.receive(request())
        self.assertEqual(self.wire.log, [(0.2, 100), (0.3, 100)])
        self.assertEqual(len(self.user.requests), 1)

    def test_refusal(self) -> None:
        """A refusal is sent again at T1, doubled up to T2, until timer H (section 17.2.1)."""
        failed: list[int] = []
        self.world.receive(request())
        server = self.user.servers[0]
        server.failed = failed.append
        server.respond(self.user.requests[0].response(486, to_tag="x"))
        self.world.until(40)
        times = [at for at, _ in self.wire.log]
        self.assertEqual(times, [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5])
        self.assertEqual(failed, [408])
        self.quiet()

    def test_acknowledged(self) -> None:
        """The ACK of a refusal ends its retransmission and is not told."""
        self.world.receive(request())
        self.user.servers[0].respond(self.user.requests[0].response(486, to_tag="x"))
        self.world.receive(request("ACK", to="<sip:bob@example.com>;tag=x"))
        self.world.receive(request("ACK", to="<sip:bob@example.com>;tag=x"))
        self.world.receive(request())
        self.world.until(4.9)
        self.assertEqual(self.runner.live, 1)
        self.world.until(5.1)
        self.assertEqual(self.wire.log, [(0, 486)])
        self.assertEqual(self.user.acks, [])
        self.quiet()

    def test_accepted(self) -> None:
        """After a 2xx INVITEs are absorbed; only the user sends the 2xx again (RFC 6026 section 7.1)."""
        self.world.receive(request())
        invite, server = self.user.requests[0], self.user.servers[0]
        ok = invite.response(200, to_tag="x")
        server.respond(ok)
        self.world.until(0.5)
        self.world.receive(request())
        server.respond(ok)
        ack = request("ACK", via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKack", to="<sip:bob@x>;tag=x")
        self.world.receive(ack)
        self.assertEqual(self.wire.log, [(0, 200), (0.5, 200)])
        self.assertEqual(len(self.user.acks), 1)
        # Also an ACK that has the branch of its INVITE, as RFC 2543 had it, is the user's, wherever from.
        flows: list[Flow] = []
        self.patch(self.user, "ack_received", lambda request, flow: flows.append(flow))
        elsewhere = Flow("UDP", HERE, ("192.0.2.7", 40000))
        self.world.receive(request("ACK", to="<sip:bob@x>;tag=x"), elsewhere)
        self.assertEqual(flows, [elsewhere])
        self.world.until(T - 0.1)
        self.assertEqual(self.runner.live, 1)
        self.world.until(T + 0.1)
        self.quiet()
        self.user.servers[0].respond(ok)
        self.assertEqual(len(self.wire.log), 2)

    def test_late_trying(self) -> None:
        """A 100 to another request is sent only when timer E has reached T2 (RFC 4320 section 4.1)."""
        self.world.receive(request("OPTIONS"))
        self.world.until(1)
        self.world.receive(request("OPTIONS"))
        self.world.until(31)
        self.world.receive(request("OPTIONS"))
        self.assertEqual(self.wire.log, [(3.5, 100), (31, 100)])
        self.world.until(T + 0.1)
        self.quiet()

    def test_no_408(self) -> None:
        """A request other than INVITE is never answered with 408 (RFC 4320 section 4.2)."""
        self.world.receive(request("OPTIONS"))
        self.user.servers[0].respond(self.user.requests[0].response(408))
        self.user.servers[0].respond(self.user.requests[0].response(180))
        self.assertEqual(self.wire.log, [])

    def test_repeated(self) -> None:
        """A request that comes again draws the same answer for 64*T1 (timer J)."""
        self.world.receive(request("OPTIONS"))
        self.user.servers[0].respond(self.user.requests[0].response(200, to_tag="x"))
        self.world.until(1)
        self.world.receive(request("OPTIONS"))
        self.assertEqual(self.wire.log, [(0, 200), (1, 200)])
        self.assertEqual(self.wire.sent[0], self.wire.sent[1])
        self.assertEqual(self.runner.transport.counts.absorbed, 1)
        self.world.until(T - 0.1)
        self.assertEqual(self.runner.live, 1)
        self.world.until(T + 0.1)
        self.quiet()

    def test_cancel(self) -> None:
        """A CANCEL is answered at once, with the To tag of the INVITE's response (section 9.2)."""
        self.world.receive(request())
        invite, server = self.user.requests[0], self.user.servers[0]
        server.respond(invite.response(180, to_tag="x"))
        self.world.receive(request("CANCEL"))
        self.assertEqual(self.user.cancels, [server])
        self.assertEqual(self.wire.last().to.tag, "x")
        server.respond(invite.response(487, to_tag="x"))
        self.assertEqual([what for _, what in self.wire.log], [180, 200, 487])

    def test_cancel_without_cookie(self) -> None:
        """Of a client of RFC 2543 the whole Via tells the INVITE, as it was before we noted the source."""
        via = "SIP/2.0/UDP pc.example.com:5060"
        self.world.receive(request(via=via))
        self.world.receive(request("CANCEL", via=via))
        self.assertEqual(self.user.cancels, self.user.servers)
        self.assertEqual((self.wire.last().code, self.wire.last().via.received), (200, "192.0.2.1"))

    def test_late_cancel(self) -> None:
        """A CANCEL after the final response has no effect; without an INVITE it gets 481 (section 9.2)."""
        self.world.receive(request())
        self.user.servers[0].respond(self.user.requests[0].response(200, to_tag="x"))
        self.world.receive(request("CANCEL"))
        via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother"
        self.world.receive(request("CANCEL", via=via))
        self.assertEqual([what for _, what in self.wire.log], [200, 200, 481])
        self.assertEqual(self.user.cancels, [])
        self.assertEqual(parse(self.wire.sent[1][0]).to.tag, "x")

    def test_cancel_within(self) -> None:
        """A re-INVITE can be cancelled like any other INVITE (section 9.2)."""
        to = "<sip:bob@example.com>;tag=b1"
        self.world.receive(request(to=to))
        server = self.user.servers[0]
        server.respond(self.user.requests[0].response(100))
        self.world.receive(request("CANCEL", to=to))
        self.assertEqual(self.user.cancels, [server])
        server.respond(self.user.requests[0].response(487))
        self.assertEqual([what for _, what in self.wire.log], [100, 200, 487])
        self.world.receive(request("CANCEL", to=to, via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother"))
        self.assertEqual(self.wire.log[-1][1], 481)

    def test_bug(self) -> None:
        """A user that fails makes a 500, and nothing else stops."""

        def fail(request: Request, server: Any) -> None:
            raise ZeroDivisionError

        self.user.answer = fail
        self.world.receive(request())
        self.assertEqual([what for _, what in self.wire.log], [500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_merged(self) -> None:
        """A request that comes by another way as well gets 482 there (section 8.2.2.2)."""
        self.world.receive(request())
        via = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKz"
        self.world.receive(request(via=via))
        self.world.receive(request("ACK", via=via))
        self.assertEqual([what for _, what in self.wire.log], [482])

    def test_forget(self) -> None:
        """A request that is forgotten costs nothing and is not answered."""
        self.world.receive(request())
        self.user.servers[0].forget()
        self.assertEqual(self.wire.log, [])
        self.quiet()


class ViaTests(Case):
    """Where responses go."""

    def reply(self, via: str) -> tuple[Response, Flow]:
        """Have a request answered."""
        self.world.receive(request("OPTIONS", via=via), Flow("UDP", HERE, ("192.0.2.1", 40000)))
        self.user.servers[-1].respond(self.user.requests[-1].response(200, to_tag="x"))
        return self.wire.last(), self.wire.sent[-1][1]

    def test_rport(self) -> None:
        """With rport: back to address and port of the source, both noted (RFC 3581 section 4)."""
        answer, flow = self.reply("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1")
        self.assertEqual(flow.remote, ("192.0.2.1", 40000))
        self.assertEqual((answer.via.rport, answer.via.received), ("40000", "192.0.2.1"))

    def test_other_port(self) -> None:
        """A copy from another port of the host is answered there; one from another host changes nothing."""
        via = "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1"
        self.reply(via)
        for source, to in (
            (("192.0.2.1", 40001), ("192.0.2.1", 40001)),
            (("192.0.2.2", 40002), ("192.0.2.1", 40001)),
        ):
            self.world.receive(request("OPTIONS", via=via), Flow("UDP", HERE, source))
            self.assertEqual(self.wire.sent[-1][1].remote, to)
        self.assertEqual(len(self.user.requests), 1)

    def test_other_port_of_invite(self) -> None:
        """A 2xx is sent again to where its INVITE has come from meanwhile, or where its phone is now."""
        via = "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1"
        self.world.receive(request("INVITE", via=via), Flow("UDP", HERE, ("192.0.2.1", 40000)))
        server, ok = self.user.servers[0], self.user.requests[0].response(200, to_tag="x")
        server.respond(ok)
        self.world.receive(request("INVITE", via=via), Flow("UDP", HERE, ("192.0.2.1", 40001)))
        server.respond(ok)
        self.assertEqual([flow.remote[1] for _, flow in self.wire.sent], [40000, 40001])
        server.move(Flow("UDP", HERE, ("192.0.2.7", 40002)))
        server.respond(ok)
        self.assertEqual(self.wire.sent[-1][1].remote, ("192.0.2.7", 40002))
        self.world.receive(request("CANCEL", via=via), Flow("UDP", HERE, ("192.0.2.7", 40002)))
        self.assertEqual(self.wire.last().code, 200)

    def test_forgotten(self) -> None:
        """What was forgotten is new when it comes again, whatever becomes of what it was before."""
        for _ in range(2):
            self.world.receive(request("OPTIONS"))
            self.user.servers[0].forget()
        first, second = self.user.servers
        first.respond(self.user.requests[0].response(200, to_tag="x"))
        self.world.receive(request("OPTIONS"))
        second.respond(self.user.requests[1].response(404, to_tag="y"))
        self.world.receive(request("OPTIONS"))
        self.assertEqual([what for _, what in self.wire.log], [200, 404, 404])

    def test_received(self) -> None:
        """Without: to the source address, at the port of sent-by (section 18.2.2)."""
        answer, flow = self.reply("SIP/2.0/UDP pc.example.com:5066;branch=z9hG4bK2")
        self.assertEqual(flow.remote, ("192.0.2.1", 5066))
        self.assertEqual((answer.via.rport, answer.via.received), (None, "192.0.2.1"))

    def test_default_port(self) -> None:
        """No port in sent-by means 5060."""
        answer, flow = self.reply("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK3")
        self.assertEqual(flow.remote, ("192.0.2.1", 5060))
        self.assertIsNone(answer.via.received)

    def test_second_via(self) -> None:
        """Only the topmost Via is touched, in a list too (section 18.2.1)."""
        answer, _ = self.reply("SIP/2.0/UDP pc;branch=z9hG4bK4, SIP/2.0/UDP far;branch=z9hG4bK5")
        self.assertEqual([via.received for via in answer.vias], ["192.0.2.1", None])


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
