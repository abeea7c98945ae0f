"""RFC 5589: transfer, flow by flow; we do the transferee's part of each REFER ourselves."""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Response
from tests.ladders.transfers import FEATURES, StepsTestCase


class FlowTests(StepsTestCase):
    """Alice is the transferee, Bob the transferor, Carol the target."""

    def setUp(self) -> None:
        """Set up the three phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.phones("alice", "bob", "carol")

    def outside(self, phone: Phone, dialog: Session, to: str) -> Session:
        """REFER outside of C{dialog}, which Target-Dialog names, 202 (RFC 4538 section 4)."""
        usage = phone.new_session(incoming=False)
        usage.state = "over"  # it is no session
        usage.call_id = phone.token()
        usage.local, usage.remote = f"<{phone.aor}>", f"<sip:{self.world.domain}>"
        usage.target = f"sip:{self.world.domain}"
        named = f"{dialog.call_id};local-tag={dialog.remote_tag};remote-tag={dialog.local_tag}"
        accepted: list[int] = []

        def heard(response: Response | None) -> None:
            if response is not None:
                usage.learn_from_response(response)
                accepted.append(response.code)

        fields = (("Refer-To", f"<{phone.uri_of(to)}>"), ("Target-Dialog", named), ("Require", "tdialog"))
        usage.ask("REFER", fields, hear=heard)
        phone.gets(202)
        self.assertEqual(accepted, [202])
        return usage

    def succeeds(self, first: Session) -> None:
        """The target rings and answers, the transferee is connected, the transferor told and gone."""
        self.rings(self.carol, "alice")
        self.notified(self.bob, 180)
        self.carol.answers(200)
        self.carol.gets("ACK")
        self.joined(self.alice, "carol")
        self.notified(self.bob, 200)
        self.leaves(self.bob, first)
        self.ends()

    def ends(self) -> None:
        """The two talk, the target hangs up, and nothing is left."""
        self.assertTalking(("alice", "carol"))
        self.disconnect(self.carol, self.alice)
        self.quiet()

    def regains(self, first: Session) -> None:
        """INVITE (unhold) and BYE: the transferor has its call back."""
        self.change(self.bob, self.alice, "sendrecv", first)
        self.assertTalking(("alice", "bob"))
        self.leaves(self.bob, first)
        self.dismissed(self.alice)
        self.quiet()

    def test_6_1(self) -> None:
        """6.1: the REFER comes in a dialog of its own, with Target-Dialog; so do the NOTIFYs."""
        first = self.begin(self.alice, self.bob)
        self.outside(self.bob, first, "carol")
        self.notified(self.bob, 100)
        self.succeeds(first)

    def test_6_2(self) -> None:
        """6.2: the REFER is sent inside the INVITE dialog."""
        first = self.begin(self.alice, self.bob)
        self.refer(self.bob, first, "carol")
        self.succeeds(first)

    def test_6_3_1(self) -> None:
        """6.3.1: the target is busy; the transferor hears it and takes the transferee off hold."""
        first = self.begin(self.alice, self.bob)
        self.refer(self.bob, first, "carol")
        self.carol.gets("INVITE")
        self.carol.answers(486)
        self.notified(self.bob, 486)
        self.regains(first)

    def test_6_3_2(self) -> None:
        """6.3.2: the target does not answer: CANCEL, 487, and the transferor has its call back."""
        self.world = World(features=FEATURES, settings={"blind_transfer": {"ring_seconds": 20}})
        self.alice, self.bob, self.carol = self.phones("alice", "bob", "carol")
        first = self.begin(self.alice, self.bob)
        self.refer(self.bob, first, "carol")
        self.rings(self.carol, "alice")
        self.notified(self.bob, 180)
        self.world.run(20)
        self.carol.gets("CANCEL")
        self.notified(self.bob, 480)
        self.regains(first)

    def test_7_1(self) -> None:
        """7.1: exposing the target: the consultation is over when the REFER comes."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol, hold=False)
        self.leaves(self.bob, second)
        self.dismissed(self.carol)
        self.refer(self.bob, first, "carol")
        self.succeeds(first)

    def test_7_2(self) -> None:
        """7.2: protecting the target: it is the target that gets the REFER, with Replaces of dialog 1."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol)
        self.refer(self.bob, second, replaces=first)
        self.attended(second)

    def attended(self, referred: Session) -> None:
        """The two are joined; the transferor's other dialog is ended by us, the referred one by it."""
        first, other = (self.carol, self.alice) if referred.dialled == "carol" else (self.alice, self.carol)
        self.coupled(first, other)
        self.dismissed(self.bob)
        self.notified(self.bob, 200)
        self.leaves(self.bob, referred)
        self.ends()

    def test_7_3(self) -> None:
        """7.3: attended transfer: REFER to the transferee with Replaces of dialog 2, both held."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol)
        self.refer(self.bob, first, replaces=second)
        self.attended(first)

    def test_7_4(self) -> None:
        """7.4: the first REFER is refused (the transferee may not be referred); the target gets another."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol)
        self.bob.sends("REFER", session=first, fields=(("Require", "nothing-we-know"),), replaces=second)
        self.bob.gets(420)
        self.refer(self.bob, second, replaces=first)
        self.attended(second)

    def test_7_5(self) -> None:
        """7.5, F3: the target's Contact is not routable: Refer-To has its AOR; we look at Replaces alone."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol)
        named = f"{second.call_id}%3Bto-tag%3D{second.remote_tag}%3Bfrom-tag%3D{second.local_tag}"
        to = f"{self.bob.uri_of('carol')}?Replaces={named}&Require=replaces"
        self.bob.sends("REFER", to, session=first)
        self.bob.gets(202)
        self.notified(self.bob, 100)
        self.attended(first)

    def test_7_6(self) -> None:
        """7.6, figure 11: the transferor's phone waits for the answer, then transfers as if attended."""
        first = self.begin(self.alice, self.bob)
        self.bob.sends("INVITE", to="carol")
        second = self.bob.session
        self.carol.gets("INVITE")
        self.carol.answers(180)
        self.bob.gets(180)
        self.carol.answers(200)
        self.bob.gets(200)
        self.bob.sends("ACK", session=second)
        self.carol.gets("ACK")
        self.refer(self.bob, first, replaces=second)
        self.coupled(self.carol, self.alice)
        self.dismissed(self.bob)
        self.notified(self.bob, 200)
        self.leaves(self.bob, first)
        self.ends()

    def test_7_6_as_blind(self) -> None:
        """7.6, figure 12: the consultation is cancelled, then a basic transfer rings the target anew."""
        first = self.begin(self.alice, self.bob)
        self.bob.sends("INVITE", to="carol")
        self.carol.gets("INVITE")
        self.carol.answers(180)
        self.bob.gets(180)
        self.bob.sends("CANCEL")
        self.carol.gets("CANCEL")
        self.bob.gets(487)
        self.refer(self.bob, first, "carol")
        self.succeeds(first)

    def test_7_6_as_attended(self) -> None:
        """7.6, figure 13: the target's 200 crosses the CANCEL, and the transfer is an attended one."""
        first = self.begin(self.alice, self.bob)
        self.bob.sends("INVITE", to="carol")
        second = self.bob.session
        self.carol.gets("INVITE")
        self.carol.answers(180)
        self.bob.gets(180)
        self.carol.answers(200)
        self.bob.sends("CANCEL")
        second.cancelled = False  # what comes is welcome all the same
        self.carol.gets("ACK")
        self.bob.gets(200)
        self.bob.sends("ACK", session=second)
        self.refer(self.bob, first, replaces=second)
        self.coupled(self.carol, self.alice)
        self.dismissed(self.bob)
        self.notified(self.bob, 200)
        self.leaves(self.bob, first)
        self.ends()

    def test_7_6_early(self) -> None:
        """7.6: what Yealinks do instead: Replaces names the dialog that still rings, which rings on."""
        first = self.begin(self.alice, self.bob)
        self.bob.sends("INVITE", to="carol")
        second = self.bob.session
        self.carol.gets("INVITE")
        self.carol.answers(180)
        self.bob.gets(180)
        self.refer(self.bob, first, replaces=second)
        self.notified(self.bob, 180)
        self.carol.answers(200)
        self.carol.gets("ACK")
        self.coupled(self.carol, self.alice)
        self.bob.gets(487)
        self.notified(self.bob, 200)
        self.leaves(self.bob, first)
        self.ends()

    def test_7_7(self) -> None:
        """7.7, figure 14: the target knows no Replaces; its 420 is about our INVITE, not about Bob's."""
        first = self.begin(self.alice, self.bob)
        self.bob.sends("INVITE", to="carol", fields=(("Require", "replaces"),))
        self.carol.gets("INVITE")
        self.carol.answers(420, fields=(("Unsupported", "replaces"),))
        self.bob.gets(500)
        self.refer(self.bob, first, "carol")
        self.succeeds(first)

    def test_7_7_options(self) -> None:
        """7.7, figure 15: OPTIONS tells what the other side can, a basic one follows."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol, hold=False)
        for session in (first, second):
            self.bob.sends("OPTIONS", session=session)
            answer = self.bob.gets(200, method="OPTIONS")
            self.assertIn("REFER", answer.get("Allow") or "")
        self.leaves(self.bob, second)
        self.dismissed(self.carol)
        self.refer(self.bob, first, "carol")
        self.succeeds(first)
