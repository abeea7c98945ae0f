"""An INVITE of the peer, the first one or a later one (RFC 3261 sections 13.3 and 14.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls import parting, refreshing
from b2bua.calls.changing import Updated, moved
from b2bua.calls.context import ACCEPT, ALLOW, EXTENSIONS, SDP, SUPPORTED, LegState
from b2bua.calls.passing import CHANGE, GOODBYE, INVITE, entering, leaving, session_of
from b2bua.calls.words import Changed, Confirmed, Fields, HungUp, Offered, Refused
from b2bua.dialogs.dialog import Dialog
from b2bua.dialogs.offer_answer import can_answer
from b2bua.dialogs.reliable import MAX_FIRST, ReliableResponses
from b2bua.dialogs.session_timer import TooBrief
from b2bua.errors import PeerError
from b2bua.wire.uri import Uri

if TYPE_CHECKING:
    from b2bua.calls.leg import Leg
    from b2bua.transactions.ports import IServerTransaction, ITimer
    from b2bua.wire.message import Request, Response

MINUTE = 60.0
"""A provisional response is repeated each minute, so that no proxy gives up (section 13.3.1.1)."""
TWO_AND_A_HALF = 150.0
"""The same for reliable ones (RFC 3262 section 3)."""


class Invited:
    """
    The server side of one INVITE.

    It ends when the refusal is sent, or the ACK for the 2xx has come.
    """

    __slots__ = (
        "_abandoned",
        "_answer",
        "_began",
        "_expiry",
        "_held",
        "_interval",
        "_last",
        "_offer_out",
        "_preview",
        "_tagged",
        "_timer",
        "initial",
        "leg",
        "offer",
        "offering",
        "reliable",
        "request",
        "server",
    )

    def __init__(self, leg: Leg, request: Request, server: IServerTransaction) -> None:
        """Take the request; L{begin} does the rest."""
        self.leg = leg
        self.request = request
        self.server = server
        server.user = leg
        self.initial = leg.dialog is None
        self.offer: bytes | None = None
        self.offering = False
        """Is there an offer, of either side, that has no answer yet?"""
        self.reliable: ReliableResponses | None = None
        self._abandoned: ReliableResponses | None = None
        self._answer: Response | None = None
        self._began = 0.0
        self._expiry: ITimer | None = None
        self._interval = 0.0
        self._held: tuple[bytes | None, Fields] | None = None
        self._last: tuple[int, str] = (180, "")
        self._offer_out = False
        self._preview: bytes | None = None
        self._tagged = False
        self._timer: ITimer | None = None

    @property
    def answered(self) -> bool:
        """Was a 2xx sent, so that only the ACK is missing?"""
        return self._answer is not None

    @property
    def tagged(self) -> bool:
        """Does the peer know the dialog: has a response with our tag been sent?"""
        return not self.initial or self.answered or self._tagged

    # How it begins

    def begin(self) -> bool:
        """Look at the first INVITE; refuse it for its faults, or let the call hear of it."""
        leg, request = self.leg, self.request
        context = leg.context
        self.server.respond(request.response(100))
        try:
            leg.take_flow(self.server.flow)
            leg.contact_user = request.request_uri.user or ""
            leg.sticky = leg.party.kind == "extension"
            dialog = Dialog.of_request(request, context.token(), context.random.getrandbits(16))
            if not dialog.target:
                raise PeerError("An INVITE needs a Contact", section="RFC 3261 8.1.1.8")
            Uri.parse(dialog.target)
            leg.dialog = dialog
            leg.learn(request)
            fault = self._fault()
            expires = request.expires
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
        leg.hear(
            leg,
            Offered(self.offer, entering(request, INVITE, leg.party), 70 if forwards is None else forwards),
        )
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
        unknown = request.require - EXTENSIONS
        if "100rel" in request.require and leg.party.policy.reliable == "never":
            unknown |= {"100rel"}
        if unknown:
            return Refused(420, "", (("Unsupported", ", ".join(sorted(unknown))),))
        try:
            self.offer = session_of(request)
        except PeerError as error:
            return Refused(error.code, "", (ACCEPT,) if error.code == 415 else ())
        self.offering = self.offer is not None
        verdict = refreshing.judge(leg, request)
        return Refused(422, "", verdict.fields) if isinstance(verdict, TooBrief) else None

    def _expired(self) -> None:
        """The INVITE has an Expires, and nobody answered in that time (section 13.3.1)."""
        self._expiry = None
        if not self.answered:
            leg = self.leg
            self.refuse(487, "", ())
            leg.hear(leg, HungUp("timeout"))

    # Provisional responses

    def progress(self, code: int, reason: str, session: bytes | None, fields: Fields) -> None:
        """Send a 1xx, reliably if that is called for; SDP goes along where it may."""
        if self.answered or self._held is not None or code == 199:
            # The one early dialog that the peer knows of lives on when a fork
            # of the other side ends, so a 199 would be wrong here (RFC 6228 section 5).
            return
        leg = self.leg
        if not self.initial:
            # Once a new session were agreed on in a 1xx, the re-INVITE could
            # not be refused any more (RFC 6141 section 3.3).
            session = None
        self._fork_if_moved(session)
        if self._offer_out or (self.reliable is not None and not self.offering):
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
        body = leg.signed(session) if session is not None else b""
        response = self._response(code, reason, fields, body)
        if code == 180:
            leg.ringing = True
        self._last = (code, reason)
        self._tagged = True
        if session is not None:
            self._preview = session
        if reliably:
            self._send_reliably(response, session)
        else:
            self.server.respond(response)
            if self.reliable is None or self.reliable.current is None:
                self._wait(MINUTE)

    def _fork_if_moved(self, session: bytes | None) -> None:
        """
        Go on in another early dialog when somebody else has something to say.

        All SDP in the responses of one dialog is the same (RFC 6337 section
        3.1.1), so whoever answers instead of who rang does so under a To tag
        of its own, as it would behind a proxy that forks.
        """
        leg, before = self.leg, self._preview
        if session is None or before is None or not self.initial or not moved(before, session):
            return
        context, old = leg.context, leg.dialog
        assert old is not None
        dialog = Dialog.of_request(self.request, context.token(), context.random.getrandbits(16))
        dialog.remote_seq = old.remote_seq
        leg.early = [*(leg.early or ()), old]
        leg.dialog = dialog
        context.dialogs.add(dialog, leg)
        self._abandoned = self.reliable
        self.reliable = None
        self._preview = None
        self._offer_out = False
        self.offering = self.offer is not None

    def _reliably(self, session: bytes | None) -> bool:
        """Decide whether a 1xx is sent reliably."""
        if "100rel" in self.request.require:
            return True
        policy = self.leg.party.policy.reliable
        if policy == "never" or "100rel" not in self.request.supported:
            return False
        return policy == "required" or session is not None

    def _send_reliably(self, response: Response, session: bytes | None) -> None:
        """Number it and send it, or queue it behind one that is not acknowledged."""
        leg = self.leg
        if self.reliable is None:
            first = leg.context.random.randrange(1, MAX_FIRST)
            self.reliable = ReliableResponses(first, leg.context.settings.t1)
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
        self._timer = self.leg.context.layer.start(seconds, self._fired)

    def _fired(self) -> None:
        """Repeat what has not been acknowledged, or show that we still live."""
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
            parting.lose(leg, "timeout")

    def prack(self, request: Request, server: IServerTransaction) -> None:
        """Take a PRACK: 2xx if it matches, else 481 (RFC 3262 section 3)."""
        leg = self.leg
        rack = request.rack
        if rack is None:
            raise PeerError("A PRACK needs a RAck", section="RFC 3262 7.2")
        body = session_of(request)
        matched, following = False, None
        now, cseq = leg.context.layer.now(), self.request.cseq.number
        if leg.dialog is None or request.to.tag != leg.dialog.local_tag:
            before = self._abandoned
            late = before is not None and before.acknowledged(rack, cseq, now)[0]
            leg.respond(server, 200 if late else 481)
            return
        if self.reliable is not None:
            matched, following = self.reliable.acknowledged(rack, cseq, now)
        if not matched:
            leg.respond(server, 481)
            return
        if self._timer is not None and self._answer is None:
            self._timer.stop()
            self._timer = None
        if self._offer_out and self.offering and body is not None:
            self.offering = False
            leg.remote_session = body
            leg.respond(server, 200)
            self._next(following)
            leg.hear(leg, Confirmed(body))
            return
        if body is not None and not self.offering and leg.updated is None:
            # An offer within the PRACK (RFC 6337 table 1, pattern 5) is like one in an UPDATE.
            leg.updated = Updated(leg, request, server, body)
            self._next(following)
            leg.hear(leg, Changed(body))
            return
        leg.respond(server, 200)
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

    # The final response

    def accept(self, session: bytes | None, fields: Fields) -> None:
        """
        Send the 2xx.

        It is held back while a reliable 1xx with SDP is not acknowledged (RFC
        3262 section 3).  SDP that was in an unreliable 1xx is repeated (RFC
        6337 section 3.1.1); where the answer went out reliably the 2xx has none.
        """
        leg = self.leg
        if self.answered or self._held is not None:
            return
        self._fork_if_moved(session)
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
        extra = refreshing.answer(leg, self.request)
        self._answer = self._response(200, "", extra + fields, body)
        leg.state = LegState.ANSWERED
        self.server.respond(self._answer)
        self._began = leg.context.layer.now()
        self._interval = leg.context.settings.t1
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
            return leg.signed(session)
        if self._offer_out:
            return b""
        if session is None:
            return None
        self._offer_out = self.offering = True
        return leg.signed(session)

    def _response(self, code: int, reason: str, fields: Fields, body: bytes) -> Response:
        """Write a response that makes or keeps a dialog."""
        leg = self.leg
        assert leg.dialog is not None
        head: Fields = (leg.contact(self.server.flow), ALLOW, SUPPORTED)
        if code >= 200 and self.initial:
            head += (("Server", leg.context.settings.user_agent),)
        if fields:
            head += leaving(fields, leg.party)
        if body:
            head += (SDP,)
        response = self.request.response(code, reason, to_tag=leg.dialog.local_tag, fields=head, body=body)
        return leg.context.edited(leg, response)

    def _repeat_answer(self) -> None:
        """Send the 2xx again, until the ACK comes or 64*T1 have passed (section 13.3.1.4)."""
        leg = self.leg
        settings = leg.context.settings
        waited = leg.context.layer.now() - self._began
        if waited >= settings.patience - 0.001:
            self.finish()
            parting.lose(leg, "timeout")
            return
        assert self._answer is not None
        self.server.respond(self._answer)
        self._interval = min(self._interval * 2, settings.t2)
        self._wait(min(self._interval, settings.patience - waited))

    def ack_received(self, request: Request) -> None:
        """Take the ACK; it may bring the answer."""
        leg = self.leg
        if self._answer is None or request.cseq.number != self.request.cseq.number:
            return
        answer: bytes | None = None
        if self.offering:
            try:
                answer = session_of(request)
            except PeerError:
                answer = None
        lost = self.offering and answer is None
        if answer is not None:
            leg.remote_session = answer
        self.finish()
        if leg.state is LegState.ENDED:
            leg.settled()
        elif lost:
            parting.lose(leg, "error")
        else:
            leg.hear(leg, Confirmed(answer))
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
        response = self.request.response(code, reason, to_tag=tag, fields=fields)
        self.server.respond(leg.context.edited(leg, response))
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

    def finish(self) -> None:
        """Be over: stop the timer and let go of the messages."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._expiry is not None:
            self._expiry.stop()
        leg = self.leg
        if leg.invited is self:
            leg.invited = None
        if leg.early is not None and self.initial:
            for dialog in leg.early:
                leg.context.dialogs.remove(dialog)
            leg.early = None
