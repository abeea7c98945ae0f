"""A new session within a leg: re-INVITE, UPDATE and their glare (RFC 3261 section 14, RFC 3311, RFC 6141)."""

from __future__ import annotations

from b2bua.legs.leg import Leg
from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Progress, Refused, Requested, Withdrawn
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Field
from b2bua.wire.sdp import without_origin
from tests.legs.layer import ANSWER, OFFER, OTHER, PHONE, FakeServer, LegCase, sdp

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


class TargetRefreshTests(LegCase):
    """The remote target (RFC 6141 section 4)."""

    def target(self, leg: Leg) -> str:
        """Where our next request goes."""
        leg.hang_up()
        return self.client.request.uri

    def test_after_2xx(self) -> None:
        """A re-INVITE that succeeds moves it."""
        leg = self.established()
        self.gets(leg, "INVITE", HOLD, contact=MOVED)
        leg.say(Answered(HELD))
        self.acknowledge(leg)
        self.assertEqual(self.target(leg), "sip:alice@198.51.100.77:5060")

    def test_after_refusal(self) -> None:
        """One that fails does not (section 4.2)."""
        leg = self.established()
        self.gets(leg, "INVITE", HOLD, contact=MOVED)
        leg.say(Refused(488))
        self.assertEqual(self.target(leg), "sip:alice@198.51.100.7:5060")

    def test_update(self) -> None:
        """An UPDATE without an offer moves it, too."""
        leg = self.established()
        self.assertEqual(self.gets(leg, "UPDATE", contact=MOVED).codes, [200])
        self.assertEqual(self.target(leg), "sip:alice@198.51.100.77:5060")

    def test_response(self) -> None:
        """So does the 2xx to a re-INVITE of ours."""
        leg = self.established()
        leg.say(Changed(HOLD))
        self.client.answer(200, HELD, contact=MOVED)
        self.assertEqual(self.layer.acks[-1].uri, "sip:alice@198.51.100.77:5060")

    def test_other_requests(self) -> None:
        """A Contact in an INFO means nothing."""
        leg = self.established()
        self.gets(leg, "INFO", contact=MOVED)
        self.assertEqual(self.target(leg), "sip:alice@198.51.100.7:5060")

    def test_flow_follows(self) -> None:
        """A phone that comes from another address is reached there from now on."""
        leg = self.established()
        self.gets(leg, "INFO", flow=OTHER)
        leg.hang_up()
        self.assertEqual(self.layer.targets, [OTHER])

    def test_flow_lost(self) -> None:
        """A connection that closes does not end a call; the Contact is tried instead."""
        leg = self.established()
        leg.flow_lost(PHONE)
        self.assertTrue(leg.answered)
        leg.hang_up()
        self.assertEqual(str(self.layer.targets[-1]), "sip:alice@198.51.100.7:5060")

    def test_flow_lost_before_answer(self) -> None:
        """A caller whose connection is closed before the answer has gone."""
        leg = self.incoming()
        leg.flow_lost(PHONE)
        self.assertEqual(self.word, HungUp("lost"))
        self.assert_gone(leg)


class OurChangesTests(LegCase):
    """Our re-INVITE."""

    def setUp(self) -> None:
        """Establish a call."""
        super().setUp()
        self.leg = self.established()

    def test_offer(self) -> None:
        """It brings the other side's offer, and the answer is heard; the ACK goes at once."""
        self.leg.say(Changed(HOLD))
        self.assertEqual(self.methods, ["INVITE"])
        self.assertIn(b"a=sendonly", self.client.request.body)
        self.assertFalse(self.leg.stable)
        self.client.answer(200, HELD)
        self.assertEqual(self.words, [Answered(HELD)])
        self.assertEqual(self.layer.acks[-1].cseq.number, self.client.request.cseq.number)
        self.assertTrue(self.leg.stable)
        self.assertEqual(self.leg.remote_session, HELD)

    def test_repeated_2xx(self) -> None:
        """A repeated 2xx is acknowledged again."""
        self.leg.say(Changed(HOLD))
        self.client.answer(200, HELD)
        self.client.answer(200, HELD)
        self.assertEqual(len(self.layer.acks), 2)
        self.assertEqual(len(self.words), 1)

    def test_delayed_offer(self) -> None:
        """Without a session the peer is asked for an offer; the ACK waits for the answer (RFC 3725)."""
        self.leg.say(Changed(None))
        self.assertEqual(self.client.request.body, b"")
        self.client.answer(200, OFFER)
        self.assertEqual(self.words, [Answered(OFFER)])
        self.assertEqual(self.layer.acks, [])
        self.assertFalse(self.leg.stable)
        self.leg.say(Confirmed(ANSWER))
        self.assertIn(b"m=audio 6000", self.layer.acks[-1].body)
        self.assertTrue(self.leg.stable)

    def test_hung_up_before_ack(self) -> None:
        """If we hang up instead, the ACK refuses each stream, then BYE (RFC 6337 section 2.3)."""
        self.leg.say(Changed(None))
        self.client.answer(200, OFFER)
        self.leg.hang_up()
        self.assertIn(b"m=audio 0 ", self.layer.acks[-1].body)
        self.assertEqual(self.methods, ["INVITE", "BYE"])

    def test_refused(self) -> None:
        """A refusal is heard, and the session is as it was (section 14.1)."""
        before = self.leg.local_session
        self.leg.say(Changed(HOLD))
        self.client.answer(488)
        self.assertEqual(self.words, [Refused(488, "Not Acceptable Here")])
        self.assertEqual(self.leg.local_session, before)
        self.assertTrue(self.leg.stable)

    def test_redirected(self) -> None:
        """A redirection in the middle of a call is a refusal, and its target stays here."""
        self.leg.say(Changed(HOLD))
        self.client.answer(302, contact="", fields=[("Contact", "<sip:elsewhere@192.0.2.99>")])
        self.assertEqual(self.words, [Refused(488)])

    def test_undone(self) -> None:
        """A refusal after the answer in a reliable 1xx: the old session is offered again (RFC 6141 3.4)."""
        before = self.leg.local_session
        assert before is not None
        self.leg.say(Changed(HOLD))
        invite = self.client
        invite.answer(183, HELD, fields=[("Require", "100rel"), ("RSeq", "1")])
        invite.answer(488)
        self.assertEqual(self.words, [Refused(488, "Not Acceptable Here")])
        self.assertEqual(self.methods, ["INVITE", "PRACK", "UPDATE"])
        self.assertEqual(without_origin(self.client.request.body), without_origin(before))
        self.client.answer(200, OFFER)
        self.assertEqual(len(self.words), 1)
        self.assertTrue(self.leg.stable)

    def test_progress(self) -> None:
        """A 1xx to the peer's re-INVITE has no SDP, so that it can still be refused (RFC 6141 3.3)."""
        server = self.gets(self.leg, "INVITE", HOLD, fields=[("Supported", "100rel")])
        self.leg.say(Progress(183, "", HELD))
        self.assertEqual(server.last.body, b"")
        self.leg.say(Refused(488))
        self.assertEqual(server.codes, [100, 183, 488])

    def test_withdrawn(self) -> None:
        """What nobody wants any more is cancelled, and a 487 is no surprise (section 9.1)."""
        self.leg.say(Changed(HOLD))
        self.client.answer(100)
        self.leg.say(Withdrawn())
        self.assertEqual(self.client.cancels, [()])
        self.client.answer(487)
        self.assertEqual(self.words, [Refused(487)])
        self.assertTrue(self.leg.stable)

    def test_withdrawn_too_late(self) -> None:
        """A 2xx that crosses the CANCEL counts, and is acknowledged."""
        self.leg.say(Changed(HOLD))
        self.client.answer(100)
        self.leg.say(Withdrawn())
        self.client.answer(200, HELD)
        self.assertEqual(self.words, [Answered(HELD)])
        self.assertEqual(len(self.layer.acks), 1)

    def test_withdrawn_before_it_was_sent(self) -> None:
        """What waits for its turn is not sent at all."""
        server = self.gets(self.leg, "INVITE", HOLD)
        self.leg.say(Answered(HELD))
        self.leg.say(Changed(OFFER))
        self.leg.say(Withdrawn())
        self.assertEqual(self.word, Refused(487))
        self.acknowledge(self.leg)
        self.assertEqual((server.codes, self.methods), ([100, 200], []))

    def test_never_answered(self) -> None:
        """A re-INVITE that rings for a minute is cancelled, and the call goes on (section 9.1)."""
        self.leg.say(Changed(HOLD))
        self.client.answer(180)
        self.pump(59)
        self.client.answer(180)
        self.assertEqual(self.client.cancels, [])
        self.pump(1)
        self.assertEqual(self.client.cancels, [()])
        self.client.answer(408, local=True)
        self.assertEqual(self.words, [Refused(504)])
        self.assertTrue(self.leg.stable)

    def test_rings_through_a_refresh(self) -> None:
        """It rings no longer than leaves time for a refresh of the session (RFC 4028 section 10)."""
        timed = [("Session-Expires", "90;refresher=uas"), ("Supported", "timer")]
        leg = self.established(fields=timed)
        leg.say(Changed(HOLD))
        self.client.answer(180)
        self.pump(31)
        self.assertEqual(self.client.cancels, [()])

    def test_never_heard(self) -> None:
        """Without any response the peer is gone, whether we have cancelled or not (section 12.2.1.2)."""
        self.leg.say(Changed(HOLD))
        self.leg.say(Withdrawn())
        self.client.answer(408, local=True)
        self.assertEqual(self.word, HungUp("timeout"))

    def test_ends_with_the_dialog(self) -> None:
        """A BYE of either side leaves no re-INVITE behind that could ring for ever."""
        self.leg.say(Changed(HOLD))
        invite = self.client
        invite.answer(180)
        self.leg.hang_up()
        self.assertEqual(invite.cancels, [()])
        self.client.answer(200)
        invite.answer(408, local=True)
        self.assert_gone(self.leg)

    def test_gone(self) -> None:
        """A 481 or 408 means that the peer has lost the call: BYE (section 12.2.1.2)."""
        for code, local, why in ((481, False, "lost"), (408, False, "timeout"), (408, True, "timeout")):
            with self.subTest(code=code, local=local):
                self.setUp()
                self.leg.say(Changed(HOLD))
                self.client.answer(code, local=local)
                self.assertEqual(self.words, [HungUp(why)])
                self.assertEqual(self.methods, ["INVITE", "BYE"])

    def test_nobody_answers_the_offer(self) -> None:
        """The ACK is not owed for ever: it goes with BYE before the peer gives up (section 13.3.1.4)."""
        self.leg.say(Changed(None))
        self.client.answer(200, OFFER)
        self.pump(30)
        self.assertIn(b"m=audio 0 ", self.layer.acks[-1].body)
        self.assertEqual(self.methods, ["INVITE", "BYE"])
        self.assertEqual(self.word, HungUp("timeout"))

    def test_network_error(self) -> None:
        """A peer who cannot be reached any more is gone."""
        self.leg.say(Changed(HOLD))
        self.client.answer(503, local=True)
        self.assertEqual(self.words, [HungUp("lost")])

    def test_lost_with_connection(self) -> None:
        """What was lost with the connection is sent again when the phone is back."""
        self.leg.say(Changed(HOLD))
        self.leg.flow_lost(PHONE)
        self.client.answer(503, local=True)
        self.pump(1)
        self.assertEqual(self.methods, ["INVITE"])
        self.comes_back(self.leg)
        self.assertEqual(self.methods, ["INVITE", "INVITE"])
        self.assertEqual(self.layer.targets[-1], OTHER)
        self.client.answer(200, HELD)
        self.assertEqual(self.words, [Answered(HELD)])

    def test_stays_away(self) -> None:
        """A phone that lost its connection and does not come back within 64*T1 has lost the call."""
        self.layer.located = Flow("TCP", PHONE.local, PHONE.remote, 9)
        self.leg.say(Changed(HOLD))
        self.leg.flow_lost(PHONE)
        while self.client.request.method == "INVITE":
            self.client.answer(503, local=True)
            self.pump(6)
            self.assertLess(self.clock.seconds(), 40)
        self.assertEqual(self.words, [HungUp("lost")])
        self.assertGreater(self.clock.seconds(), 24)

    def test_moves_within(self) -> None:
        """A phone that has got another port gets there what is still open."""
        self.leg.say(Changed(HOLD))
        self.comes_back(self.leg)
        self.assertEqual((self.methods, self.client.flow), (["INVITE"], OTHER))
        self.client.answer(200, HELD)
        self.assertEqual(self.words, [Answered(HELD)])

    def test_hung_up_within(self) -> None:
        """When we hang up while it is open, a late 2xx is still acknowledged (section 13.2.2.4)."""
        self.leg.say(Changed(HOLD))
        invite = self.client
        self.leg.hang_up()
        self.assertEqual(self.methods, ["INVITE", "BYE"])
        invite.answer(200, HELD)
        self.assertEqual(len(self.layer.acks), 1)
        self.client.answer(200)
        self.assert_gone(self.leg)

    def test_bye_within(self) -> None:
        """So it is when the peer does."""
        self.leg.say(Changed(HOLD))
        invite = self.client
        self.gets(self.leg, "BYE")
        invite.answer(200, HELD)
        self.assertEqual(len(self.layer.acks), 1)
        self.assertEqual(self.heard, ["HungUp"])
        self.assert_gone(self.leg)

    def test_waits_for_ack(self) -> None:
        """While the ACK for our 2xx is missing, no re-INVITE goes out (RFC 6337 UAC-II)."""
        self.gets(self.leg, "INVITE", HOLD)
        self.leg.say(Answered(HELD))
        self.leg.say(Changed(ANSWER))
        self.assertEqual(self.methods, [])
        self.acknowledge(self.leg)
        self.assertEqual(self.methods, ["INVITE"])

    def test_identity(self) -> None:
        """A new identity alone goes in an UPDATE without an offer, if the peer takes that."""
        self.leg.say(Changed(None, (("P-Asserted-Identity", "<sip:103@example.com>"),), identity_only=True))
        self.assertEqual(self.methods, ["UPDATE"])
        self.assertEqual(self.client.request.body, b"")
        self.client.answer(200)
        self.assertEqual(self.words, [Answered(None)])

    def test_identity_without_update(self) -> None:
        """Otherwise in a re-INVITE that repeats the session unchanged."""
        leg = self.leg
        leg.peer_allows = frozenset({"INVITE"})
        before = leg.local_session
        leg.say(Changed(None, (("P-Asserted-Identity", "<sip:103@example.com>"),), identity_only=True))
        self.assertEqual(self.methods, ["INVITE"])
        self.assertEqual(self.client.request.body, before)
        self.client.answer(200, OFFER)
        self.assertEqual(self.words, [Answered(None)])

    def test_update_not_taken(self) -> None:
        """A peer who announced UPDATE but refuses it with 501 gets a re-INVITE (RFC 5057 note 3)."""
        self.leg.say(Changed(None, (("P-Asserted-Identity", "<sip:103@example.com>"),), identity_only=True))
        self.client.answer(501)
        self.assertEqual(self.methods, ["UPDATE", "INVITE"])
        self.client.answer(200, OFFER)
        self.assertEqual(self.words, [Answered(None)])


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


class IdentityTests(LegCase):
    """Connected identity within the dialog (RFC 4916, RFC 3325)."""

    def test_update(self) -> None:
        """A trusted peer's new identity is heard; its UPDATE is answered at once (RFC 3311 section 5.2)."""
        from b2bua.legs.party import Policy

        leg = self.established(policy=Policy(trusted=True, session_expires=0))
        field = ("P-Asserted-Identity", "<sip:103@example.com>")
        server = self.gets(leg, "UPDATE", fields=[field])
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.words, [Changed(None, (field,), identity_only=True)])
        leg.say(Answered(None))
        self.assertEqual(server.codes, [200])

    def test_changed_from(self) -> None:
        """A From that changes is accepted: only tags count (RFC 4916 section 4.2)."""
        leg = self.established()
        request = self.request(leg, "UPDATE")
        changed = request.with_fields(
            remove=("From",), add=(("From", "<sip:someone.else@example.com>;tag=caller"),)
        )
        server = FakeServer(changed)
        leg.request_received(server.request, server)
        self.assertEqual(server.codes, [200])


class GlareTests(LegCase):
    """Both sides want to change at once (section 14)."""

    def setUp(self) -> None:
        """Establish a call that the peer began."""
        super().setUp()
        self.leg = self.established()

    def test_ours_is_open(self) -> None:
        """While our re-INVITE is open the peer's gets 491 (section 14.2)."""
        self.leg.say(Changed(HOLD))
        self.assertEqual(self.gets(self.leg, "INVITE", HOLD).codes, [491])
        self.assertEqual(self.words, [])

    def test_theirs_is_open(self) -> None:
        """While the peer's is open another one gets 500 with Retry-After of 0 to 10 (section 14.2)."""
        self.gets(self.leg, "INVITE", HOLD)
        server = self.gets(self.leg, "INVITE", HOLD)
        self.assertEqual(server.codes, [500])
        self.assertIn(server.last.retry_after, range(11))

    def test_ack_is_missing(self) -> None:
        """The same goes while the ACK is missing (RFC 6337 UAS-IsI)."""
        self.gets(self.leg, "INVITE", HOLD)
        self.leg.say(Answered(HELD))
        self.assertEqual(self.gets(self.leg, "INVITE", HOLD).codes, [500])

    def test_updates(self) -> None:
        """UPDATEs cross in the same way (RFC 3311 section 5.2)."""
        self.gets(self.leg, "UPDATE", HOLD)
        self.assertEqual(self.gets(self.leg, "UPDATE", HOLD).codes, [500])
        self.assertEqual(self.gets(self.leg, "INVITE", HOLD).codes, [500])
        self.leg.say(Answered(HELD))
        self.leg.say(Changed(None, (("P-Asserted-Identity", "<sip:1@example.com>"),), identity_only=True))
        self.assertEqual(self.gets(self.leg, "INVITE", HOLD).codes, [491])

    def test_retry(self) -> None:
        """A 491 is not heard: who does not own the Call-ID tries again within 2 seconds (section 14.1)."""
        self.leg.say(Changed(HOLD))
        self.client.answer(491)
        self.assertEqual(self.words, [])
        self.assertEqual(self.methods, ["INVITE"])
        self.pump(2.25)
        self.assertEqual(self.methods, ["INVITE", "INVITE"])
        self.client.answer(200, HELD)
        self.assertEqual(self.words, [Answered(HELD)])

    def test_retry_is_the_same_offer(self) -> None:
        """What is sent again is the same session, under the next version."""
        self.leg.say(Changed(HOLD))
        first = self.client.request.body
        self.client.answer(491)
        self.pump(2.25)
        self.assertEqual(without_origin(self.client.request.body), without_origin(first))

    def test_peer_comes_first(self) -> None:
        """If the peer's re-INVITE comes while we wait, ours is given up with 491 to who asked for it."""
        self.leg.say(Changed(HOLD))
        self.client.answer(491)
        self.gets(self.leg, "INVITE", HELD)
        self.assertEqual(self.words, [Refused(491, "", (), local=True), Changed(HELD)])
        self.leg.say(Answered(ANSWER))
        self.acknowledge(self.leg)
        self.pump(5)
        self.assertEqual(self.methods, ["INVITE"])

    def test_retry_after(self) -> None:
        """A 500 with Retry-After is tried again after that time (section 14.2)."""
        self.leg.say(Changed(HOLD))
        self.client.answer(500, fields=[("Retry-After", "3")])
        self.pump(2.75)
        self.assertEqual(self.methods, ["INVITE"])
        self.pump(0.5)
        self.assertEqual(self.methods, ["INVITE", "INVITE"])

    def test_overtaken(self) -> None:
        """A 500 because a later request came first is no refusal: it goes again (section 12.2.2)."""
        self.leg.say(Changed(HOLD))
        change = self.client
        self.leg.say(Requested("INFO", 1))
        change.answer(500)
        self.assertEqual(self.methods, ["INVITE", "INFO", "INVITE"])
        self.assertEqual(self.words, [])
        self.client.answer(500)
        self.assertEqual(self.heard, ["Refused"])

    def test_newer_waits(self) -> None:
        """A newer change that waits takes the place of one that has met glare, and waits as long."""
        self.leg.say(Changed(HOLD))
        first = self.client
        self.leg.say(Changed(OFFER))
        first.answer(491)
        self.assertEqual(self.words, [Refused(491, "", (), local=True)])
        self.assertEqual(len(self.methods), 1)
        self.pump(4)
        self.assertEqual(self.methods, ["INVITE", "INVITE"])
        self.assertIn(b"a=sendrecv", self.client.request.body)

    def test_long_retry_after(self) -> None:
        """One that is longer than glare ever is, is a refusal."""
        self.leg.say(Changed(HOLD))
        self.client.answer(500, fields=[("Retry-After", "60")])
        self.assertEqual(self.heard, ["Refused"])

    def test_hopeless(self) -> None:
        """A peer who answers 491 for ever is given up."""
        self.leg.say(Changed(HOLD))
        for _ in range(20):
            if self.words:
                break
            self.client.answer(491)
            self.pump(4)
        self.assertEqual(self.words, [Refused(491, "Request Pending")])
        self.assertEqual(len(self.methods), 6)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hung_up_while_waiting(self) -> None:
        """Hanging up forgets the change that waits."""
        self.leg.say(Changed(HOLD))
        self.client.answer(491)
        self.leg.hang_up()
        self.client.answer(200)
        self.assert_gone(self.leg)


class OwnerTests(LegCase):
    """The owner of the Call-ID."""

    fields: tuple[Field, ...] = ()

    def test_band(self) -> None:
        """Who made the Call-ID waits 2.1 to 4 seconds after a 491 (section 14.1)."""
        leg = self.answered()
        leg.say(Changed(HOLD))
        self.client.answer(491)
        self.pump(2)
        self.assertEqual(self.methods, ["INVITE", "INVITE"])
        self.pump(2)
        self.assertEqual(self.methods, ["INVITE", "INVITE", "INVITE"])

    def test_spread(self) -> None:
        """The times are spread over their band in steps of 10 ms."""
        leg = self.answered()
        seen = set()
        for _ in range(30):
            leg.say(Changed(HOLD))
            self.client.answer(491)
            (call,) = self.clock.getDelayedCalls()
            seen.add(round(call.getTime() - self.clock.seconds(), 2))
            self.pump(4)
            self.client.answer(200, HELD)
        self.assertTrue(all(2.1 <= seconds <= 4 for seconds in seen), seen)
        self.assertGreater(len(seen), 10)
