"""What the tests of transfers have in common: a world with the plugins, and calls to begin with."""

from __future__ import annotations

from collections.abc import Callable

from b2bua.testing import World
from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.replaces import Replaces
from b2bua_plugins.transfer_policy import TransferPolicy

FEATURES = (TransferPolicy, BlindTransfer, AttendedTransfer, Replaces)


class TransferTestCase(LadderTestCase):
    """Alice, Bob and Carol, whose phones do by themselves what people would."""

    def make_world(self) -> World:
        """Make a world with the transfer features."""
        return World(features=FEATURES)

    def setUp(self) -> None:
        """Set up the phones; each one picks up after a second."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1.0)
        )
        self.world.run(1)

    def call(self, caller: Phone, callee: Phone) -> tuple[Session, Session]:
        """Let two phones talk; the session of the caller comes first."""
        session = caller.dial(callee.name)
        self.world.run(3)
        self.assertTrue(caller.talks_to(callee), self.world.ladder())
        return session, callee.session

    def insist(self, truth: bool, complaint: str) -> None:
        """Complain with the ladder."""
        if not truth:
            raise self.world.failure(complaint)

    def only_talking(self, one: Phone, other: Phone) -> None:
        """Insist that these two talk, and nobody else."""
        self.insist(
            self.world.talking() == {(one.name, other.name), (other.name, one.name)},
            f"talking are {self.world.talking()}",
        )

    def goes_on(self, holder: Phone, other: Phone, restart: Callable[[], object]) -> None:
        """
        Insist that hold, resume, UPDATE, INFO and BYE work in a call that goes on after a restart.

        @param restart: lets the server die and start again; it is done twice.
        """
        restart()
        self.only_talking(holder, other)
        holder.hold()
        self.world.run(2)
        self.insist(self.world.talking() == {(holder.name, other.name)}, "no hold")
        restart()
        holder.resume()
        self.world.run(2)
        self.only_talking(holder, other)
        other.session.update(offer=False)
        other.session.ask("INFO")
        self.world.run(2)
        other.hang_up()
        self.world.run(2)
        self.assertEqual(holder.live + other.live, [])


class StepsTestCase(LadderTestCase):
    """Transfers written down message by message; the names of the steps are those of RFC 5589."""

    def make_world(self) -> World:
        """Make a world with the transfer features."""
        return World(features=FEATURES)

    def change(self, who: Phone, other: Phone, wish: str, session: Session) -> None:
        """INVITE (hold), or another direction: 200, ACK."""
        who.sends("INVITE", wish=wish, session=session)
        self.assertIn(f"a={wish}".encode(), other.gets("INVITE").body)
        other.answers(200)
        who.gets(200)
        who.sends("ACK", session=session)
        other.gets("ACK")

    def begin(self, transferee: Phone, transferor: Phone) -> Session:
        """Let the transferee call the transferor, who holds it: dialog 1, as the transferor sees it."""
        self.connect(transferee, transferor)
        session = transferor.session
        self.change(transferor, transferee, "sendonly", session)
        return session

    def consult(self, transferor: Phone, target: Phone, *, hold: bool = True) -> Session:
        """Let the transferor call the target, and perhaps hold it: dialog 2."""
        self.connect(transferor, target)
        session = transferor.session
        if hold:
            self.change(transferor, target, "sendonly", session)
        return session

    def refer(self, phone: Phone, session: Session, to: str = "", *, replaces: Session | None = None) -> None:
        """REFER, 202, NOTIFY (100 Trying), 200."""
        phone.sends("REFER", to, session=session, replaces=replaces)
        phone.gets(202)
        self.notified(phone, 100)

    def notified(self, phone: Phone, code: int) -> None:
        """NOTIFY with this status, 200; a final one ends the subscription (RFC 3515 section 2.4.7)."""
        notify = phone.gets("NOTIFY")
        self.assertTrue(notify.body.startswith(b"SIP/2.0 %d " % code), notify.body)
        state = notify.get("Subscription-State") or ""
        self.assertTrue(state.startswith("active" if code < 200 else "terminated;reason=noresource"), state)
        phone.answers(200, method="NOTIFY")

    def joined(self, waiting: Phone, shown: str = "") -> None:
        """re-INVITE that connects the waiting party with who answered: 200, ACK."""
        invite = waiting.gets("INVITE")
        self.assertIn(b"m=audio", invite.body)
        self.assertIn(f"sip:{shown}", invite.get("P-Asserted-Identity") or "")
        waiting.answers(200)
        waiting.gets("ACK")

    def coupled(self, asked: Phone, offered: Phone) -> None:
        """One is asked for an offer, which is made to the other one; the answer goes back in the ACK."""
        self.assertEqual(asked.gets("INVITE").body, b"")
        asked.answers(200)
        invite = offered.gets("INVITE")
        self.assertIn(b"m=audio", invite.body)
        offered.answers(200)
        offered.gets("ACK")
        self.assertIn(b"m=audio", asked.gets("ACK").body)

    def leaves(self, phone: Phone, session: Session) -> None:
        """BYE, 200."""
        phone.sends("BYE", session=session)
        phone.gets(200, method="BYE")

    def dismissed(self, phone: Phone) -> None:
        """BYE from us, 200."""
        phone.gets("BYE")
        phone.answers(200, method="BYE")

    def rings(self, target: Phone, caller: str) -> None:
        """The target is called in the name of the transferee, referred by the transferor."""
        invite = target.gets("INVITE")
        self.assertIn(f"sip:{caller}", invite.get("From") or "")
        self.assertIsNotNone(invite.get("Referred-By"))
        target.answers(180)
