"""What a call tells of itself: who was asked, and had nothing to say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.story import ENTRIES_MAX, Story, questions


class SilenceTests(SynchronousTestCase):
    """Features that were asked and had no opinion."""

    def test_each_by_itself(self) -> None:
        """Those who were silent in a row are one entry that is kept, and each is told by itself, in order."""
        story = Story(lambda: 5.0)
        story.silent(7.0, "route_call", ("forward", "find_me"), (12, 300_000))
        story.asked(8.0, "route_call", "ring_group", "103", 0.25)
        told = [(entry.at, entry.feature, entry.text) for entry in story.entries()]
        self.assertEqual(
            told,
            [
                (7.0, "forward", "route_call: forward: no opinion (0.0 ms)"),
                (7.0, "find_me", "route_call: find_me: no opinion (300.0 ms)"),
                (8.0, "ring_group", "route_call: ring_group: '103' (250.0 ms)"),
            ],
        )

    def test_slow(self) -> None:
        """Who had no opinion quickly is left out of the short story; who took a tenth of a second is not."""
        story = Story(lambda: 5.0)
        story.silent(7.0, "route_call", ("forward", "find_me"), (99_999, 100_000))
        self.assertEqual(story.lines(), [(7.0, "route_call: find_me: no opinion (100.0 ms)")])

    def test_questions(self) -> None:
        """What was asked can be counted without being formatted; what merely happened is no question."""
        story = Story(lambda: 5.0)
        story.note("picked up")
        story.silent(7.0, "route_call", ("forward", "find_me"), (12, 3))
        story.asked(8.0, "route_call", "park", None, 0.5, "ValueError: no")
        self.assertEqual(
            questions([story]),
            [
                (7.0, "route_call", ("forward", "find_me"), (12, 3)),
                (8.0, "route_call", "park", None, 0.5, "ValueError: no"),
            ],
        )

    def test_bounded(self) -> None:
        """A call that asks for ever keeps the last of it, and no more than so many entries."""
        story = Story(lambda: 5.0)
        for at in range(3 * ENTRIES_MAX):
            story.silent(float(at), "route_call", ("forward",), (1,))
        self.assertLessEqual(len(story.entries()), ENTRIES_MAX)
        self.assertEqual(story.entries()[-1].at, 3.0 * ENTRIES_MAX - 1)
