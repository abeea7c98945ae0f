"""
News for one phone that has not subscribed to them: NOTIFY as phones have come to take it.

Outside of dialogs it tells of messages that wait (before RFC 3842 there was nothing
else), or has a phone look for a new configuration; within a dialog C{talk} and
C{hold} press the phone's keys.  An answer of any kind ends it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from b2bua.dialogs.channel import contact_value
from b2bua.legs import our_requests
from b2bua.legs.state import LegState
from b2bua.wire.message import Request

if TYPE_CHECKING:
    from b2bua.calls.ports import Destination
    from b2bua.calls.protocol import Shared
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Fields
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Field, Response

HOPS = 70
UNASKED = ("Subscription-State", "terminated;reason=noresource")
"""Nothing follows: of this we keep no subscription (RFC 6665 section 4.1.3)."""


def notice(calls: Shared, destination: Destination, fields: Fields, body: bytes = b"") -> Deferred[int]:
    """
    Send a NOTIFY outside of any dialog.

    @param fields: what it says; without a Subscription-State it is the last one.
    @return: the status of the answer, 408 when there is none.
    """
    told: Deferred[int] = Deferred()
    token = calls.context.token
    call_id, tag = token(), token()
    layer = calls.context.layer

    def write(flow: Flow, via: str) -> Request:
        head: list[Field] = [
            ("Via", via),
            *[("Route", f"<{uri}>") for uri in destination.route],
            ("Max-Forwards", str(HOPS)),
            ("From", f"<{destination.to_uri}>;tag={tag}"),
            ("To", f"<{destination.to_uri}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 NOTIFY"),
            ("Contact", contact_value(layer, flow)),
            ("User-Agent", calls.context.user_agent),
            *_complete(fields),
        ]
        return Request("NOTIFY", destination.request_uri, head, body)

    layer.request(write, destination.target, partial(calls.run, _heard, told))
    return told


def press(leg: Leg, event: str) -> Deferred[int]:
    """
    Have the phone of a leg do something: C{talk} answers or resumes, C{hold} holds.

    @return: the status of the answer; 481 at once where there is no dialog yet.
    """
    told: Deferred[int] = Deferred()
    if leg.state is LegState.ENDED or leg.dialog is None:
        told.callback(481)
    else:
        fields = _complete((("Event", event),))
        our_requests.request(leg, leg.dialog, "NOTIFY", partial(_heard, told), fields, refresh=True)
    return told


def _complete(fields: Fields) -> Fields:
    """A NOTIFY always says how its subscription is (RFC 6665 section 8.2.3)."""
    said = any(name.lower() == "subscription-state" for name, _ in fields)
    return fields if said else (*fields, UNASKED)


def _heard(told: Deferred[int], response: Response) -> None:
    """Tell the status of the final answer; what we found out ourselves is that there is none."""
    if response.final and not told.called:
        told.callback(408 if response.local else response.code)
