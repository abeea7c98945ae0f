"""
Who guesses passwords is slowed down and then ignored.

Failures are counted per source and per user in leaky buckets.  A source whose
bucket runs over is ignored for a time: its requests are not answered, since
every answer would tell it something.  A user whose bucket runs over can log in
only from where she did before, so that nobody can lock her out by guessing;
and likewise she is still served behind a source that is ignored on account of
another phone in the same house.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from b2bua.transactions.flow import source_of

if TYPE_CHECKING:
    from b2bua import settings

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """How much is borne."""

    per_source: int = 20
    """Failures of one source within the window until it is ignored."""
    per_user: int = 20
    """Failures for one user within the window until strangers are turned away."""
    window: float = 120.0
    """Seconds in which a full bucket runs empty."""
    ignored: float = 600.0
    """Seconds for which a source is ignored."""
    remembered: float = 86400.0
    """Seconds for which it is remembered where a user logged in."""
    capacity: int = 20_000
    """The most sources, users and places that are remembered; the oldest go first."""

    @staticmethod
    def of(table: settings.Auth) -> ThrottleLimits:
        """What the configuration says."""
        return ThrottleLimits(table.failures, table.failures, table.failures_seconds, table.ignore_seconds)


class Throttle:
    """Counts failures; memory and time are bounded whatever comes."""

    def __init__(self, now: Callable[[], float], limits: ThrottleLimits | None = None) -> None:
        """Start with a clean slate."""
        self.limits = limits or ThrottleLimits()
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._ignored: OrderedDict[str, float] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    def ignores(self, host: str, user: str = "") -> bool:
        """Is C{host} ignored, unless C{user} has logged in from there before?"""
        if not self._ignored:
            return False
        source = source_of(host)
        until = self._ignored.get(source)
        if until is None:
            return False
        if until <= self._now():
            del self._ignored[source]
            return False
        return not self._knows(user, source)

    def holds_back(self, host: str, user: str) -> bool:
        """Is C{user} under attack, and C{host} not a place she is known to be?"""
        level = self._level(("user", user)) if self._buckets else 0.0
        return level >= self.limits.per_user and not self._knows(user, source_of(host))

    def failed(self, host: str, user: str) -> bool:
        """
        Count a failure.

        @return: whether the source is ignored from now on.
        """
        source = source_of(host)
        self._fill(("user", user))
        if (user, source) in self._known and self._fill((user, source)) >= self.limits.per_user:
            del self._known[user, source]  # someone guesses from her own house
        if self._fill(("source", source)) < self.limits.per_source or source in self._ignored:
            return False
        _remember(self._ignored, source, self._now() + self.limits.ignored, self.limits.capacity)
        self._buckets.pop(("source", source), None)
        return True

    def succeeded(self, host: str, user: str) -> None:
        """Remember where a user is."""
        _remember(
            self._known, (user, source_of(host)), self._now() + self.limits.remembered, self.limits.capacity
        )

    def ignored(self) -> dict[str, float]:
        """The sources that are ignored, with the seconds that are left."""
        now = self._now()
        return {source: until - now for source, until in self._ignored.items() if until > now}

    def failing(self, kind: str, most: int) -> dict[str, float]:
        """
        Who has failed lately, and how often, less what has been forgiven since; the worst first.

        @param kind: C{source} for where attempts come from, C{user} for whom they are about.
        """
        levels = {name: self._level((one, name)) for one, name in self._buckets if one == kind}
        worst = sorted(levels.items(), key=lambda row: -row[1])[:most]
        return {name: level for name, level in worst if level >= 0.5}

    def pardon(self, host: str) -> bool:
        """Listen to a source again; False if it was not ignored."""
        return self._ignored.pop(source_of(host), None) is not None

    def _knows(self, user: str, source: str) -> bool:
        """Has C{user} logged in from C{source} lately?"""
        return self._known.get((user, source), 0.0) > self._now()

    def _level(self, key: tuple[str, str]) -> float:
        """How full a bucket is by now."""
        level, at = self._buckets.get(key, (0.0, 0.0))
        if not level:
            return 0.0
        most = self.limits.per_source if key[0] == "source" else self.limits.per_user
        return max(0.0, level - (self._now() - at) * most / self.limits.window)

    def _fill(self, key: tuple[str, str]) -> float:
        """Add one to a bucket, and say how full it is; it holds no more than runs out within the window."""
        most = self.limits.per_source if key[0] == "source" else self.limits.per_user
        level = min(self._level(key) + 1, most)
        _remember(self._buckets, key, (level, self._now()), self.limits.capacity)
        return level


def _remember(known: OrderedDict[K, V], key: K, value: V, capacity: int) -> None:
    """Put it last, and drop the first when there are too many."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > capacity:
        known.popitem(last=False)
