"""
A call as a value: who is in it, who talks to whom, who holds, who waits, and since when.

What lamps, lists and web pages need.  A value is made when somebody asks, or
when a feature wants to be told of every change (C{call_changed}).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from b2bua.wire.names import NameAddr
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Kind


class Phase(Enum):
    """How a call, or a party in it, is at present."""

    CALLING = "calling"
    """An INVITE is on its way; nobody rings yet."""
    RINGING = "ringing"
    TALKING = "talking"
    HOLDING = "holding"
    """A party that has put the other one on hold."""
    HELD = "held"
    """A party that is on hold; a call of two, of which one holds."""
    WAITING = "waiting"
    """A party that is kept waiting (L{Wait})."""
    ALONE = "alone"
    """A party whose other one has been taken from it: a transfer, or an operation, is at work."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class PartyState:
    """One leg of a call."""

    leg: str
    """Its id, for L{PickUp} and the operations."""
    kind: Kind
    """C{extension}, C{trunk}, C{stranger} or C{server}."""
    name: str
    """The extension's number, the trunk's name, the host of a stranger."""
    number: str
    """The number at the other end, also behind a trunk; empty if it is hidden."""
    display: str
    incoming: bool
    """Has it called us, or have we called it?"""
    phase: Phase
    talks_to: str = ""
    """The id of the other leg, on hold or not; empty for none."""
    waits_at: str = ""
    """Where it waits."""
    since: float | None = None
    """Since when it waits."""


@dataclass(frozen=True, slots=True)
class CallState:
    """One call; the times are seconds since 1970, as in its record."""

    id: str
    dialled: str
    phase: Phase
    since: float
    """Since when who talks to whom, who holds and who waits is as it is."""
    started: float
    answered: float | None
    parties: tuple[PartyState, ...]
    """In the order in which they came into the call; who has left is not among them."""

    def party(self, name: str) -> PartyState | None:
        """The first leg of an extension or a trunk, by its name."""
        return next((party for party in self.parties if party.name == name), None)


def state_of(call: Call) -> CallState:
    """The call as it is now."""
    record = call.record
    return CallState(
        call.id,
        call.dialled,
        _phase(call),
        call.since,
        record.started,
        record.answered,
        tuple([_party(call, leg) for leg in call.legs]),
    )


def _phase(call: Call) -> Phase:
    """The call as a whole."""
    if call.over:
        return Phase.ENDED
    if call.bridge is not None:
        return Phase.HELD if call.holders else Phase.TALKING
    if call.waiting:
        return Phase.WAITING
    seeker = call.setup or call.search
    if seeker is not None:
        attempt = seeker.attempt
        return Phase.RINGING if attempt is not None and attempt.rang else Phase.CALLING
    return Phase.ALONE if any(leg.answered for leg in call.legs) else Phase.CALLING


def _party(call: Call, leg: Leg) -> PartyState:
    """One leg of it."""
    identity = call.calls.identities.of(leg)
    called = leg.incoming or leg.identity is not None or leg.party.internal
    number = (Uri.parse(identity.uri).user_unescaped or "") if called else _dialled(leg)
    bridge, phase, other = call.bridge, Phase.ALONE, ""
    waiting = None if call.waiting is None else call.waiting.get(leg)
    if bridge is not None and leg in (bridge.a, bridge.b):
        partner = bridge.other(leg)
        other = partner.id
        phase = Phase.TALKING
        if call.holders:
            phase = Phase.HOLDING if leg in call.holders else Phase.HELD
    elif waiting is not None:
        phase = Phase.WAITING
    elif not leg.answered:
        phase = Phase.RINGING if leg.ringing and not leg.incoming else Phase.CALLING
    return PartyState(
        leg.id,
        leg.party.kind,
        leg.party.name,
        "" if number.lower() == "anonymous" else number,  # RFC 3323 section 4.1.1.3
        identity.display,
        leg.incoming,
        phase,
        other,
        "" if waiting is None else waiting.wait.at,
        None if waiting is None else waiting.since,
    )


def _dialled(leg: Leg) -> str:
    """The number that we have dialled through a trunk or at another domain."""
    if leg.our_invite is not None:
        return Uri.parse(leg.our_invite.invitation.to_uri).user_unescaped or ""
    if leg.dialog is not None:
        return NameAddr.parse(leg.dialog.remote_value).uri.user_unescaped or ""
    return ""
