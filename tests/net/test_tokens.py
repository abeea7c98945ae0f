"""What must be unique and not be guessed."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from b2bua.net import tokens
from b2bua.net.tokens import POOL, Unguessable


class UnguessableTests(SynchronousTestCase):
    """L{Unguessable}, on a system whose randomness counts from 0 to 255 and begins again."""

    def setUp(self) -> None:
        """Nothing has been asked of the system."""
        self.asked: list[int] = []
        patcher = patch.object(tokens.os, "urandom", self._urandom)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.random = Unguessable()

    def _urandom(self, size: int) -> bytes:
        self.asked.append(size)
        return bytes(number % 256 for number in range(size))

    def test_many_at_once(self) -> None:
        """The system is asked once for many, and no byte is given twice."""
        given = b"".join(self.random.randbytes(9) for _ in range(20))
        self.assertEqual((given, self.asked), (bytes(range(180)), [POOL]))

    def test_used_up(self) -> None:
        """What is left of a block and does not suffice is not used."""
        self.random.randbytes(POOL - 3)
        self.assertEqual((self.random.randbytes(9), self.asked), (bytes(range(9)), [POOL, POOL]))

    def test_large(self) -> None:
        """More than a block comes from the system itself."""
        self.assertEqual(len(self.random.randbytes(POOL + 1)), POOL + 1)
        self.assertEqual(self.asked, [POOL + 1])

    def test_bits(self) -> None:
        """A number has the bits that were asked for, and no more."""
        self.random.randbytes(0xFE)
        self.assertEqual((self.random.getrandbits(12), self.random.getrandbits(16)), (0xFEF, 0x0001))

    def test_fraction(self) -> None:
        """A float is below 1, even with all bits set."""
        with patch.object(tokens.os, "urandom", lambda size: b"\xff" * size):
            self.assertEqual(Unguessable().random(), 1 - 2.0**-53)
