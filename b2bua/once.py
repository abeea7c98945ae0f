"""What is said once is not said again with each call, and what is worked out once is not worked out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Key = TypeVar("_Key", str, tuple[str, ...])
_Made = TypeVar("_Made")

LONGEST = 512
"""Of so many characters of a peer at most something is remembered."""


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


class Remembered(dict[_Key, _Made]):
    """
    What was made of the last few texts; peers choose them, so of long ones nothing is kept.

    It is looked up as in any dictionary, which costs no call of a function.
    """

    __slots__ = ("_make", "_most")

    _make: Callable[[_Key], _Made]

    def __init__(self, make: Callable[[_Key], _Made], most: int = 1024) -> None:
        """
        Begin with nothing known.

        @param make: works it out.
        @param most: after so many different ones we begin anew.
        """
        self._make = make
        self._most = most

    def __missing__(self, key: _Key) -> _Made:
        """Work it out."""
        made = self._make(key)
        if len(key if isinstance(key, str) else "".join(key)) <= LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[key] = made
        return made
