"""A bounded part of the soak: calls through all features leave nothing."""

from __future__ import annotations

import gc
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from bench.soak import Stage, complaints

SCENES = 18
"""Calls of one round of all scenes."""
ROOMS = tuple(f"b2bua.{room}." for room in ("calls", "legs", "dialogs", "transactions", "net", "features"))
BOUNDED = {"Flow", "_Block"}
"""What the trace of the last messages keeps."""


def living() -> Counter[str]:
    """Count the objects of what calls are made of."""
    gc.collect()
    kinds = (type(one) for one in gc.get_objects())
    return Counter(
        kind.__qualname__
        for kind in kinds
        if str(kind.__module__).startswith(ROOMS) and kind.__qualname__ not in BOUNDED
    )


class StageTests(SynchronousTestCase):
    """The stage in the process itself."""

    def test_nothing_left(self) -> None:
        """Every scene comes out as it should, and leaves no object of the server behind."""
        stage = Stage()
        stage.play(3 * SCENES)
        before = living()
        stage.play(3 * SCENES)
        self.assertEqual(living(), before)
        self.assertEqual(set(stage.outcomes), {scene.__name__ for scene in stage.scenes})


class VerdictTests(SynchronousTestCase):
    """What is said of the figures."""

    def test_grown(self) -> None:
        """Memory that is more at the end than after the first tenth is complained of."""
        still = [{"calls": 10, "bytes": 1000, "objects": 100}, {"calls": 100, "bytes": 1040, "objects": 101}]
        grown = [{"calls": 10, "bytes": 1000, "objects": 100}, {"calls": 100, "bytes": 1040, "objects": 150}]
        sockets = [{"calls": 10, "bytes": 1000}, {"calls": 100, "bytes": 2000}]
        self.assertEqual(complaints({"seen": still}), [])
        self.assertEqual(
            complaints({"seen": grown, "sockets": sockets}),
            [
                "seen: objects were 100 after 10 calls, and are 150",
                "sockets: bytes were 1,000 after 10 calls, and are 2,000",
            ],
        )
