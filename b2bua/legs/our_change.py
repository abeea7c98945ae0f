"""A re-INVITE or UPDATE of ours, from its sending to its ACK, and what comes between (RFC 3261 14.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.dialogs.offer_answer import back_off, can_answer, moved, rejection, with_lines_of
from b2bua.dialogs.reliable import InOrder
from b2bua.dialogs.usages import Effect, effect_of
from b2bua.errors import PeerError
from b2bua.legs import bye, our_requests, session_expires
from b2bua.legs.ack import Ack
from b2bua.legs.change_queue import QueuedChange
from b2bua.legs.context import SDP
from b2bua.legs.header_policy import FAILURE, SUCCESS, entering, session_within
from b2bua.legs.state import ANSWERED, CALLING
from b2bua.legs.words import Answered, Changed, Refused

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog_request import DialogRequest
    from b2bua.legs.state import LegData
    from b2bua.legs.words import Fields
    from b2bua.wire.message import Response

ATTEMPTS = 6
"""How often one change is sent at most."""
PATIENCE = 60.0
"""Seconds from the first provisional response of a re-INVITE to its CANCEL: a person may be asked."""


class OurChange:
    """A re-INVITE or UPDATE of ours."""

    __slots__ = (
        "_ack",
        "_answer",
        "_before",
        "_credentials",
        "_early",
        "_given_up",
        "_held",
        "_order",
        "_over",
        "_owes_ack",
        "_proceeding",
        "_sent",
        "_timer",
        "attempts",
        "leg",
        "method",
        "refresh",
        "seq",
        "word",
    )

    def __init__(
        self, leg: LegData, word: Changed, method: str, refresh: bool = False, attempts: int = 0
    ) -> None:
        """
        Take what to send; L{start} sends it.

        @param refresh: is it our own, such as a session refresh, for which nobody waits?
        @param attempts: how often it was sent before.
        """
        self.leg = leg
        self.word = word
        self.method = method
        self.refresh = refresh
        self.attempts = attempts
        self.seq = 0
        self._ack: Ack | None = None
        self._answer: bytes | None = None
        self._before = leg.origin.state if leg.origin is not None else None
        self._credentials: Fields = ()
        self._early = leg.state is CALLING
        self._given_up = 0
        """What we say that it was refused with, since we have cancelled it."""
        self._held: Answered | None = None
        self._order: InOrder | None = None
        self._over = False
        self._owes_ack = False
        self._sent: DialogRequest | None = None
        self._proceeding = False
        """Has the peer got it, as a provisional response says?"""
        self._timer: ITimer | None = None

    @property
    def asks(self) -> bool:
        """Does it ask the peer for an offer: a re-INVITE without SDP?"""
        return self.method == "INVITE" and self.word.session is None and not self._silent

    @property
    def _silent(self) -> bool:
        """Is nothing new about the session?"""
        return self.refresh or self.word.identity_only

    def start(self) -> None:
        """Send it; from now on it is what is open."""
        leg = self.leg
        assert leg.dialog is not None
        leg.our_change = self
        self.attempts += 1
        body = b""
        if self.word.session is not None:
            before = leg.local_session or b""
            body = leg.signed(with_lines_of(self.word.session, before, exactly=False))
        elif self._silent and self.method == "INVITE" and (last := leg.local_session):
            # A re-INVITE repeats the offer unchanged (RFC 4028 section 7.4).
            body = leg.signed(last)
        fields = (*session_expires.asking(leg), *self.word.fields, *self._credentials)
        if body:
            fields += (SDP,)
        self._sent = our_requests.request(
            leg, leg.dialog, self.method, self._heard, fields, body, refresh=True, mends=False
        )
        self.seq = self._sent.seq

    def _heard(self, response: Response) -> None:
        """Take a response; what is malformed in it makes it a failure."""
        if response.final:
            self._stop()
        elif not self._proceeding and self.method == "INVITE":
            self._proceeding = True
            self._timer = self.leg.context.layer.start(
                min(PATIENCE, session_expires.margin(self.leg)), self._late
            )
        try:
            if response.provisional:
                self._provisional(response)
            elif response.success:
                self._success(response)
            elif not self._over:
                self._failure(response)
        except PeerError:
            if response.final and not self._over:
                self._close(Refused(500, "", (), True, self._early))

    def _provisional(self, response: Response) -> None:
        """Take a reliable 1xx to a re-INVITE: PRACK, perhaps with the answer in it."""
        leg = self.leg
        if self._over or response.code == 100 or "100rel" not in response.require or response.rseq is None:
            return
        order = self._order = self._order or InOrder()
        if leg.dialog is None or not order.takes(response.rseq):
            return
        leg.dialog.refresh(response)
        session = session_within(response)
        rack = ("RAck", f"{response.rseq} {response.cseq.number} INVITE")
        if session is not None and self._answer is None:
            self._answer = session
            if self.asks:
                # We did not say that we know 100rel here; refuse its offer in
                # due form and let the 2xx bring what counts.
                our_requests.request(
                    leg,
                    leg.dialog,
                    "PRACK",
                    our_requests.ignored,
                    (rack, SDP),
                    leg.signed(rejection(session)),
                )
                return
        our_requests.request(leg, leg.dialog, "PRACK", our_requests.ignored, (rack,))

    def _success(self, response: Response) -> None:
        """Take a 2xx."""
        leg = self.leg
        if self._ack is not None:
            self._ack.repeat()
            return
        dialog = leg.dialog
        if dialog is None:
            return
        session = session_within(response) if self._answer is None else self._answer
        if self.method == "INVITE":
            self._ack = Ack(leg.channel, dialog, self.seq, self._credentials)
        if self._over:
            if self._ack is not None:
                self._ack.send(leg.signed(rejection(session)) if self.asks and session else None)
            return
        dialog.refresh(response)
        leg.learn(response)
        session_expires.agreed(leg, response)
        fields = entering(response, SUCCESS, leg.party)
        if self.asks:
            self._take_offer(session, fields)
            return
        if self._ack is not None:
            self._ack.send()
        before = leg.remote_session
        if session is not None and (self.word.session is not None or self.method == "INVITE"):
            leg.remote_session = session
        elif self.word.session is not None:
            if before is None or not can_answer(before, self.word.session):
                # There is no answer in it that could be read, and the last one fits no more.
                self._close(Refused(488, "", (), local=True))
                return
            session = before
        if self.refresh and session is not None and before is not None and moved(before, session):
            self._close(Changed(session))
            return
        self._close(Answered(None if self._silent else session, fields, self._early))

    def _take_offer(self, session: bytes | None, fields: Fields) -> None:
        """Let the call answer the offer in a 2xx; the ACK waits for that."""
        leg = self.leg
        if session is None:
            assert self._ack is not None
            self._ack.send()
            self._close(Refused(500, "", (), local=True))
            return
        leg.remote_session = session
        self._owes_ack = True
        if self._ack is not None:
            self._ack.owe(leg)
        leg.hear(leg, Answered(session, fields))

    def confirm(self, session: bytes | None) -> None:
        """Send the ACK with the answer; without one all streams are refused."""
        leg = self.leg
        if not self._owes_ack or self._ack is None:
            return
        self._owes_ack = False
        if session is None:
            session = rejection(leg.remote_session or b"")
        self._ack.send(leg.signed(session, leg.remote_session))
        self._over = True
        leg.our_change = None
        leg.settled()

    def cancel(self, code: int) -> None:
        """
        Send a CANCEL; a 2xx that crosses it counts all the same (section 9.1).

        By that the transaction ends in 64*T1, whatever the peer does.

        @param code: what the other side is told when it has been cancelled.
        """
        self._stop()
        if self.method == "INVITE" and self._sent is not None and not self._given_up:
            self._given_up = code
            self._sent.cancel()

    def _late(self) -> None:
        """It rings for too long: who waits hears the same as of a late UPDATE (RFC 3311 section 5.2)."""
        self.cancel(504)

    def _stop(self) -> None:
        """Wait no more for the final response."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def abandon(self) -> None:
        """Hear no more of it, but acknowledge what has to be."""
        self.cancel(487)
        if self._owes_ack:
            self.confirm(None)
        self._over = True

    def hold(self, word: Answered) -> None:
        """Keep back the answer to the INVITE until the UPDATE within it is answered."""
        self._held = word

    def _failure(self, response: Response) -> None:
        """Take a final response that is no 2xx."""
        leg, code = self.leg, response.code
        self._roll_back()
        if self._given_up and (code == 487 or (response.local and self._proceeding)):
            # Without an answer to the CANCEL in 64*T1 it counts as cancelled (section 9.1).
            self._refused(Refused(self._given_up))
            return
        if self._try_again(response):
            return
        gone = code in (408, 481) or response.local or effect_of(self.method, code) is not Effect.TRANSACTION
        if gone and leg.state is ANSWERED and self._held is None:
            # RFC 3261 section 12.2.1.2, RFC 5057 section 5.1.
            self._over = True
            leg.our_change = None
            bye.lose(leg, "timeout" if code == 408 else "lost")
            return
        if 300 <= code < 400:
            code = 488
        reason = response.reason if code == response.code else ""
        fields = entering(response, FAILURE, leg.party)
        self._refused(Refused(code, reason, fields, response.local, self._early))

    def _refused(self, word: Refused) -> None:
        """The session is as it was."""
        leg = self.leg
        before = leg.local_session
        if self._answer is not None and before is not None:
            # An answer in a reliable 1xx is undone: say what holds again (RFC 6141 section 3.4).
            leg.queued_change = QueuedChange(leg, Changed(before), send, refresh=True)
        elif self.refresh:
            session_expires.failed(leg)
        self._close(word)

    def _roll_back(self) -> None:
        """The session stays as it was (section 14.1)."""
        if self._before is not None and self.leg.origin is not None:
            self.leg.origin.revert(self._before)

    def _try_again(self, response: Response) -> bool:
        """Mend what the response complains about, or wait out a glare."""
        leg, code = self.leg, response.code
        if self.attempts >= ATTEMPTS or leg.dialog is None or self._held is not None or self._given_up:
            return False
        if code == 491 or (code == 500 and response.retry_after is not None):
            seconds = back_off(response, owner=leg.dialog.owner, random=leg.context.random)
            if leg.state is not ANSWERED or seconds is None:
                return False
            self._wait(seconds)
            return True
        if response.local and leg.state is ANSWERED and (away := self._went_astray(code)) is not None:
            self._wait(away, away=True)
            return True
        if code in (401, 407):
            request = leg.dialog.request(self.method, "", self.seq)
            fields = leg.context.credentials(leg, response, request, leg.channel.flow)
            if fields is None:
                return False
            self._credentials = tuple(fields)
        elif code in (405, 501) and self.method == "UPDATE" and leg.state is ANSWERED:
            leg.peer_allows = (leg.peer_allows or frozenset()) - {"UPDATE"}
            self.method = "INVITE"
        elif code == 500 and leg.dialog.overtaken(self.seq):
            pass  # a NOTIFY that was sent after it came first (RFC 3261 section 12.2.2)
        elif code != 422 or not session_expires.refused(leg, response):
            return False
        self._before = leg.origin.state if leg.origin is not None else None
        self.start()
        return True

    def _went_astray(self, code: int) -> float | None:
        """
        How long to wait for a phone that was not where the request went; None if it should have been.

        All attempts together take as long as one over UDP, 64*T1.
        """
        leg, channel = self.leg, self.leg.channel
        if channel.flow is None and code == 503:
            return 64 * leg.timers.t1 / ATTEMPTS
        elsewhere = channel.device is not None and self._sent is not None and self._sent.astray
        return 0.0 if elsewhere else None

    def _wait(self, seconds: float, *, away: bool = False) -> None:
        """
        Try again after some seconds, unless the peer comes first.

        A newer change that waits for this one takes its place and its time;
        whoever asked for this one is told that it is not made.
        """
        leg = self.leg
        self._over = True
        leg.our_change = None
        queued = leg.queued_change
        if queued is None:
            queued = QueuedChange(leg, self.word, send, refresh=self.refresh, attempts=self.attempts)
            leg.queued_change = queued
        elif not self.refresh:
            leg.hear(leg, Refused(491, "", (), local=True))
        queued.wait(seconds, away=away)

    def _close(self, word: Answered | Refused | Changed) -> None:
        """The exchange is over; one that was nobody's is heard of only if the peer changed its session."""
        leg, held = self.leg, self._held
        self._over = True
        if leg.our_change is self:
            leg.our_change = None
        leg.unasked = leg.unasked or isinstance(word, Changed)
        if not self.refresh or isinstance(word, Changed):
            leg.hear(leg, word)
        if held is not None:
            leg.hear(leg, held)
        leg.settled()


def send(leg: LegData, queued: QueuedChange, method: str) -> None:
    """Send a change that has waited for its turn."""
    OurChange(leg, queued.word, method, queued.refresh, queued.attempts).start()
