"""Why a call did what it did: questions, answers and their authors, and what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

ENTRIES_MAX = 200
"""Entries of one call; the oldest go first."""

SLOW = 0.1
"""Seconds after which even having no opinion is worth a line."""

Asked: TypeAlias = tuple[float, str, str, object, float, str | None]
"""A question that was put to one feature: when, hook, feature, answer, seconds, error."""
Noted: TypeAlias = tuple[float, str, tuple[Any, ...]]
"""What happened: when, a format, and its values."""


class Story:
    """
    What a call can tell about itself.

    Entries are kept as they are and formatted only when somebody looks.
    """

    __slots__ = ("_entries", "_now")

    def __init__(self, now: Callable[[], float]) -> None:
        """Begin; C{now} is the clock of the server."""
        self._now = now
        self._entries: list[Asked | Noted] = []

    def asked(
        self, hook: str, feature: str, answer: object, seconds: float, error: str | None = None
    ) -> None:
        """Note what C{feature} said when it was asked."""
        entries = self._entries
        if len(entries) >= ENTRIES_MAX:
            del entries[: ENTRIES_MAX // 4]
        entries.append((self._now(), hook, feature, answer, seconds, error))

    def note(self, text: str, *values: Any) -> None:
        """Note something that happened; C{text} is a format for C{values}, as in C{str.format}."""
        entries = self._entries
        if len(entries) >= ENTRIES_MAX:
            del entries[: ENTRIES_MAX // 4]
        entries.append((self._now(), text, values))

    @property
    def features(self) -> tuple[str, ...]:
        """The features that had a say, in the order in which they first did."""
        named = [entry[2] for entry in self._entries if len(entry) > 3 and entry[3] is not None]
        return tuple(dict.fromkeys(named))

    def lines(self) -> list[tuple[float, str]]:
        """What happened, with its time, for people; who had nothing to say is left out, if that was quick."""
        return [
            (entry[0], entry[1].format(*entry[2]) if len(entry) == 3 else _asked(entry))
            for entry in self._entries
            if len(entry) == 3 or entry[3] is not None or entry[5] or entry[4] >= SLOW
        ]


def _asked(entry: Asked) -> str:
    """One line for people."""
    _, hook, feature, answer, seconds, error = entry
    said = f"failed: {error}" if error else "no opinion" if answer is None else repr(answer)
    return f"{hook}: {feature}: {said} ({seconds * 1000:.1f} ms)"
