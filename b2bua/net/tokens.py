"""What must be unique and not be guessed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from random import SystemRandom

TOKENS = 256
POOL = 4096
"""So many bytes are asked of the system at a time; each time costs as much as parsing a header field."""


def tokens() -> Callable[[], str]:
    """Make a source of 64 bits that cannot be guessed, asking the system for many at a time."""
    pool: list[str] = []

    def token() -> str:
        if not pool:
            text = secrets.token_hex(8 * TOKENS)
            pool.extend([text[at : at + 16] for at in range(0, len(text), 16)])
        return pool.pop()

    return token


class Unguessable(SystemRandom):
    """The randomness of the system, fetched many bytes at a time; no byte is given twice."""

    def __init__(self) -> None:
        """Fetch nothing yet."""
        super().__init__()
        self._pool = b""
        self._at = POOL

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
        size = (k + 7) // 8
        return int.from_bytes(self.randbytes(size), "big") >> (8 * size - k)

    def random(self) -> float:
        """Take a number from 0 up to, but not, 1, with the 53 bits that a float has."""
        return self.getrandbits(53) * 2.0**-53
