"""
Random worlds of an office whose server dies and comes back: people park, wait in queues, log in elsewhere.

Who waits does so afterwards or is told, and what plugins keep is whole.

    python -m tests.simulation.office_crashes --seeds 1000
    python -m tests.simulation.office_crashes --seed 4711
"""

from __future__ import annotations

import sys
from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.testing.chance import NAMES, Play, main
from tests.simulation.crashes import CrashPlay, crash
from tests.simulation.parking import OFFICE, PARK, code, orbit, park
from tests.simulation.transfers import attended, blind, pick_up


class OfficeCrash(CrashPlay):
    """An office whose server crashes."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it, with every feature that is installed."""
        self.store = MemoryStore()
        Play.__init__(self, seed, "installed")
        self.deeds += [orbit, orbit, park, park, park, code, code, blind, attended, pick_up, crash, crash]
        self.crashes: list[float] = []

    def settings(self) -> dict[str, Any]:
        """Those of an office; two people may log in elsewhere."""
        extensions: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
        for name in ("alice", "bob"):
            extensions[name]["hot_desk"] = {"pin": "4711"}
        extensions["carol"]["boss_secretary"] = {"secretaries": ["dave"], "ring_seconds": 3}
        return {"extensions": extensions, "park": PARK} | OFFICE


if __name__ == "__main__":
    sys.exit(main(kind=OfficeCrash, prog="python -m tests.simulation.office_crashes"))
