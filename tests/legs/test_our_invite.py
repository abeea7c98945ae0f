"""A leg that we open: from our INVITE to the end."""

from __future__ import annotations

from typing import Any

from b2bua.legs.leg import Leg, LegState
from b2bua.legs.words import Answered, Confirmed, HungUp, Moved, Progress, Refused, Ringing
from b2bua.wire.message import Field, Request, Response
from b2bua.wire.uri import Uri
from tests.legs.layer import ANSWER, OFFER, OTHER, FakeServer, LegCase


class InviteTests(LegCase):
    """The INVITE that goes out."""

    def test_invite(self) -> None:
        """It says what the call decided, and is our own in all else (topology hiding)."""
        self.outgoing(max_forwards=68, fields=(("Alert-Info", "<urn:alert:source:internal>"),))
        invite = self.client.request
        self.assertEqual(invite.uri, "sip:102@198.51.100.8:5070")
        self.assertEqual(invite.max_forwards, 68)
        self.assertEqual(invite.from_.display, "Alice")
        self.assertEqual(str(invite.from_.uri), "sip:101@example.com")
        self.assertEqual(str(invite.contacts[0].uri), "sip:101@192.0.2.1:5060")
        self.assertEqual(invite.get("Alert-Info"), "<urn:alert:source:internal>")
        self.assertNotIn(b"o=phone", invite.body)
        self.assertIn("timer", invite.supported)
        self.assertIn("replaces", invite.supported)

    def test_origin(self) -> None:
        """The o= line names our address on the way that was looked up for a URI (RFC 4566 section 5.2)."""
        invitation = self.invitation()._replace(target=Uri.parse("sip:trunk.example.com"))
        Leg.dial(self.context, invitation, self.party(), self.hear)
        self.assertIn(b" IN IP4 192.0.2.1\r\ns=", self.client.request.body)

    def test_path(self) -> None:
        """The Path of a binding becomes the Route, a name-addr (RFC 3327 section 5.4, RFC 3261 25.1)."""
        self.outgoing(route=("sip:edge.example.com;lr",))
        self.assertEqual(self.client.request.get("Route"), "<sip:edge.example.com;lr>")


class ResponseTests(LegCase):
    """What the callee answers."""

    def test_ringing(self) -> None:
        """A 180 is heard, a 100 is not (RFC 3261 section 16.7 step 5)."""
        leg = self.outgoing()
        self.client.answer(100, tag="")
        self.client.answer(180)
        self.assertEqual(self.words, [Ringing()])
        self.assertTrue(leg.ringing)

    def test_progress(self) -> None:
        """A 183 with SDP is early media."""
        self.outgoing()
        self.client.answer(183, ANSWER)
        self.assertEqual(self.words, [Progress(183, "Session Progress", ANSWER)])

    def test_answered(self) -> None:
        """A 2xx is acknowledged at once, and heard (section 13.2.2.4)."""
        leg = self.outgoing()
        self.client.answer(200, ANSWER)
        self.assertEqual(self.words, [Answered(ANSWER)])
        (ack,) = self.layer.acks
        self.assertEqual(ack.uri, "sip:bob@198.51.100.8:5070")
        self.assertEqual(ack.cseq.number, self.client.request.cseq.number)
        self.assertEqual(ack.body, b"")
        self.assertTrue(leg.stable)

    def test_repeated_2xx(self) -> None:
        """Each retransmission of the 2xx is acknowledged again (section 13.2.2.4)."""
        self.answered()
        self.client.answer(200, ANSWER)
        self.assertEqual(len(self.layer.acks), 2)
        self.assertEqual(self.words, [])

    def test_refused(self) -> None:
        """A refusal is heard and ends the leg."""
        leg = self.outgoing()
        self.client.answer(180)
        self.client.answer(486)
        self.assertEqual(self.word, Refused(486, "Busy Here"))
        self.assert_gone(leg)

    def test_timeout(self) -> None:
        """A timeout is told apart from a 408 of the callee (section 8.1.3.1)."""
        leg = self.outgoing()
        self.client.answer(408, local=True)
        self.assertEqual(self.word, Refused(408, "Request Timeout", (), local=True))
        self.assert_gone(leg)

    def test_moved(self) -> None:
        """A 302 is a word with its targets, best first (section 8.1.3.4)."""
        leg = self.outgoing()
        contacts = [("Contact", "<sip:1@example.com>;q=0.1, <sip:2@example.com>;q=0.9")]
        self.client.answer(302, fields=contacts, contact="")
        self.assertEqual(
            self.word,
            Moved(302, ("<sip:2@example.com>;q=0.9", "<sip:1@example.com>;q=0.1"), "Moved Temporarily"),
        )
        self.assert_gone(leg)

    def test_record_route(self) -> None:
        """The route set is the Record-Route in reverse, and what goes there goes by it (section 12.1.2)."""
        routes = [("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>")]
        leg = self.answered(fields=routes)
        leg.hang_up()
        bye = self.client.request
        self.assertEqual([str(r) for r in bye.routes], ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"])
        self.assertEqual(str(self.layer.targets[-1]), "sip:p1.example.com;lr")
        self.assertEqual(bye.uri, "sip:bob@198.51.100.8:5070")


class DelayedOfferTests(LegCase):
    """An INVITE without SDP."""

    def test_offer_in_2xx(self) -> None:
        """The ACK waits for our answer to the offer in the 2xx (section 13.2.1)."""
        leg = self.outgoing(None)
        self.assertEqual(self.client.request.body, b"")
        self.client.answer(200, OFFER)
        self.assertEqual(self.words, [Answered(OFFER)])
        self.assertEqual(self.layer.acks, [])
        self.assertFalse(leg.stable)
        leg.say(Confirmed(ANSWER))
        (ack,) = self.layer.acks
        self.assertIn(b"m=audio 6000", ack.body)
        self.assertTrue(leg.stable)

    def test_hung_up_before_ack(self) -> None:
        """If nobody is left to answer, the ACK refuses each stream, then BYE (RFC 6337 section 2.3)."""
        leg = self.outgoing(None)
        self.client.answer(200, OFFER)
        leg.hang_up()
        (ack,) = self.layer.acks
        self.assertIn(b"m=audio 0 ", ack.body)
        self.assertEqual(self.methods, ["INVITE", "BYE"])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_preview(self) -> None:
        """SDP in an unreliable 1xx cannot be an offer, and means nothing (section 13.2.1)."""
        self.outgoing(None)
        self.client.answer(183, OFFER)
        self.assertEqual(self.words, [Progress(183, "Session Progress", None)])


class CancelTests(LegCase):
    """We give up."""

    def test_cancel(self) -> None:
        """A CANCEL goes out with its Reason; the 487 ends the leg silently (section 9.1, RFC 3326)."""
        leg = self.outgoing()
        self.client.answer(180)
        self.words.clear()
        reason = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
        leg.cancel((reason,))
        self.assertEqual(self.client.cancels, [(reason,)])
        self.assertIs(leg.state, LegState.ENDED)
        self.assertEqual(self.gone, [])
        self.client.answer(487)
        self.assertEqual(self.words, [])
        self.assert_gone(leg)

    def test_late_200(self) -> None:
        """A 200 that crosses the CANCEL is acknowledged and ended with BYE (section 9.1)."""
        leg = self.outgoing()
        leg.cancel()
        self.client.answer(200, ANSWER)
        self.assertEqual(len(self.layer.acks), 1)
        self.assertEqual(self.methods, ["INVITE", "BYE"])
        self.assertEqual(self.words, [])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_no_487(self) -> None:
        """With no final response in 64*T1 the INVITE counts as cancelled (section 9.1)."""
        leg = self.outgoing()
        self.client.answer(180)
        leg.cancel()
        self.client.answer(408, local=True)
        self.assert_gone(leg)

    def test_answered_when_gone(self) -> None:
        """Who answers when nobody waits any more gets ACK and BYE (section 13.2.2.4)."""
        for code, cancelled in ((408, True), (408, False), (503, False)):
            with self.subTest(code=code, cancelled=cancelled):
                leg = self.outgoing()
                invite, acks = self.client, len(self.layer.acks)
                if cancelled:
                    leg.cancel()
                invite.answer(code, local=True)
                self.assert_gone(leg)
                self.gone.clear()
                self.words.clear()
                invite.answer(200, ANSWER)
                self.assertEqual((len(self.layer.acks), self.methods[-1]), (acks + 1, "BYE"))
                self.assertEqual(self.words, [])
                self.client.answer(200)


class ForkTests(LegCase):
    """An INVITE that a proxy downstream forked."""

    def test_two_answers(self) -> None:
        """Every 2xx is acknowledged; the surplus one is ended with BYE (section 13.2.2.4)."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(180, tag="a")
        invite.answer(180, tag="b")
        invite.answer(200, ANSWER, tag="b")
        invite.answer(200, ANSWER, tag="a")
        self.assertEqual([ack.to.tag for ack in self.layer.acks], ["b", "a"])
        self.assertEqual(self.methods, ["INVITE", "BYE"])
        self.assertEqual(self.client.request.to.tag, "a")
        assert leg.dialog is not None
        self.assertEqual(leg.dialog.remote_tag, "b")
        invite.answer(200, ANSWER, tag="a")
        self.assertEqual([ack.to.tag for ack in self.layer.acks], ["b", "a", "a"])
        self.assertEqual(self.methods, ["INVITE", "BYE"])

    def test_answers_when_gone(self) -> None:
        """So is each one that comes when the call is over, until Timer M (RFC 6026 section 7.2)."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(200, ANSWER, tag="a")
        invite.answer(200, ANSWER, tag="b")
        self.client.answer(200)
        leg.hang_up()
        self.client.answer(200)
        self.assert_gone(leg)
        self.words.clear()
        for tag in ("a", "b", "c", "c"):
            invite.answer(200, ANSWER, tag=tag)
        self.assertEqual([ack.to.tag for ack in self.layer.acks], ["a", "b", "a", "b", "c", "c"])
        self.assertEqual(self.methods, ["INVITE", "BYE", "BYE", "BYE"])
        self.assertEqual(self.client.request.to.tag, "c")
        self.assertEqual(self.layer.acks[-1].cseq.number, invite.request.cseq.number)
        self.assertGreater(self.client.request.cseq.number, invite.request.cseq.number)
        self.client.answer(200)
        self.assertEqual((self.words, len(self.context.dialogs)), ([], 0))
        self.assertIsNone(leg.channel.usage)

    def test_challenged_when_gone(self) -> None:
        """The BYE to such a one is sent again with credentials, for the same party."""
        asked: list[tuple[Any, bool]] = []

        def challenged(leg: Any, response: Response, request: Request, flow: Any) -> list[Field]:
            asked.append((leg.party, leg.ended))
            return [("Authorization", "Digest ...")]

        self.context.challenged = challenged
        leg = self.answered()
        invite = self.client
        leg.hang_up()
        self.client.answer(200)
        self.assert_gone(leg)
        invite.answer(200, ANSWER, tag="other")
        self.client.answer(401, fields=(("WWW-Authenticate", 'Digest realm="x", nonce="y"'),))
        self.assertEqual(self.client.request.get("Authorization"), "Digest ...")
        self.client.answer(200)
        self.assertEqual(asked, [(leg.party, True)])

    def test_second_offer(self) -> None:
        """The answer to the offer of another fork is no change of the session with the one that has won."""
        leg = self.outgoing(None)
        invite = self.client
        invite.answer(200, OFFER, tag="one")
        leg.say(Confirmed(ANSWER))
        told = leg.local_session
        invite.answer(200, OFFER, tag="two")
        self.assertIn(b"m=audio 0 ", self.layer.acks[-1].body)
        self.assertEqual(leg.local_session, told)

    def test_offer_when_gone(self) -> None:
        """Where the INVITE had no offer, the ACK refuses all streams of the 2xx (section 13.2.2.4)."""
        leg = self.answered(None)
        leg.say(Confirmed(ANSWER))
        invite = self.client
        leg.hang_up()
        self.client.answer(200)
        self.assert_gone(leg)
        invite.answer(200, OFFER, tag="other")
        self.assertIn(b"m=audio 0 ", self.layer.acks[-1].body)
        self.assertEqual(self.client.request.method, "BYE")

    def test_one_early_medium(self) -> None:
        """Early media of one fork at a time gets through."""
        self.outgoing()
        self.client.answer(183, ANSWER, tag="a")
        self.client.answer(183, OFFER, tag="b")
        self.assertEqual([getattr(word, "session", None) for word in self.words], [ANSWER, None])

    def test_199(self) -> None:
        """A 199 ends one early dialog, and another may be heard (RFC 6228 section 4)."""
        self.outgoing()
        self.client.answer(183, ANSWER, tag="a")
        self.client.answer(180, tag="b")
        self.client.answer(199, tag="a")
        self.client.answer(183, OFFER, tag="b")
        self.assertEqual(self.heard, ["Progress", "Ringing", "Progress", "Progress"])
        self.assertEqual(self.word, Progress(183, "Session Progress", OFFER))
        self.assertEqual(len(self.context.dialogs), 1)

    def test_bye_of_one(self) -> None:
        """A BYE ends one early dialog; our numbers go up if it is answered all the same (12.2.1.1)."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(183, ANSWER, tag="a")
        invite.answer(183, ANSWER, tag="b", fields=(("Require", "100rel"), ("RSeq", "1")))
        prack = self.client
        self.assertEqual(prack.request.method, "PRACK")
        (early,) = leg.early or ()
        bye = self.request(leg, "BYE")
        bye = bye.with_fields(remove=("From",), add=(("From", early.remote_value),))
        server = FakeServer(bye, OTHER)
        leg.request_received(bye, server)
        self.assertEqual((server.codes, len(self.context.dialogs)), ([200], 1))
        invite.answer(200, ANSWER, tag="b")
        leg.hang_up()
        self.assertEqual((self.client.request.method, self.client.request.to.tag), ("BYE", "b"))
        self.assertGreater(self.client.request.cseq.number, prack.request.cseq.number)

    def test_199_of_nobody(self) -> None:
        """A 199 of an unknown dialog is dropped (RFC 6228 section 4)."""
        self.outgoing()
        self.client.answer(199, tag="a")
        self.assertEqual(self.words, [])


class ByeTests(LegCase):
    """The end of a session."""

    def test_received(self) -> None:
        """A BYE gets 200."""
        leg = self.answered()
        server = self.gets(leg, "BYE", cseq=1)
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.words, [HungUp("bye")])
        self.assert_gone(leg)

    def test_sent(self) -> None:
        """A BYE of ours has the next CSeq."""
        leg = self.answered()
        leg.hang_up()
        invite, bye = self.layer.clients
        self.assertEqual(bye.request.cseq.number, invite.request.cseq.number + 1)
        bye.answer(200)
        self.assert_gone(leg)
