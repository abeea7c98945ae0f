"""
The table of lamps: every state of a call, every event, every party.

What is in it, and what has to hold, is said in C{lamp_table}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.lamp_table import EVENTS, POSSIBLE, STATES, cells

LEAST = 21
"""So many cells of each state can happen at the least: seven events need no call at all."""


class LampTableTests(SynchronousTestCase):
    """All cells of a state, in a world each."""

    played: dict[str, int] = {}  # noqa: RUF012  # of all tests together

    def check(self, state: str) -> None:
        """In no cell a lamp shows anything but the truth, and no number goes back."""
        wrong, played = [], 0
        for cell in cells():
            if cell.state == state:
                problem = cell.play()
                played += problem is not None
                if problem:
                    wrong.append(f"{cell}\n{problem}")
        if wrong:
            self.fail(f"{len(wrong)} of {played} cells are wrong; the first is\n{wrong[0]}")
        self.assertGreaterEqual(played, LEAST)
        self.played[state] = played
        if len(self.played) == len(STATES):
            self.assertEqual(sum(self.played.values()), POSSIBLE)


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
