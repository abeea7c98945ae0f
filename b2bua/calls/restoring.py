"""
An established call as plain values, so that it can outlive its process.

Written are two legs that talk to each other and what the bridge knows of them.
A call in any other state is not: its callers try again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from b2bua.calls.bridge import Bridge
from b2bua.calls.call import Call
from b2bua.calls.media import Alignment
from b2bua.calls.path import Diversion, Path
from b2bua.calls.record import CallRecord
from b2bua.calls.verdicts import Diverted
from b2bua.errors import UsageError
from b2bua.legs.leg import Leg
from b2bua.legs.party import Identity
from b2bua.legs.snapshot import reading

if TYPE_CHECKING:
    from b2bua.calls.calls import Calls

VERSION = 1
"""Changes with what is written, from the first release on; what another version wrote is refused."""


def can_be_written(call: Call) -> bool:
    """Do two parties talk in it, and nothing else goes on?"""
    bridge = call.bridge
    return (
        bridge is not None and set(call.legs) == {bridge.a, bridge.b} and all(x.answered for x in call.legs)
    )


def write_call(call: Call) -> dict[str, Any]:
    """
    Write down a call in which two parties talk.

    @return: plain values, fit for JSON.
    @raise UsageError: something else goes on in it; see L{can_be_written}.
    """
    bridge = call.bridge
    if bridge is None or not can_be_written(call):
        raise UsageError(f"Only two parties who talk can be written down: {call.id}")
    legs = (bridge.a, bridge.b)
    return {
        "version": VERSION,
        "dialled": call.dialled,
        "caller": legs.index(call.caller) if call.caller in legs else 0,
        "legs": [leg.snapshot() for leg in legs],
        "identities": [None if leg.identity is None else asdict(leg.identity) for leg in legs],
        "holding": [leg in call.holders for leg in legs],
        "alignment": None if bridge.alignment is None else [list(pair) for pair in bridge.alignment.pairs],
        "visited": list(call.path.visited),
        "private": call.path.private,
        "max_forwards": call.max_forwards,
        "max_breadth": call.max_breadth,
        "diversions": [{**asdict(d), "why": d.why.value} for d in call.path.diversions],
        "record": call.record.to_plain(),
    }


def restore_call(calls: Calls, plain: dict[str, Any]) -> Call:
    """
    Bring a call back that L{write_call} wrote down.

    @raise UsageError: another version wrote it, or it is not whole; then
        nothing of it is there.
    """
    with reading("A call", plain, VERSION):
        caller, dialled = int(plain["caller"]), str(plain["dialled"])
        identity_a, identity_b = (None if i is None else Identity(**i) for i in plain["identities"])
        diversions = tuple(Diversion(**{**d, "why": Diverted(d["why"])}) for d in plain["diversions"])
        path = Path(tuple(plain["visited"]), diversions, plain["private"])
        record = CallRecord.from_plain(plain["record"])
        pairs = plain["alignment"]
        alignment = None if pairs is None else Alignment(tuple((a, b) for a, b in pairs))
        a_holds, b_holds = plain["holding"]
        max_forwards, max_breadth = int(plain["max_forwards"]), int(plain["max_breadth"])
        leg_a, leg_b = plain["legs"]
        a, b = _restore_legs(calls, leg_a, leg_b)
    a.identity, b.identity = identity_a, identity_b
    call = Call(calls, (a, b)[caller], dialled, path, record=record)
    call.max_forwards, call.max_breadth = max_forwards, max_breadth
    for leg in (a, b):
        if leg.call is None:
            call.take(leg)
    Bridge(call, a, b, alignment).begin()
    call.holders = frozenset(leg for leg, holds in ((a, a_holds), (b, b_holds)) if holds)
    call.started = call.talked = True
    call.story.note("restored")
    return call


def _restore_legs(calls: Calls, one: dict[str, Any], other: dict[str, Any]) -> tuple[Leg, Leg]:
    """Bring both legs back, or none."""
    a = Leg.restore(calls.context, one, calls.hear)
    try:
        return a, Leg.restore(calls.context, other, calls.hear)
    except UsageError:
        a.end()
        assert a.dialog is not None
        calls.context.dialogs.remove(a.dialog)
        raise
