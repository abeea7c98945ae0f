"""A phone is called: ringing, answering, refusing (RFC 3261 section 13.3, RFC 3262)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.dialing import Dialing
from b2bua.testing.dialog import Field, Fields
from b2bua.testing.exchange import Asked
from b2bua.wire.message import Request, Response
from b2bua.wire.multipart import session_of

if TYPE_CHECKING:
    from b2bua.testing.account import Account
    from b2bua.testing.clock import Timer


class Answering(Dialing):
    """What a session can do that the peer began, until it is up."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """Know nobody yet."""
        super().__init__(phone, incoming)
        self._rseq = phone.world.random.randrange(1, 2**20)
        self._unpracked: Response | None = None
        self._prack_timer: Timer | None = None
        self._answer_waits = False
        self.pracked = False
        """Has a PRACK come for a session description of ours, so that an UPDATE may follow?"""
        self.unacked: dict[int, Asked] = {}
        """The peer's INVITEs that we accepted and whose ACK has not come."""

    @property
    def request(self) -> Request:
        """The INVITE that is being answered."""
        assert self.asked is not None
        return self.asked.request

    def called(self, asked: Asked) -> None:
        """An INVITE has come that begins a session."""
        self.asked, self.invite, self.state = asked, asked.request, "called"
        self.learn_from_request(asked.request)
        offer = session_of(asked.request)  # which may have a location beside it
        if offer:
            self.media.received_offer(offer)

    def follow_manners(self) -> None:
        """Plan what the phone does by itself with the call."""
        manners, asked = self.phone.manners, self.asked
        assert asked is not None
        if manners.trying:
            self.respond(asked, 100)
        if manners.rings_after is not None and (
            manners.rings_first or (manners.refuses is None and manners.redirects is None)
        ):
            self.plan(manners.rings_after, "ring_by_manners")
        if manners.refuses is not None:
            self.plan(manners.refuses_after, "refuse", manners.refuses)
        elif manners.redirects is not None:
            self.plan(manners.refuses_after, "redirect", manners.redirects)
        else:
            self.plan(manners.answers_after, "answer")

    # Before the answer

    def ring_by_manners(self) -> None:
        """Ring in the way that the manners say."""
        if self.state == "called":
            early = self.phone.manners.early_media
            self.ring(183 if early else 180, session=early)

    def ring(
        self,
        code: int = 180,
        *,
        session: bool = False,
        reliable: bool | None = None,
        fields: Fields = (),
        reason: str = "",
    ) -> Response | None:
        """
        Send a provisional response.

        @param session: with SDP: the answer, or the offer where there is none.
        @param reliable: None leaves it to what the two sides want (RFC 3262).
        """
        assert self.asked is not None
        if self.state != "called" or self.asked.final:
            return None
        if reliable is None:
            reliable = code > 100 and self._wants_reliable()
        head = list(fields)
        if reliable:
            if self._unpracked is not None:
                return None  # section 3: one at a time until it has been acknowledged
            self._rseq += 1
            head += [("Require", "100rel"), ("RSeq", str(self._rseq))]
        body = self._early_body(reliable) if session else b""
        response = self.respond(self.asked, code, head, body, reason)
        if reliable:
            self._unpracked = response
            self._repeat_reliable(self.phone.t1)
        return response

    def _wants_reliable(self) -> bool:
        wish = self.phone.manners.hundred_rel
        return "100rel" in self.request.require or (wish == "required" and "100rel" in self.request.supported)

    def _early_body(self, reliable: bool) -> bytes:
        media = self.media
        if media.remote_offer is not None:
            offer = media.remote_offer
            answer = media.make_answer()
            if not reliable:
                media.remote_offer = offer  # the 2xx has to say it again (RFC 6337 section 2.4)
            return answer
        if media.ours is not None:
            return media.last_sent or b""
        return media.make_offer()

    def _repeat_reliable(self, interval: float) -> None:
        """RFC 3262 section 3: again and again, until the PRACK or 64*T1."""

        def again() -> None:
            if self._unpracked is None or self.asked is None or self.state != "called":
                return
            if interval >= 64 * self.phone.t1:
                self.refuse(500)
                return
            self.phone.transmit(self._unpracked, self.asked.path)
            self._repeat_reliable(2 * interval)

        self._prack_timer = self.phone.later(interval, again)
        self.clocks.append(self._prack_timer)

    def prack_received(self, asked: Asked) -> None:
        """RFC 3262 section 3: 200 when it fits what we sent, 481 otherwise."""
        response, rack = self._unpracked, asked.request.rack
        fits = response is not None and rack is not None and str(rack.rseq) == response.get("RSeq")
        if not fits:
            self.respond(asked, 481)
            return
        self.pracked = self.pracked or bool(response is not None and response.body)
        self._unpracked = None
        if self._prack_timer is not None:
            self._prack_timer.cancel()
        body = b""
        if asked.request.body:
            if self.media.offer is not None:
                self.media.received_answer(asked.request.body)
            else:
                self.media.received_offer(asked.request.body)
                body = self.media.make_answer()
        self.respond(asked, 200, (), body)
        if self._answer_waits:
            self._answer_waits = False
            self.answer()

    # The answer

    def answer(self, *, code: int = 200, session: bool = True, fields: Fields = ()) -> Response | None:
        """Accept the call: with the answer to the offer, or with an offer."""
        if self.state != "called" or self.asked is None or self.asked.final:
            return None
        if self._unpracked is not None and self._unpracked.body:
            self._answer_waits = True  # section 3: the PRACK for SDP comes first
            return None
        self._unpracked = None
        head: list[Field] = [*self.timer_fields(self.request), *fields]
        body = self._answer_body() if session else b""
        self.state, self.since = "up", self.phone.now()
        self.accept(self.asked, code, head, body)
        self._contradict(self.asked, 486)
        response = self.asked.last
        self.phone.talk_began(self)
        return response

    def accept(self, asked: Asked, code: int, fields: Fields, body: bytes) -> Response:
        """Send a 2xx to an INVITE, and expect its ACK."""
        self.unacked[asked.request.cseq.number] = asked
        asked.never_acked = self._never_acked
        return self.respond(asked, code, fields, body)

    def _answer_body(self) -> bytes:
        media = self.media
        if media.remote_offer is not None:
            return media.make_answer()
        if media.ours is not None:
            return b""  # agreed on reliably before
        return media.make_offer()

    def timer_fields(self, request: Request) -> list[Field]:
        """Say what our 2xx tells of the session timer."""
        return []

    def _never_acked(self) -> None:
        """Section 13.3.1.4: nobody acknowledged the 2xx, so the session ends."""
        if self.state == "up":
            self.phone.missed_ack(self)
            self.send_bye()

    def ack_received(self, request: Request) -> None:
        """The ACK for a 2xx of ours."""
        asked = self.unacked.pop(request.cseq.number, None)
        if asked is None or not asked.final:
            return
        asked.acknowledged()
        if request.body and self.media.offer is not None:
            self.media.received_answer(request.body)
        self.confirmed = True
        self.phone.got(request, self)
        if self.cancelled and self.state == "up":
            self.hang_up()

    def _contradict(self, asked: Asked, code: int) -> None:
        """Say something else than what has just been said, if that is the phone's manner."""
        if self.phone.manners.answers_twice:
            fields = [("Contact", f"<{self.phone.contact}>"), ("User-Agent", self.phone.user_agent)]
            self.phone.transmit(
                asked.request.response(code, to_tag=self.local_tag, fields=fields), asked.path
            )

    # Refusing

    def refuse(self, code: int, fields: Fields = (), reason: str = "") -> None:
        """Refuse the call."""
        if self.state == "called" and self.asked is not None and not self.asked.final:
            self.code = code
            self.respond(self.asked, code, fields, reason=reason)
            self._contradict(self.asked, 200)
            self.finish("refused")

    def redirect(self, to: str, code: int = 302) -> None:
        """Forward the call as Yealinks do: a 302 whose Contact is the target."""
        self.refuse(code, [("Contact", f"<{self.phone.uri_of(to)}>")], "Moved Temporarily")

    def cancel_received(self, request: Request) -> None:
        """Section 9.2: it is given up, so 487."""
        if self.state != "called" or self.asked is None:
            return
        if not self.phone.manners.honours_cancel:
            self.answer()
            return
        self.code = 487
        self.respond(self.asked, 487)
        self.finish("cancelled")
