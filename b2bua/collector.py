"""
The garbage collector, made to work when there is little else to do.

What a call leaves behind is freed at once, since nothing of it refers to itself
(C{tests/bench/test_call.py} sees to that).  So the collector finds next to
nothing.  Left to itself it looks whenever much is new, that is, when the load
is highest: it takes a twelfth of the CPU time then, and up to 50 ms at once in
which nobody is answered.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

LOOK = 1.0
"""Seconds from one look at how things are to the next."""
QUIET = 0.2
"""We have little to do while we need less of a core than this."""
WORTH = 10_000
"""So many new objects are worth a collection."""
OLDER = 20
"""After so many collections what has outlived them is collected too, as Python does."""
LONG = 200_000
"""A collection of more takes long, even when it is quiet, so it waits: most of them go by themselves."""
SETTLED = 40.0
"""Seconds after which what goes by itself has gone (a transaction lives for 32); the rest is collected."""
OVERDUE = 300.0
"""Seconds after which so many are collected though there was no quiet moment."""
TOO_MANY = 5_000_000
"""So many are collected at once, whatever there is to do; calls alone hardly ever make them."""


def settle() -> None:
    """Keep for good what is there now; from now on nothing is collected by itself."""
    gc.collect()
    gc.freeze()
    gc.disable()


class Collector:
    """Collects what refers to itself, in quiet moments."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        spent: Callable[[], float] = time.process_time,
        counts: Callable[[], tuple[int, int, int]] = gc.get_count,
        collect: Callable[[int], object] = gc.collect,
    ) -> None:
        """
        Begin to watch.

        @param now: the clock.
        @param spent: how much CPU time was used so far.
        @param counts: how many objects are new, and how often younger
            generations were collected since this one was.
        @param collect: collects a generation and those that are younger.
        """
        self._now = now
        self._spent = spent
        self._counts = counts
        self._collect = collect
        self._looked = now()
        self._before = spent()
        self._many_since: float | None = None
        self._expected = False
        self.busy = False
        """Was there much to do lately?"""

    def expect(self) -> None:
        """
        Collect all in a quiet moment, since much that is old is of no use any more.

        That is what a configuration leaves behind when it is read again: code
        and settings of the generation before.
        """
        self._expected = True

    def look(self) -> None:
        """See whether this is the moment; called every L{LOOK} seconds."""
        now, spent = self._now(), self._spent()
        new, younger, young = self._counts()
        quiet = spent - self._before < QUIET * (now - self._looked)
        self.busy = not quiet
        if new <= LONG:
            self._many_since = None
            wanted = quiet and new >= WORTH
        else:
            if self._many_since is None:
                self._many_since = now
            waited = now - self._many_since
            wanted = new >= TOO_MANY or waited >= (SETTLED if quiet else OVERDUE)
        if quiet and self._expected and new <= LONG:
            self._expected = False
            self._collect(2)
        elif wanted:
            self._collect(0 if younger < OLDER else 1 if young < OLDER else 2)
        # Our own work is no reason to call it a busy moment.
        self._looked, self._before = self._now(), self._spent()
