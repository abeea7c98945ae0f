"""
Whether what we have is still ours: the lease of a node.

It is renewed by every sign of life that the others are known to have had: a
word that one of them has acknowledged, or the beat in the store.  Who has given
no sign for L{DEAD} of their looks is taken for dead, and loses all calls.  So a
process that was stopped for a while, or was not scheduled, finds by its own
clock that this may have happened, before it says a word: it is silent until the
store has told it that nothing was taken.

The others count looks, not seconds, and between two looks they read what has
come.  So whoever was stopped itself takes nobody for dead.
"""

from __future__ import annotations

from collections.abc import Callable

LOOK = 1.0
"""Seconds between two looks at the others, and two signs of life."""
TERM = 10.0
"""Seconds that a lease lasts."""
DEAD = 15
"""So many looks without a sign of life."""


class Lease:
    """That of this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Have one that has just begun."""
        self._now = now
        self._looked = self._stored = now()
        self._heard: dict[str, float] = {}
        self.doubtful = False
        """Were we away for so long that only the store can tell whether it is still ours?"""
        self.until = now() + TERM
        """When it ends."""

    def is_over(self) -> bool:
        """May somebody else have what was ours?"""
        return self._now() >= self.until

    def look(self) -> None:
        """It is time for another sign of life."""
        now = self._now()
        if now - self._looked >= TERM:
            self.doubtful = True
        self._looked = now
        self._reckon()

    def stored(self, begun: float) -> None:
        """The store has said that nothing was taken, and kept the sign of life; it was asked then."""
        self._stored = max(self._stored, begun)
        self.doubtful = False
        self._reckon()

    def heard(self, node: str, at: float) -> None:
        """Another node has heard what was said then."""
        self._heard[node] = max(at, self._heard.get(node, at))
        self._reckon()

    def seen(self, node: str, begun: float) -> None:
        """The store, asked then, says that another node runs: it may take what is ours, linked or not."""
        self._heard.setdefault(node, begun)
        self._reckon()

    def forget(self, node: str) -> None:
        """Another node has ended for sure, and takes nothing."""
        self._heard.pop(node, None)
        self._reckon()

    def _reckon(self) -> None:
        """
        Work out until when it lasts.

        A store that fails ends it for nobody whom all others hear; for who is
        alone nobody could take anything, unless it has been away.
        """
        known = self._stored
        if not self.doubtful:
            known = max(known, min([self._looked, *self._heard.values()]))
        self.until = known + TERM
