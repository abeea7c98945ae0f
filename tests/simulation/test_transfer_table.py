"""
The table of transfers: every step of every kind, and everything that may happen in it.

What is in it, and what has to hold, is said in C{transfer_table}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.transfer_table import EVENTS, KINDS, PARTIES, cells, undisturbed

PLAYED = 3554
"""Cells in which the event can happen."""


class TransferTableTests(SynchronousTestCase):
    """All cells, in a world each."""

    def test_all(self) -> None:
        """No cell leaves anything behind, anybody alone, or anybody in a call that the other has not."""
        wrong, played = [], 0
        for cell in cells():
            problem = cell.play()
            played += problem is not None
            if problem:
                wrong.append(f"{cell}\n{problem}")
        if wrong:
            self.fail(f"{len(wrong)} of {played} cells are wrong; the first is\n{wrong[0]}")
        self.assertEqual(played, PLAYED)


class ReportTests(SynchronousTestCase):
    """The table says of itself how large it is."""

    def test_size(self) -> None:
        """Eleven kinds with 110 moments, fifteen events, three parties."""
        moments = sum(len(undisturbed(kind).moments) for kind in KINDS)
        self.assertEqual((len(KINDS), moments, len(EVENTS), len(PARTIES)), (11, 110, 15, 3))
        self.assertEqual(sum(1 for _ in cells()), 110 * 15 * 3)
