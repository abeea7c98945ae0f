"""What is said once is not said again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.once import Once


class OnceTests(SynchronousTestCase):
    """L{Once}."""

    def test_once(self) -> None:
        """The same is said once, and something else is something else."""
        once = Once()
        self.assertEqual([once.first("a", "b"), once.first("a", "b"), once.first("a")], [True, False, True])

    def test_bounded(self) -> None:
        """However much somebody out there chooses, memory is bounded: then all is said again."""
        once = Once(3)
        self.assertTrue(all(once.first(str(number)) for number in range(1000)))
        self.assertLessEqual(len(once._said), 3)
        self.assertTrue(once.first("0"))
