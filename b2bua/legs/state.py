"""
All that a leg knows and has open, and what follows from it: the ground that its verbs stand on.

C{docs/architecture.md} has the table of states and events.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from b2bua.dialogs.channel import Channel, contact_value
from b2bua.dialogs.offer_answer import MEDIA_LINE, Origin, with_lines_of
from b2bua.wire.uri import escape_user

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.dialogs.dialog import Dialog
    from b2bua.dialogs.dialog_request import DialogRequest
    from b2bua.dialogs.session_timer import SessionTimer
    from b2bua.legs.context import LegContext
    from b2bua.legs.exchanges import (
        IHeldWords,
        IInherited,
        IMusic,
        IOurChange,
        IOurInvite,
        IOwedBye,
        IPeerInvite,
        IPeerRefer,
        IPeerRequest,
        IPeerUpdate,
        IQueuedChange,
    )
    from b2bua.legs.party import Identity, Party
    from b2bua.legs.words import Changed, Word
    from b2bua.transactions.effects import TimerValues
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Field, Message, Response


T = TypeVar("T")

FINAL_BY = 56
"""
In T1: by then a request of the peer that is no INVITE has its final response.

At 64 the Timer F of its sender fires (RFC 4320 section 4.1).
"""
TOLD_MAX = 1024
"""Characters of Allow and Supported that are read; all that there are have less, and each leg keeps them."""


NOTHING: frozenset[str] = frozenset()
"""What a peer supports that has not said so."""


class LegState(Enum):
    """How far a leg is."""

    CALLING = "calling"
    """An INVITE was sent or received, with no final answer yet."""
    ANSWERED = "answered"
    """A 2xx was sent or received."""
    ENDED = "ended"
    """It is over for the call; something of it may linger, until C{context.ended}."""


CALLING, ANSWERED, ENDED = LegState.CALLING, LegState.ANSWERED, LegState.ENDED
"""By their names, since each message asks for them."""


class Seldom(Generic[T]):
    """
    A part of a leg that few ever have.

    It stands in C{leg.seldom} for as long as it is there; without any such part that is None.
    """

    def __init__(self, nothing: T) -> None:
        """Take what it is while there is none."""
        self._nothing = nothing

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn its name."""
        self._name = name

    def __get__(self, leg: LegData, owner: type) -> T:
        """Look it up."""
        nothing = self._nothing
        if leg.seldom is None:
            return nothing
        found: T = leg.seldom.get(self._name, nothing)
        return found

    def __set__(self, leg: LegData, value: T) -> None:
        """Have it, or have it no more."""
        seldom = leg.seldom
        if value is not self._nothing:
            if seldom is None:
                seldom = leg.seldom = {}
            seldom[self._name] = value
        elif seldom is not None and self._name in seldom:
            del seldom[self._name]
            leg.seldom = seldom or None


class LegChannel(Channel):
    """
    The way to the peer of a leg.

    A call is one conversation, so what was lost on the way is not told anew
    but sent again, and the way that our last word took is the way to the peer.
    """

    __slots__ = ("focus",)

    patient = True
    surroundings: LegContext[Any]
    focus: str
    """The user of the conference URI while we are its focus for the peer; empty while we are not."""

    def contact(self, flow: Flow) -> Field:
        """Where the peer reaches us in this dialog."""
        return ("Contact", self.contact_by(flow))

    def contact_by(self, flow: Flow) -> str:
        """Where the peer reaches us, and whether that is the focus of a conference (RFC 4579 section 4.2)."""
        if flow is not self.flow:
            self.take_flow(flow)
            self.written = ""
        if not self.written:
            user = escape_user(self.focus) if self.focus else self.contact_user
            written = contact_value(self.surroundings.layer, flow, user, self.secure)
            self.written = f"{written};isfocus" if self.focus else written
        return self.written

    def show_focus(self, conference: str) -> None:
        """
        Be the focus of a conference from our next Contact on, or of none any more.

        @param conference: the user of its URI; empty for none.
        """
        self.focus, self.written = conference, ""


class LegData:
    """
    What a leg knows of its peer, and what is open between the two.

    There may be a hundred thousand of them, so what few legs ever have is made
    when it is needed, and what is equal is the same object.

    The verbs in the files above change it; the call sees it as a L{Leg}, which
    stands on top of them.
    """

    __slots__ = (
        "agreed",
        "call",
        "call_id",
        "channel",
        "context",
        "dialog",
        "expires_at",
        "hear",
        "id",
        "identity",
        "incoming",
        "listener",
        "origin",
        "our_bye",
        "our_invite",
        "party",
        "peer_allows",
        "peer_invite",
        "peer_supports",
        "remote_session",
        "ringing",
        "seldom",
        "state",
        "timer",
    )

    listener: Any
    """Who of its call hears its words at present."""
    identity: Identity | None
    """Who the peer was found to be when it called; None: its party says it all."""
    call_id: str
    """The Call-ID of its dialog, also while there is none yet; by it a capture is searched."""
    channel: LegChannel
    """The way to the peer."""
    our_invite: IOurInvite | None
    """Our first INVITE, until it is acknowledged."""
    peer_invite: IPeerInvite | None
    """The INVITE of the peer that is open, until it is acknowledged."""
    agreed: SessionTimer | None
    """What was agreed on last of how long the session lasts (RFC 4028)."""
    expires_at: float
    """When the session expires, if there is an interval."""
    timer: ITimer | None
    """
    Fires when the session is to be refreshed, or the peer to be asked whether it is there.

    It knows the leg, so who stops it lets go of it, or the collector had to find the two.
    """
    our_bye: DialogRequest | None
    """Our BYE, until it is answered."""
    seldom: dict[str, Any] | None
    """What few legs have, by its name; None while it has nothing of that."""

    early: Seldom[list[Dialog] | None] = Seldom(None)
    """Early dialogs besides C{dialog}, while the INVITE is open."""
    music: Seldom[IMusic | None] = Seldom(None)
    """The voice of ours that the peer hears while its party waits."""
    held: Seldom[IHeldWords | None] = Seldom(None)
    """What the call has said that waits for a relay; None while nothing does."""
    our_change: Seldom[IOurChange | None] = Seldom(None)
    """The re-INVITE or UPDATE of ours that is open."""
    peer_update: Seldom[IPeerUpdate | None] = Seldom(None)
    """The UPDATE of the peer that is open."""
    queued_change: Seldom[IQueuedChange | None] = Seldom(None)
    """What is to be changed as soon as it may."""
    peer_requests: Seldom[dict[int, IPeerRequest] | None] = Seldom(None)
    """Requests of the peer that wait for an answer, by their token."""
    inherited: Seldom[IInherited | None] = Seldom(None)
    """INVITEs that a process which is gone has sent in its dialog."""
    refers: Seldom[tuple[IPeerRefer, ...]] = Seldom(())
    """The REFERs of the peer that are to be answered, or to be told more of (RFC 3515)."""
    referred = Seldom(False)
    """Was there a REFER in the dialog before, so that the next needs an id?"""
    relayed_refer: Seldom[IPeerRefer | None] = Seldom(None)
    """The referral of another leg that was handed on to this peer."""
    owed_bye: Seldom[IOwedBye | None] = Seldom(None)
    """Our BYE while it may not be sent: the ACK for our 2xx has not come."""
    withdrawn: Seldom[Changed | None] = Seldom(None)
    """The change of the peer that was given up before the other side answered it."""
    lingering: Seldom[int] = Seldom(0)
    """How many things keep an ended leg from being forgotten."""
    glared: Seldom[float] = Seldom(0.0)
    """When a hold of its peer met glare, of which it is not known yet whether it came again; 0 for none."""
    when_stable: Seldom[Callable[[], None] | None] = Seldom(None)
    """Called once when nothing is open any more."""
    unasked: Seldom[bool] = Seldom(False)
    """Has it told the other side of its peer's session by itself, and no answer yet?"""

    def __init__(
        self, context: LegContext[Any], incoming: bool, party: Party, hear: Callable[[Any, Word], None]
    ) -> None:
        """Know nothing yet but who is called or calls."""
        self.context = context
        context.serial += 1
        self.id = f"{context.serial:x}"
        self.incoming = incoming
        self.state = CALLING
        self.party = party
        self.hear = hear
        self.call: Any = None
        self.listener = None
        self.identity = None
        self.call_id = ""
        self.channel = LegChannel(context, self)
        self.channel.focus = ""
        self.dialog: Dialog | None = None
        self.ringing = False
        self.origin: Origin | None = None
        self.remote_session: bytes | None = None
        self.peer_allows: frozenset[str] | None = None
        self.peer_supports = NOTHING
        self.our_invite = None
        self.peer_invite = None
        self.agreed = None
        self.expires_at = 0.0
        self.timer = None
        self.our_bye = None
        self.seldom = None

    @property
    def answered(self) -> bool:
        """Was it answered, and is not over?"""
        return self.state is ANSWERED

    @property
    def ended(self) -> bool:
        """Is it over for the call?"""
        return self.state is ENDED

    @property
    def wants_answer(self) -> bool:
        """Did our 2xx have an offer, whose answer the ACK must bring?"""
        return self.peer_invite is not None and self.peer_invite.offering and self.peer_invite.answered

    def inherits(self, response: Response) -> bool:
        """Is it the 2xx to an INVITE that a process has sent which is gone?"""
        return self.inherited is not None and self.inherited.is_of(response)

    @property
    def dialog_id(self) -> tuple[str, str, str]:
        """Call-ID, our tag and the peer's tag; the tags are empty while there is no dialog yet."""
        return (self.call_id, "", "") if self.dialog is None else self.dialog.key

    # What is known of the peer

    @property
    def timers(self) -> TimerValues:
        """The T1 and T2 that hold for the peer, or for its transport."""
        return self.context.layer.timers_of(self.channel.flow)

    def allows(self, method: str) -> bool:
        """Has the peer said that it takes this method?"""
        return self.peer_allows is not None and method in self.peer_allows

    def supports(self, option: str) -> bool:
        """Has the peer said that it knows what this option tag stands for?"""
        return option in self.peer_supports

    def learn(self, message: Message) -> None:
        """Note what a message of the peer says about what it can do."""
        first = message.first
        if "Allow" in first:
            told = first["Allow"] if message.distinct else message.joined("Allow")
            self.peer_allows = _methods(told[:TOLD_MAX])
        if "Supported" in first:
            told = first["Supported"] if message.distinct else message.joined("Supported")
            self.peer_supports = _options(told[:TOLD_MAX])

    # The session

    def __call__(self) -> None:
        """The timer of the session fires; the leg on top knows what is to be done."""
        raise NotImplementedError

    @property
    def local_session(self) -> bytes | None:
        """The last session description that was sent to the peer."""
        return (self.origin.last or None) if self.origin is not None else None

    @property
    def described(self) -> bytes | None:
        """The last session description that the peer has shown to somebody who is no voice of ours."""
        return self.remote_session if self.music is None else self.music.described

    def signed(self, session: bytes, offer: bytes | None = None) -> bytes:
        """
        Put our own o= line into a body that is about to be sent.

        @param offer: what it is the answer to, if it is one.
        """
        if offer is not None and session.count(MEDIA_LINE) != offer.count(MEDIA_LINE):
            session = with_lines_of(session, offer, exactly=True)
        origin = self.origin
        if origin is None:
            origin = self.origin = self.new_origin()
        return origin.sign(session)

    def new_origin(self) -> Origin:
        """Make the o= line of a session that begins."""
        flow = self.channel.flow
        host = flow.local[0] if flow is not None else "0.0.0.0"
        return Origin(self.context.random.getrandbits(31), host)

    @property
    def stable(self) -> bool:
        """May a new offer be made now: nothing is open in either direction?"""
        return (
            self.state is ANSWERED
            and self.our_invite is None
            and self.peer_invite is None
            and (
                self.seldom is None
                or not (self.held or self.our_change or self.peer_update or self.queued_change)
            )
        )

    @property
    def asked(self) -> bool:
        """Is there a change of the call, for which L{Answered} or L{Refused} will be heard?"""
        if self.seldom is None:
            return False
        if self.held is not None and self.held.asking:
            return True
        if self.music is not None:
            return self.music.asked
        change = self.our_change or self.queued_change
        if self.held is not None and self.held.confirming:
            return False  # it was heard already, and has yet to be acknowledged
        return change is not None and not change.refresh

    def settled(self) -> None:
        """Something open was closed: go on with what waits for that."""
        if self.seldom is None:
            return
        if self.owed_bye is not None and self.peer_invite is None:
            self.owed_bye.send()
        if self.queued_change is not None:
            self.queued_change.go_on()
        if self.when_stable is not None and self.stable:
            then, self.when_stable = self.when_stable, None
            then()

    # Where the peer is

    @property
    def flow(self) -> Flow | None:
        """The way to the peer by now; None while that is lost."""
        return self.channel.flow

    def moved(self, flow: Flow) -> None:
        """The peer is there now, and so goes what is on its way to it."""
        if self.our_invite is not None:
            self.our_invite.follow(flow)
        if self.peer_invite is not None:
            self.peer_invite.server.move(flow)
        if self.queued_change is not None:
            self.queued_change.phone_is_back()

    def flow_lost(self, flow: Flow) -> None:
        """The connection to the peer is closed; the leg on top knows what is to be done."""
        raise NotImplementedError

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
        self.state = ENDED
        if self.channel.requests:
            for asked in tuple(self.channel.requests):
                asked.rest()
        if self.timer is not None:
            self.timer.stop()
            self.timer = None
        if self.seldom is not None:
            self._end_changes()

    def _end_changes(self) -> None:
        """End what is open about the session, and other requests of the peer."""
        if self.queued_change is not None:
            self.queued_change.stop()
            self.queued_change = None
        if self.our_change is not None:
            self.our_change.abandon()
            self.our_change = None
        if self.peer_update is not None:
            self.peer_update.refuse(487, "", ())
        # What is still open gets 487 (RFC 3261 section 15.1.2).
        for request in tuple(self.peer_requests.values()) if self.peer_requests else ():
            request.refuse(487)

    def check_gone(self) -> None:
        """If nothing of an ended leg is left, forget its dialogs."""
        if self.state is not ENDED or self.peer_invite is not None or self.our_bye is not None:
            return
        channel, context = self.channel, self.context
        if channel.closed:
            return  # it is gone
        if self.seldom is not None:
            if self.lingering or self.owed_bye or self.refers or self.relayed_refer:
                return
            for dialog in self.early or ():
                context.dialogs.remove(dialog)
            self.early = None
        channel.close()
        if self.dialog is not None:
            context.dialogs.remove(self.dialog)
        if context.ended is not None:
            context.ended(self)


# Legs of like phones share the result.
@lru_cache(maxsize=256)
def _methods(text: str) -> frozenset[str]:
    """Take a list of methods apart."""
    return frozenset([item.strip() for item in text.split(",")]) - {""}


@lru_cache(maxsize=256)
def _options(text: str) -> frozenset[str]:
    """Take a list of option tags apart, whose case does not matter."""
    return _methods(text.lower())
