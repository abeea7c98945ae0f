"""The test case for ladders."""

from __future__ import annotations

from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing import LadderTestCase, World


class Cases(LadderTestCase):
    """A ladder of several cases; played by L{AnewTests}."""

    def runTest(self) -> None:
        """Play three cases, of which the last one fails."""
        self.worlds: list[World] = []
        for number in (1, 2, 3):
            with self.anew("a case", number=number):
                self.worlds.append(self.world)
                self.assertNotEqual(number, 3)


class AnewTests(SynchronousTestCase):
    """L{LadderTestCase.anew}."""

    def test_cases(self) -> None:
        """Each case has a world of its own, and a failure says which one it was."""
        ladder, result = Cases(), TestResult()
        ladder.run(result)
        self.assertEqual(len(set(map(id, ladder.worlds))), 3)
        [(_, failed)] = result.failures
        self.assertIn("3 == 3\nin the case 'a case', number=3", str(failed))
