"""
Random worlds of conferences: people come, leave, bring each other by REFER, and watch who is there.

    python -m tests.simulation.conferring --seeds 1000
    python -m tests.simulation.conferring --seed 4711
"""

from __future__ import annotations

import sys
from typing import Any

from b2bua.testing.chance import Play, main
from b2bua.testing.session import Session
from b2bua.testing.watching import Watching
from b2bua.wire.xml import read
from tests.simulation.talking import ROOMS, Talking, press

OWN = "811"
"""The personal room."""


class Conferring(Talking):
    """A world in which most calls are to rooms."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw it."""
        super().__init__(seed, features)
        self.deeds += [enter] * 25 + [refer] * 30 + [call] * 15 + [press] * 15 + [watch] * 6 + [moderate] * 6
        self.deeds += [name] * 10
        for phone in self.phones:
            phone.manners.answers_after = self.random.choice([0.01, 0.3, 1.0, None])

    def agree(self) -> None:
        """Insist too that who watches a conference knows who is there."""
        super().agree()
        if self.faults:
            return
        self.world.run(10)  # one NOTIFY in five seconds
        for phone in self.phones:
            for watching in phone.subscriptions:
                if not phone.gone and watching.live and watching.notified and watching.body:
                    self._compare(phone.name, watching)

    def _compare(self, name: str, watching: Watching) -> None:
        """Compare what a phone has put together of all documents with what is so."""
        known: set[str] = set()
        for one in watching.notified:
            root = read(one.body)
            users = root.child("users")
            assert users is not None
            if root.attributes["state"] == "full":
                known.clear()
            for user in users.children:
                gone = user.attributes["state"] == "deleted"
                (known.discard if gone else known.add)(user.attributes["entity"].partition("@")[0][4:])
        number = watching.to.partition("@")[0].removeprefix("sip:")
        room = f"{number}_{name}" if number == OWN else number
        there = {row["who"] for row in self._rows(watching) if row["room"] == room}
        if room != "810" and name not in there:  # shown to those who are in it only
            there = set()
        if known - {"anonymous"} != there and "anonymous" not in str(known):
            raise self.world.failure(f"{name} believes that {known} are in {room}, and it is {there}")

    def _rows(self, watching: Watching) -> list[Any]:
        """Who is where at the server that tells of it: rooms of one name at two servers are two rooms."""
        found: list[Any] = []
        for served in self.world.servers():
            if any(one.dialog.call_id == watching.call_id for one in served.server.notifier):
                served.command("conferences").addCallback(found.extend)
        return found


def enter(scene: Play) -> None:
    """Dial a room."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice(["810", "810", *ROOMS]), offer=scene.random.random() < 0.85)


def call(scene: Play) -> None:
    """Call somebody who may be brought into a room then."""
    phone = scene.phone()
    if phone is not None and len(phone.live) < 4:
        phone.dial(scene.random.choice(scene.names))


def refer(scene: Play) -> None:
    """Ask the focus of a conference to ring somebody, to take a call over, to have somebody leave."""
    session, random = _in_room(scene), scene.random
    if session is None:
        return
    name, others = (
        random.choice(scene.names),
        [one for one in session.phone.live if one is not session and one.state == "up"],
    )
    if others and random.random() < 0.8:
        session.transfer(replaces=random.choice(others))
    else:
        session.transfer(session.phone.uri_of(name) + random.choice(["", "", ";method=BYE", ";method=REFER"]))


def name(scene: Play) -> None:
    """Call with the name of a call that somebody is in a room by: to go on with it, or to join it."""
    session, random = _in_room(scene), scene.random
    phone = scene.phone() if session is None or random.random() < 0.3 else session.phone
    if session is not None and phone is not None and len(phone.live) < 4:
        said = f"{session.call_id};to-tag={session.remote_tag};from-tag={session.local_tag}"
        field = random.choice(["Replaces", "Replaces", "Join"])
        phone.dial(random.choice([*ROOMS]), fields=((field, said),), offer=random.random() < 0.85)


def _in_room(scene: Play) -> Session | None:
    """Draw a call that the server talks in."""
    places = [
        (voice.agreed.host, voice.agreed.port) for voice in scene.world.voices.open_voices if voice.agreed
    ]
    found = [
        session
        for phone in scene.phones
        if not phone.gone
        for session in phone.live
        if session.state == "up" and session.media.receives_at() in places
    ]
    return scene.random.choice(found) if found else None


def watch(scene: Play) -> None:
    """Watch who is in a conference."""
    phone = scene.phone()
    if phone is not None:
        phone.watch(scene.random.choice([*ROOMS, f"{OWN}_alice"]), "conference")


def moderate(scene: Play) -> None:
    """Lock a room, or have somebody leave, as an administrator."""
    room, name = scene.random.choice([*ROOMS, f"{OWN}_alice"]), scene.random.choice(scene.names)
    chance = scene.random.random()
    done = (
        scene.world.command(f"conference-{'kick' if chance < 0.3 else 'mute'}", room=room, who=name)
        if chance < 0.5
        else scene.world.command("conference-lock", room=room, state=scene.random.choice(["on", "off"]))
    )
    done.addErrback(lambda failure: failure.trap(ValueError))  # nobody is there


if __name__ == "__main__":
    sys.exit(main(kind=Conferring, prog="python -m tests.simulation.conferring"))
