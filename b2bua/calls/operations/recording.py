"""
A call is recorded: a relay hears both parties, and writes down what they say.

If their media do not pass through a relay yet they are shown to each other
anew, as L{b2bua.calls.operations.rerouting} does; what is recorded is the call,
whoever comes into it later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from b2bua.calls.operations.leg_waiter import Busy, Gone
from b2bua.calls.operations.rerouting import reroute
from b2bua.calls.relay.sessions import RECORDING
from b2bua.media.ports import NoRelay

if TYPE_CHECKING:
    from b2bua.calls.operations.joining import NotJoined
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.calls.relay.call_relay import CallRelay

    __all__ = ["Busy", "Gone", "NotJoined", "NotRecorded", "Recording", "expect_recording", "record"]


class NotRecorded(Exception):
    """There is no recording: no engine that can, no room; the text is for people."""


class RecordedCall(Protocol):
    """A call that may be recorded."""

    def relayed(self) -> CallRelay | None:
        """Those of its media that pass through a relay, to be changed; None where none can."""


class Recording:
    """One recording, until it is over."""

    def __init__(self, relay: CallRelay, path: str, ended: Callable[[str], object]) -> None:
        """Record to C{path}; C{ended} is told once."""
        self._relay = relay
        self._ended = ended
        self.path = path
        self.paused = False
        self.over = False

    async def pause(self, paused: bool = True) -> None:
        """
        Write silence, or what is said again.

        @raise NotRecorded: it is over, or the engine does not do it.
        """
        if self.over or self._relay.relay is None:
            raise NotRecorded("the recording is over")
        try:
            await self._relay.relay.pause(paused)
        except NoRelay as problem:
            raise NotRecorded(str(problem)) from None
        self.paused = paused

    async def end(self) -> None:
        """End it; its file is whole then, and C{ended} has been told."""
        if not self.over and self._relay.relay is not None:
            await self._relay.relay.end_recording()
        self.has_ended("")

    def has_ended(self, why: str) -> None:
        """It is over, with the call or by itself."""
        if not self.over:
            self.over = True
            if self._relay.recording is self:
                self._relay.recording = None
                self._relay.want_no_more(RECORDING)
            self._ended(why)


def expect_recording(call: RecordedCall) -> bool:
    """
    Have the media of a call pass through a relay from the beginning, since it will be recorded.

    @return: False if there is no engine that can record.
    """
    relay = call.relayed()
    if relay is None or "record" not in relay.can:
        return False
    relay.want(RECORDING)
    return True


async def record(call: OperatedCall, path: str, ended: Callable[[str], object], *, by: str = "") -> Recording:
    """
    Record the two who talk, to a stereo WAV file, until the call is over or the recording is ended.

    @param ended: told once when it is over, its file whole; with a text if that was not to be.
    @param by: the feature that wants it, which is named in the record of the call.
    @raise NotRecorded: it cannot be recorded.
    @raise Busy: nobody talks, or something else is at work on one of them.
    @raise Gone: one of them has left.
    @raise NotJoined: one of them does not agree to another way of its media.
    """
    relay, bridge = call.relayed(), call.bridge
    if relay is None or "record" not in relay.can:
        raise NotRecorded("there is no relay that can record")
    if relay.recording is not None:
        raise NotRecorded("it is being recorded already")
    if not call.legs:
        raise NotRecorded("the call is over")
    if bridge is None:
        raise Busy(call.legs[0])
    recording = relay.recording = Recording(relay, path, ended)
    expected = relay.wants(RECORDING)
    relay.want(RECORDING)
    try:
        if not relay.joins(bridge.a, bridge.b):
            await reroute(call, bridge)
        if relay.relay is None or call.bridge is None or not relay.joins(call.bridge.a, call.bridge.b):
            raise NotRecorded("no relay can pass on what these two say")
        await relay.relay.record(path)
    except Exception as problem:
        if relay.recording is recording:
            relay.recording = None
        if not expected:
            relay.want_no_more(RECORDING)
        if isinstance(problem, NoRelay):
            raise NotRecorded(str(problem)) from None
        raise
    call.story.note("recorded to {}", path)
    if call.calls.changed is not None:
        call.calls.changed(call)  # whoever goes on with it has to know what is being recorded
    if by and by not in call.story.features:
        call.story.features += (by,)
    return recording


def take_up(call: OperatedCall, path: str, ended: Callable[[str], object]) -> Recording | None:
    """Go on with a recording of a process before this one; None if the relay knows nothing of it."""
    relay = call.relay
    if relay is None or relay.relay is None or relay.resumed != path:
        return None
    relay.recording = Recording(relay, path, ended)
    return relay.recording
