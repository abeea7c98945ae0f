"""A REFER within a leg, and the news about it (RFC 3515, RFC 6665)."""

from __future__ import annotations

from typing import Any

from b2bua.legs.leg import Leg
from b2bua.legs.party import Identity
from b2bua.legs.refer import PeerRefer
from b2bua.legs.words import HungUp, Referred
from b2bua.wire.message import Request
from tests.legs.layer import ANSWER, FakeClient, FakeServer, LegCase

CAROL = ("Refer-To", "<sip:103@example.com>")


class ReferCase(LegCase):
    """An established call whose peer refers us to somebody."""

    def setUp(self) -> None:
        """Establish the call."""
        super().setUp()
        self.leg = self.established()

    def refer(
        self,
        *fields: tuple[str, str],
        leg: Leg | None = None,
        contact: str = "<sip:alice@198.51.100.7:5060>",
    ) -> PeerRefer:
        """Let the peer refer us."""
        self.answer = self.gets(leg or self.leg, "REFER", fields=fields or (CAROL,), contact=contact)
        word = self.word
        assert isinstance(word, Referred)
        referral = word.referral
        assert isinstance(referral, PeerRefer)
        return referral

    @property
    def notifies(self) -> list[tuple[str, str, str]]:
        """Event, state and status of each NOTIFY of ours."""
        return [
            (
                client.request.get("Event") or "",
                client.request.get("Subscription-State") or "",
                client.request.body.decode().strip(),
            )
            for client in self.layer.clients
            if client.request.method == "NOTIFY"
        ]


class ReferTests(ReferCase):
    """The request itself."""

    def test_heard(self) -> None:
        """The call hears who is meant; nothing is answered before somebody decides."""
        referral = self.refer()
        self.assertEqual(referral.refer_to.uri_text, "sip:103@example.com")
        self.assertIsNone(referral.replaces)
        self.assertEqual(self.answer.codes, [])
        referral.refuse(603)

    def test_replaces(self) -> None:
        """Replaces in the URI is unescaped (RFC 3891 section 6.1)."""
        referral = self.refer(
            ("Refer-To", "<sip:103@example.com?Replaces=c%40h%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>")
        )
        replaces = referral.replaces
        assert replaces is not None
        self.assertEqual((replaces.call_id, replaces.to_tag, replaces.from_tag), ("c@h", "ours", "theirs"))
        referral.refuse(603)

    def test_no_refer_to(self) -> None:
        """A REFER without Refer-To gets 400 (RFC 3515 section 2.4.2)."""
        server = self.gets(self.leg, "REFER")
        self.assertEqual(server.codes, [400])
        self.assertEqual(self.words, [])

    def test_two_refer_to(self) -> None:
        """A REFER with two targets gets 400 (RFC 3515 section 2.4.2)."""
        server = self.gets(
            self.leg, "REFER", fields=[("Refer-To", "<sip:1@example.com>, <sip:2@example.com>")]
        )
        self.assertEqual(server.codes, [400])

    def test_scheme(self) -> None:
        """A target that cannot be called is refused."""
        server = self.gets(self.leg, "REFER", fields=[("Refer-To", "<http://example.com/>")])
        self.assertEqual(server.codes, [416])

    def test_method(self) -> None:
        """A REFER to something else than a call is not carried out (RFC 3515 section 2.1)."""
        server = self.gets(self.leg, "REFER", fields=[("Refer-To", "<sip:103@example.com;method=BYE>")])
        self.assertEqual(server.codes, [501])

    def test_referred_by(self) -> None:
        """Referred-By is passed on as it is, or made of who the transferor is (RFC 3892 section 2.2)."""
        mine = self.refer(CAROL, ("Referred-By", "<sip:alice@example.com>;cid=1@h"))
        self.assertEqual(mine.passed_on(self.leg), (("Referred-By", "<sip:alice@example.com>;cid=1@h"),))
        mine.refuse(603)
        none = self.refer()
        self.assertEqual(none.passed_on(self.leg), ())
        self.leg.identity = Identity("Alice", "sip:101@example.com")
        self.assertEqual(none.passed_on(self.leg), (("Referred-By", "<sip:101@example.com>"),))
        none.refuse(603)

    def test_refused(self) -> None:
        """A refusal makes no subscription, and the call goes on (RFC 5057 section 5.6)."""
        self.refer().refuse(603)
        self.assertEqual(self.answer.codes, [603])
        self.assertEqual(self.methods, [])
        self.assertTrue(self.leg.stable)

    def test_undecided(self) -> None:
        """It is answered before the sender's Timer F, and not with 408 (RFC 4320 section 4.1)."""
        self.refer()
        self.pump(28)
        self.assertEqual(self.answer.codes, [500])

    def test_within_an_early_dialog(self) -> None:
        """A REFER that overtakes the 2xx is in the same dialog, which goes on after its refusal."""
        leg = self.outgoing()
        self.client.answer(183, ANSWER)
        referral = self.refer(leg=leg)
        self.client.answer(200, ANSWER)
        referral.refuse(603)
        self.assertEqual(self.gets(leg, "BYE").codes, [200])


class NotifyTests(ReferCase):
    """The subscription that an accepted REFER makes."""

    def test_first_notify(self) -> None:
        """A NOTIFY of 100 follows at once, and says when it ends (RFC 3515 2.4.4, RFC 6665 4.2.2)."""
        self.refer().accept()
        self.assertEqual(self.answer.codes, [202])
        self.assertEqual(self.notifies, [("refer", "active;expires=300", "SIP/2.0 100 Trying")])
        self.assertEqual(self.client.request.content_type, "message/sipfrag")

    def test_final_notify(self) -> None:
        """The last one says terminated;reason=noresource (RFC 3515 section 2.4.7)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        referral.notify(200)
        self.assertEqual(self.notifies[-1], ("refer", "terminated;reason=noresource", "SIP/2.0 200 OK"))
        self.client.answer(200)
        self.assertTrue(referral.ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_at_a_time(self) -> None:
        """The next NOTIFY waits for the answer to the one before, so that none is overtaken."""
        referral = self.refer()
        referral.accept()
        referral.notify(200)
        self.assertEqual(len(self.notifies), 1)
        self.client.answer(200)
        self.assertEqual(len(self.notifies), 2)

    def test_rate(self) -> None:
        """There is no more than one NOTIFY a second, but for the last (RFC 3515 section 3.10)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        referral.notify(180)
        referral.notify(183)
        self.assertEqual(len(self.notifies), 1)
        self.pump(1)
        self.assertEqual(self.notifies[-1][2], "SIP/2.0 183 Session Progress")
        self.assertEqual(len(self.notifies), 2)

    def test_second_refer(self) -> None:
        """The second REFER of a dialog is told apart by its CSeq (RFC 3515 section 2.4.6)."""
        first = self.refer()
        first.accept()
        self.client.answer(200)
        first.notify(486)
        self.client.answer(200)
        second = self.refer()
        second.accept()
        self.assertEqual(self.notifies[-1][0], f"refer;id={self.cseq}")
        self.assertEqual(first.leg.refers, (second,))

    def test_without_subscription(self) -> None:
        """Refer-Sub: false is granted and confirmed (RFC 4488 section 4)."""
        referral = self.refer(CAROL, ("Refer-Sub", "false"))
        referral.accept()
        self.assertEqual(self.answer.last.get("Refer-Sub"), "false")
        referral.notify(200)
        self.assertEqual(self.methods, [])
        self.assertTrue(referral.ended)

    def test_outlives_bye(self) -> None:
        """A BYE ends the call only; the NOTIFYs go on in the dialog (RFC 5057 section 4, RFC 5359 2.4)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        self.gets(self.leg, "BYE")
        self.assertEqual(self.word, HungUp("bye"))
        self.assertEqual(self.gone, [])
        referral.notify(200)
        self.assertEqual(self.notifies[-1][1], "terminated;reason=noresource")
        self.client.answer(200)
        self.assert_gone(self.leg)

    def test_never_overtakes_our_bye(self) -> None:
        """A NOTIFY waits for the answer to our BYE: the peer refuses what comes late (RFC 3261 12.2.2)."""
        referral = self.refer()
        referral.accept()
        self.leg.hang_up()
        bye = self.client
        referral.notify(200)
        self.layer.clients[0].answer(200)
        self.assertEqual(self.methods, ["NOTIFY", "BYE"])
        bye.answer(200)
        self.assertEqual(self.methods, ["NOTIFY", "BYE", "NOTIFY"])
        self.client.answer(200)
        self.assert_gone(self.leg)

    def test_bye_before_decision(self) -> None:
        """A transferor who hangs up before the answer still gets one."""
        referral = self.refer()
        self.gets(self.leg, "BYE")
        referral.accept()
        self.assertEqual(self.answer.codes, [202])
        referral.notify(200)
        self.client.answer(200)
        self.client.answer(200)
        self.assert_gone(self.leg)

    def test_target_refresh(self) -> None:
        """The Contact of a REFER moves the target of the call as well (RFC 5057 section 5.4)."""
        self.refer(contact="<sip:alice@198.51.100.99:5060>").accept()
        self.assertEqual(self.client.request.uri, "sip:alice@198.51.100.99:5060")
        self.client.answer(200, contact="<sip:alice@198.51.100.100:5060>")
        self.leg.hang_up()
        self.assertEqual(self.client.request.uri, "sip:alice@198.51.100.100:5060")

    def test_481(self) -> None:
        """A 481 to a NOTIFY ends the subscription and nothing else (RFC 5057 section 5.1)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(481)
        self.assertTrue(referral.ended)
        referral.notify(200)
        self.assertEqual(len(self.notifies), 1)
        self.assertTrue(self.leg.answered)

    def test_no_answer(self) -> None:
        """A timeout of a NOTIFY ends the subscription only (RFC 6665 section 4.2.2, RFC 5057 5.2)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(408, local=True)
        self.assertTrue(referral.ended)
        self.assertTrue(self.leg.answered)

    def test_expires(self) -> None:
        """When its time is up it ends with reason timeout; what it told of goes on."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        self.clock.advance(300)
        self.assertEqual(self.notifies[-1][1], "terminated;reason=timeout")
        self.client.answer(200)
        self.assertTrue(referral.ended)


class SubscribeTests(ReferCase):
    """SUBSCRIBE within the subscription."""

    def subscribe(self, expires: int, event: str = "refer") -> FakeServer:
        """Let the peer refresh."""
        return self.gets(self.leg, "SUBSCRIBE", fields=[("Event", event), ("Expires", str(expires))])

    def test_refreshed(self) -> None:
        """A refresh gets 200 and a NOTIFY at once, for no longer than was asked (RFC 6665 section 4.2.1)."""
        self.refer().accept()
        self.client.answer(200)
        server = self.subscribe(60)
        self.assertEqual(server.codes, [200])
        self.assertEqual(server.last.expires, 60)
        self.assertEqual(self.notifies[-1][1], "active;expires=60")

    def test_ended(self) -> None:
        """Expires 0 ends it, with a last NOTIFY (RFC 6665 section 4.1.2.3)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        self.assertEqual(self.subscribe(0).codes, [200])
        self.assertEqual(self.notifies[-1][1], "terminated;reason=timeout")
        self.client.answer(200)
        self.assertTrue(referral.ended)

    def test_ended_meanwhile(self) -> None:
        """One that ends while a NOTIFY is on its way has its last one after that, too."""
        referral = self.refer()
        referral.accept()
        self.assertEqual(self.subscribe(0).codes, [200])
        self.client.answer(200)
        self.assertEqual(self.notifies[-1][1], "terminated;reason=timeout")
        self.assertFalse(referral.ended)
        self.client.answer(200)
        self.assertTrue(referral.ended)

    def test_after_the_end(self) -> None:
        """Once the last NOTIFY is out there is no subscription: 481, and no news after it (section 4.4.1)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        referral.notify(486)
        last = self.notifies[-1]
        self.assertEqual(self.subscribe(0).codes, [481])
        self.assertEqual(self.notifies[-1], last)
        self.client.answer(200)
        self.assertTrue(referral.ended)

    def test_current_state(self) -> None:
        """What a refresh brings is the state that is current, not that of the start (section 4.2.1.2)."""
        referral = self.refer()
        referral.accept()
        self.client.answer(200)
        self.clock.advance(1)
        referral.notify(180)
        self.client.answer(200)
        self.subscribe(60)
        self.assertEqual(self.notifies[-1][2], "SIP/2.0 180 Ringing")
        self.client.answer(200)
        self.clock.advance(60)
        self.assertEqual(self.notifies[-1][1:], ("terminated;reason=timeout", "SIP/2.0 180 Ringing"))

    def test_overtaken_end(self) -> None:
        """An end that waits for the answer to a NOTIFY is what a refresh brings: one at a time."""
        referral = self.refer()
        referral.accept()
        referral.notify(486)
        self.assertEqual(self.subscribe(60).codes, [200])
        self.assertEqual(len(self.notifies), 1)
        self.client.answer(200)
        self.assertEqual(len(self.notifies), 2)
        self.assertEqual(self.notifies[-1][1:], ("terminated;reason=noresource", "SIP/2.0 486 Busy Here"))
        self.client.answer(200)
        self.assertTrue(referral.ended)

    def test_unknown(self) -> None:
        """Only REFER makes such a subscription: else it is 403 (RFC 3515 section 2.4.4)."""
        self.assertEqual(self.subscribe(60).codes, [403])

    def test_other_package(self) -> None:
        """Another package gets 489 within a call (RFC 6665 section 4.2.1.1)."""
        self.assertEqual(self.subscribe(60, "dialog").codes, [489])


class OutsideTests(ReferCase):
    """A REFER outside of the dialog, with Target-Dialog."""

    def test_own_dialog(self) -> None:
        """Its NOTIFYs go in the dialog that the REFER itself makes (RFC 7647 section 4)."""
        request = Request(
            "REFER",
            "sip:102@192.0.2.1",
            (
                ("Via", "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKrefer"),
                ("From", "<sip:alice@example.com>;tag=other"),
                ("To", "<sip:102@example.com>"),
                ("Call-ID", "another"),
                ("CSeq", "1 REFER"),
                ("Contact", "<sip:alice@198.51.100.7:5060;gr>"),
                CAROL,
            ),
        )
        server = FakeServer(request)
        self.leg.referred_from_outside(server.request, server)
        word = self.word
        assert isinstance(word, Referred)
        referral: Any = word.referral
        referral.accept(200)
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.client.request.call_id, "another")
        self.assertEqual(self.client.request.to.tag, "other")
        self.assertEqual(self.client.request.from_.tag, server.last.to.tag)
        self.client.answer(200)
        referral.notify(200)
        self.client.answer(200)
        self.assertEqual(len(self.context.dialogs), 1)


class RelayTests(ReferCase):
    """A REFER that is handed to the other side."""

    def test_relayed(self) -> None:
        """The other peer gets it in its own dialog; its NOTIFYs come back in ours."""
        other = self.answered()
        referral = self.refer(CAROL, ("Referred-By", "<sip:alice@example.com>"), leg=self.leg)
        referral.relay(other, CAROL[1])
        refer: FakeClient = self.client
        self.assertEqual(refer.request.method, "REFER")
        self.assertEqual(refer.request.get("Refer-To"), CAROL[1])
        self.assertEqual(refer.request.get("Referred-By"), "<sip:alice@example.com>")
        refer.answer(202)
        self.assertEqual(self.answer.codes, [202])
        self.client.answer(200)
        self.cseq = 1
        news = self.gets(
            other,
            "NOTIFY",
            b"SIP/2.0 200 OK\r\n",
            kind="message/sipfrag",
            fields=[("Event", "refer"), ("Subscription-State", "terminated;reason=noresource")],
        )
        self.assertEqual(news.codes, [200])
        self.assertEqual(self.notifies[-1][2], "SIP/2.0 200 OK")

    def test_refused(self) -> None:
        """A refusal comes back, too."""
        other = self.answered()
        referral = self.refer()
        referral.relay(other, CAROL[1])
        self.client.answer(603)
        self.assertEqual(self.answer.codes, [603])
        self.assertTrue(referral.ended)

    def test_unknown_subscription(self) -> None:
        """News of a REFER that we never sent gets 481 (RFC 6665 section 4.1.3)."""
        server = self.gets(
            self.leg,
            "NOTIFY",
            b"SIP/2.0 200 OK\r\n",
            kind="message/sipfrag",
            fields=[("Event", "refer"), ("Subscription-State", "active;expires=60")],
        )
        self.assertEqual(server.codes, [481])
