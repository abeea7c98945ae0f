"""How a leg answers requests within its dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    if fields:
        fields = leaving(fields, leg.party)
    if code >= 300 and not whole(code, fields):
        code, reason = 500, ""
    server.respond(server.request.response(code, reason, fields=fields, body=body))
