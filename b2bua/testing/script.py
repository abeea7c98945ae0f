"""
A phone that plays a ladder: C{sends}, C{gets}, C{answers}.

This is the language of whole-call tests.  Each verb works on the call that was
begun last, unless it is told which C{session} is meant::

    alice.sends("INVITE", to="bob")
    bob.gets("INVITE")
    bob.answers(180)
    alice.gets(180)
    bob.answers(200)
    alice.gets(200)
    alice.sends("ACK")
    bob.gets("ACK")
"""

from __future__ import annotations

from typing import Any, cast

from b2bua.testing.account import Account, Got
from b2bua.testing.agent import Message
from b2bua.testing.dialog import Fields
from b2bua.testing.exchange import Asked
from b2bua.testing.session import Session
from b2bua.wire.message import Request, Response

PATIENCE = 5.0
"""Seconds that C{gets} waits unless told otherwise: longer than any two retransmissions."""


class Scripted(Account):
    """The verbs of a ladder."""

    unanswered: list[Got]
    """Requests that were got and have no final answer."""

    @property
    def session(self) -> Session:
        """The call that was begun last and is not over; else the last one."""
        raise NotImplementedError

    def dial(self, to: str, *, offer: bool = True, fields: Fields = (), max_forwards: int = 70) -> Session:
        """Call somebody."""
        raise NotImplementedError

    # Saying

    def sends(
        self,
        method: str,
        to: str = "",
        *,
        session: Session | None = None,
        fields: Fields = (),
        offer: bool = True,
        body: bytes = b"",
        **more: Any,
    ) -> Session:
        """
        Send a request.

        An INVITE with C{to} begins a call, one without is a re-INVITE.

        @param to: whom an INVITE calls, or to whom a REFER transfers.
        @param fields: more header fields.
        @param offer: False leaves the SDP out of an INVITE.
        @param more: what the method has more: C{wish}, the direction of a
            re-INVITE or UPDATE; C{replaces}, the other call of a REFER.
        """
        if method == "INVITE" and to:
            return self.dial(to, offer=offer, fields=fields, **more)
        session = session or self.session
        match method:
            case "INVITE":
                session.reinvite(more.get("wish"), offer=offer, fields=fields, body=body or None)
            case "ACK":
                session.acknowledge(body or None)
            case "BYE":
                session.send_bye(fields)
            case "CANCEL":
                session.cancel(fields)
            case "PRACK":
                session.prack()
            case "UPDATE":
                session.update(more.get("wish"), offer=offer, fields=fields)
            case "REFER":
                session.transfer(to, fields=fields, **more)
            case _:
                session.ask(method, fields, body)
        return session

    # Hearing

    def gets(self, what: str | int, *, method: str = "", within: float = PATIENCE) -> Message:
        """
        Wait for the next message and insist that it is this one.

        What an element settles with its neighbour alone is passed over: 100,
        challenges that were answered, and the 2xx of CANCEL and PRACK.

        @param what: a method or a status.
        @param method: the method that the status has to answer.
        """
        clock = self.world.clock
        limit = clock.seconds() + within
        while True:
            if not self.inbox and not clock.run_until(lambda: bool(self.inbox), limit - clock.seconds()):
                raise self.world.failure(f"{self.name} waited for {what} and got nothing")
            got = self.inbox.popleft()
            if fits(got.message, what, method):
                if isinstance(got.message, Request) and got.asked is not None:
                    self.unanswered.append(got)
                return got.message
            if not passes_over(got.message):
                raise self.world.failure(f"{self.name} waited for {what} and got {title(got.message)}")

    def gets_final(self, within: float = PATIENCE) -> int:
        """Wait for a final answer to an INVITE, whatever it is; pass over all before it."""
        found: list[int] = []

        def there() -> bool:
            while self.inbox and not found:
                message = self.inbox.popleft().message
                if isinstance(message, Response) and message.code >= 200 and message.cseq.method == "INVITE":
                    found.append(message.code)
            return bool(found)

        if not self.world.clock.run_until(there, within):
            raise self.world.failure(f"{self.name} waited for a final answer and got none")
        return found[0]

    def gets_nothing(self, within: float = 1.0) -> None:
        """Wait and insist that nothing comes."""
        self.world.clock.run(within)
        left = self.unread()
        if left:
            raise self.world.failure(f"{self.name} was to get nothing and got {', '.join(left)}")

    def unread(self) -> list[str]:
        """Name the messages that no C{gets} has asked for."""
        return [title(got.message) for got in self.inbox if not passes_over(got.message)]

    # Answering

    def answers(
        self,
        code: int,
        *,
        method: str = "",
        fields: Fields = (),
        session: bool | None = None,
        reason: str = "",
        reliable: bool | None = None,
        body: bytes = b"",
    ) -> None:
        """
        Answer the request that was got last and has no final answer.

        @param method: the one of that method.
        @param session: with SDP or without; a 2xx has it unless told
            otherwise, a provisional response only when told.
        @param reliable: send a provisional response reliably.
        """
        got = self._open(method)
        asked = cast(Asked, got.asked)
        request, dialog = asked.request, got.session
        if code >= 200:
            self.unanswered.remove(got)
        if not isinstance(dialog, Session):
            asked.respond(request.response(code, reason, to_tag=self.token(), fields=fields, body=body))
        elif request.method == "INVITE" and asked is dialog.asked and dialog.state == "called":
            if code < 200:
                dialog.ring(code, session=bool(session), reliable=reliable, fields=fields, reason=reason)
            elif code < 300:
                dialog.answer(code=code, session=session is not False, fields=fields)
            else:
                dialog.refuse(code, fields, reason)
        elif request.method in ("INVITE", "UPDATE") and code >= 200:
            dialog.answer_change(asked, code, fields)
        elif not asked.final:
            dialog.respond(asked, code, fields, body, reason)

    def _open(self, method: str) -> Got:
        for got in reversed(self.unanswered):
            if method in ("", got.message.cseq.method):
                return got
        raise self.world.failure(f"{self.name} has no {method or 'request'} to answer")


def title(message: Message) -> str:
    """Say in a word or two what a message is."""
    if isinstance(message, Request):
        return message.method
    return f"{message.code} to {message.cseq.method}"


def fits(message: Message, what: str | int, method: str) -> bool:
    """Is it the message that was waited for?"""
    if isinstance(message, Request):
        return message.method == what
    return message.code == what and method in ("", message.cseq.method)


def passes_over(message: Message) -> bool:
    """Is it of no interest to a ladder?"""
    if isinstance(message, Response):
        return message.code in (100,) or (message.success and message.cseq.method in ("CANCEL", "PRACK"))
    return message.method == "PRACK"
