"""Tests of L{b2bua.admin.figures}: what plugins were asked."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.admin.figures import MANY, Figures, PluginFigures
from b2bua.calls.records.story import Story


class FiguresTests(SynchronousTestCase):
    """What is counted of the stories of calls."""

    def story(self) -> Story:
        """Two have no opinion, in two questions of which the second is put to one of them; others answer."""
        story = Story(lambda: 5.0)
        story.silent(7.0, "route_call", ("forward", "find_me"), (12, 3))
        story.silent(7.0, "route_call", ("forward",), (8,))
        story.asked(8.0, "route_call", "park", None, 0.5, "ValueError: no")
        story.asked(8.0, "route_call", "queue", "610", 0.25)
        story.note("picked up")
        return story

    def counted(self, figures: PluginFigures, name: str) -> tuple[int, int, int, float]:
        """Those of one: asked, answered, failed, seconds."""
        found = figures.of(name)
        return found.asked, found.answered, found.failed, round(found.seconds, 9)

    def test_counted(self) -> None:
        """Each counts as asked, with its time; whoever asks for the figures has those of all calls."""
        figures = PluginFigures()
        for calls in (1, MANY - 1, MANY, MANY + 1, 3 * MANY):
            before = self.counted(figures, "forward")[0] // 2
            for _ in range(calls):
                figures.over(self.story())
            calls += before
            self.assertEqual(self.counted(figures, "forward"), (2 * calls, 0, 0, round(20e-6 * calls, 9)))
            self.assertEqual(self.counted(figures, "find_me"), (calls, 0, 0, round(3e-6 * calls, 9)))
            self.assertEqual(self.counted(figures, "park"), (calls, 0, calls, 0.5 * calls))
            self.assertEqual(self.counted(figures, "queue"), (calls, calls, 0, 0.25 * calls))

    def test_nothing(self) -> None:
        """A plugin that nobody has asked has its noughts, and a call without a question changes none."""
        figures = PluginFigures()
        figures.over(Story(lambda: 5.0))
        self.assertEqual(figures.of("park"), Figures())

    def test_bounded(self) -> None:
        """However many calls end unasked for, no more than so many wait."""
        figures = PluginFigures()
        for _ in range(3 * MANY):
            figures.over(self.story())
            self.assertLess(len(figures._stories), MANY)
