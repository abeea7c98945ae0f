"""Tests of L{b2bua.admin.ended}: calls that are over are told of together; whoever asks has all of them."""

from __future__ import annotations

from collections.abc import Sequence

from b2bua.admin import ended
from b2bua.admin.exposition import Exposition
from tests.admin.case import AdministrationCase


class EndedTests(AdministrationCase):
    """What is known at once of a call that is over."""

    def setUp(self) -> None:
        """Note how many calls are told at once."""
        super().setUp()
        self.told: list[int] = []
        self.administration.ended.tell = (self.note, *self.administration.ended.tell)

    def note(self, calls: Sequence[ended.Told]) -> None:
        """Hear of some."""
        self.told.append(len(calls))

    def refused(self) -> None:
        """A call ends, and nobody was told."""
        self.alice.dial("nobody")
        while not self.administration.ended._calls:
            self.world.run(ended.MOMENT / 10)

    def test_together(self) -> None:
        """Those of a moment are told at once, each once."""
        self.talk()
        (call,) = self.server.core.calls.going.values()
        for moment in range(1, 3):
            for _ in range(3):
                self.administration.ended.over(call)
            self.world.run(ended.MOMENT / 2)
            self.assertEqual(self.told, [3] * (moment - 1))
            self.world.run(ended.MOMENT)
            self.assertEqual(self.told, [3] * moment)
            self.world.run(5)
            self.assertEqual(self.told, [3] * moment)

    def test_asked(self) -> None:
        """Who asks for figures, for the state, for a trace or for a plugin knows all that is over."""
        for number, ask in enumerate(
            (
                lambda: self.administration.service.status().refused,
                lambda: self.administration.calls.refused,
                lambda: len(self.administration.calls._known()),
                lambda: self.figure(Exposition(self.administration).text()),
            ),
            1,
        ):
            self.refused()
            self.assertEqual(self.told, [1] * (number - 1))
            self.assertEqual(ask(), number)
            self.assertEqual(self.told, [1] * number)
            self.world.run(5)
        self.refused()
        self.administration.choices.features()
        self.assertEqual(self.told, [1] * 5)

    def test_bug(self) -> None:
        """Whoever is told with a bug costs neither the others their figures, nor who asks an answer."""

        def broken(calls: Sequence[ended.Told]) -> None:
            raise RuntimeError(f"{len(calls)} too many")

        self.administration.ended.tell = (broken, *self.administration.ended.tell)
        for number in range(1, 4):
            self.refused()
            if number < 3:
                self.assertEqual(self.administration.calls.refused, number)
            else:
                self.world.run(5)
            self.assertEqual(self.told, [1] * number)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.figure(Exposition(self.administration).text()), 3)
        self.assertEqual(self.administration.calls.refused, 3)

    def figure(self, text: bytes) -> int:
        """How many calls to nobody there were."""
        [line] = [one for one in text.decode().splitlines() if one.startswith("b2bua_calls_ended_total{")]
        return round(float(line.rpartition(" ")[2]))
