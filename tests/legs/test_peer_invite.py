"""A leg that a phone opens: from its INVITE to the end."""

from __future__ import annotations

from b2bua.legs.leg import LegState
from b2bua.legs.words import Answered, Confirmed, HungUp, Moved, Offered, Progress, Refused, Ringing
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from tests.legs.layer import ANSWER, OFFER, OTHER, PHONE, LegCase


class OfferedTests(LegCase):
    """The first INVITE."""

    def test_trying(self) -> None:
        """A 100 goes out at once, before anything is known of the callee (RFC 3261 section 17.2.1)."""
        self.incoming()
        self.assertEqual(self.server.codes, [100])

    def test_offered(self) -> None:
        """The call hears the offer, and how many hops are left (RFC 7332 section 5)."""
        self.incoming()
        self.assertEqual(self.words, [Offered(OFFER, (), 69)])

    def test_long_allow(self) -> None:
        """Of a list of methods without an end the first are read, so that a leg keeps no more."""
        leg = self.incoming(allow="INVITE, UPDATE, " + ",".join(f"X{number}" for number in range(1000)))
        self.assertEqual([leg.allows(method) for method in ("INVITE", "UPDATE", "X999")], [True, True, False])
        assert leg.peer_allows is not None
        self.assertLess(len(leg.peer_allows), 300)

    def test_flow_is_remembered(self) -> None:
        """In-dialog requests to a phone go the way its INVITE came (RFC 5626 section 5.3)."""
        leg = self.established()
        leg.hang_up()
        self.assertEqual(self.layer.targets, [PHONE])


class AnswerTests(LegCase):
    """What the callee does, told to the caller."""

    def test_ringing(self) -> None:
        """A 180 makes the early dialog: a To tag and a Contact of ours (RFC 3261 section 12.1.1)."""
        leg = self.incoming()
        leg.say(Ringing())
        self.assertEqual(self.server.codes, [100, 180])
        self.assertTrue(self.server.last.to.tag)
        self.assertEqual(str(self.server.last.contacts[0].uri), "sip:102@192.0.2.1:5060")
        self.assertTrue(leg.ringing)

    def test_answered(self) -> None:
        """The answer goes out under an o= line of our own (RFC 3264 section 5)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.assertEqual(self.server.codes, [100, 200])
        self.assertIn("100rel", self.server.last.supported)  # RFC 3261 section 20.37
        body = self.server.last.body
        self.assertNotIn(b"o=phone", body)
        self.assertIn(b"m=audio 6000", body)
        self.assertIs(leg.state, LegState.ANSWERED)

    def test_confirmed(self) -> None:
        """The ACK makes the session stand; nothing waits any more."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.acknowledge(leg)
        self.assertEqual(self.word, Confirmed(None))
        self.assertTrue(leg.stable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_when_stable(self) -> None:
        """Who waits for the leg to be stable is called once, when the ACK has come."""
        leg, seen = self.incoming(), list[bool]()
        leg.say(Answered(ANSWER))
        leg.when_stable = lambda: seen.append(leg.stable)
        self.pump(1)
        self.assertEqual(seen, [])
        self.acknowledge(leg)
        self.gets(leg, "INVITE", OFFER)
        leg.say(Answered(ANSWER))
        self.acknowledge(leg)
        self.assertEqual((seen, leg.seldom), ([True], None))

    def test_retransmitted_2xx(self) -> None:
        """The 2xx is sent again from T1, doubling up to T2, until the ACK comes (section 13.3.1.4)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.pump(11.5)
        self.assertEqual(self.server.codes.count(200), 1 + 5)
        self.acknowledge(leg)
        self.pump(30)
        self.assertEqual(self.server.codes.count(200), 6)

    def test_no_ack(self) -> None:
        """Without an ACK for 64*T1 the session is ended with a BYE (section 13.3.1.4)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.pump(32)
        self.assertEqual(self.methods, ["BYE"])
        self.assertEqual(self.word, HungUp("timeout"))
        self.client.answer(200)
        self.assert_gone(leg)

    def test_timers_of_the_peer(self) -> None:
        """The 2xx to a peer with a T1 and T2 of its own goes by these, from the first to the last."""
        self.layer.timers[PHONE] = TimerValues(t1=2.0, t2=8.0)
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.pump(31)
        self.assertEqual(self.server.codes.count(200), 1 + 5)  # at 2, 6, 14, 22, 30
        self.assertEqual(self.methods, [])
        self.pump(97)
        self.assertEqual(self.methods, ["BYE"])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_refused(self) -> None:
        """A refusal is passed on and ends the leg."""
        leg = self.incoming()
        leg.say(Refused(486))
        self.assertEqual(self.server.codes, [100, 486])
        self.assert_gone(leg)

    def test_moved(self) -> None:
        """A redirection brings the new targets in Contact (section 8.3)."""
        leg = self.incoming()
        leg.say(Moved(302, ("<sip:103@example.com>",)))
        self.assertEqual(self.server.last.code, 302)
        self.assertEqual([str(c) for c in self.server.last.contacts], ["<sip:103@example.com>"])
        self.assert_gone(leg)

    def test_progress(self) -> None:
        """A 183 carries early media, and its SDP is repeated in a 2xx without (RFC 6337 section 3.1.1)."""
        leg = self.incoming()
        leg.say(Progress(183, session=ANSWER))
        preview = self.server.last.body
        leg.say(Answered(None))
        self.assertEqual(self.server.last.body, preview)

    def test_long_ringing(self) -> None:
        """A provisional response is repeated each minute (RFC 3261 section 13.3.1.1)."""
        leg = self.incoming()
        leg.say(Ringing())
        self.clock.pump([1.0] * 125)
        self.assertEqual(self.server.codes, [100, 180, 180, 180])
        leg.say(Refused(480))
        self.assert_gone(leg)


class CancelTests(LegCase):
    """The caller gives up."""

    def test_cancelled(self) -> None:
        """A CANCEL makes the INVITE end with 487 (section 9.2); its Reason is heard (RFC 3326)."""
        leg = self.incoming()
        leg.say(Ringing())
        reason = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
        self.cancel(leg, (reason,))
        self.assertEqual(self.server.codes, [100, 180, 487])
        self.assertEqual(self.word, HungUp("cancel", (reason,)))
        self.assert_gone(leg)

    def test_too_late(self) -> None:
        """A CANCEL after the 2xx has no effect (section 9.2)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.cancel(leg)
        self.assertEqual(self.server.codes, [100, 200])
        self.assertIs(leg.state, LegState.ANSWERED)

    def test_answer_after_cancel(self) -> None:
        """What the callee does after that is absorbed."""
        leg = self.incoming()
        self.cancel(leg)
        leg.say(Answered(ANSWER))
        leg.say(HungUp())
        self.assertEqual(self.server.codes, [100, 487])

    def test_hung_up_before_answer(self) -> None:
        """When our side gives up, it is a refusal but no 487, which is for a CANCEL."""
        leg = self.incoming()
        leg.say(HungUp("timeout"))
        self.assertEqual(self.server.codes, [100, 480])
        self.assert_gone(leg)


class ByeTests(LegCase):
    """The end of a session."""

    def test_received(self) -> None:
        """A BYE gets 200, and its Reason is heard."""
        leg = self.established()
        server = self.gets(leg, "BYE", fields=[("Reason", "Q.850;cause=16")])
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.words, [HungUp("bye", (("Reason", "Q.850;cause=16"),))])
        self.assert_gone(leg)

    def test_sent(self) -> None:
        """A BYE of ours has a CSeq of our own, the peer's Contact as its target, and its tags."""
        leg = self.established()
        leg.hang_up(fields=(("Reason", "Q.850;cause=16"),))
        bye = self.client.request
        self.assertEqual(bye.method, "BYE")
        self.assertEqual(bye.uri, "sip:alice@198.51.100.7:5060")
        self.assertEqual(bye.to.tag, "caller")
        self.assertEqual(bye.get("Reason"), "Q.850;cause=16")
        self.client.answer(200)
        self.assertEqual(self.words, [])
        self.assert_gone(leg)

    def test_waits_for_ack(self) -> None:
        """The callee sends no BYE before the ACK for its 2xx has come (RFC 3261 section 15)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        leg.hang_up()
        self.assertEqual(self.methods, [])
        self.acknowledge(leg)
        self.assertEqual(self.methods, ["BYE"])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_waits_for_ack_in_vain(self) -> None:
        """If no ACK comes the BYE goes when the 2xx is given up (section 15)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        leg.hang_up()
        self.pump(32)
        self.assertEqual(self.methods, ["BYE"])
        self.client.answer(408, local=True)
        self.assert_gone(leg)

    def test_overtakes_ack(self) -> None:
        """A BYE that comes before the ACK ends the call; the 2xx goes on until its ACK (section 13.3.1.4)."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        server = self.gets(leg, "BYE")
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.word, HungUp("bye"))
        self.pump(0.5)
        self.assertEqual(self.server.codes, [100, 200, 200])
        self.acknowledge(leg, cseq=100)
        self.assertEqual(self.heard, ["Offered", "HungUp"])
        self.assert_gone(leg)

    def test_instead_of_ack(self) -> None:
        """If no ACK comes after the BYE, it ends with the last repetition, and no BYE of ours."""
        leg = self.incoming()
        leg.say(Answered(ANSWER))
        self.gets(leg, "BYE")
        self.pump(32)
        self.assertEqual(self.methods, [])
        self.assert_gone(leg)

    def test_crossing(self) -> None:
        """Both hang up at once: each BYE gets 200."""
        leg = self.established()
        leg.hang_up()
        server = self.gets(leg, "BYE")
        self.assertEqual(server.codes, [200])
        self.client.answer(481)
        self.assert_gone(leg)

    def test_no_answer(self) -> None:
        """A peer who does not answer the BYE is gone all the same (section 15.1.1)."""
        leg = self.established()
        leg.hang_up()
        self.client.answer(408, local=True)
        self.assert_gone(leg)

    def test_lost_with_connection(self) -> None:
        """A BYE that was lost with the connection is sent when the phone is back by another."""
        tcp = Flow("TCP", PHONE.local, PHONE.remote, 3)
        leg = self.established(flow=tcp)
        leg.hang_up()
        leg.flow_lost(tcp)
        self.client.answer(503, local=True)
        self.pump(3)
        self.assertEqual(self.methods, ["BYE"])
        self.comes_back(leg)
        self.assertEqual(self.methods, ["BYE", "BYE"])
        self.assertEqual(self.layer.targets, [tcp, OTHER])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_stays_away(self) -> None:
        """A phone that does not come back gets its BYE by its Contact every 4 seconds, for 64*T1."""
        leg = self.established(flow=Flow("TCP", PHONE.local, PHONE.remote, 3))
        leg.hang_up()
        leg.flow_lost(Flow("TCP", PHONE.local, PHONE.remote, 3))
        while not self.gone:
            self.client.answer(503, local=True)
            self.pump(4)
            self.assertLess(self.clock.seconds(), 40)
        self.assertEqual(set(self.methods), {"BYE"})
        self.assertEqual(len(self.methods), 9)
        self.assert_gone(leg)

    def test_hangs_up_while_away(self) -> None:
        """A phone that comes back with a BYE of its own needs none of ours."""
        tcp = Flow("TCP", PHONE.local, PHONE.remote, 3)
        leg = self.established(flow=tcp)
        leg.hang_up()
        leg.flow_lost(tcp)
        self.client.answer(503, local=True)
        self.assertEqual(self.gets(leg, "BYE").codes, [200])
        self.assert_gone(leg)

    def test_early(self) -> None:
        """A caller may end an early dialog with BYE; its INVITE then gets 487 (sections 15, 15.1.2)."""
        leg = self.incoming()
        leg.say(Ringing())
        server = self.gets(leg, "BYE")
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.server.codes, [100, 180, 487])
        self.assertEqual(self.word, HungUp("bye"))
        self.assert_gone(leg)
