"""Calls of the simulated world, traced, for the tests of this room."""

from __future__ import annotations

from functools import cache

from b2bua.calls.records.record import CallRecord, LegRecord
from b2bua.explain.traced import Message, Reason, Said, TracedCall
from b2bua.testing import Manners, World

US = ("192.0.2.1", 5060)
ALICE, BOB = ("198.51.100.7", 5060), ("198.51.100.8", 5070)


def traced(world: World) -> TracedCall:
    """What the server of a world knows of the one call that goes on."""
    served = world.served
    assert served is not None
    (call,) = served.server.core.calls.going.values()
    return TracedCall.of(call.record, call.story, served.server.trace, "0.1")


@cache
def forwarded() -> TracedCall:
    """Alice calls Bob, who is busy, so Carol answers; Carol holds."""
    forwards = {"extensions": {"bob": {"forward": {"busy": "carol"}}}}
    world = World(features="installed", settings=forwards)
    alice, bob, carol = world.phones("alice", "bob", "carol", manners=Manners(answers_after=1))
    bob.manners = bob.manners.but(refuses=486)
    alice.dial("bob")
    world.run(3)
    carol.session.hold()
    world.run(1)
    return traced(world)


def message(
    start: str,
    *,
    at: float = 0.0,
    remote: tuple[str, int] = ALICE,
    outgoing: bool = False,
    call_id: str = "one",
    transport: str = "UDP",
    more: str = "",
) -> Message:
    """Write a message of which only the beginning counts."""
    raw = f"{start}\r\nVia: x\r\nCall-ID: {call_id}\r\n{more}\r\n".encode()
    return Message(
        at=at,
        transport=transport,
        local=US,
        remote=remote,
        outgoing=outgoing,
        raw=raw,  # type: ignore[arg-type]
    )


def small() -> TracedCall:
    """Two dialogs, a refusal that clears screens, a decision, a word."""
    record = CallRecord("abc", "extension 101", "102", 5.0)
    record.legs = [
        LegRecord("1", "extension 101", True, 5.0, call_id="one"),
        LegRecord("2", "extension 102", False, 5.0, call_id="two"),
    ]
    refusal = message("SIP/2.0 486 \x1b[2JBusy", at=5.5, remote=BOB, call_id="two", transport="TCP")
    return TracedCall(
        record=record,
        messages=(
            message("INVITE sip:b SIP/2.0", at=5.0),
            message(
                "INVITE sip:b SIP/2.0", at=5.0, remote=BOB, outgoing=True, call_id="two", transport="TCP"
            ),
            refusal,
            refusal.model_copy(update={"at": 6.0}),
        ),
        said=(Said(at=5.5, party="extension 102", leg="2", word="Refused 486"),),
        reasons=(
            Reason(at=5.0, text="why <b>&</b>"),
            Reason(at=5.0, text="nothing", hook="route_call", feature="forward", silent=True),
        ),
    )
