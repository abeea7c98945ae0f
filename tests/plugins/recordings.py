"""A world in which calls are recorded."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, Phone, World
from b2bua.testing.relays import Recorded
from b2bua.wire.message import Response
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.music_on_hold import MusicOnHold
from b2bua_plugins.park import Park
from b2bua_plugins.recording import CallRecording
from b2bua_plugins.ring_group import RingGroup


class RecordingCase(LadderTestCase):
    """Some calls are recorded."""

    settings: ClassVar[dict[str, Any]] = {}
    extensions: ClassVar[dict[str, Any]] = {}
    relays = True

    def make_world(self) -> World:
        """A world with an engine, and a place for recordings."""
        place = TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        table = {"directory": place.name, **self.settings.get("recording", {})}
        extensions = {name: {"recording": own} for name, own in self.extensions.items()}
        features = [CallRecording, AttendedTransfer, BlindTransfer, Park, MusicOnHold, RingGroup]
        settings = {
            "park": {"orbits": "701-703"},
            "music_on_hold": {},
            "ring_groups": {"600": {"members": ["bob", "carol"]}},
            **self.settings,
            "recording": table,
            "extensions": extensions,
        }
        return World(features=features, settings=settings, store=MemoryStore(), relays=self.relays)

    def setUp(self) -> None:
        """Let there be phones, and an engine that takes a moment."""
        super().setUp()
        self.world.relays.delay = 0.005
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )

    def talk(self, caller: Phone | None = None, to: str = "bob") -> None:
        """Let two talk."""
        (caller or self.alice).dial(to)
        self.world.run(3)

    def recording(self) -> Recorded:
        """The one recording that was begun."""
        (recorded,) = self.world.relays.recordings.values()
        return recorded

    def heard(self) -> tuple[set[str], set[str]]:
        """Who is heard in it, left and right."""
        return self.world.recorded(self.recording().path)

    def files(self) -> list[str]:
        """What there is."""
        return sorted(path.name for path in self.place.iterdir())

    def listed(self) -> list[dict[str, Any]]:
        """What the command says."""
        found = self.successResultOf(self.world.command("recordings"))
        return list(found)

    def info(self, phone: Phone, said: str) -> int:
        """Press the record key of a Yealink; gives the answer."""
        answers: list[Response | None] = []
        phone.session.ask("INFO", [("Record", said)], hear=answers.append)
        self.world.run(3)
        return answers[-1].code if answers and answers[-1] is not None else 0

    def press(self, phone: Phone, keys: str) -> None:
        """Press keys on a phone that tells them by INFO."""
        for key in keys:
            phone.session.ask("INFO", [("Content-Type", "application/dtmf-relay")], f"Signal={key}".encode())
            self.world.run(0.1)
        self.world.run(3)

    def over(self) -> None:
        """Everybody hangs up; nothing is left."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(3)
        self.assertTrue(all(one.ended for one in self.world.relays.recordings.values()))
        self.quiet()
