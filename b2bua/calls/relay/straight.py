"""
Who needs no relay, seen at a glance: most calls are such, and nothing is kept of them.

Whoever is not seen through so is looked at in L{b2bua.calls.relay.way}, which
says the same of those who are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.relay.parties import contact, source
from b2bua.calls.relay.way import is_plain
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.wire.uri import Uri


def straight(by: Leg, to: Leg, session: bytes, target: Flow | Uri) -> bool:
    """
    Does nothing speak for a relay between the two?

    @param session: what C{by} offers.
    @param to: who is about to be invited.
    @param target: where that invitation goes.
    """
    offering, invited = by.party, to.party
    policy = invited.policy
    if offering.policy.media == "relay" or policy.media == "relay" or policy.codecs:
        return False
    if policy.media_encryption not in ("any", "none") or not is_plain(session):
        return False
    if isinstance(target, Flow):
        if target.transport in ("WS", "WSS"):
            return False
        host = target.remote[0]
    else:
        host = target.host
    if ":" in host:
        return False  # it may be at IPv6
    if offering.internal and contact(by) != source(by):
        return False  # it may be behind a NAT, as below
    return not invited.internal or contact(to) == host
