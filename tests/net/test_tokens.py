"""What must be unique and not be guessed."""

from __future__ import annotations

import sys
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
        first, second = (int.from_bytes(bytes(range(at, at + 8)), sys.byteorder) for at in (0, 8))
        given = self.random.getrandbits(12), self.random.getrandbits(64)
        self.assertEqual((given, self.asked), ((first >> 52, second), [POOL]))
        self.assertEqual(self.random.getrandbits(100) >> 92, 0)  # the first of a hundred bits

    def test_numbers_used_up(self) -> None:
        """Each number has bits of its own; more are fetched when there are none left."""
        for _ in range(POOL // 8):
            self.random.getrandbits(16)
        self.assertEqual(self.asked, [POOL])
        self.random.getrandbits(16)
        self.assertEqual(self.asked, [POOL, POOL])

    def test_fraction(self) -> None:
        """A float is below 1, even with all bits set."""
        with patch.object(tokens.os, "urandom", lambda size: b"\xff" * size):
            self.assertEqual(Unguessable().random(), 1 - 2.0**-53)
