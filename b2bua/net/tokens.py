"""What must be unique and not be guessed."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from random import Random, SystemRandom

TOKENS = 256
POOL = 4096
"""So many bytes are asked of the system at a time; each time costs as much as parsing a header field."""


def tokens(random: Random) -> Callable[[], str]:
    """Make a source of tags, branches and Call-IDs: 72 bits each, of which many are fetched at a time."""
    return chain.from_iterable(_batches(random)).__next__


def _batches(random: Random) -> Iterator[list[str]]:
    while True:
        yield random.randbytes(9 * TOKENS).hex(" ", 9).split()


class Unguessable(SystemRandom):
    """The randomness of the system, fetched many bytes at a time; no byte is given twice."""

    def __init__(self) -> None:
        """Fetch nothing yet."""
        super().__init__()
        self._pool = b""
        self._at = POOL
        self._numbers = iter(array("Q"))
        """What is left of the numbers of 64 bits."""

    def randbytes(self, n: int) -> bytes:
        """Take C{n} bytes."""
        at = self._at
        if at + n > POOL:
            if n > POOL:
                return os.urandom(n)
            self._pool, at = os.urandom(POOL), 0
        self._at = at + n
        return self._pool[at : at + n]

    def getrandbits(self, k: int) -> int:
        """Take C{k} bits as a number."""
        if k > 64:
            size = (k + 7) // 8
            return int.from_bytes(self.randbytes(size), "big") >> (8 * size - k)
        for number in self._numbers:
            return number >> (64 - k)
        self._numbers = iter(array("Q", os.urandom(POOL)))
        return self.getrandbits(k)

    def random(self) -> float:
        """Take a number from 0 up to, but not, 1, with the 53 bits that a float has."""
        return self.getrandbits(53) * 2.0**-53
