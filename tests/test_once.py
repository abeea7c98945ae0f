"""What is said once is not said again, nor worked out again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.once import LONGEST, Once, Remembered


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


class RememberedTests(SynchronousTestCase):
    """L{Remembered}."""

    def setUp(self) -> None:
        """Nothing was worked out."""
        self.made: list[object] = []

    def shout(self, text: str) -> str:
        """Work it out, and keep that it was done."""
        self.made.append(text)
        return text.upper()

    def test_once(self) -> None:
        """The same is worked out once."""
        known = Remembered(self.shout)
        self.assertEqual([known["a"], known["b"], known["a"]], ["A", "B", "A"])
        self.assertEqual(self.made, ["a", "b"])

    def test_long(self) -> None:
        """Of a long text nothing is kept, nor of two that are long together: peers choose them."""
        known = Remembered(self.shout)
        for length in (LONGEST, LONGEST + 1):
            text = "x" * length
            self.assertEqual(known[text], "X" * length)
            self.assertEqual(text in known, length == LONGEST)
        pairs: Remembered[tuple[str, ...], int] = Remembered(len)
        for first in ("a", "x" * (LONGEST - 1), "x" * LONGEST):
            self.assertEqual(pairs[first, "y"], 2)
        self.assertEqual(len(pairs), 2)

    def test_bounded(self) -> None:
        """However many there are, a bounded number is kept, the last one with them."""
        known = Remembered(self.shout, 3)
        for number in range(1000):
            known[str(number)]
            self.assertLessEqual(len(known), 3)
        self.assertIn("999", known)
