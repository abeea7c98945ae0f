"""How a leg answers within its dialog, and signs the sessions that it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.offer_answer import MEDIA_LINE, Origin, with_lines_of
from b2bua.legs.header_policy import leaving, whole
from b2bua.legs.words import Fields

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.transactions.ports import IServerTransaction


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
        flow = leg.channel.flow
        host = flow.local[0] if flow is not None else "0.0.0.0"
        origin = leg.origin = Origin(leg.context.random.getrandbits(31), host)
    return origin.sign(session)
