"""Tests of L{b2bua.admin.figures}: what plugins were asked."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.admin.figures import Figures, PluginFigures
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
        """Each counts as asked, with its time; how many calls are told at once makes no difference."""
        figures, calls = PluginFigures(lambda: None), 0
        for more in (1, 2, 50):
            figures.over([self.story() for _ in range(more)])
            calls += more
            self.assertEqual(self.counted(figures, "forward"), (2 * calls, 0, 0, round(20e-6 * calls, 9)))
            self.assertEqual(self.counted(figures, "find_me"), (calls, 0, 0, round(3e-6 * calls, 9)))
            self.assertEqual(self.counted(figures, "park"), (calls, 0, calls, 0.5 * calls))
            self.assertEqual(self.counted(figures, "queue"), (calls, calls, 0, 0.25 * calls))

    def test_nothing(self) -> None:
        """A plugin that nobody has asked has its noughts, and a call without a question changes none."""
        figures = PluginFigures(lambda: None)
        figures.over([Story(lambda: 5.0)])
        self.assertEqual(figures.of("park"), Figures())

    def test_look(self) -> None:
        """Whoever asks has what is over by then."""
        figures = PluginFigures(lambda: figures.over([self.story()]))
        self.assertEqual(figures.of("park").asked, 1)
