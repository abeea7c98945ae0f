"""The embedded relay as the service has it: what it does when its worker is gone, without any worker."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.ports import NoRelay, RelayHappened, Towards
from b2bua.net import relay_commands as commands
from b2bua.net.relays import Relay, Relays
from b2bua.net.workers import Workers

STATE = {"engine": "embedded", "relay": {"legs": [], "answered": []}, "recording": {}}
RECORDING = {"path": "/rec/1.wav", "began": 7.0, "paused": True}


class Line:
    """A worker that answers when it is told to."""

    def __init__(self) -> None:
        """Be asked nothing."""
        self.users: dict[int, Relay] = {}
        self.asked: list[tuple[type[Any], dict[str, Any], Deferred[Any]]] = []

    def ask(self, command: type[Any], **what: Any) -> Deferred[Any]:
        """Take a command."""
        waits: Deferred[Any] = Deferred()
        self.asked.append((command, what, waits))
        return waits

    def answer(self, said: object = None) -> None:
        """Answer the oldest command."""
        _, _, waits = self.asked.pop(0)
        waits.callback({} if said is None else said)

    @property
    def commands(self) -> list[type[Any]]:
        """What has no answer yet."""
        return [command for command, _, _ in self.asked]


class Pool:
    """All workers: one at a time."""

    most = 1
    stopped = False

    def __init__(self) -> None:
        """Have one."""
        self.current = Line()
        self.last = 0

    def line(self) -> Line:
        """The one there is."""
        return self.current

    def number(self) -> int:
        """Another number."""
        self.last += 1
        return self.last

    def die(self) -> None:
        """Let it die, as a line tells it: first who waits for an answer, then who uses it."""
        line, self.current = self.current, Line()
        for _, _, waits in line.asked:
            waits.errback(Failure(ConnectionDone()))
        for user in list(line.users.values()):
            user.lost()


class RelayTests(SynchronousTestCase):
    """L{Relay}."""

    def setUp(self) -> None:
        """Have workers."""
        self.pool = Pool()
        self.happened: list[RelayHappened] = []

    def resumed(self, **recording: Any) -> Relay:
        """A relay that is about to go on."""
        relays = Relays(cast(Workers, self.pool))
        relay = relays.resume("1", {**STATE, "recording": recording}, self.happened.append)
        assert relay is not None
        return relay

    def test_recording_goes_on(self) -> None:
        """It goes on with its recording as well, which pauses still."""
        relay = self.resumed(**RECORDING)
        line = self.pool.current
        line.answer()
        ((command, what, _),) = line.asked
        self.assertIs(command, commands.RelayRecord)
        self.assertEqual({key: what[key] for key in RECORDING}, RECORDING)
        line.answer({"began": 7.0})
        self.assertEqual((relay.state()["recording"], self.happened), (RECORDING, []))

    def test_recording_cannot(self) -> None:
        """A disk that is full when another worker takes over costs the recording, not the relay."""
        relay = self.resumed(**RECORDING)
        line = self.pool.current
        line.answer()
        line.answer(Failure(NoRelay("the disk is full")))
        self.assertEqual(self.happened, [RelayHappened("recorded", "", "the disk is full")])
        self.assertEqual(relay.state(), STATE)
        relay.offer("a", "b", b"", Towards("10.0.0.1"), "10.0.0.2")
        self.assertEqual(line.commands, [commands.RelaySession])

    def test_recording_ends_meanwhile(self) -> None:
        """One that is ended while another worker takes over is not begun again by the next one."""
        relay = self.resumed(**RECORDING)
        ended = relay.end_recording()
        for said in ({}, {"began": 7.0}, {}):
            self.pool.current.answer(said)
        self.successResultOf(ended)
        self.assertEqual(relay.state()["recording"], {})
        self.pool.die()
        self.pool.current.answer()
        self.assertEqual(self.pool.current.commands, [])

    def test_gone(self) -> None:
        """One whose ports somebody else has is gone: it uses no worker, and asks none any more."""
        relay = self.resumed()
        line = self.pool.current
        asked = relay.offer("a", "b", b"", Towards("10.0.0.1"), "10.0.0.2")
        line.answer(Failure(NoRelay("port 40000 is taken")))
        self.assertEqual(self.happened, [RelayHappened("gone", "", "port 40000 is taken")])
        self.failureResultOf(asked, NoRelay)
        self.assertEqual((line.users, line.commands), ({}, []))
        self.assertIsNone(self.successResultOf(relay.close()))

    def test_broken(self) -> None:
        """A worker that gives a relay up has it among its users no more."""
        self.resumed()
        line = self.pool.current
        line.answer()
        ((_, relay),) = line.users.items()
        relay.told("gone", "", "it broke")
        self.assertEqual((line.users, self.happened), ({}, [RelayHappened("gone", "", "it broke")]))

    def test_let_go(self) -> None:
        """One that another process has frees its ports when its recording is whole, and tells nothing."""
        relay = self.resumed(**RECORDING)
        line = self.pool.current
        line.answer()
        line.answer({"began": 7.0})
        relay.let_go()
        self.assertEqual(line.commands, [commands.RelayEndRecording])
        line.answer({})
        self.assertEqual(line.commands, [commands.RelayClose])
        line.answer({"statistics": b"{}"})
        self.assertEqual((line.users, self.happened), ({}, []))

    def test_service_ends(self) -> None:
        """When the service ends nothing is told: the next process goes on with it."""
        self.resumed(**RECORDING)
        self.pool.current.answer()
        self.pool.stopped = True
        self.pool.die()
        self.assertEqual(self.happened, [])
