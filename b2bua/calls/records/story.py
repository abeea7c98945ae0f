"""Why a call did what it did: questions, answers and their authors, and what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

ENTRIES_MAX = 200
"""Entries of one call; the oldest go first."""

SLOW = 0.1
"""Seconds after which even having no opinion is worth a line."""

Question: TypeAlias = tuple[float, str, str, object, float, str | None]
"""A question that was put to one feature: when, hook, feature, answer, seconds, error."""
Silence: TypeAlias = tuple[float, str, tuple[str, ...], tuple[int, ...]]
"""Features in a row that had no opinion, as most have none: when, hook, features, microseconds of each."""
Note: TypeAlias = tuple[float, str, tuple[Any, ...]]
"""What happened: when, a format, and its values."""


class Entry(NamedTuple):
    """One of the things that a call can tell, formatted."""

    at: float
    text: str
    hook: str = ""
    """The question that was put; empty where nobody was asked."""
    feature: str = ""
    seconds: float = 0.0
    silent: bool = False
    """Had the feature no opinion, and took no time for it?"""
    error: str = ""
    """Why the feature lost its say."""


class Story:
    """
    What a call can tell about itself.

    Entries are kept as they are and formatted only when somebody looks.
    """

    __slots__ = ("_entries", "_now", "call", "features")

    def __init__(self, now: Callable[[], float], call: str = "") -> None:
        """Begin the story of C{call}; C{now} is the clock of the server."""
        self.call = call
        self._now = now
        self._entries: list[Question | Silence | Note] = []
        self.features: tuple[str, ...] = ()
        """The features that had a say, in the order in which they first did."""

    def asked(
        self,
        at: float,
        hook: str,
        feature: str,
        answer: object,
        seconds: float,
        error: str | None = None,
    ) -> None:
        """Note what C{feature} said when it was asked."""
        entries = self._entries
        entries.append((at, hook, feature, answer, seconds, error))
        if len(entries) > ENTRIES_MAX:
            del entries[: ENTRIES_MAX // 4]
        if answer is not None and feature not in self.features:
            self.features += (feature,)

    def silent(self, at: float, hook: str, features: tuple[str, ...], took: tuple[int, ...]) -> None:
        """Note that C{features} were asked and had no opinion, for which each took so many microseconds."""
        entries = self._entries
        entries.append((at, hook, features, took))
        if len(entries) > ENTRIES_MAX:
            del entries[: ENTRIES_MAX // 4]

    def note(self, text: str, *values: Any) -> None:
        """Note something that happened; C{text} is a format for C{values}, as in C{str.format}."""
        entries = self._entries
        entries.append((self._now(), text, values))
        if len(entries) > ENTRIES_MAX:
            del entries[: ENTRIES_MAX // 4]

    def entries(self) -> list[Entry]:
        """What happened, for people."""
        told: list[Entry] = []
        for entry in self._entries:
            if len(entry) == 3:
                told.append(_noted(entry))
            elif len(entry) == 6:
                told.append(_asked(entry))
            else:
                at, hook, features, took = entry
                for feature, microseconds in zip(features, took, strict=True):
                    told.append(_asked((at, hook, feature, None, microseconds / 1e6, None)))
        return told

    def lines(self) -> list[tuple[float, str]]:
        """What happened, with its time, a line each, but for those who had nothing to say, quickly."""
        return [(entry.at, entry.text) for entry in self.entries() if not entry.silent]


def questions(stories: Iterable[Story]) -> list[Question | Silence]:
    """Who was asked, and what came of it."""
    return [entry for story in stories for entry in story._entries if len(entry) != 3]


def _noted(entry: Note) -> Entry:
    """Write down what happened."""
    at, text, values = entry
    return Entry(at, text.format(*values))


def _asked(entry: Question) -> Entry:
    """Write down what a feature said."""
    at, hook, feature, answer, seconds, error = entry
    said = f"failed: {error}" if error else "no opinion" if answer is None else in_short(answer)
    text = f"{hook}: {feature}: {said} ({seconds * 1000:.1f} ms)"
    return Entry(
        at, text, hook, feature, seconds, answer is None and not error and seconds < SLOW, error or ""
    )


def in_short(answer: object) -> str:
    """
    What a feature answered: its fields with what is not as usual in them.  Functions say nothing to people.

    >>> in_short(Forward("103", Diverted.BUSY))
    "Forward(to='103', why=user-busy)"
    """
    if isinstance(answer, tuple) and not hasattr(answer, "_fields"):
        return f"({', '.join(map(in_short, answer))})"
    if not is_dataclass(answer) or isinstance(answer, type):
        return str(answer.value) if isinstance(answer, Enum) else repr(answer)
    told = [
        f"{field.name}={in_short(value)}"
        for field in fields(answer)
        if (value := getattr(answer, field.name)) != field.default and not callable(value)
    ]
    return f"{type(answer).__name__}({', '.join(told)})"
