"""
Random worlds in which some media pass through a relay, some calls are recorded, and the engine dies at times.

    python -m tests.simulation.relayed --seeds 1000
    python -m tests.simulation.relayed --seed 4711
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory
from typing import Any

from b2bua.testing import World
from b2bua.testing.chance import Play, main
from tests.simulation.parking import Parking


class Relayed(Parking):
    """A world with an engine that passes media on."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it."""
        super().__init__(seed, features)
        self.world.relays.delay = (0.0, 0.004, 0.03, 0.3)[seed % 4]
        self.deeds += [record, record, press, lose, fail]

    def make_world(self, seed: int, features: object) -> World:
        """Make the world that is drawn."""
        return World(seed, self.settings(), features, relays=True)  # type: ignore[arg-type]  # handed through

    def settings(self) -> dict[str, Any]:
        """Draw who needs a relay, and who is recorded."""
        self.recordings = TemporaryDirectory()
        drawn = super().settings()
        for name in ("alice", "bob", "carol"):
            own = drawn["extensions"].setdefault(name, {})
            own["media"] = self.random.choice(["auto", "direct", "relay"])
            own["recording"] = {"on": self.random.random() < 0.2, "may": True}
        announce = self.random.choice(["none", "all", "all"])
        drawn["recording"] = {"directory": self.recordings.name, "announce": announce}
        return drawn

    def nothing_left(self) -> None:
        """Insist too that every recording has come to its end."""
        super().nothing_left()
        going = [path for path, one in self.world.relays.recordings.items() if not one.ended]
        if going:
            raise self.world.failure(f"recorded still: {going}")


def record(scene: Play) -> None:
    """Press the record key of a phone."""
    session = scene.session("up")
    if session is not None:
        session.ask("INFO", [("Record", scene.random.choice(["on", "on", "off"]))])


def press(scene: Play) -> None:
    """Press keys in a call."""
    session = scene.session("up")
    if session is not None:
        for key in scene.random.choice(["*1", "*2"]):
            session.ask("INFO", [("Content-Type", "application/dtmf-relay")], f"Signal={key}".encode())


def lose(scene: Play) -> None:
    """Let the engine die, now and then."""
    if scene.random.random() < 0.4:
        relays = scene.world.relays
        for one in relays.recordings.values():
            one.ended = True  # there is what there is
        relays.lose()


def fail(scene: Play) -> None:
    """Let it pass nothing more on for some seconds, or record nothing."""
    relays, clock = scene.world.relays, scene.world.clock
    what = scene.random.choice(["broken", "full"])
    setattr(relays, what, True)
    clock.callLater(scene.random.uniform(0.1, 8), lambda: setattr(relays, what, False))


if __name__ == "__main__":
    sys.exit(main(kind=Relayed, prog="python -m tests.simulation.relayed"))
