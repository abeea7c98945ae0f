"""
Random worlds of all that an office has: people talk to the server, confer, park, transfer, and are recorded.

Relays, recordings, conferences, mailboxes and orbits are within each other's calls; the server may
crash meanwhile, or two servers share the calls and move them to and fro.

    python -m tests.simulation.whole --seeds 1000
    python -m tests.simulation.whole --crashed --seeds 1000
    python -m tests.simulation.whole --moved --seed 4711
"""

from __future__ import annotations

import sys
from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.testing import World
from b2bua.testing.chance import main
from b2bua.testing.relays import SILENCE
from tests.simulation.conferring import Conferring
from tests.simulation.crashes import CrashPlay, crash
from tests.simulation.moves import SECOND, MovePlay, move
from tests.simulation.relayed import Relayed


class Whole(Relayed, Conferring):
    """A world of everything at once."""

    def settings(self) -> dict[str, Any]:
        """Draw too whether rooms, queues and whoever calls Bob are recorded."""
        drawn = super().settings()
        if self.random.random() < 0.5:
            drawn["recording"]["numbers"] = ["bob", "810", "610"]
        return drawn


class WholeCrash(CrashPlay, Whole):
    """A world of everything whose server crashes."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it."""
        super().__init__(seed, features)
        self.deeds += [crash] * 4

    def make_world(self, seed: int, features: object) -> World:
        """A world with an engine whose server has a store."""
        return World(seed, self.settings(), features, store=self.store, relays=True)  # type: ignore[arg-type]  # handed through

    def crash(self) -> None:
        """Kill the server: what its features began has no result any more."""
        super().crash()
        self.begun.clear()

    def records(self) -> None:
        """Each call has one record, and nothing is left besides, once the engine has forgotten lost calls."""
        super().records()
        self.world.run(SILENCE)
        self.nothing_left()


class WholeMove(MovePlay, Whole):
    """A world of everything with two servers that share the calls."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it."""
        super().__init__(seed, features)
        self.deeds += [move] * 12

    def make_world(self, seed: int, features: object) -> World:
        """Two servers that share a store and an engine."""
        self.store = MemoryStore("a")
        world = World(seed, self.settings(), features, store=self.store, several=True, relays=True)  # type: ignore[arg-type]  # handed through
        world.node("b", SECOND)
        return world

    def records(self) -> None:
        """Each call has one record, and nothing is left besides."""
        super().records()
        self.nothing_left()


if __name__ == "__main__":
    others = {"crashed": WholeCrash, "moved": WholeMove}
    sys.exit(main(kind=Whole, prog="python -m tests.simulation.whole", others=others))
