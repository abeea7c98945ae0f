"""A phone calls: the INVITE, its answers, CANCEL, ACK and PRACK (RFC 3261 section 13.2, RFC 3262)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.testing.dialog import ALLOW, Field, Fields
from b2bua.testing.exchange import Asking
from b2bua.testing.life import Life
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.testing.account import Account


class Dialing(Life):
    """What a session can do that we began, until it is up."""

    def __init__(self, phone: Account, incoming: bool) -> None:
        """Know nobody yet."""
        super().__init__(phone, incoming)
        self.surplus: dict[str, Request] = {}
        """The ACKs for 2xx of other forks, by their tags."""
        self.early: dict[str, int] = {}
        """The tags of early dialogs and the last RSeq that was seen in each."""
        self.answers: dict[str, bytes] = {}
        """The answers that came reliably in early dialogs, by their tags."""
        self.open_reliable: list[Response] = []
        """Reliable responses that have not been acknowledged yet."""
        self.redirected_to: list[str] = []
        self.next: Life | None = None
        """The call that took this one's place after a 302."""
        self._cancel_fields: list[Field] = []
        self._cancel_sent = False

    # Calling

    def dial(self, to: str, *, offer: bool = True, fields: Fields = (), max_forwards: int = 70) -> None:
        """Call a number or a URI."""
        phone = self.phone
        self.dialled, self.state = to, "calling"
        uri = phone.uri_of(to)
        self.call_id = f"0_{phone.token()}@{phone.host}"
        self.local = phone.name_addr
        self.remote = f"<{uri.partition('?')[0]}>"
        self.target = uri
        self.invite_again(phone.invite_fields(self) + list(fields), offer=offer, max_forwards=max_forwards)

    def invite_again(self, fields: Fields, *, offer: bool = True, max_forwards: int = 70) -> None:
        """Send the INVITE, the first one or one with a lesson learnt."""
        body = self.media.make_offer() if offer else b""
        head = [("Allow", ALLOW), ("Supported", ", ".join(self.phone.supported)), *fields]
        request = self.compose("INVITE", head, body)
        if max_forwards != 70:
            request = request.with_fields(remove=("Max-Forwards",), add=[("Max-Forwards", str(max_forwards))])
        self.invite = request
        self.asking = self.ask_as(request, self._invite_answered)

    def asked_again(self, request: Request, asking: Asking) -> None:
        """A challenged INVITE went out again."""
        if request.method != "INVITE":
            return
        self.asking = asking
        if request is self.invite:
            self.invite = asking.request

    def _invite_answered(self, response: Response | None) -> None:
        if response is None:
            self.code, self.asking = 408, None
            self.finish("timeout")
            return
        if response.code >= 200 and self.state != "calling":
            self._answered_again(response)
            return
        if self.state != "calling":
            return
        self.code = response.code
        self.codes.append(response.code)
        if response.code < 200:
            self._progress(response)
            if self.cancelled:
                self._send_cancel()
        elif response.code < 300:
            self._answered(response)
        else:
            self.asking = None
            self._refused(response)

    # Before the answer

    def _progress(self, response: Response) -> None:
        tag = response.to.tag
        if response.code == 100 or not tag:
            return
        reliable = "100rel" in response.require
        if reliable:
            last, number = self.early.get(tag, 0), int(response.get("RSeq") or 0)
            if last and number != last + 1:
                return  # RFC 3262 section 4: seen already, or out of order
            self.early[tag] = number
        else:
            self.early.setdefault(tag, 0)
        another = bool(self.remote_tag) and self.remote_tag != tag
        self.learn_from_response(response)
        if response.body:
            if reliable and another:
                self._answer_of_a_fork()
            self._early_session(response.body, reliable)
            if reliable:
                self.answers[tag] = response.body
        if reliable:
            self.open_reliable.append(response)
            if not self.phone.manners.by_hand:
                self.prack()

    def _answer_of_a_fork(self) -> None:
        """
        Be ready for the answer of another fork than the one that was heard last.

        It is to our first offer, whatever was agreed on with the other one (RFC
        3261 section 13.2.2.4).
        """
        if self.invite is not None:
            self.media.offer = self.invite.body or self.media.offer

    def _early_session(self, body: bytes, reliable: bool) -> None:
        media = self.media
        if not reliable:
            media.preview(body)
        elif media.offer is not None:
            media.received_answer(body)
        elif media.ours is None:
            media.received_offer(body)

    def prack(self) -> None:
        """Acknowledge the oldest reliable response that waits for it (RFC 3262 section 4)."""
        response = self.open_reliable.pop(0)
        body = self.media.make_answer() if self.media.remote_offer is not None else b""
        self.ask("PRACK", [("RAck", f"{response.get('RSeq')} {response.get('CSeq')}")], body)

    # The answer

    def _answered(self, response: Response) -> None:
        self.asking = None
        if self.remote_tag and self.remote_tag != response.to.tag:
            self._answer_of_a_fork()
            early = self.answers.get(response.to.tag)
            if early is not None and not response.body and self.media.offer is not None:
                self.media.received_answer(early)
        self.learn_from_response(response)
        self.state, self.since = "up", self.phone.now()
        self.take_session(response)
        self.learn_timer(response)
        if self.cancelled:
            self.acknowledge()
            self.hang_up()
            return
        if self.phone.manners.acknowledges:
            self.acknowledge()
        self.phone.talk_began(self)

    def take_session(self, response: Response) -> None:
        """Take what a 2xx says of the session: an answer, or an offer that the ACK answers."""
        self.ack_cseq = response.cseq.number
        if not response.body:
            return
        if self.media.offer is not None:
            self.media.received_answer(response.body)
        elif not (response.cseq.number == self.first_cseq and self.media.ours is not None):
            self.media.received_offer(response.body)
            self.owed_answer = response.body

    @property
    def first_cseq(self) -> int:
        """The CSeq number of the INVITE that began the session."""
        return self.invite.cseq.number if self.invite is not None else 0

    def _answered_again(self, response: Response) -> None:
        """The 2xx once more, or that of another fork (section 13.2.2.4)."""
        if response.code >= 300:
            return
        tag = response.to.tag or ""
        if tag == self.remote_tag:
            self.acknowledge_again(response)
        elif tag in self.surplus:
            self.phone.transmit_ack(self.surplus[tag])
        else:
            self.end_surplus(response, tag)

    def acknowledge_again(self, response: Response) -> None:
        """A 2xx that came again: so our ACK got lost."""
        if self.last_ack is not None and self.last_ack.cseq.number == response.cseq.number:
            self.phone.transmit_ack(self.last_ack)

    def end_surplus(self, response: Response, tag: str) -> None:
        """Acknowledge and end a dialog that we have no use for."""
        other = self.phone.new_session(incoming=False)
        other.call_id, other.local_tag = self.call_id, self.local_tag
        other.local, other.remote = self.local, self.remote
        other.local_cseq = other.ack_cseq = response.cseq.number
        other.learn_from_response(response)
        other.state = "up"
        self.surplus[tag] = other.acknowledge()
        other.hang_up()

    def acknowledge(self, session: bytes | None = None) -> Request:
        """Send the ACK for the 2xx; with the answer, if the offer came in the 2xx."""
        body = session or b""
        if self.owed_answer is not None:
            body = session or self.media.make_answer(self.owed_answer)
            self.owed_answer = None
        self.last_ack = self.compose("ACK", (), body, cseq=self.ack_cseq)
        self.phone.transmit_ack(self.last_ack)
        return self.last_ack

    def _refused(self, response: Response) -> None:
        self.media.dropped()
        if 300 <= response.code < 400:
            self.redirected_to = [contact.uri_text for contact in response.contacts]
        elif response.code == 422 and self.retry_with_longer_timer(response):
            return
        self.finish("cancelled" if self.cancelled else "refused")
        if self.redirected_to and self.phone.manners.follows and not self.cancelled:
            self.next = self.phone.dial(self.redirected_to[0])

    def retry_with_longer_timer(self, response: Response) -> bool:
        """Try again with what a 422 asks for (RFC 4028 section 7.3)."""
        return False

    # Giving up

    def cancel(self, fields: Fields = ()) -> None:
        """Give up before it is answered; a 200 that crosses is acknowledged and ended."""
        self.cancelled = True
        self._cancel_fields = list(fields)
        if self.asking is not None and self.asking.answers:
            self._send_cancel()  # section 9.1: not before a provisional response has come

    def _send_cancel(self) -> None:
        if self.asking is not None and not self._cancel_sent:
            self._cancel_sent = True
            self.asking.cancel(self._cancel_fields)
