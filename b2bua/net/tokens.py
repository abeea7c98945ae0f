"""What must be unique and not be guessed."""

from __future__ import annotations

import secrets
from collections.abc import Callable

TOKENS = 256


def tokens() -> Callable[[], str]:
    """Make a source of 64 bits that cannot be guessed, asking the system for many at a time."""
    pool: list[str] = []

    def token() -> str:
        if not pool:
            text = secrets.token_hex(8 * TOKENS)
            pool.extend([text[at : at + 16] for at in range(0, len(text), 16)])
        return pool.pop()

    return token
