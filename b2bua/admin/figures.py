"""What plugins were asked and said, counted from the stories of calls that are over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.calls.records.story import questions

if TYPE_CHECKING:
    from b2bua.calls.records.story import Story


@dataclass(slots=True)
class Figures:
    """Of one plugin, since the service started."""

    asked: int = 0
    answered: int = 0
    """How often it had an opinion."""
    failed: int = 0
    seconds: float = 0.0
    """How long it took for all of that."""


class PluginFigures:
    """Of all plugins; calls pay nothing for it while they go on, and little at their end."""

    def __init__(self, look: Callable[[], None]) -> None:
        """
        Have counted nothing.

        @param look: sees to it that what is over is counted.
        """
        self._figures: dict[str, Figures] = {}
        self._look = look

    def of(self, name: str) -> Figures:
        """Those of one."""
        self._look()
        return self._figures.get(name, Figures())

    def over(self, stories: Iterable[Story]) -> None:
        """Calls are over: count what plugins were asked in them."""
        silences = defaultdict[tuple[str, ...], list[tuple[int, ...]]](list)
        for entry in questions(stories):
            if len(entry) == 4:
                silences[entry[2]].append(entry[3])
            else:
                _, _, feature, answer, seconds, error = entry
                self._add(feature, 1, seconds, answered=answer is not None, failed=error is not None)
        # Most have no opinion, and in call after call they are the same.
        for features, took in silences.items():
            for feature, microseconds in zip(features, map(sum, zip(*took, strict=True)), strict=True):
                self._add(feature, len(took), microseconds / 1e6)

    def _add(
        self, feature: str, asked: int, seconds: float, *, answered: bool = False, failed: bool = False
    ) -> None:
        """Count questions to one."""
        figures = self._figures.get(feature)
        if figures is None:
            figures = self._figures[feature] = Figures()
        figures.asked += asked
        figures.answered += answered
        figures.failed += failed
        figures.seconds += seconds
