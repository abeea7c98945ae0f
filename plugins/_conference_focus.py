"""What somebody in a conference asks of it by REFER: ring another one, take over a call, have one leave."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from b2bua.calls import Busy, Gone, NotJoined, Outcome, Refuse, connect, dial, hang_up

if TYPE_CHECKING:
    from b2bua import Service
    from b2bua.calls import Call, Conversation, Leg, Origination, Referral
    from b2bua_plugins._conference_room import Member, Room

Asked: TypeAlias = Refuse | Coroutine[Any, Any, Outcome | None]
GONE = Outcome("not_found", 481, "Call/Transaction Does Not Exist", local=True)


def asked(service: Service, room: Room | None, talk: Conversation, referral: Referral) -> Asked:
    """
    Judge a REFER to the focus; what is good is done by the coroutine (RFC 4579 sections 5.5, 5.10, 5.11).

    @param room: the room, if somebody is in it.
    """
    member = None if room is None else next((one for one in room.members if one.talk is talk), None)
    if room is None or member is None or not talk.party.internal:
        return Refuse(403)  # who has not typed the PIN yet; and callers from outside ring nobody at our cost
    if referral.method == "BYE":
        return _leaving(room, member, referral)
    if room.locked and not member.moderates:
        return Refuse(403, "Conference Locked")
    rung = None if referral.replaces is not None else _rung(service, room, referral)
    if rung is not None:
        return _rings(room, rung)
    if room.full:
        return Refuse(486, "Conference Full")
    if referral.replaces is not None:
        return _taking_over(service, room, talk, referral)
    return _ringing(service, room, talk, referral)


def _leaving(room: Room, member: Member, referral: Referral) -> Asked:
    """A moderator has somebody leave."""
    if not member.moderates:
        return Refuse(403)
    name = referral.refer_to.uri.user_unescaped
    named = [one for one in room.members if one.goes_by(name)]
    return _show_out(named) if named else Refuse(404)


async def _show_out(members: list[Member]) -> None:
    """Have them leave."""
    for one in members:
        one.show_out()


def _ringing(service: Service, room: Room, talk: Conversation, referral: Referral) -> Asked:
    """Somebody else is rung, by the permission of who asks, and is in the room when they answer."""
    try:
        ringing = service.originate(
            _target(referral), room.name, by=talk.party, shown=room.wishes.name or room.number
        )
    except ValueError:
        return Refuse(400, "Cannot Be Dialled")
    room.ringing[ringing] = None
    return _rings(room, ringing)


def _target(referral: Referral) -> str:
    """Who is to be rung."""
    uri = referral.refer_to.uri
    return str(uri.bare()) if uri.headers else referral.refer_to.uri_text


def _rung(service: Service, room: Room, referral: Referral) -> Origination | None:
    """
    The call by which the same one is being rung already, if there is one.

    Of two who ask for somebody, or of one who asks twice, each is told how it goes
    (RFC 3515 section 2.4.6), but nobody is rung twice for one room.
    """
    wanted = service.address(_target(referral))
    return next((one for one in room.ringing if service.address(one.first) == wanted), None)


async def _rings(room: Room, ringing: Origination) -> Outcome | None:
    """Wait until they have answered."""
    try:
        return await ringing
    finally:
        room.ringing.pop(ringing, None)


def _taking_over(service: Service, room: Room, talk: Conversation, referral: Referral) -> Asked:
    """Who talks to the other phone call of whoever asks comes into the room, and that call ends."""
    assert referral.replaces is not None
    found = service.named(referral.replaces)
    if found is None:
        return Refuse(481)
    call, leg = found
    if leg.party.key != talk.party.key:
        return Refuse(403)
    state = service.call(call.id)
    partners = [one.talks_to for one in state.parties if one.leg == leg.id] if state is not None else []
    other = service.leg(call.id, partners[0]) if partners else None
    return Refuse(481) if other is None else _take_over(call, leg, other[1], room, talk)


async def _take_over(call: Call, leg: Leg, other: Leg, room: Room, talk: Conversation) -> Outcome | None:
    """Bring the other one into the room; if that cannot be, the two talk on."""
    try:
        met = await dial(call, other, room.name, behalf=talk.party)
    except Busy:
        return Outcome("refused", 491, "Request Pending", local=True)
    except Gone:
        met = GONE
    if isinstance(met, Outcome):
        with suppress(Gone, NotJoined, Busy):  # one of them has left, and with them the call
            await connect(call, leg, other)
            return met
    hang_up(call, leg)
    return met if isinstance(met, Outcome) else None
