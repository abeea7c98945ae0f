"""How a call is now, worked out from who listens to its legs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.records.view import CallState, PartyState, Phase
from b2bua.wire.names import NameAddr
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.legs.leg import Leg


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
