"""The peer changes the session, by re-INVITE or UPDATE (RFC 3261 section 14.2, RFC 3311)."""

from __future__ import annotations

from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Refused, Withdrawn
from tests.legs.layer import ANSWER, OFFER, LegCase, sdp

HOLD = sdp(direction="sendonly", version=2)
HELD = sdp("198.51.100.8", 6000, direction="recvonly", version=2)
MOVED = "<sip:alice@198.51.100.77:5060>"


class PeerChangesTests(LegCase):
    """The peer's re-INVITE."""

    def setUp(self) -> None:
        """Establish a call."""
        super().setUp()
        self.leg = self.established()

    def test_hold(self) -> None:
        """It is heard, and answered with what the other side says."""
        server = self.gets(self.leg, "INVITE", HOLD)
        self.assertEqual(self.words, [Changed(HOLD)])
        self.leg.say(Answered(HELD))
        self.assertEqual(server.codes, [100, 200])
        self.assertIn(b"a=recvonly", server.last.body)
        self.acknowledge(self.leg)
        self.assertEqual(self.word, Confirmed(None))
        self.assertTrue(self.leg.stable)

    def test_own_version(self) -> None:
        """Our o= line goes up by one with the change (RFC 3264 section 8)."""
        before = self.leg.local_session
        server = self.gets(self.leg, "INVITE", HOLD)
        self.leg.say(Answered(HELD))
        assert before is not None
        self.assertIn(b" 0 IN IP4 192.0.2.1", before)
        self.assertIn(b" 1 IN IP4 192.0.2.1", server.last.body)

    def test_delayed_offer(self) -> None:
        """Without SDP the other side's offer goes in the 2xx, and the ACK brings the answer (pattern 2)."""
        server = self.gets(self.leg, "INVITE")
        self.assertEqual(self.word, Changed(None))
        self.leg.say(Answered(ANSWER))
        self.assertIn(b"m=audio 6000", server.last.body)
        self.acknowledge(self.leg, HOLD)
        self.assertEqual(self.word, Confirmed(HOLD))
        self.assertEqual(self.leg.remote_session, HOLD)

    def test_delayed_offer_without_answer(self) -> None:
        """An ACK that owes the answer and has none ends the call: the two sides cannot agree any more."""
        self.gets(self.leg, "INVITE")
        self.leg.say(Answered(ANSWER))
        self.acknowledge(self.leg)
        self.assertEqual(self.word, HungUp("error"))
        self.assertEqual(self.methods, ["BYE"])

    def test_refused(self) -> None:
        """A refusal leaves the session as it was (section 14.2)."""
        before = self.leg.remote_session
        server = self.gets(self.leg, "INVITE", HOLD)
        self.leg.say(Refused(488))
        self.assertEqual(server.codes, [100, 488])
        self.assertEqual(self.leg.remote_session, before)
        self.assertTrue(self.leg.answered)
        self.assertTrue(self.leg.stable)

    def test_no_ack(self) -> None:
        """A re-INVITE whose 2xx is never acknowledged ends the call (section 13.3.1.4)."""
        self.gets(self.leg, "INVITE", HOLD)
        self.leg.say(Answered(HELD))
        self.pump(32)
        self.assertEqual(self.methods, ["BYE"])
        self.assertEqual(self.word, HungUp("timeout"))

    def test_cancelled(self) -> None:
        """A CANCEL of a re-INVITE gets it 487, and the call goes on (section 9.2)."""
        server = self.gets(self.leg, "INVITE", HOLD)
        self.leg.cancel_received(server.request, server)
        self.assertEqual(server.codes, [100, 487])
        self.assertTrue(self.leg.answered)
        self.leg.say(Answered(HELD))
        self.assertEqual(server.codes, [100, 487])
        # The other side has taken the hold, so it hears what holds again.
        self.assertEqual(self.words, [Changed(HOLD), Withdrawn(), Changed(OFFER)])
        self.leg.say(Answered(ANSWER))
        self.assertEqual(len(self.words), 3)

    def test_cancelled_without_offer(self) -> None:
        """An offer that nobody wants any more is answered all the same (section 13.2.1)."""
        server = self.gets(self.leg, "INVITE")
        self.leg.cancel_received(server.request, server)
        self.leg.say(Answered(HELD))
        self.assertEqual(self.words, [Changed(), Withdrawn(), Confirmed(), Changed(OFFER)])

    def test_cancelled_and_again(self) -> None:
        """The next one gets 491 until the other side has closed the one that was cancelled."""
        server = self.gets(self.leg, "INVITE", HOLD)
        self.leg.cancel_received(server.request, server)
        for method in ("INVITE", "UPDATE"):
            self.assertEqual(self.gets(self.leg, method, OFFER.replace(b"4000", b"4010")).codes, [491])
        self.leg.say(Refused(487))
        again = self.gets(self.leg, "INVITE", OFFER.replace(b"4000", b"4010"))
        self.leg.say(Answered(ANSWER))
        self.assertEqual(again.codes, [100, 200])
        self.assertIn(b"a=sendrecv", again.last.body)

    def test_bye_within(self) -> None:
        """A BYE while it is open gets 200, and the re-INVITE 487 (section 15.1.2)."""
        server = self.gets(self.leg, "INVITE", HOLD)
        self.assertEqual(self.gets(self.leg, "BYE").codes, [200])
        self.assertEqual(server.codes, [100, 487])
        self.assertEqual(self.word, HungUp("bye"))
        self.assert_gone(self.leg)

    def test_hung_up_within(self) -> None:
        """When we hang up while it is open it gets 487, and the BYE goes."""
        server = self.gets(self.leg, "INVITE", HOLD)
        self.leg.hang_up()
        self.assertEqual(server.codes, [100, 487])
        self.assertEqual(self.methods, ["BYE"])
        self.client.answer(200)
        self.assert_gone(self.leg)

    def test_unchanged(self) -> None:
        """A re-INVITE that changes nothing is answered here, and nobody hears of it (RFC 4028 7.4)."""
        before = self.leg.local_session
        server = self.gets(self.leg, "INVITE", OFFER)
        self.assertEqual(server.codes, [100, 200])
        self.assertEqual(server.last.body, before)
        self.acknowledge(self.leg)
        self.assertEqual(self.heard, ["Confirmed"])

    def test_unknown_body(self) -> None:
        """A body that nobody understands gets 415 with Accept (section 8.2.3)."""
        server = self.gets(self.leg, "INVITE", b"<x/>", kind="application/xml")
        self.assertEqual(server.codes, [100, 415])
        self.assertEqual(server.last.get("Accept"), "application/sdp")

    def test_optional_body(self) -> None:
        """One with handling=optional is passed over (RFC 5621 section 5)."""
        self.gets(
            self.leg,
            "INVITE",
            b"<x/>",
            kind="application/xml",
            fields=[("Content-Disposition", "render;handling=optional")],
        )
        self.assertEqual(self.word, Changed(None))

    def test_unknown_extension(self) -> None:
        """A Require that we do not know gets 420 with Unsupported (section 8.2.2.3)."""
        server = self.gets(self.leg, "INVITE", HOLD, fields=[("Require", "timer, gold")])
        self.assertEqual(server.codes, [420])
        self.assertEqual(server.last.unsupported, {"gold"})


class UpdateTests(LegCase):
    """The peer's UPDATE."""

    def setUp(self) -> None:
        """Establish a call."""
        super().setUp()
        self.leg = self.established()

    def test_offer(self) -> None:
        """With an offer it is heard, and answered (RFC 3311 section 5.2)."""
        server = self.gets(self.leg, "UPDATE", HOLD)
        self.assertEqual(self.words, [Changed(HOLD)])
        self.leg.say(Answered(HELD))
        self.assertEqual(server.codes, [200])
        self.assertIn(b"a=recvonly", server.last.body)
        self.assertTrue(self.leg.stable)

    def test_refused(self) -> None:
        """A refusal is passed on."""
        server = self.gets(self.leg, "UPDATE", HOLD)
        self.leg.say(Refused(488))
        self.assertEqual(server.codes, [488])

    def test_not_answered(self) -> None:
        """It is answered in time, with 504, when the other side does not (RFC 3311 section 5.2)."""
        server = self.gets(self.leg, "UPDATE", HOLD)
        self.pump(28)
        self.assertEqual(server.codes, [504])
        self.leg.say(Answered(HELD))
        self.assertEqual(server.codes, [504])

    def test_refresh(self) -> None:
        """Without one it is answered here, and nobody hears of it (RFC 4028 section 7.4)."""
        server = self.gets(self.leg, "UPDATE")
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.words, [])
