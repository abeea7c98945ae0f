"""Changes that cross, and those that wait for their turn (RFC 3261 sections 14.1 and 14.2)."""

from __future__ import annotations

from b2bua.legs.words import Answered, Changed, Refused, Requested
from b2bua.wire.message import Field
from b2bua.wire.sdp import without_origin
from tests.legs.layer import ANSWER, OFFER, LegCase, sdp

HOLD = sdp(direction="sendonly", version=2)
HELD = sdp("198.51.100.8", 6000, direction="recvonly", version=2)
MOVED = "<sip:alice@198.51.100.77:5060>"


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
