"""The server crashes in random worlds; nobody is left in a call of which nobody knows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.chance import simulate
from tests.simulation.crash_table import SIZE, cells
from tests.simulation.crashes import CrashPlay, TakeOverPlay
from tests.simulation.depth import one_of, seeds
from tests.simulation.tables import play, sample

EVERY = one_of(127, 11)
"""Of so many cells of the table one is played here."""


class CrashTests(SynchronousTestCase):
    """Random worlds."""

    def test_worlds(self) -> None:
        """Whoever talks still does after a crash, or is told; each call has one record."""
        said: list[str] = []
        failed = simulate(seeds(50), said.append, kind=CrashPlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_taken_over(self) -> None:
        """So it is for who has just taken the place of another by an INVITE with Replaces."""
        said: list[str] = []
        failed = simulate([*seeds(20), 240000144, 240000251], said.append, kind=TakeOverPlay)
        self.assertEqual(failed, [], "\n".join(said))

    def test_answer_owed(self) -> None:
        """Who had not heard the ACK before the crash gets one with the answer that it owes."""
        self.assertEqual(simulate((61000760,), str, kind=CrashPlay), [])

    def test_refused_after_a_crash(self) -> None:
        """The version of our o= line does not go back when the first offer after a crash is refused."""
        self.assertEqual(simulate((303,), str, kind=CrashPlay), [])

    def test_answers_twice(self) -> None:
        """Who refuses, and answers when that is forgotten, gets ACK and BYE."""
        self.assertEqual(simulate((77180487,), str, kind=CrashPlay), [])


class CrashTableTests(SynchronousTestCase):
    """A crash as an event of the tables; C{make tables} plays each cell."""

    def test_sample(self) -> None:
        """Whoever talks still does after a crash in the midst of something, or is told; lamps are true."""
        wrong = play(sample(cells(), EVERY)).wrong
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_size(self) -> None:
        """Each moment of transfers and operations, each state with each event; three deaths, one restart."""
        self.assertEqual(sum(1 for _ in cells()), SIZE)
