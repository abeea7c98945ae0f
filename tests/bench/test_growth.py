"""Growth: each case beside the first of its own set of processes, and the median of the sets."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from twisted.trial.unittest import SynchronousTestCase

from bench import growth


class GrowthTests(SynchronousTestCase):
    """What is made of the turns of processes that are faster or slower from set to set."""

    def setUp(self) -> None:
        """Each process of the first case has its own pace, and the other one needs a tenth or a half more."""
        paces = iter((100.0, 110.0, 200.0, 300.0, 90.0, 99.0))

        class Paced:
            process: AbstractContextManager[None] = nullcontext()

            def __init__(self, calls: int, arguments: tuple[str, ...]) -> None:
                self.pace = next(paces)

            def measure(self) -> float:
                return self.pace

        self.patch(growth, "Case", Paced)

    def test_sets(self) -> None:
        """A process that is slow for as long as it lives spoils its own set only."""
        found = growth.costs({"100": (), "20,000": ()}, 500, 10, 3)
        self.assertEqual(found["100"].of_first, (1.0, 1.0, 1.0))
        self.assertEqual(found["20,000"].of_first, (1.1, 1.5, 1.1))
        self.assertEqual((found["100"].microseconds, found["20,000"].microseconds), (100.0, 110.0))

    def test_table(self) -> None:
        """The figure stands with the least and the greatest; plugins are told in microseconds."""
        one = {"100": growth.Cost(200.0, (1.0,)), "20,000": growth.Cost(212.0, (1.02, 1.06, 1.05))}
        plugins = {"none": growth.Cost(200.0, (1.0,)), "forward": growth.Cost(203.0, (1.01,))}
        text = growth.table({"established calls": one, "bindings": one, "plugins": plugins})
        self.assertEqual(text.count("| 20,000 | 212 | 1.050 (1.020 to 1.060) |"), 2)
        self.assertIn("| forward | 203 | +2 |", text)
