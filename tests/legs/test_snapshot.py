"""A leg that is written down and restored goes on as if nothing had happened."""

from __future__ import annotations

import json
from typing import Any

from b2bua.dialogs.dialog import AHEAD
from b2bua.dialogs.index import DialogIndex
from b2bua.errors import UsageError
from b2bua.legs.leg import Leg
from b2bua.legs.party import Party, Policy
from b2bua.legs.words import Answered, Changed, HungUp
from b2bua.transactions.flow import Flow
from tests.legs.layer import ANSWER, HELD_SDP, OFFER, OTHER, PHONE, LegCase

POLICY = Policy(trusted=True, session_expires=0, pass_fields=frozenset({"x-ticket"}))
ALICE = Party("extension", "alice")


class SnapshotTests(LegCase):
    """Out to text and back, in another world."""

    def again(self, leg: Leg) -> Leg:
        """Restart: everything but what was written down is gone."""
        text = json.dumps(leg.snapshot())
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.words.clear()
        self.layer.clients.clear()
        self.layer.acks.clear()
        self.layer.targets.clear()
        self.context.dialogs = DialogIndex()
        return Leg.restore(self.context, json.loads(text), leg.party, self.hear)

    def test_same(self) -> None:
        """What is written of the restored leg is what was written of the first."""
        for leg in (self.established(policy=POLICY), self.answered(policy=POLICY)):
            before = leg.snapshot()
            after = self.again(leg).snapshot()
            self.assertEqual(after["dialog"].pop("local_seq"), before["dialog"].pop("local_seq") + AHEAD)
            self.assertEqual(after["origin"].pop(2), before["origin"].pop(2) + AHEAD)
            after["origin"][2] = before["origin"][2]  # the version that the body sent last had
            self.assertTrue(after.pop("referred") and not before.pop("referred"))
            self.assertEqual(after, before)

    def test_bye(self) -> None:
        """It takes a BYE."""
        leg = self.again(self.established())
        self.assertEqual(self.gets(leg, "BYE").codes, [200])
        self.assertEqual(self.words, [HungUp("bye")])
        self.assert_gone(leg)

    def test_hang_up(self) -> None:
        """It sends one by the same way, with a CSeq that was not used before, whatever was not written."""
        first = self.established()
        assert first.dialog is not None
        seq = first.dialog.local_seq
        leg = self.again(first)
        leg.hang_up()
        self.assertEqual(self.client.request.cseq.number, seq + AHEAD + 1)
        self.assertEqual(self.layer.targets, [PHONE])
        self.client.answer(200)
        self.assert_gone(leg)

    def test_outgoing(self) -> None:
        """So does one that we had opened, by its route set."""
        routes = [("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>")]
        leg = self.again(self.answered(fields=routes))
        leg.hang_up()
        self.assertEqual(str(self.layer.targets[-1]), "sip:p1.example.com;lr")
        self.assertEqual(len(self.client.request.routes), 2)

    def test_reinvite(self) -> None:
        """A re-INVITE is heard and answered; the version of our o= line is one that was not used before."""
        leg = self.again(self.established())
        server = self.gets(leg, "INVITE", HELD_SDP)
        self.assertEqual(self.words, [Changed(HELD_SDP)])
        leg.say(Answered(ANSWER))
        before = server.last.body
        self.assertIn(b" 1000 IN IP4 192.0.2.1", before)
        self.acknowledge(leg)
        leg.say(Changed(OFFER))
        self.assertIn(b" 1001 IN IP4 192.0.2.1", self.client.request.body)
        self.assertEqual(before.split(b" ")[1], self.client.request.body.split(b" ")[1])

    def test_unchanged_reinvite(self) -> None:
        """One that changes nothing is answered here, as before."""
        leg = self.again(self.established())
        server = self.gets(leg, "INVITE", OFFER)
        self.assertEqual(server.codes, [100, 200])

    def test_update(self) -> None:
        """So is an UPDATE without an offer."""
        leg = self.again(self.established())
        self.assertEqual(self.gets(leg, "UPDATE").codes, [200])

    def test_cseq(self) -> None:
        """A request from before the restart is out of order (RFC 3261 section 12.2.2)."""
        leg = self.again(self.established())
        self.assertEqual(self.gets(leg, "INFO", cseq=50).codes, [500])

    def test_refresh(self) -> None:
        """The refresher refreshes when it would have done so anyway."""
        first = self.established(fields=[("Supported", "timer"), ("Session-Expires", "600;refresher=uas")])
        self.clock.pump([1.0] * 200)
        leg = self.again(first)
        self.clock.pump([1.0] * 99)
        self.assertEqual(self.methods, [])
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.methods, ["UPDATE"])
        self.assertTrue(leg.answered)

    def test_no_refresh(self) -> None:
        """A peer who should refresh and does not is given up at the same time, too."""
        first = self.established(fields=[("Supported", "timer"), ("Session-Expires", "600;refresher=uac")])
        self.clock.pump([1.0] * 500)
        self.again(first)
        self.clock.pump([1.0] * 67)
        self.assertEqual(self.words, [])
        self.clock.pump([1.0] * 2)
        self.assertEqual(self.words, [HungUp("timeout")])

    def test_connection(self) -> None:
        """A connection is not there after a restart: the phone is followed when it registers."""
        flow = Flow("TCP", ("192.0.2.1", 5060), ("198.51.100.7", 41234), 7)
        leg = self.again(self.established(flow=flow))
        self.assertIsNone(leg.flow)
        self.comes_back(leg)
        leg.hang_up()
        self.assertEqual(self.layer.targets, [OTHER])

    def test_identifiers(self) -> None:
        """A leg made after the restart does not get the restored one's identifier."""
        leg = self.established()
        self.context.serial = 0
        again = self.again(leg)
        self.assertNotEqual(self.incoming().id, again.id)

    def test_not_established(self) -> None:
        """Only an established leg can be written down."""
        with self.assertRaises(UsageError):
            self.incoming().snapshot()

    def test_other_version(self) -> None:
        """What another version wrote is refused, not guessed at."""
        plain: dict[str, Any] = {**self.established().snapshot(), "version": 0}
        with self.assertRaises(UsageError):
            Leg.restore(self.context, plain, ALICE, self.hear)
