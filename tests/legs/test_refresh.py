"""The session timer of a leg: refreshes, and peers who do not keep them (RFC 4028)."""

from __future__ import annotations

from b2bua.legs.leg import Leg
from b2bua.legs.party import Policy
from b2bua.legs.words import Answered, Changed, HungUp
from b2bua.wire.message import Field
from tests.legs.layer import ANSWER, HELD_SDP, OFFER, LegCase

SUPPORTED = ("Supported", "timer")
OURS = ("Session-Expires", "600;refresher=uas")
THEIRS = ("Session-Expires", "600;refresher=uac")
NO_UPDATE = "INVITE, ACK, BYE, CANCEL"


class RefresherTests(LegCase):
    """We are the refresher."""

    def pass_(self, seconds: int) -> None:
        """Let whole seconds pass."""
        self.clock.pump([1.0] * seconds)

    def leg(self, *, allow: str = "INVITE, ACK, BYE, CANCEL, UPDATE") -> Leg:
        """Establish a call in which we refresh."""
        return self.established(fields=[SUPPORTED, OURS], allow=allow)

    def test_update(self) -> None:
        """At half the interval an UPDATE without SDP goes out (sections 7.2, 7.4); nobody hears of it."""
        self.leg()
        self.pass_(299)
        self.assertEqual(self.methods, [])
        self.pass_(1)
        self.assertEqual(self.methods, ["UPDATE"])
        request = self.client.request
        self.assertEqual(request.body, b"")
        self.assertEqual(request.get("Session-Expires"), "600;refresher=uac")
        self.assertIn("timer", request.supported)
        self.client.answer(200, fields=[THEIRS])
        self.assertEqual(self.words, [])
        self.pass_(300)
        self.assertEqual(self.methods, ["UPDATE", "UPDATE"])

    def test_reinvite(self) -> None:
        """A peer without UPDATE gets a re-INVITE whose SDP has not changed (section 7.4)."""
        leg = self.leg(allow=NO_UPDATE)
        before = leg.local_session
        self.pass_(300)
        self.assertEqual(self.methods, ["INVITE"])
        self.assertEqual(self.client.request.body, before)
        self.client.answer(200, OFFER, fields=[THEIRS])
        self.assertEqual(self.words, [])
        self.assertEqual(len(self.layer.acks), 1)

    def test_reinvite_with_another_answer(self) -> None:
        """If the peer takes the occasion to change its session, the other side hears of it."""
        self.leg(allow=NO_UPDATE)
        self.pass_(300)
        self.client.answer(200, HELD_SDP, fields=[THEIRS])
        self.assertEqual(self.words, [Changed(HELD_SDP)])

    def test_reinvite_after_another_answer(self) -> None:
        """What the other side was told counts as an offer of ours until it has answered (RFC 3261 14.2)."""
        leg = self.leg(allow=NO_UPDATE)
        self.pass_(300)
        self.client.answer(200, HELD_SDP, fields=[THEIRS])
        self.assertEqual(self.gets(leg, "INVITE", OFFER).codes, [491])
        self.assertEqual(self.words, [Changed(HELD_SDP)])
        leg.say(Answered(ANSWER))
        self.assertEqual(self.gets(leg, "INVITE", OFFER).codes, [100])

    def test_turned_off(self) -> None:
        """A 2xx without Session-Expires turns the timer off (section 7.2)."""
        self.leg()
        self.pass_(300)
        self.client.answer(200)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lost(self) -> None:
        """A refresh that times out or gets 408 or 481 ends the call (section 10)."""
        for code, local in ((408, True), (408, False), (481, False)):
            with self.subTest(code=code, local=local):
                self.setUp()
                leg = self.leg()
                self.pass_(300)
                self.client.answer(code, local=local)
                self.assertEqual(self.heard, ["HungUp"])
                self.assertEqual(self.methods, ["UPDATE", "BYE"])
                self.client.answer(200)
                self.assert_gone(leg)

    def test_refused(self) -> None:
        """Another refusal does not extend the session: it is tried again, and in the end given up."""
        self.leg()
        for _ in range(700):
            self.pass_(1)
            if self.methods and self.methods[-1] == "BYE":
                break
            if self.layer.clients and not getattr(self.client, "done", False):
                self.client.done = True  # type: ignore[attr-defined]  # a note of this test
                self.client.answer(500)
        self.assertEqual(self.methods[-1], "BYE")
        self.assertIn(self.methods.count("UPDATE"), range(3, 8))
        # The peer gives up 32 seconds before the end (section 10), so we do before that.
        self.assertIn(self.clock.seconds(), range(560, 569))
        self.assertEqual(self.heard, ["HungUp"])

    def test_glare(self) -> None:
        """A 491 does not extend it either; the refresh goes again (section 10)."""
        self.leg()
        self.pass_(300)
        self.client.answer(491)
        self.pass_(3)
        self.assertEqual(self.methods, ["UPDATE", "UPDATE"])
        self.client.answer(200, fields=[THEIRS])
        self.assertEqual(self.words, [])

    def test_422(self) -> None:
        """After a 422 it goes again with the larger interval and Min-SE (section 7.3)."""
        self.leg()
        self.pass_(300)
        self.client.answer(422, fields=[("Min-SE", "1200")])
        self.assertEqual(self.methods, ["UPDATE", "UPDATE"])
        self.assertEqual(self.client.request.get("Session-Expires"), "1200;refresher=uac")
        self.assertEqual(self.client.request.min_se, 1200)

    def test_waits(self) -> None:
        """While something else is open the refresh waits for it."""
        leg = self.leg()
        self.pass_(290)
        self.gets(leg, "UPDATE", HELD_SDP, fields=[SUPPORTED, OURS])
        self.pass_(15)
        self.assertEqual(self.methods, [])
        leg.say(Answered(ANSWER))
        self.pass_(299)
        self.assertEqual(self.methods, [])
        self.pass_(1)
        self.assertEqual(self.methods, ["UPDATE"])

    def test_any_reinvite_refreshes(self) -> None:
        """A re-INVITE for other reasons refreshes the session, too (section 7.2)."""
        leg = self.leg()
        self.pass_(200)
        leg.say(Changed(HELD_SDP))
        self.client.answer(200, OFFER, fields=[THEIRS])
        self.pass_(299)
        self.assertEqual(self.methods, ["INVITE"])
        self.pass_(1)
        self.assertEqual(self.methods, ["INVITE", "UPDATE"])


class OtherSideTests(LegCase):
    """The peer is the refresher."""

    def test_no_refresh(self) -> None:
        """Without a refresh the call ends min(32, interval/3) seconds before its time (section 10)."""
        leg = self.established(fields=[SUPPORTED, THEIRS])
        self.clock.pump([1.0] * 567)
        self.assertEqual(self.methods, [])
        self.clock.pump([1.0])
        self.assertEqual(self.methods, ["BYE"])
        self.assertEqual(self.words, [HungUp("timeout")])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_refreshed(self) -> None:
        """A refresh starts the time over, and keeps the role (section 9)."""
        leg = self.established(fields=[SUPPORTED, THEIRS])
        self.clock.pump([1.0] * 300)
        server = self.gets(leg, "UPDATE", fields=[SUPPORTED, THEIRS])
        self.assertEqual(server.last.get("Session-Expires"), "600;refresher=uac")
        self.assertIn("timer", server.last.require)
        self.clock.pump([1.0] * 567)
        self.assertEqual(self.methods, [])

    def test_too_brief(self) -> None:
        """A refresh with too small an interval gets 422, and the session is as it was (section 9)."""
        leg = self.established(fields=[SUPPORTED, THEIRS])
        server = self.gets(leg, "UPDATE", fields=[SUPPORTED, ("Session-Expires", "60")])
        self.assertEqual(server.codes, [422])
        self.assertEqual(server.last.min_se, 90)
        server = self.gets(leg, "INVITE", HELD_SDP, fields=[SUPPORTED, ("Session-Expires", "60")])
        self.assertEqual(server.codes, [100, 422])
        self.assertTrue(leg.stable)


class NegotiationTests(LegCase):
    """What is agreed on with one leg never reaches the other."""

    policy = Policy(session_expires=1800)

    def test_asked(self) -> None:
        """An INVITE of ours asks for a timer and leaves the refresher open (section 7.1)."""
        self.outgoing()
        request = self.client.request
        self.assertEqual(request.get("Session-Expires"), "1800")
        self.assertIn("timer", request.supported)

    def test_422(self) -> None:
        """A 422 makes it go again with what it says, in the same Call-ID (section 7.3)."""
        self.outgoing()
        self.client.answer(422, fields=[("Min-SE", "3600")])
        first, second = self.layer.clients
        self.assertEqual(second.request.get("Session-Expires"), "3600")
        self.assertEqual(second.request.min_se, 3600)
        self.assertEqual(second.request.call_id, first.request.call_id)
        second.answer(422, fields=[("Min-SE", "3600")])
        self.assertEqual(self.heard, ["Refused"])

    def test_unasked(self) -> None:
        """A Session-Expires that nobody asked for is obeyed (section 7.2)."""
        self.answered(policy=Policy(session_expires=0), fields=[THEIRS])
        self.clock.pump([1.0] * 300)
        self.assertEqual(self.methods, ["INVITE", "UPDATE"])

    def test_fields_stay(self) -> None:
        """Session-Expires and Min-SE of a peer are not heard."""
        self.incoming(fields=[SUPPORTED, THEIRS, ("Min-SE", "100")])
        fields: tuple[Field, ...] = self.words[0].fields  # type: ignore[union-attr]  # it is Offered
        self.assertEqual(fields, ())

    def test_both_knew(self) -> None:
        """A caller who knows timers is asked for one, and refreshes (section 9)."""
        leg = self.incoming(fields=[SUPPORTED])
        leg.say(Answered(ANSWER))
        self.assertEqual(self.server.last.get("Session-Expires"), "1800;refresher=uac")
        self.assertIn("timer", self.server.last.require)
        self.acknowledge(leg)
        leg.hang_up()


class SignOfLifeTests(LegCase):
    """A peer without session timers is asked now and then whether it is there."""

    policy = Policy(session_expires=1800)

    def test_asked(self) -> None:
        """An OPTIONS goes at half of what the interval would be; any answer is a sign of life."""
        leg = self.established()
        self.clock.pump([1.0] * 900)
        self.assertEqual(self.methods, ["OPTIONS"])
        self.client.answer(486)
        self.assertTrue(leg.answered)
        self.clock.pump([1.0] * 900)
        self.assertEqual(self.methods, ["OPTIONS", "OPTIONS"])

    def test_gone(self) -> None:
        """No answer, or one that says that the dialog is gone, ends the call (RFC 5057 section 5.1)."""
        for code, local, why in ((408, True, "timeout"), (481, False, "lost"), (404, False, "lost")):
            with self.subTest(code=code):
                self.setUp()
                leg = self.established()
                self.clock.pump([1.0] * 900)
                self.client.answer(code, local=local)
                self.assertEqual(self.words, [HungUp(why)])
                self.client.answer(200)
                self.assert_gone(leg)
