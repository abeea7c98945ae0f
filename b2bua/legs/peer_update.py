"""An UPDATE of the peer, or a PRACK, that brings an offer (RFC 3311, RFC 3262 section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, SUPPORTED_ANSWER
from b2bua.legs import responses, session_expires
from b2bua.legs.context import SDP
from b2bua.legs.state import FINAL_BY
from b2bua.legs.words import Changed, Withdrawn

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request


class PeerUpdate:
    """An UPDATE of the peer, or a PRACK, with an offer that waits for its answer."""

    __slots__ = ("_timer", "leg", "offer", "request", "server")

    def __init__(self, leg: LegData, request: Request, server: IServerTransaction, offer: bytes) -> None:
        """Take the request, and see that it is answered in time (RFC 4320 section 4)."""
        self.leg = leg
        self.request = request
        self.server = server
        self.offer = offer
        seconds = FINAL_BY * leg.timers.t1
        self._timer = leg.context.layer.start(seconds, self._late)

    def _late(self) -> None:
        """The other side does not answer: a 504 (RFC 3311 section 5.2)."""
        leg = self.leg
        self.refuse(504, "", ())
        leg.withdrawn = Changed(self.offer)
        leg.hear(leg, Withdrawn())

    def accept(self, session: bytes | None, fields: Fields) -> None:
        """Send the 200 with the answer."""
        leg = self.leg
        if session is None:
            session = leg.local_session
        if session is None:
            self.refuse(500, "", ())
            return
        leg.remote_session = self.offer
        if leg.dialog is not None:
            leg.dialog.refresh(self.request)
        head: Fields = ()
        if self.request.method == "UPDATE":
            head = (leg.channel.contact(self.server.flow), ALLOW, SUPPORTED_ANSWER)
            head += session_expires.answer(leg, self.request)
        responses.respond(leg, self.server, 200, "", (*head, *fields, SDP), leg.signed(session, self.offer))
        self._finish()

    def refuse(self, code: int, reason: str, fields: Fields) -> None:
        """Refuse it; the session stays as it was."""
        responses.respond(self.leg, self.server, code, reason, fields)
        self._finish()

    def _finish(self) -> None:
        """Be over."""
        self._timer.stop()
        if self.leg.peer_update is self:
            self.leg.peer_update = None
        self.leg.settled()
