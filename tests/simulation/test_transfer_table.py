"""
The table of transfers: every step of every kind, and everything that may happen in it.

What is in it, and what has to hold, is said in C{transfer_table}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.transfer_table import EVENTS, KINDS, PARTIES, Kind, cells, undisturbed

PLAYED = {
    "blind": 478,
    "blind, leaves at once": 391,
    "blind by the caller": 478,
    "blind, busy": 331,
    "blind, busy, leaves at once": 472,
    "blind, no answer": 374,
    "blind, no answer, leaves at once": 505,
    "blind, busy, recall refused": 531,
    "blind, told at once": 403,
    "blind, busy, told at once": 525,
    "blind, early media": 521,
    "blind, slow survivor": 525,
    "blind, passed on": 935,
    "attended": 374,
    "attended, leaves at once": 321,
    "attended, slow survivor": 417,
    "attended, slow target": 422,
    "attended, REFER to the target": 374,
    "attended, passed on": 661,
    "semi-attended": 498,
    "semi-attended, leaves at once": 405,
    "semi-attended, early media": 510,
    "semi-attended, refused": 259,
    "semi-attended, refused, leaves at once": 420,
    "semi-attended, no answer": 346,
    "semi-attended, told at once": 493,
    "INVITE with Replaces": 283,
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
        """Twenty-seven kinds with 300 moments, twenty-two events, three parties; 12,252 cells can happen."""
        moments = sum(len(undisturbed(kind).moments) for kind in KINDS)
        self.assertEqual((len(KINDS), moments, len(EVENTS), len(PARTIES)), (27, 300, 22, 3))
        self.assertEqual(sum(1 for kind in KINDS for _ in cells(kind)), 300 * 22 * 3)
        self.assertEqual(sum(PLAYED.values()), 12252)
