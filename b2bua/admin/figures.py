"""What plugins were asked and said, counted from the stories of calls that are over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """Of all plugins; calls pay nothing for it while they go on."""

    def __init__(self) -> None:
        """Have counted nothing."""
        self._figures: dict[str, Figures] = {}

    def over(self, story: Story) -> None:
        """A call is over: count what plugins were asked in it."""
        for feature, answered, seconds, failed in story.questions():
            figures = self._figures.get(feature)
            if figures is None:
                figures = self._figures[feature] = Figures()
            figures.asked += 1
            figures.answered += answered
            figures.failed += failed
            figures.seconds += seconds

    def of(self, name: str) -> Figures:
        """Those of one."""
        return self._figures.get(name, Figures())
