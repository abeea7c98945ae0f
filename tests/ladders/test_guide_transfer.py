"""The call flows of the phones' administrator's guide: 6 and 7, done by us and passed on as drawn."""

from __future__ import annotations

from urllib.parse import unquote

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua.wire.message import Request
from b2bua.wire.names import NameAddr
from tests.ladders.transfers import FEATURES, StepsTestCase


class LocalTests(StepsTestCase):
    """We carry it out: the phones see less than what the guide draws, the users the same."""

    def setUp(self) -> None:
        """Set up the three phones; A calls B."""
        super().setUp()
        self.a, self.b, self.c = self.phones("alice", "bob", "carol")
        self.connect(self.a, self.b)

    def answered(self) -> None:
        """C rings and answers, A is connected."""
        self.rings(self.c, "alice")
        self.c.answers(200)
        self.c.gets("ACK")
        self.joined(self.a, "carol")
        self.assertTalking(("alice", "carol"))

    def finished(self) -> None:
        """C hangs up."""
        self.disconnect(self.c, self.a)
        self.quiet()

    def test_6a(self) -> None:
        """6, current table: B's BYE follows the 202 at once; the NOTIFYs are sent all the same."""
        first = self.b.session
        self.b.sends("REFER", "carol", session=first)
        self.b.gets(202)
        self.b.sends("BYE", session=first)
        self.notified(self.b, 100)
        self.b.gets(200, method="BYE")
        self.answered()
        self.notified(self.b, 200)  # one a second at most, so the ringing is not worth one any more
        self.finished()

    def test_6b(self) -> None:
        """6, figure: four messages are left out of the drawing; B waits until C rings."""
        first = self.b.session
        self.refer(self.b, first, "carol")
        self.rings(self.c, "alice")
        self.notified(self.b, 180)
        self.leaves(self.b, first)
        self.c.answers(200)
        self.c.gets("ACK")
        self.joined(self.a, "carol")
        self.notified(self.b, 200)
        self.assertTalking(("alice", "carol"))
        self.finished()

    def test_6c(self) -> None:
        """6, older edition: one NOTIFY, its 200, then the BYE."""
        first = self.b.session
        self.refer(self.b, first, "carol")
        self.leaves(self.b, first)
        self.answered()
        self.notified(self.b, 200)  # one a second at most, so the ringing is not worth one any more
        self.finished()

    def test_7(self) -> None:
        """7: A, the caller, holds B, calls C, and transfers; what the drawing lacks is there."""
        first = self.a.session
        self.change(self.a, self.b, "sendonly", first)
        second = self.consult(self.a, self.c, hold=False)
        self.a.sends("REFER", session=first, replaces=second)
        self.a.gets(202)
        self.a.sends("BYE", session=first)
        self.notified(self.a, 100)
        self.a.gets(200, method="BYE")
        self.coupled(self.c, self.b)
        self.dismissed(self.a)
        self.notified(self.a, 200)
        self.assertTalking(("bob", "carol"))
        self.disconnect(self.c, self.b)
        self.quiet()


class PassedTests(StepsTestCase):
    """C{transfer = "pass"}: the REFER goes to the other phone, as drawn."""

    def make_world(self) -> World:
        """Let the transfers of both pass."""
        passing = {"transfer": "pass"}
        return World(features=FEATURES, settings={"extensions": {"alice": passing, "bob": passing}})

    def setUp(self) -> None:
        """Set up the three phones; A calls B."""
        super().setUp()
        self.a, self.b, self.c = self.phones("alice", "bob", "carol")
        self.connect(self.a, self.b)

    def pass_on(
        self, transferor: Phone, transferee: Phone, to: str, second: Session | None = None
    ) -> NameAddr:
        """
        REFER, REFER, 202, 202, and a NOTIFY of ours for the time until the transferee's come.

        F10 is drawn before F11, where nobody could hear that F12 is a refusal.
        """
        transferor.sends("REFER", to, replaces=second, session=transferor.sessions[0])
        refer = transferee.gets("REFER")
        transferee.answers(202)
        transferor.gets(202)
        self.notified(transferor, 100)
        assert isinstance(refer, Request) and refer.refer_to is not None
        return refer.refer_to

    def tell(self, session: Session, code: int) -> None:
        """NOTIFY from the transferee."""
        state = "active;expires=60" if code < 200 else "terminated;reason=noresource"
        fields = (("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag"))
        session.ask("NOTIFY", fields, b"SIP/2.0 %d Said\r\n" % code)

    def test_6a(self) -> None:
        """6, current table F9 to F24: REFER, 202, REFER, 202, BYE, and A calls C; its NOTIFY comes last."""
        at_a = self.a.session
        refer_to = self.pass_on(self.b, self.a, "carol")
        self.assertEqual(refer_to.uri.user, "carol")
        self.leaves(self.b, self.b.session)
        self.dismissed(self.a)
        self.connect(self.a, self.c)
        self.tell(at_a, 200)
        self.notified(self.b, 200)
        self.a.gets(200, method="NOTIFY")
        self.assertTalking(("alice", "carol"))
        self.disconnect(self.c, self.a)
        self.quiet()

    def test_6b(self) -> None:
        """6, figure: F13 to F16 are left out, so A's NOTIFYs all come after B's BYE (RFC 5057 section 4)."""
        at_a = self.a.session
        self.pass_on(self.b, self.a, "carol")
        self.leaves(self.b, self.b.session)
        self.dismissed(self.a)
        self.a.sends("INVITE", to="carol")
        self.c.gets("INVITE")
        self.c.answers(180)
        self.a.gets(180)
        self.world.run(1)
        self.tell(at_a, 180)
        self.a.gets(200, method="NOTIFY")
        self.notified(self.b, 180)
        self.c.answers(200)
        self.c.gets("ACK")
        self.a.gets(200)
        self.a.sends("ACK")
        self.tell(at_a, 200)
        self.a.gets(200, method="NOTIFY")
        self.notified(self.b, 200)
        self.assertTalking(("alice", "carol"))
        self.disconnect(self.c, self.a)
        self.quiet()

    def test_6c(self) -> None:
        """6, older edition F13 to F28: A's NOTIFY comes through before B's BYE, the last one after it."""
        at_a = self.a.session
        self.pass_on(self.b, self.a, "carol")
        self.tell(at_a, 180)
        self.a.gets(200, method="NOTIFY")
        self.notified(self.b, 180)
        self.leaves(self.b, self.b.session)
        self.dismissed(self.a)
        self.connect(self.a, self.c)
        self.tell(at_a, 200)
        self.a.gets(200, method="NOTIFY")
        self.notified(self.b, 200)
        self.assertTalking(("alice", "carol"))
        self.disconnect(self.c, self.a)
        self.quiet()

    def test_7(self) -> None:
        """7, F23 to F30: the REFER reaches B with Replaces in our words; B's INVITE takes A's place at C."""
        first, at_b = self.a.session, self.b.session
        self.change(self.a, self.b, "sendonly", first)
        second = self.consult(self.a, self.c, hold=False)
        refer_to = self.pass_on(self.a, self.b, "", second)
        named = refer_to.uri.header("Replaces") or ""
        for ours in (second.call_id, second.local_tag, second.remote_tag, self.c.session.call_id):
            self.assertNotIn(ours, named)
        self.leaves(self.a, first)
        self.dismissed(self.b)
        self.b.sends("INVITE", to="carol", fields=(("Replaces", unquote(named)), ("Require", "replaces")))
        self.joined(self.c, "bob")
        self.dismissed(self.a)
        self.b.gets(200)
        self.b.sends("ACK")
        self.tell(at_b, 200)
        self.b.gets(200, method="NOTIFY")
        self.notified(self.a, 200)
        self.assertTalking(("bob", "carol"))
        self.disconnect(self.c, self.b)
        self.quiet()
