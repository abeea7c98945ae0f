"""What phones hear, as L{tests.interop.test_hearing} has it, with each make in each place."""

from __future__ import annotations

from tests.interop import test_hearing


class HearingTests(test_hearing.HearingTests):
    """All of it."""

    rounds = 3
