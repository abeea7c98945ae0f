"""
A sample of the table of operations; C{make tables} plays all of it.

What is in it, and what has to hold, is said in C{operation_table}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.depth import one_of
from tests.simulation.operation_table import SIZE, cells
from tests.simulation.tables import play, sample

EVERY = one_of(73, 11)
"""One cell of so many is played here."""


class OperationTableTests(SynchronousTestCase):
    """Some cells, in a world each."""

    def test_sample(self) -> None:
        """Each cell has its end, and leaves nobody behind."""
        wrong = play(sample(cells(), EVERY)).wrong
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_size(self) -> None:
        """The table says how large it is."""
        self.assertEqual(len(list(cells())), SIZE)
