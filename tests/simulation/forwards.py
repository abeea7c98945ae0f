"""
Random worlds in which everybody forwards: at random, in circles, into groups and out of them.

    python -m tests.simulation.forwards --seeds 1000
    python -m tests.simulation.forwards --seed 4711
"""

from __future__ import annotations

import sys
from typing import Any

from b2bua.calls.diversion import path_from
from b2bua.testing.chance import NAMES, Play, main
from b2bua.testing.manners import Manners
from b2bua.wire.message import Request

GROUPS = ("600", "601")
LEGS_MAX = 150
"""No call of a world opens more legs than that, whatever leads where."""


class Forwards(Play):
    """A world of forwards."""

    def __init__(self, seed: int, features: object = "installed") -> None:
        """Draw it, with every feature that is installed."""
        super().__init__(seed, "installed")
        self.deeds += [dial_far, dial_far, dial_code, dial_code, change]

    def manners(self) -> Manners:
        """Phones refuse and redirect more often than elsewhere."""
        manners, random = super().manners(), self.random
        if random.random() < 0.2:
            manners.refuses = random.choice([480, 486, 486, 600, 603])
        elif random.random() < 0.2:
            manners.redirects = self.target()
            manners.rings_first = random.random() < 0.5
        return manners

    def target(self, but: str = "") -> str:
        """Where a call may be sent on to; the settings let nobody forward to himself."""
        random = self.random
        name = random.choice([*NAMES, *NAMES, *GROUPS, "nobody"])
        name = "nobody" if name == but else name
        return f"sip:{name}@pbx.example.com" if random.random() < 0.2 else name

    def settings(self) -> dict[str, Any]:
        """Draw the tables of the forwarding family."""
        extensions = {name: self.extension(name) for name in NAMES}
        groups = {number: self.group(number) for number in GROUPS if self.random.random() < 0.7}
        return {"extensions": extensions, "ring_groups": groups}

    def extension(self, name: str) -> dict[str, Any]:
        """What one extension wants."""
        random = self.random
        own: dict[str, Any] = {}
        if random.random() < 0.6:
            kinds = ["always", "busy", "no_answer", "unreachable", "busy_internal", "always_external"]
            own["forward"] = {kind: self.target(name) for kind in random.sample(kinds, random.randint(1, 3))}
            own["forward"]["no_answer_after"] = random.choice([0.5, 2, 8])
        if random.random() < 0.25:
            own["find_me"] = {
                "mode": random.choice(["parallel", "sequential"]),
                "ring_seconds": random.choice([0.5, 3, 10]),
                "places": [self.place() for _ in range(random.randint(1, 4))],
            }
        if random.random() < 0.1:
            own["do_not_disturb"] = True
        if random.random() < 0.3:
            own["redirects"] = random.choice(["follow", "pass", "refuse"])
        if random.random() < 0.2:
            own["calls_max"] = random.choice([1, 2])
        if random.random() < 0.1:
            own["may_dial"] = []
        return own

    def place(self) -> Any:
        """A member of a group, or a place of a search."""
        target = self.target()
        if self.random.random() < 0.6:
            return target
        return {"target": target, "after": self.random.choice([0, 0.01, 1, 5])}

    def group(self, number: str) -> dict[str, Any]:
        """A group of anybody."""
        random = self.random
        group = {
            "members": [self.place() for _ in range(random.randint(1, 5))],
            "mode": random.choice(["parallel", "sequential"]),
            "ring_seconds": random.choice([0.5, 3, 10]),
            "forwards": random.random() < 0.7,
        }
        if random.random() < 0.4:
            group["otherwise"] = self.target(number)
        return group

    def run(self) -> None:
        """Let it happen, and look at what was told on the way."""
        super().run()
        assert self.world.served is not None
        for record in self.world.served.records:
            if len(record.legs) > LEGS_MAX:
                raise self.world.failure(f"call {record.id} has {len(record.legs)} legs")
        for phone in self.phones:
            for session in phone.sessions:
                if session.incoming and session.invite is not None:
                    self.told(session.invite)

    def told(self, invite: Request) -> None:
        """Both header fields say the same, and nobody has diverted twice."""
        both = [path_from(Request("INVITE", invite.uri, _only(invite, name))) for name in FIELDS]
        ways = [[one.by for one in path.diversions] for path in both]
        if ways[0] != ways[1]:
            raise self.world.failure(f"Diversion says {ways[0]}, History-Info {ways[1]}")
        if len(set(ways[0])) != len(ways[0]):
            raise self.world.failure(f"somebody has diverted twice: {ways[0]}")


FIELDS = ("Diversion", "History-Info")


def _only(invite: Request, name: str) -> list[tuple[str, str]]:
    """The header fields of one name."""
    return [field for field in invite.fields if field[0] == name]


def dial_far(scene: Play) -> None:
    """Call a group, or somebody by a URI."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice([*GROUPS, *scene.names]))


def dial_code(scene: Play) -> None:
    """Dial a feature code, with an argument or without."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        code = scene.random.choice(
            ["*72", "*73", "*90", "*91", "*92", "*93", "*94", "*78", "*79", "*21", "*22"]
        )
        phone.dial(code + scene.random.choice(["", scene.random.choice(NAMES), "600"]))


def change(scene: Play) -> None:
    """Change a setting from outside, as the command does."""
    assert scene.world.served is not None
    features: Any = scene.world.served.server.core.calls.features
    random = scene.random
    name, key = random.choice(NAMES), random.choice(["always", "busy", "no_answer", "unreachable"])
    target = random.choice([None, "", *NAMES, "600"])
    features.change(f"extensions.{name}.forward.{key}", None if target == name else target)


if __name__ == "__main__":
    sys.exit(main(kind=Forwards, prog="python -m tests.simulation.forwards"))
