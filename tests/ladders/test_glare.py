"""Two changes at once (RFC 3261 section 14, RFC 6337 section 2)."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners
from b2bua.testing.script import title

QUICK = Manners(answers_after=0.3)


class GlareTests(LadderTestCase):
    """Alice and Bob change their minds at the same time."""

    def setUp(self) -> None:
        """Alice and Bob talk."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob", manners=QUICK)
        self.alice.dial("bob")
        self.world.run(1)

    def settle(self) -> None:
        """Let all that was refused be tried again, and see that both got their way."""
        self.world.run(20)
        for phone in (self.alice, self.bob):
            self.assertEqual(phone.session.changes[-1], 200, self.world.ladder())
            self.assertLessEqual(set(phone.session.changes), {200, 491, 500})

    def test_holds_cross(self) -> None:
        """Both hold at the same moment: afterwards nobody hears anybody."""
        self.alice.hold()
        self.bob.hold()
        self.settle()
        self.assertEqual(self.world.talking(), set())
        self.alice.resume()
        self.world.run(1)
        self.bob.resume()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.alice.hang_up()
        self.quiet()

    def test_shifted(self) -> None:
        """Wherever on the way the two meet, both are done in the end."""
        for shift in range(1, 12):
            with self.anew(shift=shift):
                self.alice.hold()
                self.world.run(shift * 0.005)
                self.bob.hold("inactive")
                self.settle()
                self.assertEqual(self.world.talking(), set())
                self.bob.hang_up()
                self.quiet()

    def test_updates_cross(self) -> None:
        """Two UPDATEs with offers, and an UPDATE against a re-INVITE."""
        self.alice.session.update("sendonly")
        self.bob.session.update("sendonly")
        self.settle()
        self.alice.session.update("sendrecv")
        self.bob.hold("inactive")
        self.settle()
        self.alice.hang_up()
        self.quiet()

    def test_hang_up_crosses_hold(self) -> None:
        """A BYE that crosses a re-INVITE, from either side, at each distance, ends the call."""
        for shift in range(8):
            for leaver in ("alice", "bob"):
                with self.anew(shift=shift, leaver=leaver):
                    self.alice.hold()
                    self.world.run(shift * 0.005)
                    (self.alice if leaver == "alice" else self.bob).hang_up()
                    self.world.run(5)
                    self.assertEqual((self.alice.live, self.bob.live), ([], []))
                    self.quiet()

    def test_both_hang_up(self) -> None:
        """Two BYEs that cross, at each distance."""
        for shift in range(8):
            with self.anew(shift=shift):
                self.alice.hang_up()
                self.world.run(shift * 0.005)
                if self.bob.live:
                    self.bob.hang_up()
                self.quiet()

    def test_second_reinvite_too_soon(self) -> None:
        """A re-INVITE before the answer to the first gets 500 with Retry-After (section 14.2)."""
        alice, bob = self.alice, self.bob
        bob.manners = bob.manners.but(replies=False)
        alice.session.reinvite("sendonly")
        first = alice.session.asking
        self.world.run(0.1)
        alice.session.reinvite("inactive")
        alice.inbox.clear()
        self.world.run(0.1)
        refusal = next(got.message for got in alice.inbox if title(got.message) == "500 to INVITE")
        self.assertLessEqual(refusal.retry_after, 10)
        alice.session.asking = first
        asked = bob.session.asked
        assert asked is not None
        bob.session.answer_change(asked)
        self.world.run(1)
        self.assertEqual(alice.session.changes, [500, 200])
        bob.manners = QUICK
        alice.hang_up()
        self.quiet()
