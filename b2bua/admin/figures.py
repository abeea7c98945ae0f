"""What plugins were asked and said, counted from the stories of calls that are over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.calls.records.story import Story

MANY = 100
"""So many calls are counted at once, unless somebody asks before: one by one they cost far more."""


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

    def __init__(self) -> None:
        """Have counted nothing."""
        self._figures: dict[str, Figures] = {}
        self._stories: list[Story] = []
        """Those that are not counted yet."""

    def over(self, story: Story) -> None:
        """A call is over: count what plugins were asked in it, with what they were asked in others."""
        self._stories.append(story)
        if len(self._stories) == MANY:
            self._count()

    def of(self, name: str) -> Figures:
        """Those of one."""
        self._count()
        return self._figures.get(name, Figures())

    def _count(self) -> None:
        """Count what was not counted."""
        stories, self._stories = self._stories, []
        silences: dict[tuple[str, ...], list[tuple[int, ...]]] = {}
        for entry in chain.from_iterable(story.questions() for story in stories):
            if len(entry) == 4:
                silences.setdefault(entry[2], []).append(entry[3])
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
