"""Session timers, negotiated on each leg by itself (RFC 4028)."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners
from b2bua.testing.phone import Phone

PLAIN = Manners(answers_after=0.3)
TIMED = Manners(answers_after=0.3, session_expires=90)


class TimerTests(LadderTestCase):
    """Calls that last."""

    def pair(self, caller: Manners, callee: Manners) -> tuple[Phone, Phone]:
        """Let Alice and Bob talk."""
        (alice,) = self.phones("alice", manners=caller)
        (bob,) = self.phones("bob", manners=callee)
        alice.dial("bob")
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        return alice, bob

    def lasts(self, alice: Phone, bob: Phone, seconds: float = 2000) -> None:
        """See that the call is still up much later, and ends well."""
        self.world.run(seconds)
        self.assertTalking(("alice", "bob"))
        bob.hang_up()
        self.quiet()

    def test_every_combination(self) -> None:
        """On one leg only, on both, refreshed by either side and by either method."""
        kinds = [PLAIN]
        for refresher in ("uac", "uas"):
            kinds += [TIMED.but(refresher=refresher, refreshes_by=by) for by in ("UPDATE", "INVITE")]
        for caller in kinds:
            for callee in kinds:
                with self.anew(caller=caller, callee=callee):
                    self.lasts(*self.pair(caller, callee), seconds=700)

    def test_refresher_dies(self) -> None:
        """A phone that should refresh and does not is given up, and the other side is told."""
        for caller, refresher in ((True, "uac"), (False, "uas")):
            for other in (PLAIN, TIMED.but(refresher=refresher)):
                for by in ("UPDATE", "INVITE"):
                    with self.anew(caller=caller, other=other, by=by):
                        lazy = TIMED.but(refresher=refresher, refreshes=False)
                        alice, bob = self.pair(*((lazy, other) if caller else (other, lazy)))
                        self.world.run(120)
                        self.assertEqual((alice.live, bob.live), ([], []))
                        (record,) = self.world.served.records
                        self.assertLess(record.ended - record.answered, 90)
                        self.assertEqual(record.hung_up_by, f"extension {'alice' if caller else 'bob'}")
                        self.quiet()

    def test_vanished(self) -> None:
        """A phone that vanishes during the call is found out by the session timer."""
        alice, bob = self.pair(TIMED, TIMED)
        alice.vanish()
        self.world.run(2000)
        self.assertEqual(bob.live, [])
        self.quiet()

    def test_both_vanish(self) -> None:
        """When both vanish nothing is left of the call after a while, and there is a record of it."""
        alice, bob = self.pair(PLAIN, PLAIN)
        alice.vanish()
        bob.vanish()
        self.world.run(4000)
        self.quiet()
        self.assertEqual(len(self.world.served.records), 1)
