"""Requests within a dialog that are not about the session: INFO, MESSAGE, NOTIFY and their like."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from b2bua.dialogs.usages import Effect, effect_of
from b2bua.legs import outstanding, parting, sending
from b2bua.legs.context import LegState
from b2bua.legs.passing import REPLY, TOLD, entering
from b2bua.legs.words import Replied, Told

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.legs.leg import Leg
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response

PATIENCE = 56
"""In T1: a 500 is sent by then, for at 64 the sender's Timer F fires (RFC 4320 section 4.1)."""


class Asked:
    """A request of the peer that waits for the other side."""

    __slots__ = ("server", "timer")

    def __init__(self, server: IServerTransaction, timer: ITimer) -> None:
        """Take the transaction and the timer that answers when nobody else does."""
        self.server = server
        self.timer = timer


def told(leg: Leg, request: Request, server: IServerTransaction) -> None:
    """Let the call hear of a request."""
    token = leg.context.next_serial()
    if leg.told is None:
        leg.told = {}
    seconds = PATIENCE * leg.timers.t1
    timer = leg.context.layer.start(seconds, partial(reply, leg, Replied(token, 500)))
    leg.told[token] = Asked(server, timer)
    leg.hear(leg, Told(request.method, token, entering(request, TOLD, leg.party), request.body))


def reply(leg: Leg, word: Replied) -> None:
    """
    Answer a request of the peer.

    Neither 408 nor any 1xx is an answer to a non-INVITE (RFC 4320 section 4),
    and a 503 would tell the peer to leave this server.
    """
    asked = leg.told.pop(word.token, None) if leg.told else None
    if asked is None:
        return
    asked.timer.stop()
    if not leg.told:
        leg.told = None
    code = word.code
    request = asked.server.request
    if code < 300 and request.method == "NOTIFY" and leg.dialog is not None:
        leg.dialog.refresh(request)
    if not 200 <= code < 700 or code in (408, 503):
        code = 500
    sending.respond(leg, asked.server, code, word.reason if code == word.code else "", word.fields, word.body)


def drop(leg: Leg) -> None:
    """Answer everything that is open with 487: the leg is over (RFC 3261 section 15.1.2)."""
    for token in tuple(leg.told or ()):
        reply(leg, Replied(token, 487))


def tell(leg: Leg, word: Told) -> None:
    """Send a request of the other side to the peer."""
    if leg.state is LegState.ENDED:
        return
    if leg.dialog is None or (leg.invited is not None and not leg.invited.tagged):
        # There is no dialog yet in which it could go.
        leg.hear(leg, Replied(word.token, 481))
        return
    outstanding.request(leg, leg.dialog, word.method, partial(_replied, leg, word), word.fields, word.body)


def _replied(leg: Leg, word: Told, response: Response) -> None:
    """Let the call hear the answer, and see what it does to the dialog (RFC 5057 section 5)."""
    if response.provisional or leg.state is LegState.ENDED:
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
    if leg.state is not LegState.ANSWERED:
        return
    effect = effect_of(word.method, response.code)
    if effect is Effect.DIALOG or (effect is Effect.USAGE and response.code == 481):
        parting.lose(leg, "lost")
    elif response.local and response.code == 408 and word.method == "INFO":
        # No answer at all ends the usage that the request is part of (section 5.2).
        parting.lose(leg, "timeout")
