"""What users have changed at run time: kept by the store, on top of the configuration file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class Kept(Protocol):
    """Where the changes are kept; reading is from memory and never waits."""

    def load(self) -> Mapping[tuple[str, str, str], object]:
        """All values, by owner, feature and key."""

    def keep(self, owner: str, feature: str, key: str, value: object) -> None:
        """Keep a value; L{None} forgets it."""


class Preferences:
    """
    The one service that knows what users have changed.

    It is shared by all generations of features.
    """

    def __init__(self, kept: Kept | None = None) -> None:
        """Begin with what was kept, or with nothing."""
        self._kept = kept
        self._values: dict[tuple[str, str], dict[str, object]] = {}
        self.version = 0
        """Grows with every change, so that who remembers something can tell."""
        self.changed: Callable[[str, str, str, object], None] = lambda owner, feature, key, value: None
        """Told of every change."""
        if kept is not None:
            for (owner, feature, key), value in kept.load().items():
                self._values.setdefault((owner, feature), {})[key] = value

    def of(self, owner: str, feature: str) -> Mapping[str, object]:
        """What an owner has changed of a feature."""
        return self._values.get((owner, feature), {})

    def put(self, owner: str, feature: str, key: str, value: object) -> None:
        """
        Change a value, which somebody has found good; L{None} brings the file's back.

        Whoever listens is told when it holds.
        """
        values = self._values.setdefault((owner, feature), {})
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value
        self.version += 1
        if self._kept is not None:
            self._kept.keep(owner, feature, key, value)
        self.changed(owner, feature, key, value)
