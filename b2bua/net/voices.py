"""
The embedded engine for voices: parties that are played to and listened to, at the media workers.

A worker that dies is replaced; its parties hear that nobody is there any more
(C{nobody}), and whoever uses them goes on with another voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.media.ports import Happened, Hear, IVoice, IVoices, NoVoice, VoiceLost
from b2bua.net import voice_commands as commands
from b2bua.net.worker_line import GONE, trouble
from b2bua.net.workers import Line, Workers


@implementer(IVoice)
class Voice:
    """One party, at a worker."""

    def __init__(self, line: Line, number: int, hear: Hear, room: str) -> None:
        """Prepare; C{session} comes with the answer of the worker."""
        self._line, self._number = line, number
        self.hear = hear
        self.room = room
        self.session = b""

    def told(self, what: Any, leg: str, detail: str) -> None:
        """Something has happened to the party."""
        self.hear(Happened(what, detail))

    def lost(self) -> None:
        """The worker is gone, and with it what the party heard."""
        self.hear(Happened("nobody", "worker"))

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
        self._tell(commands.Record, path=path, seconds=float(seconds), silence=float(silence), keys=keys)

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
        if self._line.users.pop(self._number, None) is not None:
            self._tell(commands.Close)

    def _ask(self, command: type[amp.Command], **what: Any) -> Deferred[Any]:
        """Ask the worker; one that is gone has no voice."""
        return self._line.ask(command, voice=self._number, **what).addErrback(_no_voice)

    def _tell(self, command: type[amp.Command], **what: Any) -> None:
        """Tell the worker; one that is gone does not mind."""
        self._ask(command, **what).addErrback(lambda failure: failure.trap(NoVoice))


@implementer(IVoices)
class Voices:
    """All parties that are talked to."""

    def __init__(
        self, reactor: Any, ports: tuple[int, int], workers: int = 1, silent_seconds: float = 30.0
    ) -> None:
        """
        Prepare; no process is started before somebody is to be talked to.

        @param ports: the first and the last port for RTP.
        @param workers: how many processes there are at the most.
        @param silent_seconds: after so long without a packet nobody is there; 0 for never.
        """
        self.workers = Workers(reactor, ports, workers, silent_seconds)

    def open(
        self, host: str, hear: Hear, offer: bytes | None = None, peer: str = "", room: str = ""
    ) -> Deferred[Any]:
        """Begin to talk to a party."""
        line, number = self.workers.line(room), self.workers.number()
        voice = Voice(line, number, hear, room)
        line.users[number] = voice
        opened = voice._ask(commands.Open, host=host, offer=offer, peer=peer)

        def failed(failure: Failure) -> Failure:
            line.users.pop(number, None)
            return failure

        def settled(said: dict[str, bytes]) -> Voice:
            voice.session = said["session"]
            return voice

        return opened.addCallbacks(settled, failed)

    @property
    def gone(self) -> Deferred[None]:
        """Fires when all workers have ended after L{stop}."""
        return self.workers.gone

    @property
    def pids(self) -> list[int]:
        """The processes of the workers."""
        return self.workers.pids

    @property
    def parties(self) -> Sequence[int]:
        """How many parties each worker talks to."""
        return self.workers.parties

    def stop(self) -> None:
        """Let all workers go."""
        self.workers.stop()


def _no_voice(failure: Failure) -> Failure:
    """Say that there is no voice where the worker does not answer."""
    why = trouble(failure)
    if not why:
        return failure
    return Failure(VoiceLost(why) if why == GONE else NoVoice(why))
