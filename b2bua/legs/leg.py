"""
One dialog of ours, seen by a call as words.

The life of a leg is told in the files beside this one: L{b2bua.legs.inviting}
(our INVITE), L{b2bua.legs.invited} (the peer's), L{b2bua.legs.changing} (a
new session), L{b2bua.legs.telling} (other requests), L{b2bua.legs.refreshing}
(the session timer) and L{b2bua.legs.parting} (BYE).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from b2bua.dialogs.offer_answer import Origin
from b2bua.dialogs.session_timer import SessionTimer
from b2bua.legs import changing, parting, receiving, refreshing, saying, sending, snapshot, telling
from b2bua.legs.context import Invitation, LegContext, LegState
from b2bua.legs.invited import Invited
from b2bua.legs.inviting import Inviting
from b2bua.legs.words import Changed, Fields, HungUp, Word

__all__ = ["Invitation", "Leg", "LegContext", "LegState"]

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.device import Device
    from b2bua.dialogs.dialog import Dialog
    from b2bua.legs.outstanding import Outstanding
    from b2bua.legs.party import Identity, Party
    from b2bua.legs.referral import Referral
    from b2bua.legs.updated import Updated
    from b2bua.transactions.effects import TimerValues
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Message, Request


class Leg:
    """
    A leg of a call.

    C{hear} is told each word of the peer.  What the call wants is said with
    L{say}, which never raises for a race: what comes too late is absorbed.
    After the call itself said L{HungUp}, L{Refused} or L{Moved}, nothing more
    is heard; otherwise L{Refused}, L{Moved} or L{HungUp} is the last word.
    """

    __slots__ = (
        "call",
        "changing",
        "contact_user",
        "contact_value",
        "context",
        "device",
        "dialog",
        "early",
        "flow",
        "gone",
        "goodbye",
        "hear",
        "id",
        "identity",
        "incoming",
        "invited",
        "inviting",
        "lingering",
        "origin",
        "outstanding",
        "party",
        "peer_allows",
        "peer_supports",
        "referrals",
        "referred",
        "remote_session",
        "ringing",
        "session_end",
        "state",
        "sticky",
        "subscribed",
        "timer",
        "timer_run",
        "told",
        "updated",
        "waiting",
        "withdrawn",
    )

    def __init__(
        self, context: LegContext, incoming: bool, party: Party, hear: Callable[[Leg, Word], None]
    ) -> None:
        """Start empty; L{received} and L{dial} are the ways to make one."""
        self.context = context
        self.id = f"{context.next_serial():x}"
        self.incoming = incoming
        self.state = LegState.CALLING
        self.party = party
        self.hear = hear
        self.call: Any = None
        self.identity: Identity | None = None
        """Who the peer was found to be when it called; None: its party says it all."""
        self.dialog: Dialog | None = None
        self.early: list[Dialog] | None = None
        """Early dialogs besides that one, while the INVITE is open."""
        self.flow: Flow | None = None
        self.sticky = False
        """Do requests follow the flow of the peer, not its Contact?"""
        self.device: Device | None = None
        """The phone of a user that the peer is, which is followed to where it registers."""
        self.outstanding: list[Outstanding] | None = None
        """Our requests within its dialogs that have no final answer yet."""
        self.contact_user = ""
        self.contact_value = ""
        self.ringing = False
        self.origin: Origin | None = None
        self.remote_session: bytes | None = None
        self.peer_allows: frozenset[str] | None = None
        self.peer_supports: frozenset[str] = frozenset()
        self.inviting: Inviting | None = None
        """Our first INVITE, until it is acknowledged."""
        self.invited: Invited | None = None
        """The INVITE of the peer that is open, until it is acknowledged."""
        self.changing: changing.Changing | None = None
        """The re-INVITE or UPDATE of ours that is open."""
        self.updated: Updated | None = None
        """The UPDATE of the peer that is open."""
        self.waiting: changing.Waiting | None = None
        """What is to be changed as soon as it may."""
        self.told: dict[int, telling.Asked] | None = None
        """Requests of the peer that wait for an answer, by their token."""
        self.timer: SessionTimer | None = None
        self.timer_run: ITimer | None = None
        self.session_end = 0.0
        self.referrals: list[Referral] | None = None
        self.referred = False
        """Was there a REFER in the dialog before, so that the next needs an id?"""
        self.subscribed: Referral | None = None
        """The referral of another leg that was handed on to this peer."""
        self.goodbye: parting.Goodbye | None = None
        self.lingering = 0
        """How many things keep an ended leg from being forgotten."""
        self.withdrawn: Changed | None = None
        """The change of the peer that was given up before the other side answered it."""
        self.gone = False

    @property
    def answered(self) -> bool:
        """Was it answered, and is not over?"""
        return self.state is LegState.ANSWERED

    @property
    def ended(self) -> bool:
        """Is it over for the call?"""
        return self.state is LegState.ENDED

    @property
    def wants_answer(self) -> bool:
        """Did our 2xx have an offer, whose answer the ACK must bring?"""
        return self.invited is not None and self.invited.answered and self.invited.offering

    @property
    def call_id(self) -> str:
        """The Call-ID of its dialog, also while there is none yet; by it a capture is searched."""
        if self.dialog is not None:
            return self.dialog.call_id
        if self.inviting is not None:
            return self.inviting.call_id
        return self.invited.request.call_id if self.invited is not None else ""

    @property
    def dialog_id(self) -> tuple[str, str, str]:
        """Call-ID, our tag and the peer's tag; the tags are empty while there is no dialog yet."""
        return (self.call_id, "", "") if self.dialog is None else self.dialog.key

    def __repr__(self) -> str:
        """For people who debug."""
        way = "from" if self.incoming else "to"
        return f"<Leg {self.id} {way} {self.party} {self.state.value}>"

    # How it begins

    @classmethod
    def received(
        cls,
        context: LegContext,
        request: Request,
        server: IServerTransaction,
        party: Party,
        hear: Callable[[Leg, Word], None],
    ) -> Leg:
        """Make the leg of a first INVITE; nothing is done before L{begin}."""
        leg = cls(context, True, party, hear)
        leg.invited = Invited(leg, request, server)
        return leg

    def begin(self) -> bool:
        """
        Take the INVITE: 100 at once, then L{Offered} is heard.

        @return: False if it was refused for a fault of its own (400, 415, 420,
            422); then that L{Refused} is heard instead, and the leg has ended.
        """
        assert self.invited is not None
        return self.invited.begin()

    @classmethod
    def dial(
        cls,
        context: LegContext,
        invitation: Invitation,
        party: Party,
        hear: Callable[[Leg, Word], None],
    ) -> Leg:
        """Send an INVITE at once."""
        leg = cls(context, False, party, hear)
        leg.inviting = Inviting(leg, invitation)
        leg.inviting.start()
        return leg

    def snapshot(self) -> dict[str, Any]:
        """Write an established leg down as plain values, fit for JSON."""
        return snapshot.write(self)

    @classmethod
    def restore(cls, context: LegContext, plain: dict[str, Any], hear: Callable[[Leg, Word], None]) -> Leg:
        """
        Make the leg that L{snapshot} wrote down; its requests find it from now on.

        @raise UsageError: another version wrote it, or it is not whole.
        """
        with snapshot.reading("A leg", plain, snapshot.VERSION):
            leg = cls(context, plain["incoming"], snapshot.read_party(plain["party"]), hear)
            snapshot.read(leg, plain)
        return leg

    # What the call says

    def say(self, word: Word) -> None:
        """Tell the peer a word of the other side."""
        saying.say(self, word)

    def hang_up(self, why: str = "bye", fields: Fields = ()) -> None:
        """Say L{HungUp}."""
        self.say(HungUp(why, fields))

    def cancel(self, fields: Fields = ()) -> None:
        """Say L{HungUp} before the answer."""
        self.say(HungUp("cancel", fields))

    # What the server below tells

    def request_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a request within one of our dialogs."""
        receiving.request_received(self, request, server)

    def ack_received(self, request: Request, flow: Flow) -> None:
        """Take the ACK for a 2xx."""
        if self.invited is not None:
            self.invited.ack_received(request)

    def cancel_received(self, request: Request, server: IServerTransaction) -> None:
        """Take a CANCEL, which has been answered already."""
        if self.invited is not None and self.invited.server is server:
            self.invited.cancelled(request)

    def flow_lost(self, flow: Flow) -> None:
        """
        The connection to the peer is closed.

        A call that stands goes on: media do not need it, and the phone will
        come back.  A caller who is gone before the answer is gone.
        """
        if self.flow != flow:
            return
        sending.take_flow(self, None)
        if self.device is not None and self.context.devices is not None:
            self.context.devices.add(self)
        if self.flow is not None:
            return
        if self.inviting is not None and self.device is not None:
            self.inviting.stranded()
        if self.incoming and self.state is LegState.CALLING and self.invited is not None:
            self.invited.refuse(480, "", ())
            self.hear(self, HungUp("lost"))

    def meet(self, contact: str, flow: Flow | None) -> None:
        """
        Find out which phone of its user the peer is, and follow it from now on.

        @param contact: the Contact of its request, or the one that is called.
        @param flow: where its request came from, or where ours goes.
        """
        devices = self.context.devices
        if devices is not None and self.party.aor:
            self.device = devices.identify(self.party.aor, contact, flow)
            devices.add(self)

    def follow(self, device: Device) -> None:
        """
        The phone has registered from another place: all that is for it goes there.

        Its requests in the dialog may be on their way from there already, and
        a BYE that waited must not be late.
        """
        self.device = device
        if device.flow is not None and device.flow != self.flow:
            self.go_on_by(device.flow)

    def go_on_by(self, flow: Flow) -> None:
        """Be reached by another way; what is on its way to the peer goes there, too."""
        sending.take_flow(self, flow)
        self.contact_value = ""
        if self.inviting is not None:
            self.inviting.follow(flow)
        for request in list(self.outstanding or ()):
            request.follow(flow)
        if self.waiting is not None:
            changing.phone_is_back(self)

    def referred_from_outside(self, request: Request, server: IServerTransaction) -> None:
        """Take a REFER that names this leg by Target-Dialog; it makes a dialog of its own (RFC 4538)."""
        receiving.referred_from_outside(self, request, server)

    def session_due(self) -> None:
        """The timer of the session fires."""
        refreshing.due(self)

    # What is known of the peer

    @property
    def timers(self) -> TimerValues:
        """The T1 and T2 that hold for the peer, or for its transport."""
        return self.context.layer.timers_of(self.flow)

    def allows(self, method: str) -> bool:
        """Has the peer said that it takes this method?"""
        return self.peer_allows is not None and method in self.peer_allows

    def supports(self, option: str) -> bool:
        """Has the peer said that it knows this extension?"""
        return option in self.peer_supports

    def learn(self, message: Message) -> None:
        """Note what a message of the peer says about what it can do."""
        allow = message.get("Allow")
        if allow is not None:
            self.peer_allows = _tokens(", ".join(message.all("Allow")), False)
        supported = message.get("Supported")
        if supported is not None:
            self.peer_supports = _tokens(", ".join(message.all("Supported")), True)

    # The session

    @property
    def local_session(self) -> bytes | None:
        """The last session description that was sent to the peer."""
        return (self.origin.last or None) if self.origin is not None else None

    @property
    def stable(self) -> bool:
        """May a new offer be made now: nothing is open in either direction?"""
        return (
            self.state is LegState.ANSWERED
            and self.inviting is None
            and self.invited is None
            and self.changing is None
            and self.updated is None
            and self.waiting is None
        )

    @property
    def asked(self) -> bool:
        """Is there a change of the call, for which L{Answered} or L{Refused} will be heard?"""
        change = self.changing or self.waiting
        return change is not None and not change.refresh

    def settled(self) -> None:
        """Something open was closed: go on with what waits for that."""
        if self.goodbye is not None and self.invited is None and not self.goodbye.sent:
            self.goodbye.send()
        if self.waiting is not None:
            changing.go_on(self)

    # How it ends

    def linger(self) -> None:
        """Something has begun that must end before the leg can be forgotten."""
        self.lingering += 1

    def release(self) -> None:
        """Something that lingered is over; with the last of it an ended leg is gone."""
        self.lingering -= 1
        self.check_gone()

    def end(self) -> None:
        """Be over for the call: stop whatever would go on by itself."""
        self.state = LegState.ENDED
        if self.timer_run is not None:
            refreshing.stop(self)
        if self.waiting is not None:
            self.waiting.stop()
            self.waiting = None
        if self.changing is not None:
            changing.drop(self)
        if self.updated is not None:
            self.updated.refuse(487, "", ())
        if self.told:
            telling.drop(self)

    def check_gone(self) -> None:
        """If nothing of an ended leg is left, forget its dialogs."""
        if self.gone or self.state is not LegState.ENDED or self.lingering:
            return
        if self.invited or self.goodbye or self.referrals or self.subscribed:
            return
        self.gone = True
        if self.flow is not None and self.flow.connection:
            self.context.disconnect(self, self.flow)
        if self.device is not None and self.context.devices is not None:
            self.context.devices.remove(self)
        dialogs = self.context.dialogs
        if self.early:
            for dialog in self.early:
                dialogs.remove(dialog)
            self.early = None
        if self.dialog is not None:
            dialogs.remove(self.dialog)
        if self.context.ended is not None:
            self.context.ended(self)


@lru_cache(maxsize=512)
def _tokens(text: str, lower: bool) -> frozenset[str]:
    """Take a list of tokens apart; legs of like phones share the result."""
    items = [item.strip() for item in text.split(",")]
    return frozenset([item.lower() if lower else item for item in items if item])
