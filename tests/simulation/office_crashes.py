"""
Random worlds of an office whose server dies and comes back: people park, wait in queues, log in elsewhere.

Who waits does so afterwards, and hears music again, or is told; what plugins keep is whole.

    python -m tests.simulation.office_crashes --seeds 1000
    python -m tests.simulation.office_crashes --seed 4711
"""

from __future__ import annotations

import sys
from typing import Any

from b2bua.calls.restoring.recovery import FIRST
from b2bua.store.memory import MemoryStore
from b2bua.testing.chance import NAMES, Play, main
from tests.simulation.crashes import CrashPlay, crash
from tests.simulation.parking import OFFICE, PARK, PLACES, code, hear_music, orbit, park
from tests.simulation.transfers import attended, blind, pick_up


class OfficeCrash(CrashPlay):
    """An office whose server crashes."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it, with every feature that is installed."""
        self.store = MemoryStore()
        Play.__init__(self, seed, "installed")
        self.world.voices.delay = (0.0, 0.004, 0.03, 0.3)[seed % 4]
        self.deeds += [
            orbit,
            orbit,
            park,
            park,
            park,
            code,
            code,
            blind,
            attended,
            pick_up,
            crash,
            hold_and_crash,
            hold_and_crash,
        ]
        self.crashes: list[float] = []

    def crash(self) -> None:
        """Let the server die; now and then look what those hear who wait, when it is there again."""
        super().crash()
        if self.random.random() < 0.5 and not self.faults:
            self.world.run(FIRST + 3)
            hear_music(self)

    def settings(self) -> dict[str, Any]:
        """Those of an office; two people may log in elsewhere."""
        extensions: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
        for name in ("alice", "bob"):
            extensions[name]["hot_desk"] = {"pin": "4711"}
        extensions["carol"]["boss_secretary"] = {"secretaries": ["dave"], "ring_seconds": 3}
        return {"extensions": extensions, "park": PARK} | OFFICE


def hold_and_crash(scene: Play) -> None:
    """Let somebody wait, on hold or parked, when the server dies."""
    session = scene.session("up")
    if session is not None and not session.busy:
        if scene.random.random() < 0.7:
            session.hold()
        else:
            session.transfer(scene.random.choice(PLACES))
        scene.world.run(3)
        crash(scene)


if __name__ == "__main__":
    sys.exit(main(kind=OfficeCrash, prog="python -m tests.simulation.office_crashes"))
