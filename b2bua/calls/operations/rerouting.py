"""
Media take another way in the middle of a call: through a relay from now on, or no more.

Both parties are shown to each other anew, as L{b2bua.calls.operations.joining}
joins any two.  The recording on demand asks for it, and a relay that dies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.calls.media import resumed, same_media
from b2bua.calls.operations.joining import NotJoined, join
from b2bua.calls.operations.leg_waiter import Busy, Gone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from b2bua.calls.bridge import Bridge
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg
    from b2bua.media.ports import RelayHappened

AGAIN_SECONDS = 2.0
"""When it is tried again, after something else was at work in the call, or the two did not agree."""
TIMES = 10
"""So often they are asked."""

_log = Logger()


def relay_happened(call: OperatedCall, happened: RelayHappened) -> None:
    """The relay of a call has something to say."""
    if happened.what == "gone":
        show_again(call, _relay_is_lost)
    elif happened.what == "silent":
        _silent(call, happened)
    elif happened.what == "digit" and call.bridge is not None:
        for leg in (call.bridge.a, call.bridge.b):
            if leg.id == happened.leg:
                call.features.tell_key_pressed(call, leg, happened.detail)


def _relay_is_lost(call: OperatedCall) -> bool:
    """Do its media pass through a relay that is gone, until both are shown another way?"""
    return call.relay is not None and call.relay.lost


def not_parted(bridge: Bridge) -> Callable[[OperatedCall], bool]:
    """
    Two are to be shown to each other anew: see whether both are in the call, and neither talks to another.

    Who is at work may leave them as they were, without a word to their phones.
    """
    two = {bridge.a, bridge.b}

    def wanted(call: OperatedCall) -> bool:
        now = call.bridge
        return all(leg.call is call for leg in two) and (now is None or {now.a, now.b} == two)

    return wanted


def show_again(call: OperatedCall, wanted: Callable[[OperatedCall], bool], times: int = TIMES) -> None:
    """
    Show the two who talk to each other anew, as soon as nothing else is at work in the call.

    @param wanted: is it to be done yet?
    @param times: so often it is tried if they do not agree.
    """
    if call.over or not times or not wanted(call):
        return

    def failed(failure: Failure) -> None:
        if failure.check(Busy, Gone, NotJoined) is None:
            _log.failure("{call} could not be joined again", failure, call=call.id)
        left = times if failure.check(Busy) is not None else times - 1
        call.calls.later(AGAIN_SECONDS, show_again, call, wanted, left)

    if call.bridge is None:
        call.calls.later(AGAIN_SECONDS, show_again, call, wanted, times)
    else:
        Deferred.fromCoroutine(reroute(call, call.bridge)).addErrback(failed)


def _silent(call: OperatedCall, happened: RelayHappened) -> None:
    """A party sends nothing: if it is expected to, nobody is there any more."""
    bridge = call.bridge
    if bridge is None or call.holders:
        return
    for leg in (bridge.a, bridge.b):
        if leg.id == happened.leg and leg.music is None and leg.stable:
            call.story.note("no media came from {}: {}", leg.party, happened.detail)
            call.end((("Reason", 'Q.850;cause=41;text="No Media"'),), by="no media")


async def reroute(
    call: OperatedCall, bridge: Bridge, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> None:
    """
    Show the two who talk to each other anew, by the way that is right for them now.

    @param meanwhile: what is done with the two first, who do not talk until it is done.
    @raise Busy: something else is at work in the call.
    @raise Gone: one of them has left.
    @raise NotJoined: one of them refuses; they talk as before.
    """
    if call.bridge is not bridge or call.is_busy(bridge.a) or call.is_busy(bridge.b):
        raise Busy(bridge.a)
    call.hold_open()
    try:
        bridge.release()
        await bridge.idle()
        shown = {leg: leg.local_session for leg in (bridge.a, bridge.b)}
        if meanwhile is not None:
            await meanwhile()
        await _anew(call, bridge, shown)
    except Gone:
        call.end()
        raise
    finally:
        call.let_close()


async def _anew(call: OperatedCall, bridge: Bridge, shown: dict[Leg, bytes | None]) -> None:
    """
    Join the two again; if they do not agree to it, as they were before.

    @param shown: what each of them was shown of the other then.
    """
    relay = call.relayed()
    ways = {} if relay is None else relay.choose_again()
    try:
        await join(call, bridge.a, bridge.b)
    except NotJoined:
        if relay is not None:
            relay.go_back(ways)
        try:
            await join(call, bridge.a, bridge.b)
        except NotJoined:
            _as_before(bridge.begin(), shown)
        raise


def _as_before(bridge: Bridge, shown: dict[Leg, bytes | None]) -> None:
    """
    Show the other one again to who was shown something else meanwhile, a voice or silence.

    Who has refused every change has its session yet (RFC 3261 section 14.1), and is not
    asked once more; if both have taken one, what comes back from the first is for the second.
    """
    for leg in (bridge.a, bridge.b):
        before, now, other = shown[leg], leg.local_session, bridge.other(leg)
        if before and now and other.described and not same_media(before, now):
            held = other in bridge.call.holders
            other.tell_again(other.described if held else resumed(other.described))
            return
