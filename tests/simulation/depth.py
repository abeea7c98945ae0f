"""How much of what is alike is played: some of it by C{make test}, more by C{make deep}."""

from __future__ import annotations

import os

DEEP = bool(os.environ.get("B2BUA_DEEP"))
"""Is it more?  C{make deep} says so in the environment."""
TIMES = 12
"""So many times as many worlds."""


def seeds(few: int) -> range:
    """The first so many seeds, or many times as many."""
    return range(few * (TIMES if DEEP else 1))


def one_of(many: int, fewer: int) -> int:
    """
    One cell of how many is played.

    @param many: a prime, so that all moments, events and parties have their turn.
    @param fewer: another one, for more cells.
    """
    return fewer if DEEP else many
