"""The life of the service: its start, its end, and what it hears of signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.baresip import Baresip
from tests.interop.certificates import pair
from tests.interop.processes import LIMIT, TIMEOUT, Program, reactor
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, Service
from tests.interop.test_install import run

TRACEBACK = "Traceback (most recent call last)"


class Notified(DatagramProtocol):
    """What systemd is to the service: a socket that hears how it is."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self.heard: list[str] = []
        """What was said, and nobody has waited for."""
        self._waiting: list[tuple[str, Deferred[str]]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hear something."""
        self.heard.append(datagram.decode().splitlines()[0])
        self._look()

    def says(self, state: str) -> Deferred[str]:
        """Wait until something is said; what came before it is passed over."""
        deferred: Deferred[str] = Deferred()
        self._waiting.append((state, deferred))
        self._look()
        return deferred.addTimeout(LIMIT, reactor)

    def _look(self) -> None:
        """Give what was heard to those who wait for it, in the order of both."""
        while self._waiting and self._waiting[0][0] in self.heard:
            state, deferred = self._waiting.pop(0)
            del self.heard[: self.heard.index(state) + 1]
            deferred.callback(state)


class Case(TestCase):
    """One service for each test."""

    timeout = TIMEOUT

    def made(self, more: str = "", **options: Any) -> Service:
        """A service that does not run yet and is gone after the test."""
        service = Service(self.mktemp(), more, anew=True, **options)
        self.addCleanup(self.gone, service)
        return service

    def gone(self, service: Service) -> Any:
        """End it, if it was ever started."""
        return service.kill() if service.program.transport is not None else None

    def command(self, service: Service, *arguments: str) -> Any:
        """What C{b2bua} says about a service; fires with it."""
        command = Path(sys.executable).parent / "b2bua"
        name, *rest = arguments
        return deferToThread(run, command, name, "--config", service.config, *rest, cwd=service.directory)


class StartTests(Case):
    """A start that fails says why in one line, with status 1, and leaves everything as it was."""

    @inlineCallbacks
    def fails(self, service: Service, *texts: str) -> Any:
        """It does not start, for one reason."""
        before = sorted(path.name for path in service.directory.iterdir())
        service.run()
        status = yield service.program.ended()
        said = "\n".join(service.program.lines)
        self.assertEqual(status, 1, said)
        self.assertNotIn(TRACEBACK, said)
        self.assertNotIn("listening", said)
        self.assertEqual(len(said.splitlines()), 1, said)
        for text in texts:
            self.assertIn(text, said)
        # twistd has its own files there: that of its process id, if it came that far.
        after = sorted(path.name for path in service.directory.iterdir())
        self.assertEqual([name for name in after if name != "twistd.pid"], before)

    @inlineCallbacks
    def test_no_file(self) -> Any:
        """There is no configuration."""
        service = self.made()
        service.config.unlink()
        yield self.fails(service, "there is no such file")

    @inlineCallbacks
    def test_bad_file(self) -> Any:
        """The configuration is bad."""
        yield self.fails(self.made(server='colour = "red"'), "server.colour: is not a known key")

    @inlineCallbacks
    def test_port_in_use(self) -> Any:
        """Another program has the port."""
        service = self.made()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((service.host, service.port))
            yield self.fails(service, "server.listen[0]: ", "is in use by another program")

    @inlineCallbacks
    def test_twice(self) -> Any:
        """It runs already."""
        service = self.made()
        yield service.start()
        again = Program("again")
        self.addCleanup(again.kill)
        command = [str(Path(sys.executable).parent / "twistd"), "-n", "--pidfile=", "b2bua"]
        again.start([*command, "--config", str(service.config)], str(service.directory), os.environ)
        self.assertEqual((yield again.ended()), 1)
        self.assertEqual(len(again.lines), 1, again.lines)
        self.assertIn("server.control: a service listens at", again.lines[0])

    @inlineCallbacks
    def test_certificate(self) -> Any:
        """The key is another certificate's."""
        service = self.made(tls=True)
        pair(service.directory)
        _, key = pair(service.directory / "other")
        key.rename(service.directory / "key.pem")
        yield self.fails(service, "tls.key: ", "is not the key of the certificate")

    @inlineCallbacks
    def test_database(self) -> Any:
        """The file of the database is somebody's diary, and stays so."""
        service = self.made()
        service.database.write_text("Dear diary")
        yield self.fails(service, "server.database: ", "is not a database")
        self.assertEqual(service.database.read_text(), "Dear diary")

    @inlineCallbacks
    def test_plugin(self) -> Any:
        """A plugin that is named is not there."""
        yield self.fails(self.made('[plugins]\norder = ["pizza"]\n'), "plugins.order: ", "pizza")


class CheckTests(Case):
    """C{twistd b2bua --check}."""

    @inlineCallbacks
    def test_check(self) -> Any:
        """It says what C{b2bua check} says, with the same status, and nothing runs."""
        service = self.made()
        twistd = Path(sys.executable).parent / "twistd"
        check = (twistd, "b2bua", "--config", service.config, "--check")
        said = yield deferToThread(run, *check, cwd=service.directory)
        self.assertEqual(said, f"{service.config}: good: 3 extensions, 0 trunks, 0 routes, 2 sockets\n")
        service.config.write_text("[server]\n")
        error = yield self.assertFailure(deferToThread(run, *check, cwd=service.directory), AssertionError)
        self.assertIn("ended with 1", str(error))
        self.assertIn("server.domain: is missing", str(error))
        self.assertEqual([path.name for path in service.directory.iterdir()], ["b2bua.toml"])


class LifeTests(Case):
    """What it does until its end."""

    @inlineCallbacks
    def test_daemon(self) -> Any:
        """
        As a daemon it writes its process id and its log, and ends when told to.

        After SIGUSR1 the log goes on in a new file, as logrotate wants it.
        """
        service = self.made("[log]\nformat = 'json'\n")
        twistd = Path(sys.executable).parent / "twistd"
        log, pid = service.directory / "b2bua.log", service.directory / "b2bua.pid"
        yield deferToThread(
            run, twistd, "--logfile", log, "--pidfile", pid, "b2bua", "--config", service.config,
            cwd=service.directory,
        )  # fmt: skip
        number = int(pid.read_text())
        self.addCleanup(_end, number)
        tail = Program("tail")
        self.addCleanup(tail.kill)
        tail.start(["/usr/bin/env", "tail", "-n", "+1", "-F", str(log)], str(service.directory), os.environ)
        yield tail.says("ready: ")
        moved = log.rename(log.with_suffix(".1"))
        os.kill(number, signal.SIGUSR1)
        os.kill(number, signal.SIGTERM)
        yield tail.says("Server Shut Down")
        self.assertIn("ready: ", moved.read_text())
        self.assertNotIn("ready: ", log.read_text())
        for line in (moved.read_text() + log.read_text()).splitlines():
            self.assertEqual(set(json.loads(line)) & {"time", "level", "system", "message"},
                             {"time", "level", "system", "message"})  # fmt: skip

    @inlineCallbacks
    def test_hang_up_signal(self) -> Any:
        """SIGHUP reads the configuration again; a bad one changes nothing."""
        service = self.made()
        yield service.start()
        good = service.config.read_text()
        for text, said in (
            (good + "[extensions.104]\n", "not reloaded: "),
            (good + '[extensions.104]\npassword = "a"\n', "the configuration was read again"),
        ):
            seen = len(service.program.lines)
            service.config.write_text(text)
            service.program.signal("HUP")
            yield service.program.says(said, after=seen)
            shown = yield self.command(service, "status", "--json")
            self.assertEqual(json.loads(shown)["extensions"], 4 if "again" in said else 3)
        self.assertNotIn(TRACEBACK, "\n".join(service.program.lines))

    @inlineCallbacks
    def test_watchdog(self) -> Any:
        """Who has started it hears that it is ready, that it is alive, and that it ends (sd_notify(3))."""
        service = self.made()
        systemd = Notified()
        with TemporaryDirectory() as directory:  # whose name is short enough for a socket
            place = os.path.join(directory, "notify")
            listening = reactor.listenUNIXDatagram(place, systemd)
            self.addCleanup(listening.stopListening)
            for key, value in (("NOTIFY_SOCKET", place), ("WATCHDOG_USEC", "400000")):
                os.environ[key] = value
                self.addCleanup(os.environ.pop, key)
            yield service.start()
            yield systemd.says("READY=1")
            for _ in range(3):
                yield systemd.says("WATCHDOG=1")
            service.program.signal("HUP")
            yield systemd.says("RELOADING=1")
            yield systemd.says("READY=1")
            yield systemd.says("WATCHDOG=1")
            service.program.signal(signal.SIGSTOP)
            yield deferLater(reactor, 0.5)  # what was said before has come
            systemd.heard.clear()
            yield deferLater(reactor, 1.0)
            self.assertEqual(systemd.heard, [])  # who is stuck says nothing, and would be started anew
            service.program.signal(signal.SIGCONT)
            yield systemd.says("WATCHDOG=1")
            service.program.signal("TERM")
            yield systemd.says("STOPPING=1")

    @inlineCallbacks
    def test_reload(self) -> Any:
        """C{b2bua reload} does the same and says what takes a restart, for as long as it does."""
        service = self.made()
        yield service.start()
        service.config.write_text(service.config.read_text() + "[timers]\nt1 = 0.4\n")
        line = "timers is another than that of the running service; that takes a restart"
        for _ in range(2):
            said = yield self.command(service, "reload")
            self.assertEqual(said, f"{line}\nread again\n")

    @inlineCallbacks
    def test_check_while_it_runs(self) -> Any:
        """C{b2bua check} of a service that runs leaves its sockets alone."""
        service = self.made()
        yield service.start()
        command = Path(sys.executable).parent / "b2bua"
        said = yield deferToThread(run, command, "check", service.config, cwd=service.directory)
        self.assertIn("the service is running", said)


class DrainTests(Case):
    """SIGTERM while two baresips talk."""

    @inlineCallbacks
    def calling(self, drain: str) -> Any:
        """A service in which 101 talks to 102."""
        need("baresip")
        self.service = self.made(server=f"drain = {drain}")
        yield self.service.start()
        directory = str(self.service.directory)
        self.phones = [
            Baresip(directory, number, PASSWORDS[number], self.service.uri) for number in PASSWORDS
        ]
        for phone in self.phones:
            self.addCleanup(phone.stop)
        yield gatherResults([phone.start() for phone in self.phones])
        yield gatherResults([phone.register() for phone in self.phones])
        alice, bob, _ = self.phones
        yield alice.dial("102")
        yield bob.tells("CALL_INCOMING")
        yield bob.answer()
        yield gatherResults([phone.tells("CALL_ESTABLISHED") for phone in (alice, bob)])
        self.service.program.signal("TERM")
        yield self.service.program.says("draining: 1 call")

    @inlineCallbacks
    def test_call_may_finish(self) -> Any:
        """No new call begins, the old one goes on, and when it is over the service ends."""
        yield self.calling("50")
        alice, bob, carol = self.phones
        yield carol.dial("102")
        refused = yield carol.tells("CALL_CLOSED")
        self.assertIn("503", refused["param"])
        self.assertIs(self.service.program.status, None)
        yield alice.hang_up()
        yield bob.tells("CALL_CLOSED")
        self.assertEqual((yield self.service.program.ended()), -signal.SIGTERM)

    @inlineCallbacks
    def test_time_is_up(self) -> Any:
        """When their time is over both sides get a BYE."""
        yield self.calling("0.2")
        yield gatherResults([phone.tells("CALL_CLOSED") for phone in self.phones[:2]])
        yield self.service.program.ended()

    @inlineCallbacks
    def test_asked_twice(self) -> Any:
        """Who asks twice does not want to wait."""
        yield self.calling("50")
        self.service.program.signal("TERM")
        yield gatherResults([phone.tells("CALL_CLOSED") for phone in self.phones[:2]])
        yield self.service.program.ended()
        self.assertNotIn(TRACEBACK, "\n".join(self.service.program.lines))


def _end(number: int) -> None:
    """End a process, if it is still there."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return
