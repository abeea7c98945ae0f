"""The ladders of our own tests, played again from what was traced of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.ladders import CANNOT, again, cases, why_not

EVERY = 8
"""One of so many is played here; C{make test-all} plays them all."""


class LaddersTests(SynchronousTestCase):
    """What was sent then is sent now."""

    def test_some(self) -> None:
        """Every eighth ladder: each of its calls does again what it did."""
        played = 0
        for number, case in enumerate(cases()):
            if number % EVERY == 0 and not why_not(case.id()):
                calls, faults = again(case)
                self.assertEqual(faults, [], case.id())
                played += calls
        self.flushLoggedErrors()
        self.assertGreater(played, 100)

    def test_reasons(self) -> None:
        """Those that are left out are there, and are few."""
        names = [case.id() for case in cases()]
        for part in CANNOT:
            self.assertTrue(any(part in name for name in names), part)
        self.assertLess(sum(bool(why_not(name)) for name in names), len(names) // 10)
