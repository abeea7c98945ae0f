"""
Random worlds with transfers and forwards in them.

    python -m tests.simulation.transfers --seeds 1000
    python -m tests.simulation.transfers --seed 4711
    python -m tests.simulation.transfers --mixed --seeds 1000  # with groups, find-me, feature codes
"""

from __future__ import annotations

import sys
from typing import Any

from b2bua.testing.chance import NAMES, Play, main
from tests.simulation.forwards import Forwards


class Transfers(Play):
    """A world in which people transfer, pick up and forward as well."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it, with every feature that is installed if none are given."""
        super().__init__(seed, features or "installed")
        self.deeds += [blind, blind, attended, attended, attended, pick_up, outside]
        for phone in self.phones:
            phone.manners.leaves_after_refer = self.random.choice(["at once", "final", "final", "never"])

    def settings(self) -> dict[str, Any]:
        """Draw forwards, and who does the work of transfers."""
        random = self.random
        extensions: dict[str, dict[str, Any]] = {}
        for name in NAMES:
            own: dict[str, Any] = {}
            if random.random() < 0.2:
                key = random.choice(["always", "busy", "no_answer", "unreachable"])
                target = random.choice([*NAMES, "nobody"])
                own["forward"] = {key: "nobody" if target == name else target}
                if key == "no_answer":
                    own["forward"]["no_answer_after"] = random.choice([1, 5, 20])
            if random.random() < 0.15:
                own["transfer"] = random.choice(["pass", "refuse"])
            extensions[name] = own
        return {"extensions": extensions}


class Mixed(Forwards):
    """A world of forwards, groups and searches, in which people transfer as well."""

    def __init__(self, seed: int, features: object = "installed") -> None:
        """Draw it, with every feature that is installed."""
        super().__init__(seed, "installed")
        self.deeds += [blind, blind, blind, attended, attended, attended, pick_up, outside]
        for phone in self.phones:
            phone.manners.leaves_after_refer = self.random.choice(["at once", "final", "final", "never"])

    def extension(self, name: str) -> dict[str, Any]:
        """What one extension wants."""
        own = super().extension(name)
        if self.random.random() < 0.15:
            own["transfer"] = self.random.choice(["pass", "refuse"])
        return own


def blind(scene: Play) -> None:
    """Transfer somebody to somebody, or to nobody."""
    session = scene.session("up")
    if session is not None:
        session.transfer(scene.random.choice([*scene.names, "nobody"]))


def attended(scene: Play) -> None:
    """Transfer one call to another of the same phone, answered or not; now and then to a stranger's."""
    session = scene.session("up")
    if session is None:
        return
    own = [other for other in session.phone.live if other is not session and other.remote_tag]
    foreign = scene.session("up") if scene.random.random() < 0.1 else None
    other = foreign or (scene.random.choice(own) if own else None)
    if other is not None and other.remote_tag:
        session.transfer(replaces=other)
    elif len(session.phone.live) < 3:
        session.phone.dial(scene.random.choice(scene.names))


def pick_up(scene: Play) -> None:
    """Send an INVITE with Replaces for some call."""
    phone, session = scene.phone(), scene.session("up", "called")
    if phone is None or session is None or not session.remote_tag or len(phone.live) > 3:
        return
    value = f"{session.call_id};to-tag={session.remote_tag};from-tag={session.local_tag}"
    phone.dial(session.phone.name, fields=(("Replaces", value), ("Require", "replaces")))


def outside(scene: Play) -> None:
    """Hang up with a transfer under way, or refuse what rings, at the same moment."""
    session = scene.session("up", "called", "calling")
    if session is not None:
        session.hang_up()


if __name__ == "__main__":
    sys.exit(main(kind=Transfers, prog="python -m tests.simulation.transfers", others={"mixed": Mixed}))
