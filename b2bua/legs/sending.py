"""How a leg writes and sends: its Contact, its way to the peer, its requests and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs import channel
from b2bua.dialogs.offer_answer import MEDIA_LINE, Origin, with_lines_of
from b2bua.legs.header_policy import leaving, whole
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegData
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Field
    from b2bua.wire.uri import Uri


def contact(leg: LegData, flow: Flow) -> Field:
    """Where the peer reaches us in this dialog."""
    if flow is not leg.flow or not leg.contact_value:
        leg.take_flow(flow)
        leg.contact_value = channel.contact_value(
            leg.context.layer, flow, leg.contact_user, secure=_secure(leg)
        )
    return ("Contact", leg.contact_value)


def _secure(leg: LegData) -> bool:
    """Is it a dialog in which every hop is over TLS, so that our Contact has to say so (section 12.1)?"""
    if leg.dialog is not None:
        return leg.dialog.secure
    return leg.our_invite is not None and leg.our_invite.invitation.request_uri.startswith("sips:")


def target(leg: LegData, dialog: Dialog) -> Flow | Uri:
    """Where a request within a dialog goes; see L{channel.next_hop}."""
    return channel.next_hop(dialog, leg.flow, sticky=leg.sticky)


def otherwise(leg: LegData, target: Flow | Uri) -> Flow | None:
    """
    The way for what cannot be sent to C{target}: the open connection of the call itself.

    A carrier may name a port in Record-Route that nobody can connect to, and
    use the connection on which the call came (RFC 5923 section 4).
    """
    way = leg.flow
    return way if way is not None and way.connection and way is not target else None


def respond(
    leg: LegData,
    server: IServerTransaction,
    code: int,
    reason: str = "",
    fields: Fields = (),
    body: bytes = b"",
) -> None:
    """Answer a request within the dialog."""
    fields = leaving(fields, leg.party)
    if code >= 300 and not whole(code, fields):
        code, reason = 500, ""
    answer = server.request.response(code, reason, fields=fields, body=body)
    server.respond(leg.context.edited(leg, answer))


def signed(leg: LegData, session: bytes, offer: bytes | None = None) -> bytes:
    """
    Put our own o= line into a body that is about to be sent.

    @param offer: what it is the answer to, if it is one.
    """
    if offer is not None and session.count(MEDIA_LINE) != offer.count(MEDIA_LINE):
        session = with_lines_of(session, offer, exactly=True)
    origin = leg.origin
    if origin is None:
        host = leg.flow.local[0] if leg.flow is not None else "0.0.0.0"
        origin = leg.origin = Origin(leg.context.random.getrandbits(31), host)
    return origin.sign(session)
