"""
The signs of life of a process: its start, and the last one before a crash.

As long as calls go on, the time of day is kept every few seconds.  What finds
their records open at the next start knows by it how long they lasted; the time
of the start says nothing of that.

The starts of a node are counted, so that what a call has kept before tells how
many processes may have used its numbers since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from b2bua.store.ports import Setting

if TYPE_CHECKING:
    from b2bua.clock import IClock, ITimer
    from b2bua.store.journal import Journal

EVERY = 10.0
"""Seconds between two signs: so much a call may seem shorter than it was."""
TABLE = "service"
KEY = "alive"
STARTS = "starts"


class Alive:
    """Keeps the time of day while there are calls."""

    def __init__(self, journal: Journal, clock: IClock, busy: Callable[[], bool]) -> None:
        """
        Begin with the first call, see L{call_goes_on}.

        @param busy: are there calls?
        """
        self._journal = journal
        self._clock = clock
        self._busy = busy
        self._timer: ITimer | None = None

    def call_goes_on(self) -> None:
        """There is a call: see that its end is known, come what may."""
        if self._timer is None:
            self._timer = self._clock.start(EVERY, self._sign)

    def _sign(self) -> None:
        """Keep the time, as long as there is a call."""
        self._timer = None
        if self._busy():
            self._journal.setting(owner(self._journal.store.node), TABLE, KEY, self._clock.wall())
            self.call_goes_on()


def count_start(journal: Journal, kept: Iterable[Setting]) -> int:
    """Say which start of its node this is, the first being 1, and keep that."""
    ours, before = owner(journal.store.node), 0
    for setting in kept:
        if setting[:3] == (ours, TABLE, STARTS) and isinstance(setting.value, int):
            before = setting.value
    journal.setting(ours, TABLE, STARTS, before + 1)
    return before + 1


def last_sign(kept: Iterable[Setting], node: str) -> float:
    """When a node was last alive, as far as is known; 0 if it never had a call."""
    for setting in kept:
        if setting[:3] == (owner(node), TABLE, KEY) and isinstance(setting.value, (int, float)):
            return float(setting.value)
    return 0.0


def owner(node: str) -> str:
    """Whose setting it is: no number has a space, so no extension's."""
    return f"node {node}"
