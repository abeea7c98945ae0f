"""The dialog of an extension in a call, as a document about it has it (RFC 4235)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import CallState, PartyState, Phase
from b2bua.wire.dialog_info import Dialog, End, State

if TYPE_CHECKING:
    from b2bua import Service

ANONYMOUS = ("Anonymous", "sip:anonymous@anonymous.invalid")


def seen(
    service: Service, call: CallState, party: PartyState, *, callers: bool, busy_at_once: bool
) -> Dialog:
    """
    Describe one call of an extension, as the extension sees it.

    @param callers: is it said who is at the other end?
    @param busy_at_once: is who calls shown as if the other one had answered?
    """
    found = service.leg(call.id, party.leg)
    call_id, ours, theirs = found[1].dialog_id if found is not None else ("", "", "")
    other = _other(call, party)
    local = End(party.display, service.address(party.name), party.phase is Phase.HOLDING)
    remote = End(*_shown(service, call, other) if callers else ("", service.address(party.name)))
    held = other is not None and other.phase is Phase.HOLDING
    return Dialog(
        f"{call.id}-{party.leg}",
        _state(call, party, busy_at_once),
        local,
        remote._replace(held=held),
        "initiator" if party.incoming else "recipient",
        call_id,
        theirs,
        ours,
    )


def _state(call: CallState, party: PartyState, busy_at_once: bool) -> State:
    """How far a call is for one party (section 3.7.1)."""
    if party.phase is Phase.RINGING:
        return "early"
    if party.phase is not Phase.CALLING:
        return "confirmed"
    if party.incoming and busy_at_once:
        return "confirmed"
    return "early" if party.incoming and call.phase is Phase.RINGING else "trying"


def _shown(service: Service, call: CallState, other: PartyState | None) -> tuple[str, str]:
    """Whom the extension talks to, by name and address (section 4.1.6.1), but who stays unknown."""
    if other is None:
        return "", service.address(call.dialled)
    found = service.leg(call.id, other.leg)
    identity = found[1].identity if found is not None else None
    if not other.number or (identity is not None and identity.private):
        return ANONYMOUS  # RFC 3323 section 4.1.1.3, RFC 3325 section 7
    return other.display, service.address(other.number)


def _other(call: CallState, party: PartyState) -> PartyState | None:
    """Whom a party talks to, or who calls it; None for who is being called by it."""
    others = [one for one in call.parties if one.leg != party.leg]
    if party.talks_to:
        return next((one for one in others if one.leg == party.talks_to), None)
    if party.incoming and party.phase is Phase.CALLING:
        return None
    callers = [one for one in others if one.incoming or one.phase is not Phase.RINGING]
    return callers[0] if callers else None


def rank(dialog: Dialog) -> int:
    """What comes first where only one can be shown: ringing, held, talking."""
    if dialog.state == "early" and dialog.direction == "recipient":
        return 0
    if dialog.state == "terminated":
        return 3
    return 1 if dialog.local is not None and dialog.local.held else 2
