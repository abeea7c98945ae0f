"""An engine for voices in the simulated world: what is played is known by its name, and takes its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from b2bua.media import negotiation
from b2bua.media.g711 import WIDTH
from b2bua.media.ports import Happened, Hear, IVoice, IVoices, NoVoice, VoiceLost
from b2bua.media.rtp import RATE
from b2bua.media.sounds import save

if TYPE_CHECKING:
    from b2bua.testing.surroundings import Surroundings

FIRST_PORT = 30_000
SECONDS = 2.0
"""How long everything lasts that is played."""


@dataclass(slots=True)
class Recorded:
    """What is being recorded."""

    path: str
    began: float


@implementer(IVoice)
class SimulatedVoice:
    """One party at our ear."""

    def __init__(self, voices: SimulatedVoices, port: int, host: str, hear: Hear, room: str = "") -> None:
        """Wait for somebody to talk to."""
        self.room = room
        self.meets = self.muted = False
        """Does it hear the others of the room, and do they not hear it?"""
        self._voices, self._world = voices, voices.world
        self.host, self.port, self.hear = host, port, hear
        self.session = b""
        self.agreed: negotiation.Agreed | None = None
        self.playing = ""
        """The name of what is played."""
        self.recorded: Recorded | None = None
        self._timer: Any = None
        self._dead = False
        self.opening = True
        """Does nobody have it yet?"""

    def answer(self, offer: bytes) -> Deferred[bytes]:
        """Go on with a new offer."""
        reply = negotiation.answer(offer, self.host, self.port)
        if reply is None:
            return fail(NoVoice("nothing is understood"))
        self.session, self.agreed = reply
        return self._late(self.session)

    def accepted(self, session: bytes) -> None:
        """Take the answer to our offer."""
        self.agreed = negotiation.accepted(session)

    def play(self, path: str, repeat: bool = False) -> Deferred[float]:
        """Play something by its name; the file need not be there."""
        self._stop()
        self.playing = Path(path).stem
        self._voices.played.append(self.playing)
        if not repeat:
            self._timer = self._world.clock.callLater(SECONDS, self._played)
        return self._late(SECONDS)

    def _played(self) -> None:
        self._timer, self.playing = None, ""
        self.hear(Happened("played"))

    def record(self, path: str, seconds: float, silence: float = 0.0, keys: str = "#") -> None:
        """Record; it ends when it is full, or by L{press}."""
        self._stop()
        self.recorded = Recorded(path, self._world.clock.seconds())
        self._keys = keys
        self._timer = self._world.clock.callLater(seconds, self._full)

    def _full(self) -> None:
        """The time of the recording is over."""
        self._timer = None
        self._end("full")

    def _end(self, why: str) -> None:
        assert self.recorded is not None
        self._stop()
        seconds = self._world.clock.seconds() - self.recorded.began
        self._voices.recordings[self.recorded.path] = seconds
        path = Path(self.recorded.path)
        if path.is_absolute() and path.parent.is_dir():  # what is no more than a name is kept nowhere
            save(self.recorded.path, bytes(int(seconds * RATE) * WIDTH))
        self.recorded = None
        self.hear(Happened("recorded", why))

    def join(self, *, muted: bool = False) -> None:
        """Hear the others of the room."""
        self.meets, self.muted = True, muted

    def leave(self) -> None:
        """Hear them no more."""
        self.meets = False

    def announce(self, path: str) -> Deferred[None]:
        """Play something to all in the room."""
        self._voices.played.append(Path(path).stem)
        return self._late(None)

    def heard_by(self, other: SimulatedVoice) -> bool:
        """Does the party of the other voice hear this one's?"""
        return (
            self is not other
            and self.room == other.room
            and self.meets
            and other.meets
            and not self.muted
            and self.agreed is not None
            and other.agreed is not None
            and self.agreed.hears
            and other.agreed.sends
        )

    def end_recording(self) -> None:
        """End it, since the party has left."""
        if self.recorded is not None:
            self._end("left")

    def press(self, keys: str) -> None:
        """Let the party press keys."""
        for key in keys:
            self.hear(Happened("digit", key))
            if self.recorded is not None and key in self._keys:
                self._end("key")

    def stop(self) -> None:
        """Play no more."""
        if self.recorded is None:
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.playing = ""

    def sends_to(self) -> tuple[str, int] | None:
        """Where what is played goes; None while nothing is, or the party does not want to hear."""
        agreed = self.agreed
        return (agreed.host, agreed.port) if self.playing and agreed is not None and agreed.sends else None

    def lose(self) -> None:
        """The worker is gone."""
        self._stop()
        self.hear(Happened("nobody", "worker"))

    def close(self) -> None:
        """Be done."""
        self._stop()
        self._voices.open_voices.discard(self)

    def die(self) -> None:
        """Be done, since the process is gone: it hears no answer any more."""
        self._dead = True
        self.close()

    def _late(self, value: Any) -> Deferred[Any]:
        """A value that takes its time."""
        return self._voices.late(value, lambda: not self._dead)


@implementer(IVoices)
class VoicesOfProcess:
    """Those voices of a world that one process of the server has; its workers die with it."""

    def __init__(self, voices: SimulatedVoices) -> None:
        """Have none."""
        self._voices = voices
        self._mine: list[SimulatedVoice] = []
        self._dead = False

    def open(
        self, host: str, hear: Hear, offer: bytes | None = None, peer: str = "", room: str = ""
    ) -> Deferred[Any]:
        """Begin to talk to a party."""
        if self._dead:  # what a coroutine of a dead process does as it is cleared away reaches nobody
            return Deferred()
        before = set(self._voices.open_voices)
        opened = self._voices.open(host, hear, offer, peer, room, wanted=lambda: not self._dead)
        self._mine = [voice for voice in self._mine if voice in before]
        self._mine += self._voices.open_voices - before
        return opened

    def die(self) -> None:
        """The process is gone: nobody is talked to by it any more, and there is nobody to hear so."""
        self._dead = True
        for voice in self._mine:
            voice.die()
        self._mine.clear()


@implementer(IVoices)
class SimulatedVoices:
    """All voices of a world."""

    def __init__(self, world: Surroundings) -> None:
        """Begin without any."""
        self.world = world
        self.open_voices: set[SimulatedVoice] = set()
        self.played: list[str] = []
        """All that was played, by name."""
        self.recordings: dict[str, float] = {}
        """What was recorded, with its seconds."""
        self.broken = False
        """Let there be no voice for anybody."""
        self.delay = 0.0
        """Seconds until there is an answer to what is asked of a voice."""
        self._port = FIRST_PORT
        self._awaited: dict[Deferred[Any], Callable[[], bool]] = {}
        """What was asked of a worker, and whether there is still somebody to have the answer."""

    def open(
        self,
        host: str,
        hear: Hear,
        offer: bytes | None = None,
        peer: str = "",
        room: str = "",
        wanted: Callable[[], bool] = lambda: True,
    ) -> Deferred[Any]:
        """
        Begin to talk to a party.

        @param wanted: is there still somebody to have it, when it is late?
        """
        if self.broken:
            return fail(NoVoice("the engine is broken"))
        self._port += 2
        voice = SimulatedVoice(self, self._port, host, hear, room)
        if offer is None:
            voice.session = negotiation.offer(host, self._port)
        else:
            reply = negotiation.answer(offer, host, self._port)
            if reply is None:
                return fail(NoVoice("nothing is understood"))
            voice.session, voice.agreed = reply
        self.open_voices.add(voice)
        return self.late(voice, wanted).addCallback(self._opened)

    def _opened(self, voice: SimulatedVoice) -> SimulatedVoice:
        """Somebody has it."""
        voice.opening = False
        return voice

    def late(self, value: Any, wanted: Callable[[], bool]) -> Deferred[Any]:
        """
        A value that takes its time.

        @param wanted: is there still somebody to have it?
        """
        if not self.delay:
            return succeed(value)
        waiting: Deferred[Any] = Deferred()
        self._awaited[waiting] = wanted
        self.world.clock.callLater(self.delay, self._answer, waiting, value)
        return waiting

    def _answer(self, waiting: Deferred[Any], value: Any) -> None:
        """Give an answer, unless the worker has died before."""
        wanted = self._awaited.pop(waiting, None)
        if wanted is not None and wanted():
            (waiting.errback if isinstance(value, VoiceLost) else waiting.callback)(value)

    def lose(self) -> None:
        """
        Let the worker die: its voices are gone, and whoever uses them hears so in the order of ports.

        What it was asked has failed before, so a voice that it was to open was never there.
        """
        lost, self.open_voices = self.open_voices, set()
        users = [voice for voice in lost if not voice.opening]
        for waiting in list(self._awaited):
            self._answer(waiting, VoiceLost("the worker is gone"))
        for voice in sorted(users, key=lambda voice: voice.port):
            voice.lose()

    def to(self, place: tuple[str, int]) -> SimulatedVoice | None:
        """The voice that talks to somebody who receives at a place."""
        for voice in self.open_voices:
            if voice.agreed is not None and (voice.agreed.host, voice.agreed.port) == place:
                return voice
        return None
