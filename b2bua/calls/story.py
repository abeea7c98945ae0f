"""Why a call did what it did: questions, answers and their authors, and what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

ENTRIES_MAX = 200
"""Entries of one call; the oldest go first."""


class Asked(NamedTuple):
    """A question that was put to one feature."""

    at: float
    hook: str
    feature: str
    answer: object
    seconds: float
    error: str | None = None

    def __str__(self) -> str:
        """One line for people."""
        said = (
            f"failed: {self.error}"
            if self.error
            else "no opinion"
            if self.answer is None
            else repr(self.answer)
        )
        return f"{self.hook}: {self.feature}: {said} ({self.seconds * 1000:.1f} ms)"


class Story:
    """
    What a call can tell about itself.

    Entries are kept as they are and formatted only when somebody looks.
    """

    __slots__ = ("_entries", "_now")

    def __init__(self, now: Callable[[], float]) -> None:
        """Begin; C{now} is the clock of the server."""
        self._now = now
        self._entries: list[Asked | tuple[float, str, tuple[Any, ...]]] = []

    def asked(
        self, hook: str, feature: str, answer: object, seconds: float, error: str | None = None
    ) -> None:
        """Note what C{feature} said when it was asked."""
        self._add(Asked(self._now(), hook, feature, answer, seconds, error))

    def note(self, text: str, *values: Any) -> None:
        """Note something that happened; C{text} is a format for C{values}, as in C{str.format}."""
        self._add((self._now(), text, values))

    def _add(self, entry: Asked | tuple[float, str, tuple[Any, ...]]) -> None:
        """Keep an entry, at the cost of the oldest."""
        if len(self._entries) >= ENTRIES_MAX:
            del self._entries[: ENTRIES_MAX // 4]
        self._entries.append(entry)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that had a say, in the order in which they first did."""
        named = (e.feature for e in self._entries if isinstance(e, Asked) and e.answer is not None)
        return tuple(dict.fromkeys(named))

    def lines(self) -> list[tuple[float, str]]:
        """What happened, with its time, for people."""
        return [
            (entry.at, str(entry)) if isinstance(entry, Asked) else (entry[0], entry[1].format(*entry[2]))
            for entry in self._entries
        ]
