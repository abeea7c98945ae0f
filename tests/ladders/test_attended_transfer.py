"""Attended and semi-attended transfer: RFC 5589 section 7, RFC 5359 section 2.5."""

from __future__ import annotations

from itertools import product

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from tests.ladders.transfers import FEATURES, TransferTestCase


class AttendedTransferTests(TransferTestCase):
    """Bob has talked to Alice and to Carol, and joins the two."""

    def consult(self, *, alice_calls: bool = True, carol_calls: bool = False) -> tuple[Session, Session]:
        """Let Bob hold Alice and talk to Carol; his two sessions come back."""
        with_alice = self._bobs(self.alice, alice_calls)
        with_alice.hold()
        self.world.run(1)
        return with_alice, self._bobs(self.carol, carol_calls)

    def _bobs(self, other: Phone, other_calls: bool) -> Session:
        """A call between Bob and another, who may be the caller; Bob's session of it."""
        if other_calls:
            return self.call(other, self.bob)[1]
        return self.call(self.bob, other)[0]

    def test_orientations(self) -> None:
        """
        Whoever called whom in the two calls, held or not, the two others are joined.

        Acceptance list, item 2.  OpenSIPS#2068 dialled a new call instead;
        OpenSIPS#1621: none of it works where the server hides one side's dialog
        from the other, as we do.
        """
        for alice_calls, carol_calls, hold in product((True, False), repeat=3):
            with self.anew(alice_calls=alice_calls, carol_calls=carol_calls, hold=hold):
                first, second = self.consult(alice_calls=alice_calls, carol_calls=carol_calls)
                if hold:
                    second.hold()
                    self.world.run(1)
                first.transfer(replaces=second)
                self.world.run(5)
                self.only_talking(self.alice, self.carol)
                self.assertEqual(first.told[-1], 200)
                self.assertEqual(self.bob.live, [])
                self.assertEqual((len(self.alice.sessions), len(self.carol.sessions)), (1, 1))
                self.alice.hang_up()
                self.quiet()

    def test_refer_to_the_target(self) -> None:
        """The REFER may go to the consulted party and name the first call (RFC 5589 section 7.2)."""
        first, second = self.consult()
        second.transfer(replaces=first)
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_transferor_leaves_at_once(self) -> None:
        """Bob hangs up both calls right after the 202."""
        self.bob.manners.leaves_after_refer = "at once"
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(0.03)
        second.hang_up()
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_survivor_hangs_up_meanwhile(self) -> None:
        """Alice hangs up as she is being joined: Bob and Carol go on talking, or hear the end."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(0.025)
        self.alice.hang_up()
        self.world.run(5)
        self.assertEqual(first.told[-1], 487)
        self.only_talking(self.bob, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_foreign_dialog(self) -> None:
        """Naming a dialog of somebody else: 403, and nothing is torn down (acceptance list, item 12)."""
        dave, erin = self.world.phones("dave", "erin", manners=self.alice.manners)
        self.call(self.alice, self.bob)
        theirs, _ = self.call(dave, erin)
        session = self.bob.session
        session.transfer(replaces=theirs)
        self.world.run(3)
        self.assertEqual(session.refer_code, 403)
        self.insist(self.alice.talks_to(self.bob) and dave.talks_to(erin), "a call was lost")
        self.alice.hang_up()
        dave.hang_up()
        self.quiet()

    def test_twice(self) -> None:
        """After a transfer either party can be transferred again."""
        (dave,) = self.world.phones("dave", manners=self.alice.manners)
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(5)
        with_alice = self.carol.session
        with_alice.hold()
        self.world.run(1)
        with_dave, _ = self.call(self.carol, dave)
        with_alice.transfer(replaces=with_dave)
        self.world.run(5)
        self.only_talking(self.alice, dave)
        dave.hang_up()
        self.quiet()


class SemiAttendedTests(TransferTestCase):
    """
    Bob transfers Alice while Carol's phone still rings: a Yealink's default (acceptance list, item 1).

    Wished for in asterisk#641, pjproject#1587, JsSIP#566 and sipsorcery#1376.
    """

    def consult(self) -> tuple[Session, Session]:
        """Let Bob hold Alice and ring Carol, who takes her time."""
        self.carol.manners.answers_after = None
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second = self.bob.dial("carol")
        self.world.run(1)
        return first, second

    def test_answered(self) -> None:
        """Carol goes on ringing, for Alice now, and answers."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(2)
        self.assertEqual(first.told[-1], 180)
        self.carol.answer()
        self.world.run(3)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(first.told[-1], 200)
        self.alice.hang_up()
        self.quiet()

    def test_transferor_cancels_after(self) -> None:
        """Bob gives up his call to Carol after the 202; her phone rings on (usecallmanagernz/patches#35)."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(0.5)
        second.hang_up()
        first.hang_up()
        self.world.run(2)
        self.carol.answer()
        self.world.run(3)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_transferor_cancels_before(self) -> None:
        """Bob's phone cancels first: the target is rung anew, as in a blind transfer."""
        first, second = self.consult()
        self.carol.manners.answers_after = 1.0
        second.hang_up()
        self.world.run(0.2)
        first.transfer(to="carol", replaces=second)
        self.world.run(4)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_refused(self) -> None:
        """Carol refuses: Bob is told 486 and has Alice back."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(1)
        self.carol.refuse(486)
        self.world.run(2)
        self.assertEqual(first.told[-1], 486)
        first.resume()
        self.world.run(2)
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()

    def test_refused_and_transferor_gone(self) -> None:
        """Carol refuses when Bob has left: Bob is called back."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(1)
        first.hang_up()
        second.hang_up()
        self.world.run(1)
        self.carol.refuse(486)
        self.world.run(4)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_survivor_hangs_up(self) -> None:
        """Alice hangs up while Carol rings: the ringing stops, Bob is told."""
        first, second = self.consult()
        first.transfer(replaces=second)
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(3)
        self.assertEqual(first.told[-1], 487)
        self.assertEqual(self.carol.live, [])
        self.quiet()


class RingSecondsTests(TransferTestCase):
    """C{ring_seconds} of C{[attended_transfer]}."""

    def make_world(self) -> World:
        """Give a phone that still rings ten seconds."""
        return World(features=FEATURES, settings={"attended_transfer": {"ring_seconds": 10}})

    def test_while_it_rings(self) -> None:
        """It counts from the REFER: Carol's phone stops, Bob hears 480 and has Alice back."""
        self.carol.manners.answers_after = None
        self.call(self.alice, self.bob)
        first = self.bob.session
        second = self.bob.dial("carol")
        self.world.run(5)
        first.transfer(replaces=second)
        self.world.run(9)
        self.assertEqual((len(self.carol.live), first.told[-1]), (1, 180))
        self.world.run(2)
        self.assertEqual((self.carol.live, first.told[-1]), ([], 480))
        self.only_talking(self.alice, self.bob)
        self.bob.hang_up()
        self.quiet()
