"""A phone changes its mind: hold, resume, re-INVITE, UPDATE, glare (RFC 3261 section 14, RFC 3311)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.answering import Answering
from b2bua.testing.dialog import Field, Fields
from b2bua.testing.exchange import Asked
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account


class Changing(Answering):
    """What a session can do once it is up."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """Nothing has been changed yet."""
        super().__init__(phone, incoming)
        self.changes: list[int] = []
        """The final statuses of our re-INVITEs and UPDATEs; 408 when none came."""
        self._updating = False
        self._update_asked: Asked | None = None
        self._withdrawing = False
        """Is our re-INVITE to be cancelled as soon as it may?"""

    # Asking for a change

    def hold(self, style: str = "sendonly") -> None:
        """
        Put the peer on hold.

        @param style: sendonly, inactive, or zeros for the C{c=0.0.0.0} of RFC 2543.
        """
        self.media.hold_by_zeros = style == "zeros"
        self.reinvite("inactive" if style in ("zeros", "inactive") else "sendonly")

    def resume(self) -> None:
        """Take the peer off hold."""
        self.media.hold_by_zeros = False
        self.reinvite("sendrecv")

    def reinvite(
        self, wish: str | None = None, *, offer: bool = True, fields: Fields = (), body: bytes | None = None
    ) -> None:
        """
        Send a re-INVITE.

        @param offer: False leaves it to the peer to make an offer.
        @param body: this, instead of an offer of our own making.
        """
        if wish is not None:
            self.media.wish = wish
        if offer and body is None:
            body = self.media.make_offer()
        elif body is not None:
            self.media.offer = body
        head: list[Field] = [("Supported", ", ".join(self.phone.supported)), *self.refresh_fields(), *fields]
        request = self.compose("INVITE", head, body or b"")
        self.asking = self.ask_as(request, lambda response: self._reinvite_answered(response, offer))

    def _reinvite_answered(self, response: Response | None, offer: bool) -> None:
        if response is None:
            self.asking = None
            self._change_failed(408, "reinvite", offer)
            return
        if response.code < 200:
            self._cancel_change()
            return
        self._withdrawing = False
        if response.code >= 300:
            self.asking = None
            self._change_failed(response.code, "reinvite", offer)
            return
        if self.asking is None or self.asking.request.cseq.number != response.cseq.number:
            self.acknowledge_again(response)
            return
        self.asking = None
        self.changes.append(response.code)
        self.refresh_target(response)
        self.take_session(response)
        self.learn_timer(response)
        if self.phone.manners.acknowledges:
            self.acknowledge()

    def withdraw(self) -> None:
        """Cancel our re-INVITE, once a provisional response has come (section 9.1)."""
        if self.state == "up" and self.asking is not None and not self._withdrawing:
            self._withdrawing = True
            if self.asking.answers:
                self._cancel_change()

    def _cancel_change(self) -> None:
        if self._withdrawing and self.asking is not None:
            self._withdrawing = False
            self.asking.cancel()

    def move_media(self) -> None:
        """Send a re-INVITE to say that our media is at another port from now on."""
        self.media.port = self.phone.world.new_media_port()
        self.reinvite()

    def update(self, wish: str | None = None, *, offer: bool = True, fields: Fields = ()) -> None:
        """Send an UPDATE, with an offer or without (RFC 3311 section 5.1)."""
        body = self.media.make_offer(wish) if offer else b""
        head: list[Field] = [("Supported", ", ".join(self.phone.supported)), *self.refresh_fields(), *fields]
        self._updating = True
        self.ask("UPDATE", head, body, lambda response: self._update_answered(response, offer))

    def _update_answered(self, response: Response | None, offer: bool) -> None:
        code = 408 if response is None else response.code
        if code < 200:
            return
        self._updating = False
        if response is None or code >= 300:
            self._change_failed(code, "update", offer)
            return
        self.changes.append(code)
        self.refresh_target(response)
        if response.body:
            self.media.received_answer(response.body)
        self.learn_timer(response)

    def _change_failed(self, code: int, deed: str, offer: bool) -> None:
        """Section 14.1: all stays as it was; 481 and silence end the session, 491 waits."""
        self.changes.append(code)
        if offer:
            self.media.offer = None
        self.refresh_failed(code)
        if self.state != "up":
            return
        if code in (408, 481):
            self.send_bye()
        elif code == 491 and self.phone.manners.retries_glare:
            owner, random = not self.incoming, self.phone.world.random
            wait = random.uniform(2.1, 4.0) if owner else random.uniform(0.0, 2.0)
            self.plan(wait, "try_again", deed, offer)

    def try_again(self, deed: str, offer: bool) -> None:
        """Repeat a change that met one of the peer's."""
        if self.asking is not None or self.media.open_exchange():
            self.plan(1.0, "try_again", deed, offer)
        elif deed == "reinvite":
            self.reinvite(offer=offer)
        else:
            self.update(offer=offer)

    # Being asked for one

    def reinvite_received(self, asked: Asked) -> None:
        """The peer wants a change (section 14.2)."""
        if self._ignored(asked):
            return
        if self.asked is not None and not self.asked.final:
            self.respond(asked, 500, [("Retry-After", str(self.phone.world.random.randrange(0, 11)))])
            return
        if self.asking is not None or (self.media.offer is not None and asked.request.body):
            self.respond(asked, 491)
            return
        self.asked = asked
        self.refresh_target(asked.request)
        if asked.request.body:
            self.media.received_offer(asked.request.body)
        manners = self.phone.manners
        if manners.replies and manners.change_after == 0:
            self.answer_change(asked, manners.change_code)
        elif manners.replies:
            self.respond(asked, 180)
            self.plan(manners.change_after, "answer_change", asked, manners.change_code)

    def cancel_received(self, request: Request) -> None:
        """Section 9.2: a re-INVITE can be cancelled as well, and the session stays as it was."""
        asked = self.asked
        if self.state == "called" or asked is None or asked.final:
            super().cancel_received(request)
        elif self.state == "up" and not self.phone.manners.honours_cancel:
            self.answer_change(asked)
        else:
            self.media.remote_offer = None
            self.respond(asked, 487)

    def update_received(self, asked: Asked) -> None:
        """The peer changes or refreshes something by UPDATE (RFC 3311 section 5.2)."""
        if self._ignored(asked):
            return
        if asked.request.body:
            if self._update_asked is not None and not self._update_asked.final:
                self.respond(asked, 500, [("Retry-After", "3")])
                return
            if self.media.open_exchange():
                mine = self.media.offer is not None
                self.respond(asked, 491 if mine else 500, [] if mine else [("Retry-After", "3")])
                return
            self.media.received_offer(asked.request.body)
        self._update_asked = asked
        self.refresh_target(asked.request)
        if self.phone.manners.replies:
            self.answer_change(asked, self.phone.manners.change_code)

    def _ignored(self, asked: Asked) -> bool:
        """Is it our manner to say nothing to it, until the peer has given up?"""
        if self.phone.manners.change_code:
            return False
        self.phone.later(64 * self.phone.t1, asked.end)
        return True

    def answer_change(self, asked: Asked, code: int = 200, fields: Fields = ()) -> None:
        """Say yes to a re-INVITE or UPDATE, or no to it."""
        if asked.final:
            return
        request = asked.request
        if code >= 300:
            self.media.remote_offer = None
            self.respond(asked, code, fields)
            return
        if self.media.remote_offer is not None:
            body = self.media.make_answer()
        elif request.method == "INVITE":
            body = self.media.make_offer()
        else:
            body = b""
        head = [*self.timer_fields(request), *fields]
        if request.method == "INVITE":
            self.accept(asked, code, head, body)
        else:
            self.respond(asked, code, head, body)
        self.refreshed_by(request)

    # Session timers; see L{b2bua.testing.refreshing}

    def refreshed_by(self, request: Request) -> None:
        """Start the session timer over: the peer refreshed the session."""

    def refresh_failed(self, code: int) -> None:
        """See what the failure of a request means for the session timer."""
