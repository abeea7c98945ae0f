"""
The embedded engine for relays: plain RTP from phone to phone, through the media workers.

The ports and descriptions of a relay are known here as well.  So when its
worker dies it goes on at another one, at the same ports, and so it does in
another process of the service: phones notice a gap, and nothing else.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.media.ports import (
    HearRelay,
    IRelay,
    IRelays,
    NoRelay,
    Received,
    RelayHappened,
    Statistics,
    Towards,
)
from b2bua.net import relay_commands as commands
from b2bua.net.worker_line import trouble
from b2bua.net.workers import Line, Workers

ENGINE = "embedded"
LIVES = 5
"""So often a relay goes on at another worker: it may be what ends them."""


@implementer(IRelay)
class Relay:
    """The relay of one call."""

    log = Logger()
    room = ""

    def __init__(self, workers: Workers, hear: HearRelay) -> None:
        """Prepare; a worker is found with the first offer."""
        self._workers = workers
        self._hear = hear
        self._line: Line | None = None
        self._number = 0
        self._kept: dict[str, Any] = {}
        """What the worker knows, as of its last answer."""
        self._recording: dict[str, Any] = {}
        """Where the recording goes and when it has begun; empty for none."""
        self._waits: Deferred[None] | None = None
        """Fires when it has gone on elsewhere; what is asked meanwhile waits for that."""
        self._lives = LIVES
        self._closed = self._is_gone = False

    # ---- what is asked of it --------------------------------------------------------

    def offer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Take an offer."""
        return self._pass(False, by, to, session, towards, peer)

    def answer(self, by: str, to: str, session: bytes, towards: Towards, peer: str) -> Deferred[bytes]:
        """Take an answer."""
        return self._pass(True, by, to, session, towards, peer)

    def _pass(
        self, answers: bool, by: str, to: str, session: bytes, towards: Towards, peer: str
    ) -> Deferred[bytes]:
        wanted = commands.packed([towards.host, towards.profile, towards.ice, list(towards.codecs)])
        asked = self._ask(
            commands.RelaySession, answers=answers, by=by, to=to, session=session, towards=wanted, peer=peer
        )

        def passed(said: dict[str, bytes]) -> bytes:
            self._kept = json.loads(said["state"])
            return said["session"]

        return asked.addCallback(passed)

    def record(self, path: str) -> Deferred[None]:
        """Record to a file."""
        asked = self._ask(commands.RelayRecord, path=path, began=0.0, paused=False)

        def begun(said: dict[str, float]) -> None:
            self._recording = {"path": path, "began": said["began"], "paused": False}

        return asked.addCallback(begun)

    def pause(self, paused: bool) -> Deferred[None]:
        """Write silence, or what is said."""

        def done(_: Any) -> None:
            if self._recording:
                self._recording["paused"] = paused

        return self._ask(commands.RelayPause, paused=paused).addCallback(done)

    def end_recording(self) -> Deferred[None]:
        """End the recording."""
        if self._line is None:
            return succeed(None)
        return self._ask(commands.RelayEndRecording).addBoth(self._recorded_no_more)

    def _recorded_no_more(self, result: Any) -> Any:
        """There is no recording to go on with, even if its end came while another worker began to."""
        self._recording = {}
        return result if isinstance(result, Failure) else None

    def drop(self, leg: str) -> None:
        """Forget a leg."""
        if self._line is None:
            return

        def dropped(said: dict[str, bytes]) -> None:
            self._kept = json.loads(said["state"])

        self._ask(commands.RelayDrop, leg=leg).addCallbacks(dropped, lambda failure: failure.trap(NoRelay))

    def state(self) -> dict[str, Any]:
        """Write it down."""
        return {"engine": ENGINE, "relay": self._kept, "recording": dict(self._recording)}

    def let_go(self) -> None:
        """
        Make place for the workers of the process that goes on with it, which wait for the ports.

        A recording is ended before, so that its file is whole when they go on with it.
        """
        if self._recording:
            self.end_recording().addBoth(lambda _: self.close())
        else:
            self.close()

    def close(self) -> Deferred[Statistics | None]:
        """Be done."""
        if self._line is None:
            self._closed = True
            return succeed(None)
        asked = self._ask(commands.RelayClose)
        self._closed = True

        def told(said: dict[str, bytes]) -> Statistics:
            return {leg: Received(*values) for leg, values in json.loads(said["statistics"]).items()}

        def failed(failure: Failure) -> None:
            failure.trap(NoRelay)

        def over(result: Any) -> Any:
            self._leave()
            return result

        return asked.addCallbacks(told, failed).addBoth(over)

    def _leave(self) -> None:
        """Use the worker no more."""
        if self._line is not None:
            self._line.users.pop(self._number, None)
            self._line = None

    # ---- its worker -------------------------------------------------------------------

    def _ask(self, command: type[amp.Command], **what: Any) -> Deferred[Any]:
        """Ask the worker; who asks while the relay finds another one waits."""
        if self._closed:
            return fail(NoRelay("the relay is closed"))
        if self._waits is None:
            return self._ask_now(command, what)
        waits: Deferred[None] = Deferred()
        self._waits.chainDeferred(waits)
        return waits.addCallback(lambda _: self._ask_now(command, what))

    def _ask_now(self, command: type[amp.Command], what: dict[str, Any]) -> Deferred[Any]:
        if self._is_gone:
            return fail(NoRelay("the relay is gone"))
        if self._line is None:
            if self._workers.stopped or not self._workers.most:
                return fail(NoRelay("the table [media] is off"))
            self._line, self._number = self._workers.line(), self._workers.number()
            self._line.users[self._number] = self
        return self._line.ask(command, relay=self._number, **what).addErrback(_no_relay)

    def told(self, what: Any, leg: str, detail: str) -> None:
        """Something has happened."""
        if what == "recorded":
            self._recording = {}
        if what == "gone":
            self._is_gone, self._kept, self._recording = True, {}, {}
            self._leave()
        if not self._closed:
            self._hear(RelayHappened(what, leg, detail))

    def lost(self) -> None:
        """The worker is gone: go on with another one."""
        self._line = None
        if self._closed or self._workers.stopped or not self._kept:
            return
        self._lives -= 1
        if self._lives < 0:
            self.told("gone", "", "the media workers have ended again and again")
        else:
            self.go_on(self.state())

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on with what was written down."""
        self._kept, recording = state["relay"], state["recording"]
        waits: Deferred[None] = Deferred()
        resumed = self._ask_now(commands.RelayResume, {"state": commands.packed(self._kept)})
        self._waits = waits
        resumed.addCallbacks(lambda _: self._go_on_recording(recording), self._gone)

        def over(_: Any) -> None:
            self._waits = None
            waits.callback(None)

        resumed.addBoth(over)

    def _go_on_recording(self, recording: dict[str, Any]) -> Deferred[None] | None:
        """Go on with the recording, too; what cannot be recorded is passed on all the same."""
        if not recording:
            return None
        self._recording = dict(recording)

        def failed(failure: Failure) -> None:
            failure.trap(NoRelay)
            if not self._workers.stopped:  # else another process of the service goes on with it
                self.told("recorded", "", failure.getErrorMessage())

        asked = self._ask_now(commands.RelayRecord, dict(recording))
        return asked.addCallbacks(lambda _: None, failed)

    def _gone(self, failure: Failure) -> None:
        """Nothing is passed on any more."""
        failure.trap(NoRelay)
        if not self._workers.stopped:
            self.told("gone", "", failure.getErrorMessage())


@implementer(IRelays)
class Relays:
    """The relays of all calls."""

    can = frozenset({"ipv6", "record"})

    def __init__(self, workers: Workers) -> None:
        """Use these workers."""
        self._workers = workers

    def open(self, call: str, hear: HearRelay) -> Relay:
        """Prepare for a call."""
        return Relay(self._workers, hear)

    def resume(self, call: str, state: dict[str, Any], hear: HearRelay) -> Relay | None:
        """Go on with the relay of a call."""
        if state.get("engine") != ENGINE or not state.get("relay"):
            return None
        relay = Relay(self._workers, hear)
        relay.go_on(state)
        return relay


def _no_relay(failure: Failure) -> Failure:
    """Say that there is no relay where the worker does not answer."""
    why = trouble(failure)
    return Failure(NoRelay(why)) if why else failure
