"""
Random worlds in which people talk to the server: menus, mailboxes, queues, rooms, calls to be confirmed.

    python -m tests.simulation.talking --seeds 1000
    python -m tests.simulation.talking --seed 4711
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from b2bua.testing.chance import Play, main
from tests.simulation.parking import Parking

PROMPT = Path(__file__).resolve().parents[2] / "plugins" / "sounds" / "music" / "silence.wav"
ROOMS: dict[str, Any] = {
    "810": {"most": 3},
    "811": {"personal": True},
    "812": {"pin": "1212", "moderator_pin": "2121"},
}
PLACES = ("500", "501", "620", "97", "97alice", "97bob", "98", "*98", "610", "4711", "810", "811", *ROOMS)


class Talking(Parking):
    """A world whose server has much to say."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it."""
        super().__init__(seed, features)
        self.deeds += [talk, talk, talk, press, press, press, press, send, lose]

    def settings(self) -> dict[str, Any]:
        """Draw menus, a group that confirms, mailboxes, a queue with a way out."""
        self.mailboxes = TemporaryDirectory()
        drawn = super().settings()
        menu = {"prompt": str(PROMPT), "keys": {"1": "bob", "2": "501", "3": "620"}, "seconds": 2}
        drawn["auto_attendant"] = {
            "500": {**menu, "extensions": True, "otherwise": "carol"},
            "501": {**menu, "keys": {"1": "alice", "*": "500", "9": "repeat"}, "repeats": 1},
        }
        drawn["ring_groups"] = {
            "620": {"members": ["alice", "bob", "carol"], "confirm": "en", "ring_seconds": 10}
        }
        drawn["conferences"] = ROOMS
        drawn["voicemail"] = {"directory": self.mailboxes.name, "remote": "98", "seconds": 5}
        for name in ("alice", "bob"):
            drawn["extensions"][name]["voicemail"] = {"on": True}
        queue = {**drawn["queues"]["610"], "position_seconds": 2, "keys": {"1": "97bob"}}
        drawn["queues"] = {**drawn["queues"], "610": queue}
        return drawn


def talk(scene: Play) -> None:
    """Call the server."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice(PLACES), offer=scene.random.random() < 0.85)


def send(scene: Play) -> None:
    """Transfer somebody to the server."""
    session = scene.session("up")
    if session is not None:
        session.transfer(scene.random.choice(PLACES))


def press(scene: Play) -> None:
    """Press a key of some phone that the server talks to."""
    voices = sorted(scene.world.voices.open_voices, key=lambda voice: voice.port)
    if voices:
        scene.random.choice(voices).press(
            scene.random.choice(["1", "1", "2", "3", "4", "5", "0", "#", "12", "1212#"])
        )


def lose(scene: Play) -> None:
    """Let the worker die, now and then, or there be none for a moment."""
    assert isinstance(scene, Talking)
    chance = scene.random.random()
    if chance < 0.3:
        scene.world.voices.lose()
    elif chance < 0.5:
        scene.world.voices.broken = not scene.world.voices.broken
        scene.unheard = True


if __name__ == "__main__":
    sys.exit(main(kind=Talking, prog="python -m tests.simulation.talking"))
