"""Client transactions at work, on a clock that stands still."""

from __future__ import annotations

from typing import Any

from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request
from b2bua.wire.parser import parse
from tests.net.world import BOB, TO_BOB, Case, T, writer
from tests.transactions.messages import response


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
