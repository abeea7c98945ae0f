"""Reliable provisional responses in legs: each leg for itself (RFC 3262, RFC 6337)."""

from __future__ import annotations

from typing import Any

from b2bua.legs.leg import Leg
from b2bua.legs.party import Policy
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Progress, Refused, Ringing
from b2bua.wire.message import Field
from tests.legs.layer import ANSWER, OFFER, FakeServer, LegCase, sdp

SUPPORTED = ("Supported", "100rel, timer")
REQUIRED = ("Require", "100rel")
RELIABLY = (REQUIRED, ("RSeq", "1"))
ALLOW = ("Allow", "INVITE, ACK, BYE, PRACK, UPDATE")


class IncomingTests(LegCase):
    """What we send to a caller."""

    def prack(self, leg: Leg, body: bytes = b"", *, rack: str = "", **options: Any) -> FakeServer:
        """Let the caller acknowledge the last 1xx."""
        reliable = [r for r in self.server.responses if r.rseq is not None]
        value = rack or f"{reliable[-1].rseq} 100 INVITE"
        return self.gets(leg, "PRACK", body, fields=[("RAck", value)], **options)

    def test_session_goes_reliably(self) -> None:
        """A 183 with SDP goes reliably to who supports that."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.assertIn("100rel", self.server.last.require)
        self.assertIsNotNone(self.server.last.rseq)
        leg.hang_up()

    def test_plain_ringing(self) -> None:
        """A 180 without SDP does not: nothing depends on it."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Ringing())
        self.assertIsNone(self.server.last.rseq)
        leg.hang_up()

    def test_required(self) -> None:
        """With Require every 1xx is reliable, but never the 100 (section 3)."""
        leg = self.incoming(fields=[REQUIRED])
        leg.say(Ringing())
        trying, ringing = self.server.responses
        self.assertIsNone(trying.rseq)
        self.assertIsNotNone(ringing.rseq)
        leg.hang_up()

    def test_refused_by_policy(self) -> None:
        """Where the policy forbids it a Require gets 420 (section 3)."""
        self.incoming(fields=[REQUIRED], policy=Policy(reliable="never"))
        self.assertEqual(self.server.codes, [100, 420])
        self.assertEqual(self.server.last.unsupported, {"100rel"})

    def test_not_supported(self) -> None:
        """Without Supported or Require nothing is reliable (section 3)."""
        leg = self.incoming(policy=Policy(reliable="required"))
        leg.say(Progress(183, session=ANSWER))
        self.assertIsNone(self.server.last.rseq)
        leg.hang_up()

    def test_repeated_until_prack(self) -> None:
        """It is repeated until the PRACK, which gets 200 (section 3)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.pump(1.5)
        self.assertEqual(self.server.codes, [100, 183, 183, 183])
        self.assertEqual(self.prack(leg).codes, [200])
        self.pump(10)
        self.assertEqual(self.server.codes, [100, 183, 183, 183])
        leg.hang_up()
        self.assert_gone(leg)

    def test_no_prack(self) -> None:
        """Without a PRACK for 64*T1 the INVITE fails with a 5xx (section 3)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.pump(32)
        self.assertEqual(self.server.last.code, 504)
        self.assertEqual(self.word, HungUp("timeout"))
        self.assert_gone(leg)

    def test_wrong_rack(self) -> None:
        """A PRACK that matches nothing gets 481 (section 3)."""
        leg = self.incoming(fields=[SUPPORTED])
        self.assertEqual(self.prack(leg, rack="1 100 INVITE").codes, [481])
        leg.say(Progress(183, session=ANSWER))
        self.assertEqual(self.prack(leg, rack="1 100 INVITE").codes, [481])
        self.prack(leg)
        self.assertEqual(self.prack(leg).codes, [481])
        leg.hang_up()

    def test_no_rack(self) -> None:
        """A PRACK without RAck is a mistake (section 7.2)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.assertEqual(self.gets(leg, "PRACK").codes, [400])
        leg.hang_up()

    def test_2xx_waits(self) -> None:
        """The 2xx waits for the PRACK of a 1xx with SDP (section 3), and then has none (RFC 6337 3.1.1)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        leg.say(Answered(ANSWER))
        self.assertEqual(self.server.codes, [100, 183])
        self.prack(leg)
        self.assertEqual(self.server.codes, [100, 183, 200])
        self.assertEqual(self.server.last.body, b"")
        self.acknowledge(leg, cseq=100)
        self.assertEqual(self.word, Confirmed(None))

    def test_2xx_does_not_wait(self) -> None:
        """For a 1xx without SDP it does not; a late PRACK is still answered (section 3)."""
        leg = self.incoming(fields=[REQUIRED])
        leg.say(Ringing())
        leg.say(Answered(ANSWER))
        self.assertEqual(self.server.codes, [100, 180, 200])
        self.assertNotEqual(self.server.last.body, b"")
        self.assertEqual(self.prack(leg).codes, [200])
        self.pump(0.75)
        self.assertEqual(self.server.codes, [100, 180, 200, 200])
        self.acknowledge(leg, cseq=100)

    def test_hung_up_while_held_back(self) -> None:
        """If the callee is gone before that, the INVITE is refused instead."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        leg.say(Answered(ANSWER))
        leg.say(HungUp())
        self.assertEqual(self.server.codes, [100, 183, 480])
        self.assert_gone(leg)

    def test_another_callee_answers(self) -> None:
        """Who answers instead of who rang does so in a dialog of its own (RFC 6337 section 3.1.1)."""
        for fields in ([], [SUPPORTED]):
            with self.subTest(fields=fields):
                self.setUp()
                leg = self.incoming(fields=fields)
                leg.say(Progress(183, session=ANSWER))
                early = self.server.last
                leg.say(Answered(sdp("198.51.100.99", 9000)))
                answer = self.server.last
                self.assertEqual(answer.code, 200)
                self.assertIn(b"m=audio 9000", answer.body)
                self.assertNotEqual(answer.to.tag, early.to.tag)
                self.assertEqual(len(self.context.dialogs), 2)
                self.acknowledge(leg, cseq=100)
                self.assertTrue(leg.stable)
                self.assertEqual(len(self.context.dialogs), 1)
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_another_callee_has_early_media(self) -> None:
        """So does who has early media after somebody else had."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        early = self.server.last
        leg.say(Progress(183, session=sdp("198.51.100.99", 9000)))
        self.assertNotEqual(self.server.last.to.tag, early.to.tag)
        self.assertEqual(self.server.last.rseq, (early.rseq or 0) + 1)
        rack = [("RAck", f"{early.rseq} 100 INVITE")]
        request = self.request(leg, "PRACK", fields=rack).with_fields(
            remove=("To",), add=(("To", str(early.to)),)
        )
        late = FakeServer(request)
        leg.request_received(late.request, late)
        self.assertEqual(late.codes, [200])
        self.prack(leg)
        leg.say(Answered(sdp("198.51.100.99", 9000)))
        self.assertEqual(self.server.last.code, 200)
        self.assertEqual(self.server.last.body, b"")
        self.acknowledge(leg, cseq=100)
        leg.hang_up()
        self.client.answer(200)
        self.assert_gone(leg)

    def test_another_callee_offers(self) -> None:
        """To a caller without an offer each callee makes its own, in its own dialog (RFC 3262 section 5)."""
        for fields in ([SUPPORTED], [REQUIRED]):
            with self.subTest(fields=fields):
                self.setUp()
                leg = self.incoming(None, fields=fields, allow="INVITE, ACK, BYE, PRACK, UPDATE")
                leg.say(Ringing(OFFER))
                early = self.server.last
                leg.say(Ringing(sdp("198.51.100.99", 9000)))
                self.assertIn(b"m=audio 9000", self.server.last.body)
                self.assertNotEqual(self.server.last.to.tag, early.to.tag)
                self.assertIsNotNone(self.server.last.rseq)
                # Before the answer nothing else may be offered (RFC 3311 section 5.1).
                leg.say(Changed(sdp("198.51.100.99", 9002)))
                self.assertEqual(self.word, Refused(491, "", (), local=True, early=True))
                self.prack(leg, ANSWER)
                self.assertEqual(self.word, Confirmed(ANSWER))
                leg.say(Changed(sdp("198.51.100.99", 9002)))
                self.assertEqual(self.methods, ["UPDATE"])
                leg.hang_up()

    def test_bye_in_one_early_dialog(self) -> None:
        """A BYE in one of several early dialogs ends that one alone (RFC 3261 section 15)."""
        leg = self.incoming()
        leg.say(Progress(183, session=ANSWER))
        early = self.server.last
        leg.say(Progress(183, session=sdp("198.51.100.99", 9000)))
        request = self.request(leg, "BYE").with_fields(remove=("To",), add=(("To", str(early.to)),))
        server = FakeServer(request)
        leg.request_received(server.request, server)
        self.assertEqual(server.codes, [200])
        self.assertFalse(leg.ended)
        leg.hang_up()
        self.assert_gone(leg)

    def test_long_ringing(self) -> None:
        """A reliable 1xx is followed by another one every two and a half minutes (section 3)."""
        leg = self.incoming(fields=[REQUIRED])
        leg.say(Ringing())
        self.prack(leg)
        self.clock.pump([1.0] * 150)
        self.assertEqual(self.server.codes, [100, 180, 180])
        first, second = [r.rseq for r in self.server.responses if r.rseq]
        self.assertEqual(second, (first or 0) + 1)
        leg.hang_up()

    def test_delayed_offer(self) -> None:
        """An offer may go in a reliable 1xx, and the PRACK brings the answer (pattern 4)."""
        leg = self.incoming(None, fields=[REQUIRED])
        leg.say(Ringing(OFFER))
        self.assertEqual(self.server.last.code, 180)
        self.assertIn(b"m=audio 4000", self.server.last.body)
        self.assertEqual(self.prack(leg, ANSWER).codes, [200])
        self.assertEqual(self.word, Confirmed(ANSWER))
        leg.say(Answered(None))
        self.assertEqual(self.server.last.code, 200)
        self.assertEqual(self.server.last.body, b"")
        self.acknowledge(leg, cseq=100)
        self.assertEqual(leg.remote_session, ANSWER)

    def test_delayed_offer_without(self) -> None:
        """The first reliable 1xx must have the offer; without one it is not sent (section 5)."""
        leg = self.incoming(None, fields=[REQUIRED])
        leg.say(Ringing())
        self.assertEqual(self.server.codes, [100])
        leg.hang_up()

    def test_delayed_offer_unreliable(self) -> None:
        """An unreliable 1xx has no offer (RFC 3261 section 13.2.1)."""
        leg = self.incoming(None)
        leg.say(Ringing(OFFER))
        self.assertEqual(self.server.last.body, b"")
        leg.hang_up()

    def test_offer_in_prack(self) -> None:
        """An offer within a PRACK is heard and answered like one in an UPDATE (pattern 5)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        new = sdp(port=4444)
        server = self.prack(leg, new)
        self.assertEqual(self.word, Changed(new))
        self.assertEqual(server.codes, [])
        leg.say(Answered(sdp("198.51.100.8", 6006), early=True))
        self.assertEqual(server.codes, [200])
        self.assertIn(b"m=audio 6006", server.last.body)
        leg.hang_up()

    def test_update_after_prack(self) -> None:
        """An UPDATE may change the early session once it has its answer (RFC 3311 section 5.1)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Changed(sdp(port=7000)))
        self.assertEqual(self.word, Refused(491, "", (), local=True, early=True))
        leg.say(Progress(183, session=ANSWER))
        self.prack(leg)
        leg.say(Changed(sdp("198.51.100.8", 7000)))
        self.assertEqual(self.methods, ["UPDATE"])
        self.client.answer(200, OFFER)
        self.assertEqual(self.word, Answered(OFFER, early=True))
        leg.hang_up()

    def test_update_too_early(self) -> None:
        """An UPDATE before the first answer gets 500 with Retry-After (RFC 3311 section 5.2)."""
        leg = self.incoming(fields=[SUPPORTED])
        server = self.gets(leg, "UPDATE", sdp(port=4444))
        self.assertEqual(server.codes, [500])
        self.assertIsNotNone(server.last.retry_after)
        leg.hang_up()

    def test_update_early(self) -> None:
        """Afterwards it is heard, and has an answer of its own beside that of the INVITE."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.prack(leg)
        server = self.gets(leg, "UPDATE", sdp(port=4444))
        self.assertEqual(self.word, Changed(sdp(port=4444)))
        leg.say(Answered(ANSWER, early=True))
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.server.codes, [100, 183])
        leg.say(Answered(None))
        self.assertEqual(self.server.codes, [100, 183, 200])
        self.acknowledge(leg, cseq=100)

    def test_update_unanswered(self) -> None:
        """The INVITE is answered while an UPDATE is open, by somebody else: that is asked to come again."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.prack(leg)
        server = self.gets(leg, "UPDATE", sdp(port=4444))
        leg.say(Answered(None))
        self.assertEqual((server.codes, self.server.codes), ([491], [100, 183, 200]))
        leg.say(Refused(488, early=True))
        self.acknowledge(leg, cseq=100)
        self.assertTrue(leg.stable)

    def test_invite_refused(self) -> None:
        """A refusal of the INVITE is none of the UPDATE that is open, which ends with it."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Progress(183, session=ANSWER))
        self.prack(leg)
        server = self.gets(leg, "UPDATE", sdp(port=4444))
        leg.say(Refused(486))
        self.assertEqual((self.server.codes[-1], server.codes), (486, [487]))


class OutgoingTests(LegCase):
    """What we take from a callee."""

    @property
    def pracks(self) -> list[str]:
        """The RAck of each PRACK of ours."""
        return [c.request.get("RAck") or "" for c in self.layer.clients if c.request.method == "PRACK"]

    def invite(self, *fields: Field) -> int:  # type: ignore[override]  # the incoming helper is not used here
        """The CSeq of our INVITE."""
        return self.layer.clients[0].request.cseq.number

    def test_supported(self) -> None:
        """An INVITE with an offer says that we know 100rel, one without does not."""
        self.outgoing()
        self.assertIn("100rel", self.client.request.supported)
        self.outgoing(None)
        self.assertNotIn("100rel", self.client.request.supported)

    def test_prack(self) -> None:
        """A reliable 1xx is acknowledged at once, whatever the other leg can do (RFC 6337 section 2.4)."""
        self.outgoing()
        invite = self.client
        invite.answer(183, ANSWER, fields=RELIABLY)
        self.assertEqual(self.pracks, [f"1 {self.invite()} INVITE"])
        self.assertEqual(self.words, [Progress(183, "Session Progress", ANSWER)])
        self.assertEqual(self.client.request.cseq.number, self.invite() + 1)

    def test_answer_in_1xx(self) -> None:
        """The answer in a reliable 1xx stands; SDP in the 2xx is ignored (RFC 6337 section 3.1.1)."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(183, ANSWER, fields=RELIABLY)
        invite.answer(200, sdp("198.51.100.8", 9999))
        self.assertEqual(self.word, Answered(ANSWER))
        self.assertEqual(leg.remote_session, ANSWER)

    def test_answer_not_repeated(self) -> None:
        """A 2xx without SDP after it is heard with the answer, for a leg that needs it in its 2xx."""
        self.outgoing()
        invite = self.client
        invite.answer(183, ANSWER, fields=RELIABLY)
        invite.answer(200)
        self.assertEqual(self.word, Answered(ANSWER))
        self.assertEqual(len(self.layer.acks), 1)

    def test_duplicate(self) -> None:
        """A retransmission is dropped with no second PRACK (section 4)."""
        self.outgoing()
        invite = self.client
        invite.answer(180, fields=RELIABLY)
        invite.answer(180, fields=RELIABLY)
        self.assertEqual(len(self.pracks), 1)
        self.assertEqual(self.heard, ["Ringing"])

    def test_out_of_order(self) -> None:
        """A response that skips a number is neither acknowledged nor heard (section 4)."""
        self.outgoing()
        invite = self.client
        invite.answer(180, fields=RELIABLY)
        invite.answer(183, ANSWER, fields=(REQUIRED, ("RSeq", "3")))
        self.assertEqual(len(self.pracks), 1)
        self.assertEqual(self.heard, ["Ringing"])

    def test_forks(self) -> None:
        """Each early dialog has its own numbers (section 4)."""
        self.outgoing()
        invite = self.client
        invite.answer(180, fields=RELIABLY, tag="a")
        invite.answer(180, fields=(REQUIRED, ("RSeq", "77")), tag="b")
        self.assertEqual(self.pracks, [f"1 {self.invite()} INVITE", f"77 {self.invite()} INVITE"])

    def test_number_of_a_surplus(self) -> None:
        """The BYE to a fork that answers too late counts on from its PRACK (RFC 3261 section 12.2.1.1)."""
        self.outgoing()
        invite = self.client
        invite.answer(180, fields=RELIABLY, tag="a")
        prack = self.client.request
        invite.answer(180, tag="b")
        invite.answer(200, ANSWER, tag="b")
        invite.answer(200, ANSWER, tag="a")
        bye = self.client.request
        self.assertEqual((bye.method, bye.to.tag), ("BYE", "a"))
        self.assertEqual(bye.cseq.number, prack.cseq.number + 1)

    def test_100(self) -> None:
        """In a 100 it means nothing (section 4)."""
        self.outgoing()
        self.client.answer(100, fields=RELIABLY)
        self.assertEqual(self.pracks, [])

    def test_offer_in_1xx(self) -> None:
        """Where it was asked for, an offer comes in a 1xx and the PRACK waits for our answer (pattern 4)."""
        leg = self.outgoing(None, policy=Policy(reliable="required", session_expires=0))
        invite = self.client
        self.assertIn("100rel", invite.request.require)
        invite.answer(183, OFFER, fields=RELIABLY)
        self.assertEqual(self.pracks, [])
        self.assertEqual(self.word, Progress(183, "Session Progress", OFFER))
        leg.say(Confirmed(ANSWER))
        self.assertEqual(len(self.pracks), 1)
        self.assertIn(b"m=audio 6000", self.client.request.body)
        invite.answer(200)
        self.assertEqual(self.word, Answered(None))
        self.assertEqual(len(self.layer.acks), 1)
        self.assertTrue(leg.stable)

    def test_420(self) -> None:
        """A callee without 100rel is called again without the Require (RFC 3261 section 8.1.3.5)."""
        self.outgoing(policy=Policy(reliable="required"))
        self.client.answer(420, fields=[("Unsupported", "100rel")])
        self.assertEqual(self.methods, ["INVITE", "INVITE"])
        self.assertNotIn("100rel", self.client.request.require)
        first, second = self.layer.clients
        self.assertEqual(second.request.cseq.number, first.request.cseq.number + 1)
        self.assertEqual(second.request.call_id, first.request.call_id)

    def test_update_from_callee(self) -> None:
        """An UPDATE of the callee in the early dialog is heard once the exchange is through."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(180)
        self.cseq = 1
        self.assertEqual(self.gets(leg, "UPDATE", sdp(port=4444)).codes, [491])
        invite.answer(183, ANSWER, fields=RELIABLY)
        server = self.gets(leg, "UPDATE", sdp(port=4444))
        self.assertEqual(self.word, Changed(sdp(port=4444)))
        leg.say(Answered(OFFER, early=True))
        self.assertEqual(server.codes, [200])

    def test_update_then_answer(self) -> None:
        """An UPDATE of ours that is open when the 2xx comes is answered first."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(183, ANSWER, fields=(*RELIABLY, ALLOW))
        leg.say(Changed(sdp(port=7000)))
        update = self.client
        self.assertEqual(update.request.method, "UPDATE")
        invite.answer(200)
        self.assertEqual(self.heard, ["Progress"])
        update.answer(200, sdp("198.51.100.8", 7001))
        self.assertEqual(self.heard, ["Progress", "Answered", "Answered"])
        self.assertEqual(self.words[1], Answered(sdp("198.51.100.8", 7001), early=True))
        self.assertTrue(leg.stable)
