"""
What may be open in a leg, as the rest of the leg sees it.

Each of these is one exchange with the peer, whose own file has all of it; a leg
holds it while it is open.  What is written here is all that others may do with
it, so that none of those files has to know another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from b2bua.legs.words import Referral

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.dialogs.reliable import ReliableResponses
    from b2bua.legs.context import Invitation
    from b2bua.legs.words import Answered, Fields, Refused, Replied, Word
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction
    from b2bua.wire.message import Request, Response


class IMusic(Protocol):
    """A voice of ours that stands before the call while its party waits."""

    described: bytes | None
    """What the peer has said of itself to somebody who is no voice of ours."""

    @property
    def asked(self) -> bool:
        """Is there a change of the call, for which an answer will be heard?"""

    def said(self, word: Word) -> bool:
        """Take a word of the call; False leaves it to the leg."""

    def heard(self, word: Word) -> tuple[Word, ...]:
        """Take a word of the peer, and give what the call is to hear."""

    def review(self) -> None:
        """See what there is to hear now."""

    def let_go(self) -> None:
        """Another process has the party, and a voice for it."""


class IHeldWords(Protocol):
    """Words of the call that wait before a leg: a relay has yet to say what becomes of a session."""

    @property
    def asking(self) -> bool:
        """Is there a change of the call among them, for which an answer will be heard?"""

    @property
    def confirming(self) -> bool:
        """Is there the answer to an offer among them that came in a response?"""

    def said(self, word: Word) -> bool:
        """Take a word of the call behind those that wait; False leaves it to the leg."""

    def heard(self, word: Word) -> tuple[Word, ...]:
        """Take a word of the peer, and give what the call is to hear."""


class IOurInvite(Protocol):
    """Our first INVITE, until it is acknowledged."""

    invitation: Invitation
    heard: bool
    """Has there been a provisional response, if only a 100?"""

    @property
    def sent(self) -> Request | None:
        """It as last sent, with its Via."""

    @property
    def flow(self) -> Flow | None:
        """The way it went."""

    def early_exchange_done(self, dialog: Dialog) -> bool:
        """Was the offer answered in this early dialog, so that an UPDATE may follow?"""

    def end_early(self, tag: str) -> bool:
        """
        End one early dialog: a 199 says so (RFC 6228 section 4), or a BYE.

        @return: was there one?
        """

    def start(self) -> None:
        """Send it."""

    def give_up(self, word: Refused) -> None:
        """It cannot be sent: be over with C{word} as the last one."""

    def confirm(self, session: bytes | None) -> None:
        """Give the answer to an offer in a response; without one all streams are refused."""

    def cancel(self, fields: Fields) -> None:
        """Send a CANCEL."""

    def stranded(self) -> None:
        """The connection is closed by which the phone rings."""

    def follow(self, flow: Flow) -> None:
        """The phone is there now."""


class IPeerInvite(Protocol):
    """An INVITE of the peer, until it is acknowledged."""

    request: Request
    server: IServerTransaction
    offer: bytes | None
    offering: bool
    """Does its offer wait for the answer, or the peer for ours?"""
    reliable: ReliableResponses | None

    @property
    def answered(self) -> bool:
        """Was a 2xx sent, so that only the ACK is missing?"""

    @property
    def tagged(self) -> bool:
        """Does the peer know the dialog?"""

    def early_exchange_done(self) -> bool:
        """Was an offer answered reliably in this early dialog, so that an UPDATE may bring the next?"""

    def begin(self) -> bool:
        """Look at the first INVITE; False if it was refused for its faults."""

    def progress(self, code: int, reason: str, session: bytes | None, fields: Fields) -> None:
        """Send a 1xx."""

    def accept(self, session: bytes | None, fields: Fields) -> None:
        """Send the 2xx."""

    def refuse(self, code: int, reason: str, fields: Fields) -> None:
        """Send a final response that is no 2xx."""

    def prack(self, request: Request, server: IServerTransaction) -> None:
        """Take a PRACK."""

    def ack_received(self, request: Request) -> None:
        """Take the ACK."""

    def cancelled(self, request: Request) -> None:
        """Take a CANCEL."""


class IOurChange(Protocol):
    """A re-INVITE or UPDATE of ours."""

    method: str
    refresh: bool

    def confirm(self, session: bytes | None) -> None:
        """Give the answer to an offer in the 2xx."""

    def hold(self, word: Answered) -> None:
        """Keep back the answer to the INVITE until the UPDATE within it is answered."""

    def cancel(self, code: int) -> None:
        """Send a CANCEL; who waits for the change hears C{code}."""

    def abandon(self) -> None:
        """Hear no more of it, but acknowledge what has to be."""


class IQueuedChange(Protocol):
    """A change of ours that may not be sent yet."""

    refresh: bool

    def stop(self) -> None:
        """Stop its timer."""

    def wait(self, seconds: float, *, away: bool = False) -> None:
        """Go on after some seconds."""

    def go_on(self) -> None:
        """Send it, if nothing stands in its way any more."""

    def phone_is_back(self) -> None:
        """Send it at once, if it has waited for that."""


class IInherited(Protocol):
    """INVITEs of a process that is gone, of which a 2xx may still come."""

    def is_of(self, response: Response) -> bool:
        """May it be the 2xx to such an INVITE?"""

    def success(self, response: Response) -> None:
        """Acknowledge such a 2xx."""


class IPeerUpdate(Protocol):
    """An UPDATE of the peer, or a PRACK, whose offer waits for its answer."""

    offer: bytes

    def accept(self, session: bytes | None, fields: Fields) -> None:
        """Send the 200 with the answer."""

    def refuse(self, code: int, reason: str, fields: Fields) -> None:
        """Refuse it."""


class IPeerRequest(Protocol):
    """A request of the peer that is not about the session, and waits for the other side."""

    def reply(self, word: Replied) -> None:
        """Give it the answer of the other side."""

    def refuse(self, code: int) -> None:
        """Refuse it."""


class IPeerRefer(Referral, Protocol):
    """A REFER of the peer, until the last NOTIFY about it is answered."""

    dialog: Dialog

    def matches(self, request: Request) -> bool:
        """Is a SUBSCRIBE meant for its subscription?"""

    def subscribe(self, request: Request, server: IServerTransaction) -> None:
        """Take a SUBSCRIBE that refreshes or ends the subscription."""

    def go_on(self) -> None:
        """Send what is to be told, now that our BYE has been answered."""


class IOwedBye(Protocol):
    """A BYE of ours that may not be sent yet."""

    def send(self) -> None:
        """Send it."""
