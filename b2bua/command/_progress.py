"""Saying how far something is that takes long, to who sits before a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

WIDTH = 40
"""Characters of the bar."""


def bar(unit: str) -> Callable[[int, int], None]:
    """
    Give what draws a bar on the standard error stream, and nothing where that is no terminal.

    @param unit: what is counted.
    @return: takes how many of them are done, and of how many.
    """

    def draw(done: int, of: int) -> None:
        if sys.stderr.isatty():
            full = "#" * (WIDTH * done // max(of, 1))
            end = "\n" if done == of else ""
            print(f"\r[{full:<{WIDTH}}] {done:,} of {of:,} {unit}", end=end, file=sys.stderr, flush=True)

    return draw
