"""What is said once is not said again with each call."""

from __future__ import annotations


class Once:
    """Remembers what was said; of what somebody out there can choose, no more than some."""

    def __init__(self, most: int = 256) -> None:
        """
        Begin with nothing said.

        @param most: after so many different things all are said again.
        """
        self._said: set[tuple[str, ...]] = set()
        self._most = most

    def first(self, *what: str) -> bool:
        """Is it said for the first time?"""
        if what in self._said:
            return False
        if len(self._said) >= self._most:
            self._said.clear()
        self._said.add(what)
        return True
