"""
A process that plays, listens and passes media on, so that no call waits for audio.

The service starts it with one end of a socket as its file 3 and the ports that
it may use as arguments; it ends with that socket.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from contextlib import suppress
from random import SystemRandom
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.media import negotiation, wideband
from b2bua.media.endpoint import FRAME_SECONDS, Endpoint
from b2bua.media.growing import Growing
from b2bua.media.ports import Happened, NoRelay, NoVoice
from b2bua.media.room import Room
from b2bua.media.rtcp import Reports
from b2bua.media.sounds import NotASound, Sound, Sounds
from b2bua.net import voice_commands as commands
from b2bua.net.ear import Ear
from b2bua.net.media_sockets import MediaSockets
from b2bua.net.relay_worker import RelaysAtWork
from b2bua.net.worker_line import WorkerLine

reactor: Any = _reactor
PARENT = 3
FILES = 65_536
"""Sockets and files that a worker may have open, if the system lets it."""
UNLIMITED = resource.RLIM_INFINITY
NICE = -11
"""The priority that workers take if they may: who listens notices 20 ms, nobody else does."""


class Worker(RelaysAtWork, WorkerLine):
    """Does what the service says."""

    log = Logger()

    def __init__(self, low: int, high: int, silent_seconds: float) -> None:
        """
        Begin with nobody.

        @param low: the first port that it may use; C{high} is the last.
        @param silent_seconds: after so long without a packet a party is silent; 0 for never.
        """
        WorkerLine.__init__(self)
        RelaysAtWork.__init__(self)
        self.sockets, self.silent_seconds = MediaSockets(reactor, low, high), silent_seconds
        self._random = SystemRandom()
        self._sounds = Sounds()
        self._ears: dict[int, Ear] = {}
        self._rooms: dict[str, Room] = {}
        self._clock = LoopingCall.withCount(self._tick)

    def awake(self) -> None:
        """Have the clock run: somebody is there."""
        if not self._clock.running:
            self._clock.start(FRAME_SECONDS, now=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The service is gone."""
        super().connectionLost(reason)
        if reactor.running:
            reactor.stop()

    def _tick(self, frames: int) -> None:
        """Let every party hear the next frame; what was missed is made up for, up to a fifth of a second."""
        for _ in range(min(frames, 10)):
            ears = list(self._ears.values())
            for ear in ears:
                try:
                    ear.listen()
                except Exception:  # noqa: BLE001 — a bug of ours
                    self._broke(ear)
            for room in self._rooms.values():
                room.mix()
            for ear in ears:
                try:
                    ear.speak()
                except Exception:  # noqa: BLE001 — a bug of ours
                    self._broke(ear)
        self.tick_relays()
        if not self._ears and not self.has_relays:
            self._clock.stop()

    def _broke(self, ear: Ear) -> None:
        """A bug of ours, in what one party says or hears: the others go on, and it gets another voice."""
        self.log.failure("the voice of a party broke")
        if self._ears.pop(ear.number, None) is not None:
            self._leave(ear)
            self._tell(ear, Happened("nobody", "worker"))

    def tell(self, ear: Ear, happened: list[Happened]) -> None:
        """Tell the service what has happened."""
        for one in happened:
            if one.what == "recorded" and ear.endpoint is not None:
                self._save(ear, ear.endpoint.recorded(), one)
            else:
                self._tell(ear, one)

    def _tell(self, ear: Ear, one: Happened) -> None:
        """Tell the service one thing."""
        told = self.callRemote(commands.Hear, voice=ear.number, what=one.what, detail=one.detail)
        told.addErrback(lambda failure: failure.trap(ConnectionError))  # the service ends

    def _save(self, ear: Ear, pcm: bytes, happened: Happened) -> None:
        """
        Write a recording, and tell when it is on the disk: the others need not wait for that.

        What there is of it in C{.part} stays until it is whole.
        """
        file, ear.file = ear.file, None
        if file is None:
            self._tell(ear, happened)
            return

        def failed(failure: Failure) -> Happened:
            error = failure.value
            assert isinstance(error, OSError)
            return Happened("recorded", f"failed: {error.strerror}")

        saving: Deferred[Any] = deferToThread(file.become, pcm)
        saving.addCallbacks(lambda _: happened, failed).addCallback(lambda one: self._tell(ear, one))

    # ---- what the service says ----------------------------------------------

    @commands.Open.responder
    def open(self, voice: int, host: str, offer: bytes | None, peer: str) -> dict[str, bytes]:
        """Open a port, and say what we answer or offer."""
        ear = Ear(self, voice)
        ear.peer = peer
        try:
            port, [ear.socket, ear.control] = self.sockets.open(host, (ear.take, ear.take_report))
        except NoRelay as error:
            raise NoVoice(str(error)) from None
        ear.host, ear.port = host, port
        try:
            session = negotiation.offer(host, port) if offer is None else self._agree(ear, offer, host, port)
        except NoVoice:
            self._leave(ear)
            raise
        self._ears[voice] = ear
        self.awake()
        return {"session": session}

    def _agree(self, ear: Ear, offer: bytes, host: str, port: int) -> bytes:
        """Answer an offer."""
        reply = negotiation.answer(offer, host, port)
        if reply is None:
            raise NoVoice("the party offers no audio that is understood here (G.711 over RTP)")
        self._use(ear, reply.agreed)
        return reply.session

    def _use(self, ear: Ear, agreed: negotiation.Agreed) -> None:
        """Talk as was agreed."""
        if ear.endpoint is not None:
            ear.endpoint.agree(agreed)
            return
        bits = self._random.getrandbits
        reports = Reports(f"{bits(96):024x}", self._random.random)
        ear.endpoint = Endpoint(agreed, bits(32), bits(16), bits(32), ear.peer, self.silent_seconds, reports)

    @commands.Answer.responder
    def answer(self, voice: int, offer: bytes) -> dict[str, bytes]:
        """Answer a further offer."""
        ear = self._ears.get(voice)
        if ear is None:
            raise NoVoice("the worker that knew this party is gone")
        return {"session": self._agree(ear, offer, ear.host, ear.port)}

    @commands.Accepted.responder
    def accepted(self, voice: int, session: bytes) -> dict[str, Any]:
        """Take an answer."""
        ear, agreed = self._ears.get(voice), negotiation.accepted(session)
        if ear is not None and agreed is not None:
            self._use(ear, agreed)
        return {}

    @commands.Play.responder
    def play(self, voice: int, path: str, repeat: bool) -> dict[str, float]:
        """Play a file."""
        sound = self._sound(path)
        ear = self._ears.get(voice)
        if ear is not None and ear.endpoint is not None:
            ear.endpoint.play(sound, repeat=repeat)
        return {"seconds": sound.seconds}

    def _sound(self, path: str) -> Sound:
        """What a file has to be heard."""
        try:
            return self._sounds.get(path)
        except NotASound as error:
            raise NoVoice(str(error)) from None

    @commands.Stop.responder
    def stop(self, voice: int) -> dict[str, Any]:
        """Play no more."""
        ear = self._ears.get(voice)
        if ear is not None and ear.endpoint is not None:
            ear.endpoint.play(None)
        return {}

    @commands.Record.responder
    def record(self, voice: int, path: str, seconds: float, silence: float, keys: str) -> dict[str, Any]:
        """Record to a file."""
        ear = self._ears.get(voice)
        if ear is not None and ear.endpoint is not None:
            self._drop_file(ear)
            try:
                ear.file = Growing(path, 1, mode=0o666)
            except OSError as error:
                self._tell(ear, Happened("recorded", f"failed: {error.strerror}"))
                return {}
            ear.endpoint.record(seconds, silence=silence, keys=keys)
        return {}

    @commands.Join.responder
    def join(self, voice: int, room: str, muted: bool) -> dict[str, Any]:
        """Let a party into a room, or change whether it is heard there."""
        ear = self._ears.get(voice)
        if ear is not None and ear.endpoint is not None:
            if ear.room != room:
                self._go_out(ear)
            ear.room = room
            self._rooms.setdefault(room, Room()).join(ear.endpoint, muted=muted)
        return {}

    @commands.Leave.responder
    def leave(self, voice: int) -> dict[str, Any]:
        """Let a party out of its room."""
        ear = self._ears.get(voice)
        if ear is not None:
            self._go_out(ear)
        return {}

    @commands.Announce.responder
    def announce(self, voice: int, path: str) -> dict[str, Any]:
        """Play a file to a room."""
        sound = self._sound(path)
        ear = self._ears.get(voice)
        if ear is not None and ear.room:
            self._rooms[ear.room].play(sound)
        return {}

    def _go_out(self, ear: Ear) -> None:
        """Leave the room; the last one closes it."""
        name, ear.room = ear.room, ""
        if name and ear.endpoint is not None:
            room = self._rooms[name]
            room.leave(ear.endpoint)
            if not room.members:
                del self._rooms[name]

    @commands.EndRecording.responder
    def end_recording(self, voice: int) -> dict[str, Any]:
        """The party has left: what was recorded of it is kept."""
        ear = self._ears.get(voice)
        if ear is not None and ear.endpoint is not None:
            self.tell(ear, [Happened("recorded", "left")])
        return {}

    @commands.Close.responder
    def close(self, voice: int) -> dict[str, Any]:
        """Be done with a party."""
        ear = self._ears.pop(voice, None)
        if ear is not None:
            self._leave(ear)
        return {}

    def _drop_file(self, ear: Ear) -> None:
        """A recording that goes on has no end: there is C{.part}."""
        file, ear.file = ear.file, None
        if file is not None:
            file.let_go()

    def _leave(self, ear: Ear) -> None:
        """Close its port."""
        self._go_out(ear)
        ear.report(bye=True)
        ear.endpoint = None
        self._drop_file(ear)
        for sock in (ear.socket, ear.control):
            if sock is not None:
                sock.close()


def main() -> None:
    """Work until the service goes."""
    with suppress(PermissionError):  # the user may not: voices wait for their turn on a busy machine
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    # Each leg of a relay has two sockets.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES) if hard != UNLIMITED else FILES, hard))
    wideband.load()
    low, high, silent_seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    factory = Factory.forProtocol(lambda: Worker(low, high, silent_seconds))
    reactor.adoptStreamConnection(PARENT, socket.AF_UNIX, factory)
    reactor.run(installSignalHandlers=False)
