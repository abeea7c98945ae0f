"""A lease ends in time, and not for a store that fails."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.cluster.lease import DEAD, LOOK, TERM, Lease


class LeaseTests(SynchronousTestCase):
    """L{Lease}."""

    def setUp(self) -> None:
        """It begins."""
        self.now = 100.0
        self.lease = Lease(lambda: self.now)

    def live(self, seconds: float, *, store: bool = False, heard: str = "") -> None:
        """Look again and again."""
        for _ in range(round(seconds / LOOK)):
            self.now += LOOK
            self.lease.look()
            if store:
                self.lease.stored(self.now)
            if heard:
                self.lease.heard(heard, self.now)

    def test_order(self) -> None:
        """Who is taken for dead has found out before that it may be."""
        self.assertLess(TERM, DEAD * LOOK)

    def test_store(self) -> None:
        """A beat in the store is enough."""
        self.lease.heard("b", self.now)
        self.live(60, store=True)
        self.assertFalse(self.lease.is_over())

    def test_others(self) -> None:
        """All others hear us: so nobody takes us for dead, whatever the store does."""
        self.live(60, heard="b")
        self.assertFalse(self.lease.is_over())

    def test_neither(self) -> None:
        """Another node may be there that does not hear us, and the store does not either."""
        self.lease.heard("c", self.now)
        self.live(TERM - LOOK, heard="b")
        self.assertFalse(self.lease.is_over())
        self.live(LOOK, heard="b")
        self.assertTrue(self.lease.is_over())
        self.lease.forget("c")
        self.assertFalse(self.lease.is_over(), "it has ended for sure")

    def test_alone(self) -> None:
        """Without others nobody could take anything."""
        self.live(60)
        self.assertFalse(self.lease.is_over())

    def test_away(self) -> None:
        """Who was stopped, alone or not, says nothing until the store has told that nothing was taken."""
        for others in ("", "b"):
            with self.subTest(others=others):
                self.setUp()
                self.live(5, heard=others)
                self.now += TERM
                self.assertTrue(self.lease.is_over(), "before it has looked")
                self.live(5, heard=others)
                self.assertTrue(self.lease.is_over())
                self.lease.stored(self.now)
                self.assertFalse(self.lease.is_over())
                self.live(20, heard=others)
                self.assertFalse(self.lease.is_over())

    def test_late_answer(self) -> None:
        """What the store has said of the time before does not prolong it."""
        began = self.now
        self.lease.heard("b", self.now)
        self.now += TERM
        self.lease.stored(began)
        self.assertTrue(self.lease.is_over())
