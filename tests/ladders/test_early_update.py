"""An UPDATE with an offer before the call is answered (RFC 3311 section 5)."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners, Phone
from b2bua.testing.session import Session


class EarlyUpdateTests(LadderTestCase):
    """Either side changes the session while it rings, and hears of it at once."""

    def ring(self, caller: str = "supported") -> tuple[Session, Session]:
        """Bob rings with a reliable 183, whose answer Alice has acknowledged."""
        self.alice: Phone
        self.bob: Phone
        (self.alice,) = self.phones("alice", manners=Manners(hundred_rel=caller))
        silent = Manners(answers_after=None, rings_after=None, hundred_rel="required")
        (self.bob,) = self.phones("bob", manners=silent)
        self.alice.dial("bob")
        self.world.run(0.5)
        self.bob.session.ring(183, session=True)
        self.world.run(0.5)
        return self.alice.session, self.bob.session

    def finish(self, wish: str = "sendrecv") -> None:
        """Bob answers, they talk as they have agreed, and hang up."""
        self.bob.session.answer()
        self.world.run(1)
        self.assertEqual((self.alice.session.state, self.bob.session.state), ("up", "up"))
        if wish == "sendrecv":
            self.assertTrue(self.alice.talks_to(self.bob))
        self.alice.session.hang_up()
        self.world.run(1)
        self.quiet()

    def test_both(self) -> None:
        """The offer goes to the other side, and its answer back to who made it."""
        for number in (0, 1):
            for wish in ("sendrecv", "sendonly"):
                with self.anew(number=number, wish=wish):
                    who = self.ring()[number]
                    who.media.port = self.world.new_media_port()
                    who.update(wish)
                    self.world.run(1)
                    self.assertEqual(who.changes, [200])
                    self.assertEqual(self.alice.session.state, "calling")
                    self.finish(wish)

    def test_refused(self) -> None:
        """So does a refusal, and the INVITE is none the worse for it."""
        for number in (0, 1):
            with self.anew(number=number):
                who = self.ring()[number]
                (self.alice, self.bob)[1 - number].manners.change_code = 488
                who.update()
                self.world.run(1)
                self.assertEqual(who.changes, [488])
                self.assertEqual(self.alice.session.state, "calling")
                self.finish()

    def test_caller_cannot(self) -> None:
        """A caller without reliable responses cannot be offered anything yet: 491, not silence."""
        _, bob = self.ring("none")
        bob.update()
        self.world.run(1)
        self.assertEqual(bob.changes, [491])
        self.finish()

    def test_answered_meanwhile(self) -> None:
        """The callee answers the INVITE while its UPDATE is on its way to the caller."""
        _, bob = self.ring()
        bob.media.port = self.world.new_media_port()
        bob.update()
        bob.answer()
        self.world.run(2)
        self.assertEqual(bob.changes, [200])
        self.finish()

    def test_given_up_meanwhile(self) -> None:
        """The caller gives up while an UPDATE of either side is under way."""
        for number in (0, 1):
            for moment in (0.0, 0.005, 0.015, 0.025):
                with self.anew(number=number, moment=moment):
                    alice, bob = self.ring()
                    (alice, bob)[number].update()
                    self.world.run(moment)
                    alice.hang_up()
                    self.world.run(1)
                    self.quiet()

    def test_callee_refuses_meanwhile(self) -> None:
        """The callee refuses the call while an UPDATE of either side is under way."""
        for number in (0, 1):
            for moment in (0.0, 0.005, 0.015, 0.025):
                with self.anew(number=number, moment=moment):
                    alice, bob = self.ring()
                    (alice, bob)[number].update()
                    self.world.run(moment)
                    bob.refuse(486)
                    self.world.run(1)
                    self.assertEqual(alice.code, 486)
                    self.quiet()
