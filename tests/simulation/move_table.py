"""
The table of transfers with one more event: a call is moved to another server.

It is moved at every moment of every transfer, one of the calls or all, as soon
as it can be; each transfer ends as it would have ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from b2bua.store.memory import MemoryStore
from tests.simulation.crash_table import problem_of
from tests.simulation.transfer_table import CALM, KINDS, Kind, Scene, undisturbed

OTHER = "192.0.2.2"
"""The address of the second server."""


class MoveCell(NamedTuple):
    """A moment of a transfer, and which of its calls are moved."""

    kind: Kind
    moment: float
    which: str
    """The first call, the last one, or both."""

    def __str__(self) -> str:
        """For the report."""
        return f"{self.kind} at {self.moment * 1000:.0f} ms; {self.which} moved"

    def play(self) -> str:
        """Play it; what is wrong, or nothing."""
        store = MemoryStore("a")
        scene = Scene(self.kind, store=store, other=OTHER)
        world = scene.world
        a, b = world.nodes["a"], world.nodes["b"]
        world.run(self.moment)
        calls = list(a.server.core.calls.going.values())
        chosen = {"first": calls[:1], "last": calls[-1:], "both": calls}[self.which]
        for call in chosen:
            a.move(call, "b")
        world.run(CALM)
        problem = scene.wrong()
        if not problem and scene.pairs() != undisturbed(self.kind).pairs:
            problem = f"{[sorted(pair) for pair in scene.pairs()]} talk, as they would not have"
        if both := a.server.core.calls.going.keys() & b.server.core.calls.going.keys():
            problem = problem or f"the calls {both} have two owners"
        return problem_of(world, problem, store) or problem_of(world, "", b.store)


SIZE = 981
"""How many cells there are; each can happen."""


def cells() -> Iterator[MoveCell]:
    """Every moment of every kind, just before the first one too."""
    for kind in KINDS:
        for moment in (0.0, *undisturbed(kind).moments):
            for which in ("first", "last", "both"):
                yield MoveCell(kind, moment, which)
