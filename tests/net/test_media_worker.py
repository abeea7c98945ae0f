"""A media worker whose parties are made for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.test.iosim import connectedServerAndClient
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.growing import FRAME_BYTES, Growing
from b2bua.media.sounds import part_of
from b2bua.net import relay_commands, relay_worker, voice_commands
from b2bua.net.ear import Ear
from b2bua.net.media_worker import Worker
from b2bua.net.relay_worker import RelayAtWork
from b2bua.net.worker_line import WorkerLine


class Service(WorkerLine):
    """Hears what has happened."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.heard: list[tuple[int, str, str]] = []

    @voice_commands.Hear.responder
    def hear(self, voice: int, what: str, detail: str) -> dict[str, Any]:
        """Hear of a party."""
        self.heard.append((voice, what, detail))
        return {}

    @relay_commands.RelayHear.responder
    def relay_hear(self, relay: int, what: str, leg: str, detail: str) -> dict[str, Any]:
        """Hear of a relay."""
        self.heard.append((relay, what, detail))
        return {}


class Party(Ear):
    """Counts its turns; a broken one has a bug."""

    turns = 0
    broken = False

    def listen(self) -> None:
        """Have a turn."""
        self.turns += 1
        if self.broken:
            raise ZeroDivisionError


class BrokenRelay(RelayAtWork):
    """Has a bug in its recording."""

    def tick(self, now: float) -> None:
        """Break."""
        raise ZeroDivisionError


class WorkerTests(SynchronousTestCase):
    """L{Worker}."""

    def setUp(self) -> None:
        """Connect it with its service."""
        self.worker, self.service, self.pump = connectedServerAndClient(
            Service, lambda: Worker(20_000, 20_100, 30.0)
        )
        self.worker.awake = lambda: None

    def tick(self) -> None:
        """Let 20 ms pass."""
        self.worker._tick(1)
        self.pump.flush()

    def test_party_breaks(self) -> None:
        """A bug with one party costs the others no turn, and it hears that it needs another voice."""
        broken, others = Party(self.worker, 2), [Party(self.worker, number) for number in (1, 3)]
        broken.broken = True
        self.worker._ears = {party.number: party for party in (others[0], broken, others[1])}
        self.tick()
        self.tick()
        self.assertEqual([party.turns for party in (broken, *others)], [1, 2, 2])
        self.assertEqual(self.service.heard, [(2, "nobody", "worker")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_relay_breaks(self) -> None:
        """A bug with one relay costs the others nothing, and its call hears that it is gone."""
        party = Party(self.worker, 1)
        self.worker._ears = {1: party}
        broken = self.worker._relays[7] = BrokenRelay(self.worker.sockets)
        broken.file = Any  # something is recorded
        self.tick()
        self.tick()
        self.assertEqual((party.turns, self.service.heard), (2, [(7, "gone", "it broke")]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_machine_started_again(self) -> None:
        """The clock that nobody sets begins anew with the machine: what is said is added."""
        path = Path(self.mktemp())
        before = Growing(path)
        before.add(bytes(FRAME_BYTES * 100))
        before.end()
        path.rename(part_of(path))
        work = RelayAtWork(self.worker.sockets)
        now = 500.0
        self.patch(relay_worker, "time", SimpleNamespace(monotonic=lambda: now))
        work.record(str(path), now + 90_000.0, paused=False)
        work.tick(now + 1.0)
        assert work.file is not None
        self.assertEqual(work.file.frames, 150)
        work.file.end()
