"""An INVITE of the peer, the first one or a later one (RFC 3261 sections 13.3 and 14.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, OPTION_TAGS
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.offer_answer import can_answer, with_lines_of
from b2bua.dialogs.session_timer import TooBrief
from b2bua.errors import PeerError
from b2bua.legs import bye, session_expires
from b2bua.legs.header_policy import (
    CHANGE,
    GOODBYE,
    INVITE,
    entering,
    leaving,
    session_of,
    session_within,
    whole,
)
from b2bua.legs.provisional import ProvisionalResponses
from b2bua.legs.state import ANSWERED, ENDED
from b2bua.legs.words import CONFIRMED, Changed, Confirmed, Fields, HungUp, Offered, Refused, Withdrawn
from b2bua.wire.refusals import check_required, fields_with

if TYPE_CHECKING:
    from b2bua.wire.message import Request


class PeerInvite(ProvisionalResponses):
    """
    The server side of one INVITE.

    It ends when the refusal is sent, or the ACK for the 2xx has come.
    """

    __slots__ = ("_began", "_interval")

    _began: float
    """When the 2xx was sent first."""
    _interval: float
    """Seconds after which it was repeated last."""

    # How it begins

    def begin(self) -> bool:
        """Look at the first INVITE; refuse it for its faults, or let the call hear of it."""
        leg, request = self.leg, self.request
        context = leg.context
        self.server.trying()
        try:
            channel = leg.channel
            channel.take_flow(self.server.flow)
            channel.contact_user = request.request_uri.number
            channel.sticky = leg.party.kind == "extension"
            dialog = Dialog.of_request(request, context.token())
            if not dialog.target:
                raise PeerError("An INVITE needs a Contact", section="RFC 3261 8.1.1.8")
            leg.dialog = dialog
            channel.secure = dialog.secure
            if channel.sticky:
                channel.meet(leg.party.registered_as, dialog.target, self.server.flow)
            leg.learn(request)
            fault = self._fault()
            expires = request.expires if "Expires" in request.first else None
            breadth = request.max_breadth if "Max-Breadth" in request.first else None
        except PeerError as error:
            fault = Refused(error.code, error.why if error.code == 400 else "")
        if fault is not None:
            self.refuse(fault.code, fault.reason, fault.fields)
            leg.hear(leg, fault)
            return False
        if expires:
            self._expiry = context.layer.start(expires, self._expired)
        context.dialogs.add(dialog, leg)
        forwards = request.max_forwards
        offered = Offered(
            self.offer,
            entering(request, INVITE, leg.party),
            70 if forwards is None else forwards,
            60 if breadth is None else breadth,
        )
        leg.hear(leg, offered)
        return True

    def again(self) -> None:
        """Look at a re-INVITE; refuse it for its faults, or let the call hear of it."""
        leg = self.leg
        fault = self._fault()
        if fault is not None:
            self.refuse(fault.code, fault.reason, fault.fields)
            return
        fields = entering(self.request, CHANGE, leg.party)
        if (
            self.offer is not None
            and self.offer == leg.remote_session
            and leg.local_session
            and not fields
            and can_answer(leg.local_session, self.offer)
        ):
            # A session refresh (RFC 4028 section 7.4) concerns nobody else.
            self.accept(leg.local_session, ())
            return
        leg.hear(leg, Changed(self.offer, fields))

    def _fault(self) -> Refused | None:
        """Check Require, the body and the session timer; give what has to be answered."""
        leg, request = self.leg, self.request
        never = leg.party.policy.reliable == "never"
        try:
            if "Require" in request.first:
                check_required(request, OPTION_TAGS - {"100rel"} if never else OPTION_TAGS)
            self.offer = session_of(request)
        except PeerError as error:
            return Refused(error.code, "", fields_with(error))
        self.offering = self.offer is not None
        verdict = session_expires.judge(leg, request)
        return Refused(422, "", verdict.fields) if type(verdict) is TooBrief else None

    def _expired(self) -> None:
        """The INVITE has an Expires, and nobody answered in that time (section 13.3.1)."""
        self._expiry = None
        if not self.answered:
            leg = self.leg
            self.refuse(487, "", ())
            leg.hear(leg, HungUp("timeout"))

    # The final response

    def accept(self, session: bytes | None, fields: Fields) -> None:
        """
        Send the 2xx.

        It is held back while a reliable 1xx with SDP is not acknowledged (RFC
        3262 section 3).  SDP that was in an unreliable 1xx is repeated (RFC
        6337 section 3.1.1); where the answer went out reliably the 2xx has none.
        """
        leg = self.leg
        if self._answer is not None or self._held is not None:
            return
        if session is not None and self._preview is not None:
            self._fork_if_moved(self._preview, session)
        if self.reliable is not None and self.reliable.session_unacknowledged:
            self._held = (session, fields)
            return
        body = self._final_body(session)
        if body is None:
            self.refuse(500, "No session", ())
            if self.initial:
                leg.hear(leg, HungUp("error"))
            return
        if self.reliable is not None:
            self.reliable.finish()
        if not self.initial and leg.dialog is not None:
            leg.dialog.refresh(self.request)
        extra = session_expires.answer(leg, self.request)
        self._answer = self._response(200, "", extra + fields, body)
        leg.state = ANSWERED
        self.server.respond(self._answer)
        layer = leg.context.layer
        self._began = layer.moment or layer.now()
        self._interval = layer.timers_of(leg.channel.flow).t1
        self._wait(self._interval)

    def _final_body(self, session: bytes | None) -> bytes | None:
        """Choose the body of the 2xx; None if one is needed and there is none."""
        leg = self.leg
        if self.offer is not None:
            if not self.offering:
                return b""
            session = session if session is not None else self._preview
            if session is None:
                return None
            self.offering = False
            leg.remote_session = self.offer
            return leg.signed(session, self.offer)
        if self._offer_out:
            return b""
        if session is None:
            return None
        self._offer_out = self.offering = True
        return leg.signed(with_lines_of(session, leg.local_session or b"", exactly=False))

    def _repeat_answer(self) -> None:
        """Send the 2xx again, until the ACK comes or 64*T1 have passed (section 13.3.1.4)."""
        leg = self.leg
        timers = leg.timers
        patience = 64 * timers.t1
        waited = leg.context.layer.now() - self._began
        if waited >= patience - 0.001:
            self.finish()
            bye.lose(leg, "timeout")
            return
        assert self._answer is not None
        self.server.respond(self._answer)
        self._interval = min(self._interval * 2, timers.t2)
        self._wait(min(self._interval, patience - waited))

    def ack_received(self, request: Request) -> None:
        """Take the ACK; it may bring the answer."""
        leg = self.leg
        if self._answer is None or request.cseq.number != self.request.cseq.number:
            return
        answer = session_within(request) if self.offering else None
        lost = self.offering and answer is None
        if answer is not None:
            leg.remote_session = answer
        self.finish()
        if leg.state is ENDED:
            leg.settled()
            leg.check_gone()
        elif lost:
            bye.lose(leg, "error")
        else:
            leg.hear(leg, CONFIRMED if answer is None else Confirmed(answer))
            if leg.seldom is not None:
                leg.settled()

    def refuse(self, code: int, reason: str, fields: Fields) -> None:
        """Send a final response that is no 2xx; it ends a leg that was not answered."""
        leg = self.leg
        if self.answered:
            return
        tag = leg.dialog.local_tag if leg.dialog is not None else leg.context.token()
        fields = leaving(fields, leg.party)
        if code == 405:
            fields += (ALLOW,)
        if not whole(code, fields):
            code, reason = 500, ""
        response = self.request.response(code, reason, to_tag=tag, fields=fields)
        self.server.respond(response)
        self.finish()
        if self.initial:
            leg.end()
            leg.check_gone()
        else:
            leg.settled()

    def cancelled(self, request: Request) -> None:
        """Take a CANCEL: 487, unless there was a final response (section 9.2)."""
        leg = self.leg
        if self.answered:
            return
        initial = self.initial
        fields = entering(request, GOODBYE, leg.party)
        self.refuse(487, "", ())
        if initial:
            leg.hear(leg, HungUp("cancel", fields))
        else:
            leg.withdrawn = Changed(self.offer)
            leg.hear(leg, Withdrawn())

    def finish(self) -> None:
        """Be over: stop the timer and let go of the messages."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._expiry is not None:
            self._expiry.stop()
        leg = self.leg
        if leg.peer_invite is self:
            leg.peer_invite = None
        if leg.seldom is not None and self.initial:
            for dialog in leg.early or ():
                leg.context.dialogs.remove(dialog)
            leg.early = None
