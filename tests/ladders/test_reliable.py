"""Reliable provisional responses on one side, on both, and on neither (RFC 3262)."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners, by_hand
from b2bua.testing.phone import Phone


class ReliableTests(LadderTestCase):
    """100rel is a matter of each leg."""

    def pair(self, caller: str, callee: str) -> tuple[Phone, Phone]:
        """Set up Alice and Bob with what each knows of 100rel."""
        (alice,) = self.phones("alice", manners=by_hand(hundred_rel=caller))
        (bob,) = self.phones("bob", manners=by_hand(hundred_rel=callee))
        return alice, bob

    def finish(self, alice: Phone, bob: Phone) -> None:
        """Answer, talk and hang up."""
        bob.answers(200)
        alice.gets(200, method="INVITE")
        alice.sends("ACK")
        bob.gets("ACK")
        self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()

    def test_callee_only(self) -> None:
        """The callee's reliable 183 is acknowledged by us, and goes on unreliably."""
        alice, bob = self.pair("none", "required")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        early = alice.gets(183)
        self.assertNotIn("100rel", early.require)
        self.world.run(0.5)
        self.assertIsNone(bob.session._unpracked)
        self.finish(alice, bob)

    def test_caller_requires(self) -> None:
        """The caller requires 100rel: the 180 is sent to it reliably, whatever the callee does."""
        alice, bob = self.pair("required", "none")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180, reliable=False)
        ringing = alice.gets(180)
        self.assertIn("100rel", ringing.require)
        alice.sends("PRACK")
        alice.gets(200, method="PRACK")
        self.finish(alice, bob)

    def test_both(self) -> None:
        """Both know it: each leg has its own RSeq and PRACK."""
        alice, bob = self.pair("supported", "required")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(183, session=True)
        early = alice.gets(183)
        if "100rel" in early.require:
            alice.sends("PRACK")
            alice.gets(200, method="PRACK")
        self.finish(alice, bob)

    def test_never_acknowledged(self) -> None:
        """No PRACK comes: after 64*T1 the caller gets a 5xx and the callee a CANCEL (section 3)."""
        alice, bob = self.pair("required", "none")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180, reliable=False)
        alice.gets(180)
        self.world.run(40)
        self.assertGreaterEqual(alice.gets_final(), 500)
        bob.gets("CANCEL")
        self.quiet()

    def test_all_combinations(self) -> None:
        """Whatever the two know of it, with and without early media, they talk in the end."""
        for caller in ("none", "supported", "required"):
            for callee in ("none", "supported", "required"):
                for early in (False, True):
                    for offer in (True, False):
                        with self.anew(caller=caller, callee=callee, early=early, offer=offer):
                            manners = Manners(answers_after=1.0, early_media=early and offer)
                            (alice,) = self.phones("alice", manners=manners.but(hundred_rel=caller))
                            (bob,) = self.phones("bob", manners=manners.but(hundred_rel=callee))
                            alice.dial("bob", offer=offer)
                            self.world.run(3)
                            self.assertTalking(("alice", "bob"))
                            bob.hang_up()
                            self.quiet()
