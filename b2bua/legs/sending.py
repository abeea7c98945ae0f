"""How a leg writes and sends: its Contact, its way to the peer, its requests and responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.dialogs.offer_answer import Origin
from b2bua.legs.context import ALLOW, SUPPORTED
from b2bua.legs.passing import leaving
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.leg import Leg
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction, IServerTransaction
    from b2bua.wire.message import Field, Request, Response
    from b2bua.wire.uri import Uri


def contact(leg: Leg, flow: Flow) -> Field:
    """Where the peer reaches us in this dialog."""
    if flow is not leg.flow or not leg.contact_value:
        take_flow(leg, flow)
        user = f"{leg.contact_user}@" if leg.contact_user else ""
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        scheme = "sips" if _secure(leg) else "sip"
        leg.contact_value = f"<{scheme}:{user}{leg.context.layer.contact_host(flow)}{transport}>"
    return ("Contact", leg.contact_value)


def _secure(leg: Leg) -> bool:
    """Is it a dialog in which every hop is over TLS, so that our Contact has to say so (section 12.1)?"""
    if leg.dialog is not None:
        return leg.dialog.secure
    return leg.inviting is not None and leg.inviting.invitation.request_uri.startswith("sips:")


def take_flow(leg: Leg, flow: Flow | None) -> None:
    """Be reached by this way from now on."""
    if flow is not None and flow.connection and flow in leg.context.lost:
        flow = None
    old = leg.flow
    leg.flow = flow
    if old == flow:
        return
    if old is not None and old.connection:
        leg.context.disconnect(leg, old)
    if flow is not None and flow.connection and not leg.gone:
        leg.context.connect(leg, flow)


def target(leg: Leg, dialog: Dialog) -> Flow | Uri:
    """
    Where a request within a dialog goes.

    Phones are reached by the flow they came from, since their Contact is
    often not what is seen of them (and C{sip_trust_ctrl} of a Yealink
    wants the address it registered to); with a route set, by the route.
    """
    way = flow_of(leg)
    if not dialog.routes and way is not None and (leg.sticky or way.connection):
        return way
    return dialog.next_hop


def flow_of(leg: Leg) -> Flow | None:
    """Give the way to the peer; of a phone whose connection was lost, the one by which it came back."""
    if leg.flow is None and leg.sticky and leg.context.found_again is not None:
        take_flow(leg, leg.context.found_again(leg))
    return leg.flow


def request(
    leg: Leg,
    dialog: Dialog,
    method: str,
    hear: Callable[[Response], None],
    fields: Fields = (),
    body: bytes = b"",
    *,
    refresh: bool = False,
    seq: int = 0,
) -> IClientTransaction:
    """
    Send a request within a dialog; a challenge is answered once.

    @param refresh: is it a target refresh, which says where we are?
    @param seq: a CSeq number that was taken before, by who answers a
        challenge itself.
    """
    context, own = leg.context, seq
    seq = seq or dialog.next_seq()
    sent: Request

    def write(flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        nonlocal sent
        head: Fields = (contact(leg, flow), ALLOW, SUPPORTED) if refresh else (SUPPORTED,)
        sent = dialog.request(method, via, seq, head + leaving(fields, leg.party), body)
        sent = context.edited(leg, sent)
        return sent

    def heard(response: Response) -> None:
        """Take a response, unless it only asks who we are."""
        if response.code in (401, 407) and context.challenged is not None:
            credentials = context.challenged(leg, response, sent)
            if credentials is not None:
                again, seq = (*fields, *credentials), dialog.next_seq()
                request(leg, dialog, method, hear, again, body, refresh=refresh, seq=seq)
                return
        hear(response)

    return context.layer.request(write, target(leg, dialog), hear if own else heard)


def respond(
    leg: Leg,
    server: IServerTransaction,
    code: int,
    reason: str = "",
    fields: Fields = (),
    body: bytes = b"",
) -> None:
    """Answer a request within the dialog."""
    answer = server.request.response(code, reason, fields=leaving(fields, leg.party), body=body)
    server.respond(leg.context.edited(leg, answer))


def signed(leg: Leg, session: bytes) -> bytes:
    """Put our own o= line into a body that is about to be sent."""
    origin = leg.origin
    if origin is None:
        host = leg.flow.local[0] if leg.flow is not None else "0.0.0.0"
        origin = leg.origin = Origin(leg.context.random.getrandbits(31), host)
    return origin.sign(session)
