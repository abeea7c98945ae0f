"""We change the session, by re-INVITE or UPDATE (RFC 3261 section 14.1, RFC 3311, RFC 4916)."""

from __future__ import annotations

from b2bua.legs.words import Answered, Changed, Confirmed, HungUp, Progress, Refused, Withdrawn
from b2bua.transactions.flow import Flow
from b2bua.wire.sdp import without_origin
from tests.legs.layer import ANSWER, OFFER, OTHER, PHONE, FakeServer, LegCase, sdp

HOLD = sdp(direction="sendonly", version=2)
HELD = sdp("198.51.100.8", 6000, direction="recvonly", version=2)
MOVED = "<sip:alice@198.51.100.77:5060>"


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

    def test_hung_up_before_offer(self) -> None:
        """An offer may come when our BYE was answered: its ACK has our o= line yet (RFC 3264 section 8)."""
        ours = self.server.last.body.splitlines()[1].split()
        self.leg.say(Changed(None))
        invite = self.client
        self.leg.hang_up()
        self.client.answer(200)
        invite.answer(200, OFFER)
        body = self.layer.acks[-1].body
        self.assertIn(b"m=audio 0 ", body)
        name, session, version, *address = body.splitlines()[1].split()
        self.assertEqual([name, session, *address], [*ours[:2], *ours[3:]])
        self.assertEqual(int(version), int(ours[2]) + 1)

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
