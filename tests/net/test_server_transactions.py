"""Server transactions at work, on a clock that stands still, and where their responses go."""

from __future__ import annotations

from typing import Any

from b2bua.errors import UsageError
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse
from tests.net.world import HERE, Case, T
from tests.transactions.messages import request


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

    def test_unwritten(self) -> None:
        """
        A final response that cannot be written is none: the request is open for its 500 (section 8.2.6.1).

        Were it taken for answered, the client would wait for timer B or F, and hear nothing.
        """
        number = 0
        for method in ("INVITE", "OPTIONS"):
            for code in (180, 200, 486):
                number += 1
                self.wire.log.clear()
                open_before: list[bool] = []

                def answer(
                    request: Request, server: Any, code: int = code, open_before: list[bool] = open_before
                ) -> None:
                    try:
                        server.respond(Response(code, "", [*request.fields, ("Subject", "a\r\nX: y")]))
                    finally:
                        open_before.append(server.answered)

                self.user.answer = answer
                via = f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}"
                self.world.receive(request(method, via=via, cseq=number))
                if (method, code) == ("OPTIONS", 180):
                    continue  # another request than INVITE has none (RFC 4320 section 4.1)
                self.assertEqual(open_before, [False])
                self.assertEqual([what for _, what in self.wire.log], [500], (method, code))
        self.assertEqual(len(self.flushLoggedErrors(UsageError)), 5)

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
