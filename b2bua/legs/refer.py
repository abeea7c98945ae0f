"""A REFER that waits for a decision, and the NOTIFYs that tell how the transfer goes (RFC 3515)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.capabilities import ALLOW, SUPPORTED
from b2bua.dialogs.notify_queue import NotifyQueue
from b2bua.dialogs.subscription import FATAL, Subscription
from b2bua.dialogs.usages import Effect, effect_of
from b2bua.errors import PeerError
from b2bua.legs import bye, our_requests, responses
from b2bua.legs.state import ANSWERED, FINAL_BY
from b2bua.legs.words import Fields
from b2bua.wire.dialog_ids import Replaces
from b2bua.wire.names import NameAddr
from b2bua.wire.sipfrag import write_status

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.state import LegData
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response

SECONDS = 300
"""How long a subscription made by a REFER lasts; its end would not end the transfer."""
GAP = 1.0
"""Seconds between two NOTIFYs, but for the last one (RFC 3515 section 3.10)."""
SIPFRAG = ("Content-Type", "message/sipfrag;version=2.0")


class PeerRefer:
    """
    One REFER of a peer.

    It lives on after the BYE of its call, until the last NOTIFY is answered.
    """

    __slots__ = (
        "_answered",
        "_end_told",
        "_follower",
        "_next",
        "_queue",
        "_server",
        "_subscription",
        "_timer",
        "_told",
        "dialog",
        "leg",
        "max_forwards",
        "method",
        "refer_to",
        "referred_by",
        "replaces",
        "request",
        "wants_notify",
    )

    def __init__(self, leg: LegData, dialog: Dialog, request: Request, server: IServerTransaction) -> None:
        """
        Take the REFER.

        @raise PeerError: 400 without exactly one Refer-To (RFC 3515 section
            2.4.2), 416 for a scheme that cannot be called, 501 for a method;
            who is in a conference of ours may name BYE (RFC 4579 section 5.11).
        """
        refer_to = request.refer_to
        if refer_to is None:
            raise PeerError("A REFER needs one Refer-To", section="RFC 3515 2.4.2")
        uri = refer_to.uri
        if uri.scheme not in ("sip", "sips", "tel"):
            raise PeerError("Cannot call that scheme", section="RFC 3515 2.4.2", where=uri.scheme, code=416)
        method = (uri.param("method") or "INVITE").upper()
        if method != "INVITE" and not (method == "BYE" and leg.channel.focus):
            raise PeerError("Can only refer to an INVITE", section="RFC 3515 2.1", code=501)
        replaces = uri.header("Replaces") if uri.is_sip else None
        self.leg = leg
        self.dialog = dialog
        self.request = request
        self.refer_to: NameAddr = refer_to
        self.method = method
        self.replaces: Replaces | None = None if replaces is None else Replaces.parse(replaces)
        self.referred_by: NameAddr | None = request.referred_by
        hops = request.max_forwards
        self.max_forwards = 70 if hops is None else hops
        """What is left for what comes of it, as if it were passed on (RFC 7332 section 5)."""
        self.wants_notify = (request.get("Refer-Sub") or "").strip().lower() != "false"
        """False if the sender asks for no subscription (RFC 4488 section 4)."""
        self._server = server
        self._follower: LegData | None = None
        self._answered = False
        self._subscription: Subscription | None = None
        self._next: tuple[int, str] | None = None
        self._told = (100, "")
        self._end_told = False
        """Has the NOTIFY been sent that is the last one?"""
        layer = leg.context.layer
        self._queue = NotifyQueue(layer, self._send, GAP)
        self._timer: ITimer | None = layer.start(FINAL_BY * leg.timers.t1, self._undecided)

    @property
    def ended(self) -> bool:
        """Is nothing more to be told?"""
        return self._answered and self._subscription is None

    def passed_on(self, transferor: LegData) -> Fields:
        """
        Give what the INVITE that follows says of the transfer.

        Referred-By is copied as it is (RFC 3892 section 2.2), or made for a
        transferor who sent none that can be read.
        """
        text = self.request.get("Referred-By") if self.referred_by is not None else None
        if text is None:
            identity = transferor.identity
            uri = getattr(identity, "uri", "") or f"sip:{transferor.party.aor}"
            if uri == "sip:":
                return ()
            text = str(NameAddr.make("", uri))
        return (("Referred-By", text),)

    # The answer to the REFER

    def accept(self, code: int = 202, subscribe: bool = True) -> None:
        """
        Agree to it; the first NOTIFY follows at once (RFC 3515 section 2.4.4).

        A sender who can do without hears so in C{Refer-Sub: false} (RFC 4488
        section 4).

        @param subscribe: False ends the subscription with its first NOTIFY.
        """
        if self._answered:
            return
        leg = self.leg
        # A target refresh of one usage is one of all (RFC 5057 section 5.4).
        self.dialog.refresh(self.request)
        fields: Fields = (leg.channel.contact(self._server.flow), ALLOW, SUPPORTED)
        subscribing = self.wants_notify
        if not subscribing:
            fields += (("Refer-Sub", "false"),)
        self._answer(code, "", fields)
        if subscribing:
            now = leg.context.layer.now()
            self._subscription = Subscription(self._event(), SECONDS, now)
            if subscribe:
                self._watch()
            else:
                self._subscription.terminate("noresource")
            self.notify(100)
        else:
            self._over()

    def _event(self) -> str:
        """Give the value of Event, with the id of all but the first REFER (RFC 3515 section 2.4.6)."""
        leg = self.leg
        if self.dialog is leg.dialog and leg.referred:
            return f"refer;id={self.request.cseq.number}"
        if self.dialog is leg.dialog:
            leg.referred = True
        return "refer"

    def refuse(self, code: int, reason: str = "") -> None:
        """Turn it down."""
        if not self._answered:
            self._answer(code, reason, ())
            self._over()

    def _undecided(self) -> None:
        """Nobody has decided in time."""
        self._timer = None
        self.refuse(500)

    def _answer(self, code: int, reason: str, fields: Fields) -> None:
        """Send the final response."""
        self._answered = True
        self._stop()
        response = self.request.response(code, reason, to_tag=self.dialog.local_tag, fields=fields)
        self._server.respond(response)

    # What comes after

    def notify(self, code: int, reason: str = "") -> None:
        """
        Tell how it goes: a progress, or with C{code} of 200 and more the end.

        NOTIFYs go out one after the other; a progress that is overtaken is
        left out, the end never is.
        """
        subscription = self._subscription
        if subscription is None or (self._next is not None and self._next[0] >= 200):
            return
        self._next = (code, reason)
        self._queue.tell(at_once=code >= 200)

    def go_on(self) -> None:
        """Send what is to be told, now that our BYE has been answered."""
        self._queue.go_on()

    def _send(self) -> bool:
        """Send a NOTIFY; with a final status it is the last one (RFC 3515 section 2.4.7)."""
        leg, subscription = self.leg, self._subscription
        if subscription is None:
            return False
        if leg.our_bye is not None and self.dialog is leg.dialog:
            # Were our BYE overtaken, the peer would refuse it with 500 (RFC 3261 section 12.2.2).
            return False
        code, reason = self._next or self._told
        if code >= 200:
            subscription.terminate("noresource")
        self._next, self._told = None, (code, reason)
        self._end_told = not subscription.active
        if not subscription.active:
            self._stop()
        fields: Fields = (
            ("Event", subscription.event),
            ("Subscription-State", subscription.state(leg.context.layer.now())),
            SIPFRAG,
        )
        body = write_status(code, reason)
        our_requests.request(leg, self.dialog, "NOTIFY", self._heard, fields, body, refresh=True)
        return True

    def _heard(self, response: Response) -> None:
        """Take the answer to a NOTIFY; some end the subscription (RFC 6665 section 4.2.2)."""
        subscription = self._subscription
        if response.provisional or subscription is None:
            return
        if response.success:
            self.dialog.refresh(response)
        if self._end_told or response.code in FATAL:
            leg = self.leg
            if effect_of("NOTIFY", response.code) is Effect.DIALOG and self.dialog is leg.dialog:
                bye.lose(leg, "lost")  # who hears of it can see that the peer did not hear the end
            self._over()
            return
        self._queue.answered()

    def subscribe(self, request: Request, server: IServerTransaction) -> None:
        """Take a SUBSCRIBE that refreshes or ends the subscription: 200 and a NOTIFY (section 4.2.1)."""
        subscription, leg = self._subscription, self.leg
        assert subscription is not None
        if not subscription.active:
            # The NOTIFY that ended it is on its way (section 4.4.1).
            responses.respond(leg, server, 481)
            return
        self.dialog.refresh(request)
        seconds = min(SECONDS if request.expires is None else request.expires, SECONDS)
        subscription.refreshed(seconds, leg.context.layer.now())
        fields = (leg.channel.contact(server.flow), ("Expires", str(seconds)))
        responses.respond(leg, server, 200, "", fields)
        self._stop()
        if subscription.active:
            self._watch()
        self._queue.tell(at_once=True)

    def matches(self, request: Request) -> bool:
        """Is a SUBSCRIBE meant for this subscription?"""
        subscription = self._subscription
        event = request.event
        return subscription is not None and event is not None and str(event) == subscription.event

    # The end

    def _watch(self) -> None:
        """Wait for the end of the subscription's time."""
        subscription, layer = self._subscription, self.leg.context.layer
        self._stop()
        if subscription is not None:
            self._timer = layer.start(max(0.0, subscription.ends - layer.now()), self._expired)

    def _expired(self) -> None:
        """The subscription ends; what it told of goes on (RFC 3515 section 2.4.4)."""
        self._timer = None
        subscription = self._subscription
        if subscription is not None and subscription.active:
            subscription.terminate("timeout")
            self._queue.tell(at_once=True)

    def _stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _over(self) -> None:
        """Nothing more is to be told: the leg lets go."""
        self._stop()
        self._queue.stop()
        self._subscription = None
        leg, follower = self.leg, self._follower
        if follower is not None and follower.relayed_refer is self:
            follower.relayed_refer = None
            follower.check_gone()
        if leg.dialog is None or self.dialog.key != leg.dialog.key:
            leg.context.dialogs.remove(self.dialog)
        if self in leg.refers:
            leg.refers = tuple([other for other in leg.refers if other is not self])
            leg.check_gone()

    # Handing it on

    def relay(self, other: LegData, refer_to: str) -> None:
        """
        Send the REFER to the peer of C{other}, and what comes of it back.

        @param refer_to: the Refer-To as that peer may see it.
        """
        if other.state is not ANSWERED or other.dialog is None:
            self.refuse(481)
            return
        fields = (("Refer-To", refer_to), *self.passed_on(self.leg))

        def answered(response: Response) -> None:
            """Take the answer to the REFER."""
            if response.success:
                other.relayed_refer = self
                self._follower = other
                self.accept(response.code)
            elif response.final:
                code = response.code
                self.refuse(code if code not in (401, 407, 408, 503) else 500, "")

        our_requests.request(other, other.dialog, "REFER", answered, fields, refresh=True)


def refer_received(leg: LegData, request: Request, server: IServerTransaction, dialog: Dialog) -> PeerRefer:
    """Take a REFER, and remember it with its leg."""
    referral = PeerRefer(leg, dialog, request, server)
    leg.refers += (referral,)
    return referral
