"""The ladders of our own tests, played again from what was traced of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.depth import one_of
from tests.simulation.ladders import CANNOT, again, cases, why_not

EVERY = one_of(13, 3)
"""One of so many is played here; C{make test-long} plays them all, of all modules."""
CALLS = (
    "attended_transfer blind_transfer call_forward features_meet glare hold pickup reliable "
    "rfc3665 rfc5359 rfc5359_transfer rfc5589 ring_group session_timer setup"
)
MODULES = [f"test_{name}." for name in CALLS.split()]


class LaddersTests(SynchronousTestCase):
    """What was sent then is sent now."""

    def test_some(self) -> None:
        """Some ladders of calls and their features: each of its calls does again what it did."""
        played = 0
        for number, case in enumerate(cases(*MODULES)):
            if number % EVERY == 0 and not why_not(case.id()):
                calls, faults = again(case)
                self.assertEqual(faults, [], case.id())
                played += calls
        self.flushLoggedErrors()
        self.assertGreater(played, 200 // EVERY)

    def test_reasons(self) -> None:
        """Those that are left out are there, and are few."""
        names = [case.id() for case in cases()]
        for part in CANNOT:
            self.assertTrue(any(part in name for name in names), part)
        self.assertLess(sum(bool(why_not(name)) for name in names), len(names) // 6)
