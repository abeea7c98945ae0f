"""Relays in a media worker: packets from port to port, and recordings that grow meanwhile."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from b2bua.media.growing import Growing
from b2bua.media.latch import Address
from b2bua.media.ports import NoRelay, RelayHappened, Statistics, Towards
from b2bua.media.relay import Relay
from b2bua.media.relay_port import Port
from b2bua.media.rtp import FRAME, RATE
from b2bua.media.stereo import Stereo
from b2bua.net import relay_commands as commands
from b2bua.net.media_sockets import MOST, MOST_OTHERS, MediaSocket, MediaSockets, Take

reactor: Any = _reactor
LOOKS = 1.0
"""Seconds between two looks for parties that are silent."""
AGAIN = 0.1
"""Seconds until ports are tried again that another process has not let go yet."""
PATIENCE = 100
"""So often."""


class RelayAtWork:
    """One relay, with its sockets and its recording."""

    def __init__(self, sockets: MediaSockets) -> None:
        """Prepare."""
        self._sockets = sockets
        self.relay = Relay(self)
        self.file: Growing | None = None
        self._disk = DeferredLock()

    # ---- the ports, for the relay -----------------------------------------------

    def open(self, ports: tuple[Port, ...], host: str, number: int) -> int:
        """Open sockets for ports."""
        most = MOST if ports[0].stream.kind == "audio" else MOST_OTHERS
        first, sockets = self._sockets.open(host, tuple(map(self._taker, ports)), number, most)
        for port, sock in zip(ports, sockets, strict=True):
            port.socket = sock
        return first

    def _taker(self, port: Port) -> Take:
        """What a port does with a packet."""

        def take(data: bytes, source: Address) -> None:
            way = port.receive(data, source, time.monotonic())
            if way is not None:
                cast(MediaSocket, way[0].socket).send(data, way[1])

        return take

    def close(self, port: Port) -> None:
        """Close a socket."""
        cast(MediaSocket, port.socket).close()

    # ---- recording ----------------------------------------------------------------

    def record(self, path: str, began: float, paused: bool) -> float:
        """
        Record to a file, or go on with it.

        @param began: when it began, by the clock that nobody sets; 0 for now.
        @return: when it began.
        @raise NoRelay: if it cannot be.
        """
        self.relay.recordable()
        try:
            self.file = Growing(path, goes_on=bool(began))
        except OSError as error:
            raise NoRelay(f"{path} cannot be written: {error.strerror}") from None
        now = time.monotonic()
        if began > now:  # that clock has begun anew: the machine has been started again
            began = now - self.file.frames * FRAME / RATE
        recording = self.relay.recording = Stereo(began or now, self.file.frames)
        recording.paused = paused
        return recording.began

    def tick(self, now: float) -> None:
        """Write what was said; with no place for more the recording ends."""
        recording, file = self.relay.recording, self.file
        if recording is None or file is None:
            return
        try:
            file.add(recording.until(now))
        except OSError as error:
            why = error.strerror or str(error)
            self.end_recording().addBoth(
                lambda _: self.relay.happened.append(RelayHappened("recorded", "", why))
            )

    def end_recording(self) -> Deferred[None]:
        """
        Give the file its name, beside what is to be heard.

        @return: fails with L{NoRelay} if there can be no file of that name.
        """
        recording, self.relay.recording = self.relay.recording, None
        file, self.file = self.file, None
        if recording is not None and file is not None:
            with suppress(OSError):  # what there is no place for is missing; the end of the file says so
                file.add(recording.until(time.monotonic()))
        # One after the other: who asks while a file is on its way to the disk waits for that.
        return self._disk.run(self._end, file)

    def _end(self, file: Growing | None) -> Deferred[None]:
        if file is None:
            return succeed(None)

        def failed(failure: Failure) -> None:
            failure.trap(OSError)
            raise NoRelay(f"{file.path} cannot be written: {failure.getErrorMessage()}")

        ended: Deferred[Any] = deferToThread(file.end)
        return ended.addCallbacks(lambda missing: None, failed)


class RelaysAtWork(amp.CommandLocator):
    """What a worker does of relays; it is part of its protocol."""

    log = Logger()

    sockets: MediaSockets
    silent_seconds: float

    def __init__(self) -> None:
        """Begin with none."""
        self._relays: dict[int, RelayAtWork] = {}
        self._looked = 0.0

    @property
    def has_relays(self) -> bool:
        """Is there something to be done every 20 ms?"""
        return bool(self._relays)

    def awake(self) -> None:
        """Have the clock run: somebody is there."""
        raise NotImplementedError

    def tell_relay(self, number: int, happened: RelayHappened) -> None:
        """Tell the service what has happened."""
        told = cast(amp.AMP, self).callRemote(
            commands.RelayHear, relay=number, what=happened.what, leg=happened.leg, detail=happened.detail
        )
        told.addErrback(lambda failure: failure.trap(ConnectionError))  # the service ends

    def tick_relays(self) -> None:
        """Let 20 ms pass."""
        now = time.monotonic()
        looks = now - self._looked >= LOOKS
        if looks:
            self._looked = now
        for number, work in list(self._relays.items()):
            try:
                if work.file is not None:
                    work.tick(now)
                if looks and self.silent_seconds:
                    work.relay.happened += work.relay.silent(now, self.silent_seconds)
            except Exception:  # noqa: BLE001 — a bug of ours: the others go on
                self.log.failure("a relay broke")
                del self._relays[number]
                work.relay.close()
                work.relay.happened = [RelayHappened("gone", "", "it broke")]
            happened, work.relay.happened = work.relay.happened, []
            for one in happened:
                self.tell_relay(number, one)

    def _relay(self, number: int) -> RelayAtWork:
        """Find a relay; a new number is a new one."""
        if number not in self._relays:
            self._relays[number] = RelayAtWork(self.sockets)
            self.awake()
        return self._relays[number]

    @commands.RelaySession.responder
    def relay_session(
        self, relay: int, answers: bool, by: str, to: str, session: bytes, towards: bytes, peer: str
    ) -> dict[str, bytes]:
        """Take an offer or an answer."""
        host, profile, ice, codecs = json.loads(towards)
        wanted = Towards(host, profile, ice, tuple(codecs))
        pure = self._relay(relay).relay
        passed = (pure.answer if answers else pure.offer)(by, to, session, wanted, peer)
        return {"session": passed, "state": commands.packed(pure.state())}

    @commands.RelayDrop.responder
    def relay_drop(self, relay: int, leg: str) -> dict[str, bytes]:
        """Forget a leg."""
        pure = self._relay(relay).relay
        pure.drop(leg)
        return {"state": commands.packed(pure.state())}

    @commands.RelayRecord.responder
    def relay_record(self, relay: int, path: str, began: float, paused: bool) -> dict[str, float]:
        """Begin to record, or go on."""
        return {"began": self._relay(relay).record(path, began, paused)}

    @commands.RelayPause.responder
    def relay_pause(self, relay: int, paused: bool) -> dict[str, Any]:
        """Write silence, or what is said."""
        recording = self._relay(relay).relay.recording
        if recording is None:
            raise NoRelay("the call is not recorded")
        recording.paused = paused
        return {}

    @commands.RelayEndRecording.responder
    def relay_end_recording(self, relay: int) -> Deferred[dict[str, Any]]:
        """End the recording."""
        return self._relay(relay).end_recording().addCallback(lambda _: {})

    @commands.RelayResume.responder
    def relay_resume(self, relay: int, state: bytes) -> Deferred[dict[str, Any]]:
        """Go on at the ports that another process had, as soon as it lets them go."""
        return Deferred.fromCoroutine(self._resume(relay, json.loads(state)))

    async def _resume(self, number: int, state: dict[str, Any]) -> dict[str, Any]:
        work = RelayAtWork(self.sockets)
        for left in range(PATIENCE, -1, -1):
            try:
                work.relay.restore(state)
                break
            except NoRelay:
                if not left:
                    raise
            await deferLater(reactor, AGAIN)
        self._relays[number] = work
        self.awake()
        return {}

    @commands.RelayClose.responder
    def relay_close(self, relay: int) -> Deferred[dict[str, bytes]]:
        """Be done with a call."""
        work = self._relays.pop(relay, None)
        if work is None:
            return succeed({"statistics": commands.packed({})})
        found: Statistics = work.relay.close()
        said = {"statistics": commands.packed({leg: list(one) for leg, one in found.items()})}

        def ended(result: Any) -> dict[str, bytes]:
            if isinstance(result, Failure):
                result.trap(NoRelay)
                self.log.warn("a recording is not whole: {why}", why=result.getErrorMessage())
            return said

        return work.end_recording().addBoth(ended)
