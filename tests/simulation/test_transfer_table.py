"""
The table of transfers: every step of every kind, and everything that may happen in it.

What is in it, and what has to hold, is said in C{transfer_table}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.transfer_table import EVENTS, KINDS, PARTIES, Kind, cells, undisturbed

PLAYED = {
    "blind": 485,
    "blind, leaves at once": 398,
    "blind by the caller": 485,
    "blind, busy": 337,
    "blind, busy, leaves at once": 481,
    "blind, no answer": 380,
    "blind, no answer, leaves at once": 516,
    "blind, busy, recall refused": 544,
    "blind, told at once": 408,
    "blind, busy, told at once": 535,
    "blind, early media": 528,
    "blind, slow survivor": 532,
    "blind, passed on": 946,
    "attended": 378,
    "attended, leaves at once": 325,
    "attended, slow survivor": 421,
    "attended, slow target": 426,
    "attended, REFER to the target": 378,
    "attended, passed on": 669,
    "semi-attended": 502,
    "semi-attended, leaves at once": 409,
    "semi-attended, early media": 514,
    "semi-attended, refused": 262,
    "semi-attended, refused, leaves at once": 428,
    "semi-attended, no answer": 350,
    "semi-attended, told at once": 498,
    "INVITE with Replaces": 288,
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
        """Twenty-seven kinds with 300 moments, twenty-three events, three parties: 12,423 cells."""
        moments = sum(len(undisturbed(kind).moments) for kind in KINDS)
        self.assertEqual((len(KINDS), moments, len(EVENTS), len(PARTIES)), (27, 300, 23, 3))
        self.assertEqual(sum(1 for kind in KINDS for _ in cells(kind)), 300 * (22 * 3 + 1))
        self.assertEqual(sum(PLAYED.values()), 12423)
