"""
The embedded engine: workers that play and listen, started when they are needed and watched.

A worker that dies is replaced; its parties hear that nobody is there any more
(C{nobody}), and whoever uses them goes on without a voice.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, ProcessProtocol, connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.media.endpoint import Happened
from b2bua.media.ports import Hear, IVoice, IVoices, NoVoice
from b2bua.net import voice_commands as commands

GONE = (ConnectionDone, ConnectionLost, amp.ProtocolSwitched)


class Line(amp.AMP):
    """Our end of the socket to a worker."""

    def __init__(self, voices: Voices) -> None:
        """Report to C{voices}."""
        super().__init__()
        self._voices = voices
        self.parties: dict[int, Voice] = {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The worker is gone, and with it what its parties heard."""
        super().connectionLost(reason)
        parties, self.parties = self.parties, {}
        self._voices.lost(self)
        for voice in list(parties.values()):
            voice.hear(Happened("nobody", "worker"))

    @commands.Hear.responder
    def heard(self, voice: int, what: Any, detail: str) -> dict[str, Any]:
        """Something has happened to a party."""
        party = self.parties.get(voice)
        if party is not None:
            party.hear(Happened(what, detail))
        return {}


class _Watched(ProcessProtocol):
    """A worker as a process."""

    log = Logger()

    def __init__(self, voices: Voices) -> None:
        """Belong to C{voices}."""
        self._voices = voices

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        self._voices.ended(self)

    def errReceived(self, data: bytes) -> None:
        """Write down what it complains of."""
        for line in data.decode("utf-8", "replace").splitlines():
            self.log.warn("a voice worker says: {line}", line=line)


@implementer(IVoice)
class Voice:
    """One party, at a worker."""

    def __init__(self, line: Line, number: int, hear: Hear, room: str) -> None:
        """Prepare; C{session} comes with the answer of the worker."""
        self._line, self._number = line, number
        self.hear = hear
        self.room = room
        self.session = b""

    def answer(self, offer: bytes) -> Deferred[bytes]:
        """Go on with a new offer."""
        return self._ask(commands.Answer, offer=offer).addCallback(self._settled)

    def _settled(self, answer: dict[str, bytes]) -> bytes:
        """Keep our session, and give it."""
        self.session = answer["session"]
        return self.session

    def accepted(self, session: bytes) -> None:
        """Take the party's answer to our offer."""
        self._tell(commands.Accepted, session=session)

    def play(self, path: str, repeat: bool = False) -> Deferred[float]:
        """Play a file."""
        return self._ask(commands.Play, path=path, repeat=repeat).addCallback(lambda said: said["seconds"])

    def stop(self) -> None:
        """Play no more."""
        self._tell(commands.Stop)

    def record(self, path: str, seconds: float, silence: float = 0.0, keys: str = "#") -> None:
        """Record to a file."""
        self._tell(commands.Record, path=path, seconds=seconds, silence=silence, keys=keys)

    def join(self, *, muted: bool = False) -> None:
        """Hear the others of its room."""
        self._tell(commands.Join, room=self.room, muted=muted)

    def leave(self) -> None:
        """Hear them no more."""
        self._tell(commands.Leave)

    def announce(self, path: str) -> Deferred[None]:
        """Play a file to all in its room."""
        return self._ask(commands.Announce, path=path).addCallback(lambda _: None)

    def end_recording(self) -> None:
        """End the recording."""
        self._tell(commands.EndRecording)

    def close(self) -> None:
        """Be done."""
        if self._line.parties.pop(self._number, None) is not None:
            self._tell(commands.Close)

    def _ask(self, command: type[amp.Command], **what: Any) -> Deferred[Any]:
        """Ask the worker; one that is gone has no voice."""
        asked: Deferred[Any] = self._line.callRemote(command, voice=self._number, **what)
        return asked.addErrback(_gone)

    def _tell(self, command: type[amp.Command], **what: Any) -> None:
        """Tell the worker; one that is gone does not mind."""
        self._line.callRemote(command, voice=self._number, **what).addErrback(
            lambda failure: failure.trap(*GONE)
        )


@implementer(IVoices)
class Voices:
    """All workers, and who talks to which of them."""

    log = Logger()

    def __init__(self, reactor: Any, ports: tuple[int, int], workers: int = 1) -> None:
        """
        Prepare; no process is started before somebody is to be talked to.

        @param ports: the first and the last port for RTP.
        """
        self._reactor = reactor
        self._ports = ports
        self._most = workers
        self._lines: list[Line] = []
        self._processes: set[_Watched] = set()
        self._last = 0
        self._stopped = False
        self.gone: Deferred[None] = Deferred()
        """Fires when all workers have ended after L{stop}."""

    def open(
        self, host: str, hear: Hear, offer: bytes | None = None, peer: str = "", room: str = ""
    ) -> Deferred[Any]:
        """Begin to talk to a party."""
        self._last += 1
        line = self._line(room)
        voice = Voice(line, self._last, hear, room)
        line.parties[self._last] = voice
        opened = voice._ask(commands.Open, host=host, offer=offer, peer=peer)

        def failed(failure: Failure) -> Failure:
            line.parties.pop(voice._number, None)
            return failure

        def settled(said: dict[str, bytes]) -> Voice:
            voice.session = said["session"]
            return voice

        return opened.addCallbacks(settled, failed)

    def _line(self, room: str) -> Line:
        """The worker that has the others of a room; else the one with the fewest parties, or one more."""
        for line in self._lines if room else ():
            if any(voice.room == room for voice in line.parties.values()):
                return line
        if len(self._lines) < self._most:
            self._start()
        return min(self._lines, key=lambda line: len(line.parties))

    def _start(self) -> None:
        """Start a worker with its end of a socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        arguments = [sys.executable, "-m", "b2bua.net.voice_worker", *map(str, self._ports)]
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
        """A worker is gone; the next party gets another one."""
        if line in self._lines:
            self._lines.remove(line)
        if not self._stopped:
            self.log.warn("a voice worker has ended; another one is started when it is needed")

    def ended(self, process: _Watched) -> None:
        """A worker's process is over."""
        self._processes.discard(process)
        self._look()

    def _look(self) -> None:
        """See whether all is over."""
        if self._stopped and not self._processes and not self.gone.called:
            self.gone.callback(None)

    @property
    def pids(self) -> list[int]:
        """The processes of the workers."""
        return [process.transport.pid for process in self._processes if process.transport is not None]

    @property
    def parties(self) -> Sequence[int]:
        """How many parties each worker talks to."""
        return [len(line.parties) for line in self._lines]

    def stop(self) -> None:
        """Let all workers go."""
        self._stopped = True
        for line in list(self._lines):
            if line.transport is not None:
                line.transport.loseConnection()
        self._look()


def _gone(failure: Failure) -> Failure:
    """Say that there is no voice where the worker is gone."""
    if failure.check(*GONE) is not None:
        return Failure(NoVoice("the voice worker is gone"))
    return failure
