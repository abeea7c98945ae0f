"""A REFER that the other phone is to carry out, and when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.routing.permission import may_be_dialled

if TYPE_CHECKING:
    from b2bua.calls.bridge import Bridge
    from b2bua.calls.protocol import LiveCall
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Referral


def relay(bridge: Bridge, leg: Leg, referral: Referral) -> None:
    """
    Hand the REFER to the other side, dialog identifiers translated.

    What Replaces names is a dialog of the transferor with us, of which the
    other side may know nothing.  It gets a name of our own for it, by which we
    know it again when the INVITE with Replaces comes.
    """
    refer_to, replaces = referral.refer_to, referral.replaces
    if not may_be_dialled(str(refer_to), bridge.call.calls.features):
        bridge.call.story.note("{} transfers to what {} shall not dial", leg.party, bridge.other(leg).party)
        referral.refuse(603)
        return
    if replaces is None:
        referral.relay(bridge.other(leg), str(refer_to))
        return
    context = bridge.call.calls.context
    named = context.dialogs.find_replaced(replaces.call_id, replaces.to_tag, replaces.from_tag)
    if named is None or named.dialog is None or named.party.key != leg.party.key:
        referral.refuse(403 if named is not None else 603)
        return
    alias = (context.token(), context.token(), context.token())
    context.dialogs.alias(named.dialog, alias)
    if named.call is not None and named.call.calls.changed is not None:
        named.call.calls.changed(named.call)  # whoever goes on with it has to know that name
    uri = refer_to.uri.with_headers(("Replaces", "{};to-tag={};from-tag={}".format(*alias)))
    referral.relay(bridge.other(leg), f"<{uri}>")


def only_we_can(call: LiveCall, referral: Referral) -> bool:
    """
    Does Replaces name a call that still rings, or was just given up?

    No phone can take the place of another that waits for an answer (RFC 3891
    section 3); whoever has both its legs can let it ring on.
    """
    replaces = referral.replaces
    if replaces is None:
        return False
    dialogs, named = call.calls.dialogs, (replaces.call_id, replaces.to_tag, replaces.from_tag)
    leg = dialogs.find_replaced(*named)
    return not leg.answered if leg is not None else dialogs.has_ended(*named)
