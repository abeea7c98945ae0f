"""Where the peer is: its Contact and its flow, as they change within the dialog (RFC 3261 section 12.2)."""

from __future__ import annotations

from b2bua.legs.leg import Leg
from b2bua.legs.words import Answered, Changed, HungUp, Refused
from tests.legs.layer import OTHER, PHONE, LegCase, sdp

HOLD = sdp(direction="sendonly", version=2)
HELD = sdp("198.51.100.8", 6000, direction="recvonly", version=2)
MOVED = "<sip:alice@198.51.100.77:5060>"


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
