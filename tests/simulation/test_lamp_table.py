"""
A sample of the table of lamps, of every state of a call; C{make tables} plays all of it.

What is in it, and what has to hold, is said in C{lamp_table}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.depth import one_of
from tests.simulation.lamp_table import EVENTS, STATES, cells
from tests.simulation.tables import play, sample

EVERY = one_of(11, 2)
"""One cell of so many is played here: of three parties, each has a part of the events."""
LEAST = 20 // EVERY
"""So many of these can happen at the least: seven events need no call at all."""


class LampTableTests(SynchronousTestCase):
    """Some cells of a state, in a world each."""

    def check(self, state: str) -> None:
        """In no cell a lamp shows anything but the truth, and no number goes back."""
        own = (cell for cell in cells() if cell.state == state)
        played = play(sample(own, EVERY, list(STATES).index(state)))
        self.assertEqual(played.wrong, [], "\n".join(played.wrong))
        self.assertGreaterEqual(played.possible, LEAST)


def _row(state: str) -> Callable[[LampTableTests], None]:
    """Make the test of one state."""

    def test(self: LampTableTests) -> None:
        self.check(state)

    test.__doc__ = f"{STATES[state].__doc__} Whatever happens then."
    return test


for _state in STATES:
    setattr(LampTableTests, f"test_{_state.replace(' ', '_')}", _row(_state))


class ReportTests(SynchronousTestCase):
    """The table says of itself how large it is."""

    def test_size(self) -> None:
        """Ten states, fourteen events, three parties."""
        self.assertEqual((len(STATES), len(EVENTS), len(list(cells()))), (10, 14, 420))
