"""
A sample of the table of transfers; C{make tables} plays all of it.

What is in it, and what has to hold, is said in C{transfer_table}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.depth import one_of
from tests.simulation.tables import play, sample
from tests.simulation.transfer_table import EVENTS, KINDS, PARTIES, Kind, cells, undisturbed

EVERY = one_of(97, 11)
"""One cell of so many is played here."""


class TransferTableTests(SynchronousTestCase):
    """Some cells of each kind, in a world each."""

    def check(self, kind: Kind) -> None:
        """No cell leaves anything behind, anybody alone, or anybody in a call that the other has not."""
        played = play(sample(cells(kind), EVERY, KINDS.index(kind)))
        self.assertEqual(played.wrong, [], "\n".join(played.wrong))
        self.assertGreater(played.possible, 100 // EVERY)


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
        """Twenty-seven kinds with 300 moments, twenty-three events, three parties, of one event in turns."""
        moments = sum(len(undisturbed(kind).moments) for kind in KINDS)
        self.assertEqual((len(KINDS), moments, len(EVENTS), len(PARTIES)), (27, 300, 23, 3))
        self.assertEqual(sum(1 for kind in KINDS for _ in cells(kind)), 300 * (22 * 3 + 1))
