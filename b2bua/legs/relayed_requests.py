"""Requests within a dialog that are not about the session: INFO, MESSAGE, NOTIFY and their like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from b2bua.dialogs.usages import Effect, effect_of
from b2bua.legs import bye, our_requests, responses
from b2bua.legs.header_policy import REPLY, REQUEST, entering
from b2bua.legs.state import ANSWERED, ENDED, FINAL_BY
from b2bua.legs.words import Replied, Requested

if TYPE_CHECKING:
    from b2bua.legs.state import LegData
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response


class PeerRequest:
    """A request of the peer that waits for the answer of the other side; it is among C{leg.peer_requests}."""

    __slots__ = ("_leg", "_server", "_timer", "_token")

    def __init__(self, leg: LegData, token: int, server: IServerTransaction) -> None:
        """Take the transaction, and see that it is answered when nobody else does."""
        self._leg = leg
        self._token = token
        self._server = server
        self._timer = leg.context.layer.start(FINAL_BY * leg.timers.t1, self._late)

    def _late(self) -> None:
        """The other side does not answer."""
        self.refuse(500)

    def refuse(self, code: int) -> None:
        """Refuse it."""
        self.reply(Replied(self._token, code))

    def reply(self, word: Replied) -> None:
        """
        Answer it.

        Neither 408 nor any 1xx is an answer to a non-INVITE (RFC 4320 section 4),
        and a 503 would tell the peer to leave this server.
        """
        leg, server = self._leg, self._server
        self._timer.stop()
        if leg.peer_requests is not None:
            del leg.peer_requests[self._token]
            leg.peer_requests = leg.peer_requests or None
        code = word.code
        if code < 300 and server.request.method == "NOTIFY" and leg.dialog is not None:
            leg.dialog.refresh(server.request)
        if not 200 <= code < 700 or code in (408, 503):
            code = 500
        responses.respond(leg, server, code, word.reason if code == word.code else "", word.fields, word.body)


def received(leg: LegData, request: Request, server: IServerTransaction) -> None:
    """Let the call hear of a request."""
    leg.context.serial += 1
    token = leg.context.serial
    if leg.peer_requests is None:
        leg.peer_requests = {}
    leg.peer_requests[token] = PeerRequest(leg, token, server)
    leg.hear(leg, Requested(request.method, token, entering(request, REQUEST, leg.party), request.body))


def reply(leg: LegData, word: Replied) -> None:
    """Answer a request of the peer, unless that is done."""
    waiting = leg.peer_requests.get(word.token) if leg.peer_requests else None
    if waiting is not None:
        waiting.reply(word)


def send(leg: LegData, word: Requested) -> None:
    """Send a request of the other side to the peer."""
    if leg.state is ENDED:
        return
    if leg.dialog is None or (leg.peer_invite is not None and not leg.peer_invite.tagged):
        # There is no dialog yet in which it could go.
        leg.hear(leg, Replied(word.token, 481))
        return
    our_requests.request(leg, leg.dialog, word.method, partial(_replied, leg, word), word.fields, word.body)


def _replied(leg: LegData, word: Requested, response: Response) -> None:
    """Let the call hear the answer, and see what it does to the dialog (RFC 5057 section 5)."""
    if response.provisional or leg.state is ENDED:
        return
    code = response.code
    if code in (401, 407, 408):
        # A challenge is for us, not for the other side; a 408 never passes (RFC 4320 section 4.2).
        code = 403 if code != 408 else 504
    elif code == 503 or 300 <= code < 400:
        code = 500
    fields = entering(response, REPLY, leg.party)
    reason = response.reason if code == response.code else ""
    leg.hear(leg, Replied(word.token, code, reason, fields, response.body))
    if leg.state is not ANSWERED:
        return
    effect = effect_of(word.method, response.code)
    if effect is Effect.DIALOG or (effect is Effect.USAGE and response.code == 481):
        bye.lose(leg, "lost")
    elif response.local and response.code == 408 and word.method == "INFO":
        # No answer at all ends the usage that the request is part of (section 5.2).
        bye.lose(leg, "timeout")
