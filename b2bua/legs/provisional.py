"""What is told the peer of its INVITE before the final response (RFC 3261 13.3.1.1, RFC 3262)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, SUPPORTED, SUPPORTED_ANSWER
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.offer_answer import moved
from b2bua.dialogs.reliable import MAX_FIRST, ReliableResponses
from b2bua.errors import PeerError
from b2bua.legs import bye, responses
from b2bua.legs.context import SDP
from b2bua.legs.header_policy import leaving, session_of
from b2bua.legs.peer_update import PeerUpdate
from b2bua.legs.words import Changed, Confirmed, Fields, HungUp

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.legs.state import LegData
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response

RELIABLY = f"Allow: {ALLOW[1]}\nSupported: {SUPPORTED_ANSWER[1]}\n"
"""What we can do, for who may get provisional responses reliably."""
UNRELIABLY = f"Allow: {ALLOW[1]}\nSupported: {SUPPORTED[1]}\n"
"""And for who may not."""
MINUTE = 60.0
"""A provisional response is repeated each minute, so that no proxy gives up (section 13.3.1.1)."""
TWO_AND_A_HALF = 150.0
"""The same for reliable ones (RFC 3262 section 3)."""


class ProvisionalResponses:
    """
    The server side of an INVITE up to its final response.

    It keeps offer and answer within the INVITE, and the one timer that there
    is at a time.
    """

    __slots__ = (
        "_abandoned",
        "_answer",
        "_expiry",
        "_held",
        "_last",
        "_offer_out",
        "_preview",
        "_timer",
        "initial",
        "leg",
        "offer",
        "offering",
        "reliable",
        "request",
        "server",
    )

    initial: bool
    """Is it the one that makes the dialog?"""
    offering: bool
    """Is there an offer, of either side, that has no answer yet?"""
    _held: tuple[bytes | None, Fields] | None
    """The acceptance that waits for a PRACK."""
    _last: tuple[int, str] | None
    """The last provisional response, from which on the peer knows the dialog."""
    _offer_out: bool
    """Did the offer of our side go out in a response?"""
    _preview: bytes | None
    """The session that went out in a provisional response."""
    _expiry: ITimer | None
    """Fires when the INVITE has waited for as long as its Expires says."""

    def __init__(self, leg: LegData, request: Request, server: IServerTransaction) -> None:
        """Take the request."""
        self.leg = leg
        self.request = request
        self.server = server
        server.user = leg
        self.initial = leg.dialog is None
        self.offer: bytes | None = None
        self.offering = False
        self.reliable: ReliableResponses | None = None
        self._abandoned: ReliableResponses | None = None
        self._answer: Response | None = None
        self._held = None
        self._last = None
        self._offer_out = False
        self._preview = None
        self._timer: ITimer | None = None
        self._expiry = None

    @property
    def answered(self) -> bool:
        """Was a 2xx sent, so that only the ACK is missing?"""
        return self._answer is not None

    @property
    def tagged(self) -> bool:
        """Does the peer know the dialog: has a response with our tag been sent?"""
        return not self.initial or self.answered or self._last is not None

    def early_exchange_done(self) -> bool:
        """Was an offer answered reliably in this early dialog, so that an UPDATE may bring the next?"""
        reliable = self.reliable
        made = self.offer is not None or self._offer_out
        return made and not self.offering and reliable is not None and reliable.current is None

    # What the rest of it does

    def accept(self, session: bytes | None, fields: Fields) -> None:
        """Send the 2xx, or hold it back."""
        raise NotImplementedError

    def refuse(self, code: int, reason: str, fields: Fields) -> None:
        """Send a final response that is no 2xx."""
        raise NotImplementedError

    def _repeat_answer(self) -> None:
        """Send the 2xx again."""
        raise NotImplementedError

    # Provisional responses

    def progress(self, code: int, reason: str, session: bytes | None, fields: Fields) -> None:
        """Send a 1xx, reliably if that is called for; SDP goes along where it may."""
        if self._answer is not None or self._held is not None or code == 199:
            # The one early dialog that the peer knows of lives on when a fork
            # of the other side ends, so a 199 would be wrong here (RFC 6228 section 5).
            return
        leg = self.leg
        if not self.initial:
            # Once a new session were agreed on in a 1xx, the re-INVITE could
            # not be refused any more (RFC 6141 section 3.3).
            session = None
        if session is not None:
            if self._preview is not None:
                self._fork_if_moved(self._preview, session)
            answered = self.offer is not None and self.reliable is not None and not self.offering
            if self._offer_out or answered:
                session = None
        reliably = self._reliably(session)
        if self.offer is None and not self._offer_out:
            if not reliably:
                session = None
            elif session is None:
                # The first reliable response must bring the offer (RFC 3262 section 5).
                if "100rel" in self.request.require:
                    return
                reliably = False
        body = leg.signed(session, self.offer) if session is not None else b""
        response = self._response(code, reason, fields, body)
        if code == 180:
            leg.ringing = True
        self._last = (code, reason)
        if session is not None:
            self._preview = session
        if reliably:
            self._send_reliably(response, session)
        else:
            self.server.respond(response)
            if self.reliable is None or self.reliable.current is None:
                self._wait(MINUTE)

    def _fork_if_moved(self, before: bytes, session: bytes) -> None:
        """
        Go on in another early dialog when somebody else has something to say.

        @param before: the session that went out in a provisional response.

        All SDP in the responses of one dialog is the same (RFC 6337 section
        3.1.1), so whoever answers instead of who rang does so under a To tag
        of its own, as it would behind a proxy that forks.
        """
        leg = self.leg
        if not self.initial or not moved(before, session):
            return
        context, old = leg.context, leg.dialog
        assert old is not None
        dialog = Dialog.of_request(self.request, context.token())
        dialog.remote_seq = old.remote_seq
        leg.early = [*(leg.early or ()), old]
        leg.dialog = dialog
        context.dialogs.add(dialog, leg)
        if self.reliable is not None:
            # The numbers go on, since they count for the whole INVITE (RFC 3262 section 3).
            self._abandoned = self.reliable
            self.reliable = ReliableResponses(self.reliable.rseq + 1, leg.timers.t1)
        self._preview = None
        self._offer_out = False
        self.offering = self.offer is not None

    def _reliably(self, session: bytes | None) -> bool:
        """Decide whether a 1xx is sent reliably."""
        if "Require" in self.request.first and "100rel" in self.request.require:
            return True
        policy = self.leg.party.policy.reliable
        if policy == "never" or (policy != "required" and session is None):
            return False
        return "100rel" in self.request.supported

    def _send_reliably(self, response: Response, session: bytes | None) -> None:
        """Number it and send it, or queue it behind one that is not acknowledged."""
        leg = self.leg
        if self.reliable is None:
            first = leg.context.random.randrange(1, MAX_FIRST)
            self.reliable = ReliableResponses(first, leg.timers.t1)
        if session is not None:
            if self.offer is not None:
                self.offering = False
                leg.remote_session = self.offer
            else:
                self._offer_out = self.offering = True
        ready = self.reliable.send(response, session is not None, leg.context.layer.now())
        if ready is not None:
            self.server.respond(ready)
            self._wait(self.reliable.interval)

    def _wait(self, seconds: float) -> None:
        """Start the one timer over."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.leg.context.layer.start(seconds, self)

    def __call__(self) -> None:
        """The timer fires: repeat what has not been acknowledged, or show that we still live."""
        self._timer = None
        if self._answer is not None:
            self._repeat_answer()
        elif self.reliable is not None and self.reliable.current is not None:
            again = self.reliable.repeat(self.leg.context.layer.now())
            if again is None:
                self._give_up()
                return
            self.server.respond(again)
            self._wait(self.reliable.interval)
        else:
            assert self._last is not None
            self.progress(*self._last, None, ())
            if self.reliable is not None and self._timer is None:
                self._wait(TWO_AND_A_HALF)

    def _give_up(self) -> None:
        """No PRACK in 64*T1: the INVITE fails (RFC 3262 section 3)."""
        leg, initial = self.leg, self.initial
        self.refuse(504, "", ())
        if initial:
            leg.hear(leg, HungUp("timeout"))
        else:
            bye.lose(leg, "timeout")

    def prack(self, request: Request, server: IServerTransaction) -> None:
        """Take a PRACK: 2xx if it matches, else 481 (RFC 3262 section 3)."""
        leg = self.leg
        rack = request.rack
        if rack is None:
            raise PeerError("A PRACK needs a RAck", section="RFC 3262 7.2")
        body = session_of(request)
        matched, following = False, None
        now, cseq = leg.context.layer.now(), self.request.cseq.number
        if leg.dialog is None or request.to_tag != leg.dialog.local_tag:
            before = self._abandoned
            late = before is not None and before.acknowledged(rack, cseq, now)[0]
            responses.respond(leg, server, 200 if late else 481)
            return
        if self.reliable is not None:
            matched, following = self.reliable.acknowledged(rack, cseq, now)
        if not matched:
            responses.respond(leg, server, 481)
            return
        if self._timer is not None and self._answer is None:
            self._timer.stop()
            self._timer = None
        if self._offer_out and self.offering and body is not None:
            self.offering = False
            leg.remote_session = body
            responses.respond(leg, server, 200)
            self._next(following)
            leg.hear(leg, Confirmed(body))
            return
        if body is not None and not self.offering and leg.peer_update is None:
            # An offer within the PRACK (RFC 6337 table 1, pattern 5) is like one in an UPDATE.
            leg.peer_update = PeerUpdate(leg, request, server, body)
            self._next(following)
            leg.hear(leg, Changed(body))
            return
        responses.respond(leg, server, 200)
        self._next(following)

    def _next(self, following: Response | None) -> None:
        """Go on with what waited for a PRACK."""
        if following is not None:
            self.server.respond(following)
            assert self.reliable is not None
            self._wait(self.reliable.interval)
        elif (
            self._held is not None and self.reliable is not None and not self.reliable.session_unacknowledged
        ):
            session, fields = self._held
            self._held = None
            self.accept(session, fields)
        elif self._answer is None:
            self._wait(TWO_AND_A_HALF)

    def _response(self, code: int, reason: str, fields: Fields, body: bytes) -> Response:
        """Write a response that makes or keeps a dialog."""
        leg = self.leg
        assert leg.dialog is not None
        contact = leg.channel.contact_by(self.server.flow)
        able = UNRELIABLY if leg.party.policy.reliable == "never" else RELIABLY
        head, lines = f"Contact: {contact}\n{able}", 3
        if code >= 200 and self.initial:
            head, lines = f"{head}Server: {leg.context.user_agent}\n", 4
        if fields:
            fields = leaving(fields, leg.party)
        if body:
            fields += (SDP,)
        return self.request.response(code, reason, leg.dialog.local_tag, fields, body, head, lines)
