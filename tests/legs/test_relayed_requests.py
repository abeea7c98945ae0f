"""Requests within a dialog that are not about the session, and the checks that all requests pass."""

from __future__ import annotations

from typing import Any

from b2bua.legs.party import Party, Policy
from b2bua.legs.words import HungUp, Replied, Requested, Ringing
from b2bua.wire.message import Field, Request, Response
from tests.legs.layer import HELD_SDP, FakeServer, LegCase

INFO = (("Info-Package", "dtmf"),)
DTMF = b"Signal=5\r\nDuration=160\r\n"


class ToldTests(LegCase):
    """What the peer asks of the other side."""

    def setUp(self) -> None:
        """Establish a call."""
        super().setUp()
        self.leg = self.established()

    def test_info(self) -> None:
        """An INFO passes with its body and type, and waits for the answer."""
        server = self.gets(self.leg, "INFO", DTMF, kind="application/dtmf-relay", fields=INFO)
        word = self.word
        assert isinstance(word, Requested)
        self.assertEqual((word.method, word.body), ("INFO", DTMF))
        self.assertEqual(word.fields, (*INFO, ("Content-Type", "application/dtmf-relay")))
        self.assertEqual(server.codes, [])
        self.leg.say(Replied(word.token, 200))
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_record(self) -> None:
        """The bare Record field of a phone's recording key passes as well."""
        self.gets(self.leg, "INFO", fields=[("Record", "on")])
        word = self.word
        assert isinstance(word, Requested)
        self.assertEqual([(n.lower(), v) for n, v in word.fields], [("record", "on")])
        self.leg.hang_up()

    def test_topology(self) -> None:
        """Nothing else of the request passes."""
        self.gets(self.leg, "MESSAGE", b"hi", kind="text/plain", fields=[("X-Secret", "1"), ("Subject", "s")])
        word = self.word
        assert isinstance(word, Requested)
        self.assertEqual(word.fields, (("Subject", "s"), ("Content-Type", "text/plain")))
        self.leg.hang_up()

    def test_nobody_answers(self) -> None:
        """A 500 goes out before the sender's Timer F, and never a 408 or 1xx (RFC 4320 section 4)."""
        server = self.gets(self.leg, "INFO")
        self.pump(28)
        self.assertEqual(server.codes, [500])
        self.leg.say(Replied(self.token, 200))
        self.assertEqual(server.codes, [500])

    @property
    def token(self) -> int:
        """The token of the last request."""
        return next(word.token for word in reversed(self.words) if isinstance(word, Requested))

    def test_never_408(self) -> None:
        """What the other side answers is passed, but for 408, 503 and 1xx (RFC 4320 section 4.1)."""
        for code, sent in ((200, 200), (415, 415), (408, 500), (503, 500), (180, 500)):
            with self.subTest(code=code):
                server = self.gets(self.leg, "INFO")
                self.leg.say(Replied(self.token, code))
                self.assertEqual(server.codes, [sent])

    def test_unknown_token(self) -> None:
        """A reply to nothing is absorbed."""
        self.leg.say(Replied(999, 200))
        self.assertEqual(self.methods, [])

    def test_call_ends(self) -> None:
        """What is open when the call ends gets 487 (RFC 3261 section 15.1.2)."""
        server = self.gets(self.leg, "INFO")
        self.gets(self.leg, "BYE")
        self.assertEqual(server.codes, [487])
        self.assertEqual(self.word, HungUp("bye"))
        self.assert_gone(self.leg)

    def test_notify(self) -> None:
        """A NOTIFY of another package passes; without Event it is 489 (RFC 6665 section 4.1.3)."""
        fields = [("Event", "talk"), ("Subscription-State", "active")]
        server = self.gets(self.leg, "NOTIFY", fields=fields)
        self.leg.say(Replied(self.token, 200))
        self.assertEqual(server.codes, [200])
        self.assertEqual(self.gets(self.leg, "NOTIFY").codes, [489])

    def test_options(self) -> None:
        """OPTIONS is answered here with what this dialog can do (RFC 3261 section 11.2)."""
        server = self.gets(self.leg, "OPTIONS")
        self.assertEqual(server.codes, [200])
        self.assertIn("REFER", server.last.allow)
        self.assertIn("replaces", server.last.supported)
        self.assertEqual(server.last.get("Accept"), "application/sdp")
        self.assertEqual(self.words, [])

    def test_unknown_method(self) -> None:
        """A method that we do not take gets 405 with Allow (RFC 3261 section 8.2.1)."""
        server = self.gets(self.leg, "PUBLISH")
        self.assertEqual(server.codes, [405])
        self.assertIn("INVITE", server.last.allow)


class TellTests(LegCase):
    """What the peer is asked for the other side."""

    def setUp(self) -> None:
        """Establish a call."""
        super().setUp()
        self.leg = self.established()

    def test_told(self) -> None:
        """It goes out in our own dialog, and the answer comes back."""
        self.leg.say(Requested("INFO", 5, (("Content-Type", "application/dtmf-relay"),), DTMF))
        request = self.client.request
        self.assertEqual((request.method, request.body), ("INFO", DTMF))
        self.assertEqual(request.content_type, "application/dtmf-relay")
        self.assertEqual(request.to.tag, "caller")
        self.client.answer(200)
        self.assertEqual(self.words, [Replied(5, 200, "OK")])

    def test_refused(self) -> None:
        """A 415 to an INFO concerns nothing else (RFC 5057 section 5.1)."""
        self.leg.say(Requested("INFO", 5))
        self.client.answer(415)
        self.assertEqual(self.words, [Replied(5, 415, "Unsupported Media Type")])
        self.assertTrue(self.leg.answered)

    def test_no_answer(self) -> None:
        """A timeout is heard as 504, never 408; of an INFO it ends the call (RFC 4320 4.2, RFC 5057 5.2)."""
        self.leg.say(Requested("MESSAGE", 5))
        self.client.answer(408, local=True)
        self.assertEqual(self.words, [Replied(5, 504)])
        self.assertTrue(self.leg.answered)
        self.leg.say(Requested("INFO", 6))
        self.client.answer(408, local=True)
        self.assertEqual(self.words[1:], [Replied(6, 504), HungUp("timeout")])

    def test_503(self) -> None:
        """A 503 does not pass: the other side would leave us for another server (section 16.7)."""
        self.leg.say(Requested("INFO", 5))
        self.client.answer(503)
        self.assertEqual(self.words, [Replied(5, 500)])

    def test_481(self) -> None:
        """A 481 means that the peer has no such call: BYE (RFC 3261 section 12.2.1.2)."""
        self.leg.say(Requested("INFO", 5))
        self.client.answer(481)
        self.assertEqual(self.heard, ["Replied", "HungUp"])
        self.assertEqual(self.methods, ["INFO", "BYE"])

    def test_dialog_destroyed(self) -> None:
        """A 404 says that the remote target is gone, and the dialog with it (RFC 5057 section 5.1)."""
        self.leg.say(Requested("INFO", 5))
        self.client.answer(404)
        self.assertEqual(self.heard, ["Replied", "HungUp"])

    def test_after_the_end(self) -> None:
        """What comes too late is absorbed."""
        self.leg.hang_up()
        self.leg.say(Requested("INFO", 5))
        self.client.answer(200)
        self.assertEqual(self.methods, ["BYE"])
        self.assertEqual(self.words, [])

    def test_no_dialog(self) -> None:
        """Before the first 1xx there is no dialog that it could go in: 481."""
        for leg in (self.outgoing(), self.incoming()):
            leg.say(Requested("INFO", 5))
            self.assertEqual(self.word, Replied(5, 481))
            leg.hang_up()

    def test_early(self) -> None:
        """In an early dialog it goes, as digits for an announcement do; a 481 there ends nothing."""
        leg = self.outgoing()
        self.client.answer(183, HELD_SDP)
        leg.say(Requested("INFO", 5))
        self.assertEqual(self.methods, ["INVITE", "INFO"])
        self.client.answer(481)
        self.assertEqual(self.word, Replied(5, 481, "Call/Transaction Does Not Exist"))
        self.assertFalse(leg.ended)
        caller = self.incoming()
        caller.say(Ringing())
        caller.say(Requested("INFO", 6))
        self.assertEqual(self.methods, ["INVITE", "INFO", "INFO"])
        caller.hang_up()


class ChallengeTests(LegCase):
    """A peer, such as a trunk, that wants credentials within the dialog."""

    def setUp(self) -> None:
        """Answer challenges."""
        super().setUp()
        self.asked: list[tuple[int, str]] = []
        self.context.challenged = self.challenged

    def challenged(self, leg: Any, response: Response, request: Request, flow: Any) -> list[Field] | None:
        """Give credentials the first time."""
        self.asked.append((response.code, request.method))
        return [("Proxy-Authorization", "Digest secret")] if len(self.asked) == 1 else None

    def test_invite(self) -> None:
        """An INVITE goes again with credentials, the same Call-ID and the next CSeq (section 22.2)."""
        leg = self.outgoing()
        self.client.answer(407)
        first, second = self.layer.clients
        self.assertEqual(second.request.get("Proxy-Authorization"), "Digest secret")
        self.assertEqual(second.request.call_id, first.request.call_id)
        self.assertEqual(second.request.from_.tag, first.request.from_.tag)
        self.assertEqual(second.request.cseq.number, first.request.cseq.number + 1)
        second.answer(200, HELD_SDP)
        self.assertEqual(self.heard, ["Answered"])
        # The ACK repeats them (section 22.1).
        self.assertEqual(self.layer.acks[-1].get("Proxy-Authorization"), "Digest secret")
        self.assertTrue(leg.answered)

    def test_invite_refused(self) -> None:
        """Credentials that are not good make a refusal."""
        leg = self.outgoing()
        self.client.answer(407)
        self.client.answer(407)
        self.assertEqual(self.heard, ["Refused"])
        self.assert_gone(leg)

    def test_bye(self) -> None:
        """So does a BYE."""
        leg = self.established()
        leg.hang_up()
        self.client.answer(401)
        self.assertEqual(self.methods, ["BYE", "BYE"])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_told(self) -> None:
        """And an INFO; a challenge never passes to the other side."""
        leg = self.established()
        leg.say(Requested("INFO", 5))
        self.client.answer(401)
        self.assertEqual(self.methods, ["INFO", "INFO"])
        self.client.answer(401)
        self.assertEqual(self.words, [Replied(5, 403)])


class CheckTests(LegCase):
    """What every request within a dialog has to pass."""

    def setUp(self) -> None:
        """Establish a call."""
        super().setUp()
        self.leg = self.established()

    def test_cseq(self) -> None:
        """A CSeq lower than the last gets 500 (RFC 3261 section 12.2.2)."""
        self.gets(self.leg, "OPTIONS", cseq=300)
        self.assertEqual(self.gets(self.leg, "INFO", cseq=200).codes, [500])
        self.assertEqual(self.gets(self.leg, "OPTIONS", cseq=900).codes, [200])

    def test_require(self) -> None:
        """A Require that we do not know gets 420 with Unsupported (section 8.2.2.3)."""
        server = self.gets(self.leg, "INFO", fields=[("Require", "gold")])
        self.assertEqual(server.codes, [420])
        self.assertEqual(server.last.unsupported, {"gold"})

    def test_malformed(self) -> None:
        """A malformed field without which a request cannot be judged gets 400 and nothing else happens."""
        server = self.gets(self.leg, "UPDATE", fields=[("Require", '"soon, timer')])
        self.assertEqual(server.codes, [400])
        self.assertTrue(self.leg.stable)

    def test_after_bye(self) -> None:
        """After our BYE other requests get 481, the peer's own BYE 200."""
        self.leg.hang_up()
        self.assertEqual(self.gets(self.leg, "INFO").codes, [481])
        self.assertEqual(self.gets(self.leg, "INVITE").codes, [481])
        self.assertEqual(self.gets(self.leg, "BYE").codes, [200])

    def test_ack_is_never_answered(self) -> None:
        """An ACK for nothing is dropped (section 12.2.2)."""
        self.acknowledge(self.leg)
        self.assertEqual(self.words, [])


class PassingTests(LegCase):
    """Which header fields pass (docs/what-passes.md)."""

    IDENTITY = ("P-Asserted-Identity", "<sip:boss@example.com>")

    def offered(self, *fields: Field, policy: Policy | None = None) -> tuple[tuple[str, str], ...]:
        """The fields of an INVITE that are heard."""
        self.words.clear()
        self.incoming(fields=fields, policy=policy).hang_up()
        return self.words[0].fields  # type: ignore[union-attr]  # it is Offered

    def test_identity_of_untrusted(self) -> None:
        """An identity that a phone asserts is dropped (RFC 3325 section 5)."""
        self.assertEqual(self.offered(self.IDENTITY, ("P-Preferred-Identity", "<sip:boss@example.com>")), ())

    def test_identity_of_trusted(self) -> None:
        """One that a trusted peer asserts passes; a preferred one never does."""
        preferred = ("P-Preferred-Identity", "<sip:boss@example.com>")
        policy = Policy(trusted=True, pass_fields=frozenset({"P-Preferred-Identity"}))
        self.assertEqual(self.offered(self.IDENTITY, preferred, policy=policy), (self.IDENTITY,))

    def test_alerting_of_strangers(self) -> None:
        """What could make a phone answer by itself is not taken from strangers (RFC 5373 section 7)."""
        alert = ("Alert-Info", "info=alert-autoanswer")
        self.assertEqual(self.offered(alert), (alert,))
        self.party = lambda policy=None: Party("stranger", "example.net", policy=policy or self.policy)  # type: ignore[method-assign]
        self.assertEqual(self.offered(alert), ())
        self.assertEqual(self.offered(alert, policy=Policy(trusted=True)), (alert,))

    def test_compact(self) -> None:
        """Compact names are read as what they stand for."""
        self.assertEqual(self.offered(("s", "lunch")), (("Subject", "lunch"),))

    def test_unknown(self) -> None:
        """A field that nobody knows stays behind, unless the policy names it."""
        self.assertEqual(self.offered(("X-Ticket", "1")), ())
        policy = Policy(pass_fields=frozenset({"x-ticket"}))
        self.assertEqual(self.offered(("X-Ticket", "1"), policy=policy), (("x-ticket", "1"),))

    def test_dialog_fields_never(self) -> None:
        """What belongs to one dialog, hop or account passes by no policy."""
        names = ("Contact", "Route", "Record-Route", "Authorization", "Session-Expires", "Replaces")
        policy = Policy(pass_fields=frozenset(names), session_expires=0)
        self.assertEqual(
            self.offered(("Authorization", "Digest x"), ("Session-Expires", "1800"), policy=policy), ()
        )

    def test_privacy(self) -> None:
        """With Privacy: id the identity is kept from who is not trusted (RFC 3325 section 7)."""
        fields = (self.IDENTITY, ("Privacy", "user; id"))
        self.outgoing(fields=fields)
        self.assertIsNone(self.client.request.get("P-Asserted-Identity"))
        self.outgoing(fields=fields, policy=Policy(trusted=True))
        self.assertEqual(self.client.request.get("P-Asserted-Identity"), self.IDENTITY[1])
        self.outgoing(fields=(self.IDENTITY,))
        self.assertEqual(self.client.request.get("P-Asserted-Identity"), self.IDENTITY[1])


class FirstRequestTests(LegCase):
    """What the first INVITE has to pass."""

    def refused(self, *fields: Field, body: bytes = b"", remove: tuple[str, ...] = ()) -> Response:
        """Let a faulty INVITE come; give its answer."""
        from b2bua.legs.leg import Leg

        request = self.invite(None, fields=fields).with_fields(remove=remove)
        request = Request(request.method, request.uri, request.fields, body)
        server = FakeServer(request)
        leg = Leg.received(self.context, server.request, server, self.party(), self.hear)
        self.assertFalse(leg.begin())
        self.assertEqual(self.heard, ["Refused"])
        self.assert_gone(leg)
        return server.last

    def test_require(self) -> None:
        """An unknown Require: 420 with Unsupported (section 8.2.2.3)."""
        self.assertEqual(self.refused(("Require", "gold")).unsupported, {"gold"})

    def test_body(self) -> None:
        """A body of an unknown kind: 415 with Accept (section 8.2.3)."""
        answer = self.refused(("Content-Type", "application/xml"), body=b"<x/>")
        self.assertEqual(answer.code, 415)
        self.assertEqual(answer.get("Accept"), "application/sdp")

    def test_no_contact(self) -> None:
        """No Contact, nowhere to go: 400 (section 8.1.1.8)."""
        self.assertEqual(self.refused(remove=("Contact",)).code, 400)

    def test_expires(self) -> None:
        """An INVITE with Expires that nobody answers in time: 487 (section 13.3.1)."""
        leg = self.incoming(fields=[("Expires", "20")])
        leg.say(Ringing())
        self.pump(19.75)
        self.assertEqual(self.server.codes, [100, 180])
        self.pump(0.25)
        self.assertEqual(self.server.codes, [100, 180, 487])
        self.assertEqual(self.word, HungUp("timeout"))
        self.assert_gone(leg)

    def test_expires_answered(self) -> None:
        """Once it is answered the time does not matter any more."""
        leg = self.established(fields=[("Expires", "20")])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(leg.stable)

    def test_too_brief(self) -> None:
        """A session interval below our minimum: 422 with Min-SE (RFC 4028 section 9)."""
        answer = self.refused(("Supported", "timer"), ("Session-Expires", "60"))
        self.assertEqual((answer.code, answer.min_se), (422, 90))
