"""
The table of transfers: every step of every kind, and everything that may happen in it.

What is in it, and what has to hold, is said in C{transfer_table}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.transfer_table import EVENTS, KINDS, PARTIES, Kind, cells, undisturbed

PLAYED = {
    "blind": 401,
    "blind, leaves at once": 330,
    "blind by the caller": 401,
    "blind, busy": 275,
    "blind, busy, leaves at once": 398,
    "blind, no answer": 311,
    "blind, no answer, leaves at once": 426,
    "blind, busy, recall refused": 446,
    "blind, told at once": 340,
    "blind, busy, told at once": 442,
    "blind, passed on": 784,
    "attended": 318,
    "attended, leaves at once": 272,
    "attended, REFER to the target": 318,
    "attended, passed on": 554,
    "semi-attended": 425,
    "semi-attended, leaves at once": 348,
    "semi-attended, refused": 217,
    "semi-attended, refused, leaves at once": 356,
    "semi-attended, no answer": 290,
    "semi-attended, told at once": 422,
    "INVITE with Replaces": 238,
}
"""Cells in which the event can happen."""


class TransferTableTests(SynchronousTestCase):
    """All cells of a kind, in a world each."""

    def check(self, kind: Kind) -> None:
        """No cell leaves anything behind, anybody alone, or anybody in a call that the other has not."""
        wrong, played = [], 0
        for cell in cells(kind):
            problem = cell.play()
            played += problem is not None
            if problem:
                wrong.append(f"{cell}\n{problem}")
        if wrong:
            self.fail(f"{len(wrong)} of {played} cells are wrong; the first is\n{wrong[0]}")
        self.assertEqual(played, PLAYED[kind.name])


def _row(kind: Kind) -> Callable[[TransferTableTests], None]:
    """Make the test of one kind."""

    def test(self: TransferTableTests) -> None:
        self.check(kind)

    test.__doc__ = f"{kind}: whatever happens at whatever moment."
    return test


for _kind in KINDS:
    _words = _kind.name.replace(",", "").replace("-", " ").lower().split()
    setattr(TransferTableTests, "_".join(["test", *_words]), _row(_kind))


class ReportTests(SynchronousTestCase):
    """The table says of itself how large it is."""

    def test_size(self) -> None:
        """Twenty-two kinds with 247 moments, eighteen events, three parties; 8,312 cells can happen."""
        moments = sum(len(undisturbed(kind).moments) for kind in KINDS)
        self.assertEqual((len(KINDS), moments, len(EVENTS), len(PARTIES)), (22, 247, 18, 3))
        self.assertEqual(sum(1 for kind in KINDS for _ in cells(kind)), 247 * 18 * 3)
        self.assertEqual(sum(PLAYED.values()), 8312)
