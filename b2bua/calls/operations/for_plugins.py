"""
The operations as plugins call them: with the narrow call and leg that they know.

What each of them does is told in L{b2bua.calls.operations.call_control}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from b2bua.calls.draft import not_to_be_sent
from b2bua.calls.face import Call, Leg
from b2bua.calls.operations import call_control, recording, telling
from b2bua.calls.operations.recording import Recording
from b2bua.calls.verdicts import Outcome
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.calls.draft import Script
    from b2bua.calls.operations.protocol import OperatedCall
    from b2bua.legs.leg import Leg as LiveLeg
    from b2bua.legs.party import Party


async def hold(call: Call, leg: Leg) -> None:
    """Let the party of a leg wait alone, as L{call_control.hold} does."""
    await call_control.hold(_call(call), _leg(leg))


async def connect(call: Call, one: Leg, other: Leg) -> None:
    """Let two established legs talk, as L{call_control.connect} does."""
    await call_control.connect(_call(call), _leg(one), _leg(other))


async def dial(
    call: Call, waiting: Leg, target: str, *, behalf: Party, ring_seconds: float | None = None
) -> Leg | Outcome:
    """Ring a target for an established leg and let the two talk, as L{call_control.dial} does."""
    return await call_control.dial(
        _call(call), _leg(waiting), target, behalf=behalf, ring_seconds=ring_seconds
    )


async def replace(call: Call, old: Leg, new: Leg) -> None:
    """Let one leg take the place of another, as L{call_control.replace} does."""
    await call_control.replace(_call(call), _leg(old), _leg(new))


def hang_up(call: Call, leg: Leg, fields: Fields = ()) -> None:
    """
    End a leg, in whatever state it is.

    @param fields: what the BYE, or the refusal, says besides.
    @raise TypeError: one of them cannot be sent.
    """
    if wrong := not_to_be_sent(fields):
        raise TypeError(f"hang_up: the header field {wrong[0]!r:.60} cannot be sent")
    call_control.hang_up(_call(call), _leg(leg), fields)


def hide_identity(call: Call, leg: Leg) -> None:
    """Tell nobody whom we do not trust who is at the end of a leg, from now on (RFC 3323 section 4.2)."""
    call_control.hide_identity(_call(call), _leg(leg))


async def tell_both(call: Call, script: Script) -> None:
    """Talk to each of the two who talk, then they talk again, as L{telling.tell_both} does."""
    await telling.tell_both(_call(call), script)


def expect_recording(call: Call) -> bool:
    """Have media pass through a relay from the beginning, as L{recording.expect_recording} does."""
    return recording.expect_recording(_call(call))


async def record(call: Call, path: str, ended: Callable[[str], object], *, by: str = "") -> Recording:
    """Record the two who talk, as L{recording.record} does."""
    return await recording.record(_call(call), path, ended, by=by)


def take_up_recording(call: Call, path: str, ended: Callable[[str], object]) -> Recording | None:
    """Go on with a recording of a process before this one, as L{recording.take_up} does."""
    return recording.take_up(_call(call), path, ended)


def _call(call: Call) -> OperatedCall:
    """The call behind its face."""
    return cast("OperatedCall", call)


def _leg(leg: Leg) -> LiveLeg:
    """The leg behind its face."""
    return cast("LiveLeg", leg)
