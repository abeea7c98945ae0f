"""
The processes that media go through: started when they are needed, and watched.

One that dies is replaced when it is needed next; whoever used it is told.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, ProcessProtocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.net import relay_commands, voice_commands
from b2bua.net.worker_line import WorkerLine


class User(Protocol):
    """Who uses a worker: a voice, or a relay."""

    room: str
    """Those of one room have one worker; empty for none."""

    def told(self, what: Any, leg: str, detail: str) -> None:
        """Something has happened."""

    def lost(self) -> None:
        """The worker is gone."""


class Line(WorkerLine):
    """Our end of the socket to a worker."""

    def __init__(self, workers: Workers) -> None:
        """Report to C{workers}."""
        super().__init__()
        self._workers = workers
        self.users: dict[int, User] = {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The worker is gone."""
        super().connectionLost(reason)
        users, self.users = self.users, {}
        self._workers.lost(self)
        for user in list(users.values()):
            user.lost()

    @voice_commands.Hear.responder
    def heard(self, voice: int, what: str, detail: str) -> dict[str, Any]:
        """Something has happened to a party."""
        self._tell(voice, what, "", detail)
        return {}

    @relay_commands.RelayHear.responder
    def relay_heard(self, relay: int, what: str, leg: str, detail: str) -> dict[str, Any]:
        """Something has happened to a relay."""
        self._tell(relay, what, leg, detail)
        return {}

    def _tell(self, number: int, what: str, leg: str, detail: str) -> None:
        user = self.users.get(number)
        if user is not None:
            user.told(what, leg, detail)


class _Watched(ProcessProtocol):
    """A worker as a process."""

    log = Logger()

    def __init__(self, workers: Workers) -> None:
        """Belong to C{workers}."""
        self._workers = workers

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        self._workers.ended(self)

    def errReceived(self, data: bytes) -> None:
        """Write down what it complains of."""
        for line in data.decode("utf-8", "replace").splitlines():
            self.log.warn("a media worker says: {line}", line=line)


class Workers:
    """All workers, and who uses which of them."""

    log = Logger()

    def __init__(self, reactor: Any, ports: tuple[int, int], most: int, silent_seconds: float) -> None:
        """
        Prepare; no process is started before one is needed.

        @param ports: the first and the last port for RTP.
        @param most: so many of them.
        @param silent_seconds: after so long without a packet a party is silent; 0 for never.
        """
        self._reactor = reactor
        self._arguments = [str(ports[0]), str(ports[1]), str(silent_seconds)]
        self.most = most
        self._lines: list[Line] = []
        self._processes: set[_Watched] = set()
        self._last = 0
        self.stopped = False
        self.gone: Deferred[None] = Deferred()
        """Fires when all workers have ended after L{stop}."""

    def number(self) -> int:
        """Give a number that no other user has."""
        self._last += 1
        return self._last

    def line(self, room: str = "") -> Line:
        """The worker that has the others of a room; else the one with the fewest users, or one more."""
        for line in self._lines if room else ():
            if any(user.room == room for user in line.users.values()):
                return line
        if len(self._lines) < self.most:
            self._start()
        return min(self._lines, key=lambda line: len(line.users))

    def _start(self) -> None:
        """Start a worker with its end of a socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        arguments = [sys.executable, "-m", "b2bua.net.worker", *self._arguments]
        with ours, theirs:
            watched = _Watched(self)
            self._processes.add(watched)
            self._reactor.spawnProcess(
                watched, sys.executable, arguments, env=dict(os.environ),
                childFDs={0: "w", 1: "r", 2: "r", 3: theirs.fileno()},
            )  # fmt: skip
            line = Line(self)
            factory = Factory.forProtocol(lambda: line)
            self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        self._lines.append(line)

    def lost(self, line: Line) -> None:
        """A worker is gone; the next user gets another one."""
        if line in self._lines:
            self._lines.remove(line)
        if not self.stopped:
            self.log.warn("a media worker has ended; another one is started when it is needed")

    def ended(self, process: _Watched) -> None:
        """A worker's process is over."""
        self._processes.discard(process)
        self._look()

    def _look(self) -> None:
        """See whether all is over."""
        if self.stopped and not self._processes and not self.gone.called:
            self.gone.callback(None)

    @property
    def pids(self) -> list[int]:
        """The processes of the workers."""
        return [process.transport.pid for process in self._processes if process.transport is not None]

    @property
    def parties(self) -> Sequence[int]:
        """How many users each worker has."""
        return [len(line.users) for line in self._lines]

    def stop(self) -> None:
        """Let all workers go."""
        self.stopped = True
        for line in list(self._lines):
            if line.transport is not None:
                line.transport.loseConnection()
        self._look()
