"""
What lies between the transaction layer and its user (RFC 3261 section 17).

The layer below is L{ITransactionLayer}, C{b2bua.net.runner} being the one that
runs; the user above is L{ITransactionUser}, the back-to-back user agent.  In
the simulated world the very same runner stands on a wire in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from zope.interface import Attribute, Interface

from b2bua.clock import IClock

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.transactions.effects import TimerValues
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Request, Response
    from b2bua.wire.uri import Uri


class IServerTransaction(Interface):
    """A request of a peer that wants an answer."""

    request: Request = Attribute("The request that opened it; given up once it has its final response.")
    flow: Flow = Attribute("Where the request came from; answers leave the same way.")
    user: Any = Attribute("Free for the transaction user: the leg it belongs to, say.")
    failed: Callable[[int], None] | None = Attribute(
        "Called with 408 when nobody acknowledged the refusal of an INVITE (timer H)."
    )

    def respond(response: Response) -> None:
        """
        Send a response: any number of provisional ones, then a final one.

        After a 2xx to an INVITE the same call sends it again, since its
        retransmission is the user's duty (RFC 3261 section 13.3.1.4).  What
        comes too late has no effect.
        """

    def accept() -> None:
        """Send a 200 that says nothing more, to a request within a dialog that changes nothing in it."""

    def trying() -> None:
        """Send a 100, unless something has been sent already."""

    def move(flow: Flow) -> None:
        """
        Answer by another way, since whoever has asked is there now.

        That is so by UDP only: an answer leaves by the connection that its request
        came by, and what asks by one that is closed has failed (RFC 3261
        sections 18.2.2 and 18.4).
        """

    def dismiss(code: int, reason: str = "", fields: Iterable[tuple[str, str]] = ()) -> None:
        """
        Answer it, and keep nothing of it.

        For what anybody may send: a challenge, or an answer to something
        unknown, must not cost memory, nor be sent many times to an address
        that may be forged.  When the request comes again it is new, and gets
        the same To tag (RFC 3261 sections 8.2.7 and 26.1.5).  After a
        provisional response this is an ordinary answer, and after a final one
        it has no effect.
        """

    def forget() -> None:
        """
        Answer it never, and drop what belongs to it.

        For a source that is ignored because it guesses passwords: a request
        without an answer must not cost memory until its timers end.
        """


class IClientTransaction(Interface):
    """A request of ours that waits for its answer."""

    request: Request = Attribute("The request as last sent, with its Via; given up upon the final response.")
    flow: Flow | None = Attribute("The way it went; None while the next hop is being looked up.")

    def cancel(fields: Sequence[tuple[str, str]] = ()) -> None:
        """
        Send a CANCEL, at once or when the first provisional response has come.

        Only for INVITE (RFC 3261 section 9.1).  The final answer is still
        heard: a 487, or the 200 that crossed; and if there is none, a 408.

        @param fields: more header fields of the CANCEL, such as Reason.
        """

    def move(flow: Flow) -> None:
        """
        Go on by another way: the peer is there now, and not any more where the request went.

        What has not been answered yet is sent there at once, and so is a
        CANCEL.  Over another transport it would need another Via; then it
        fails, as if its connection were lost.
        """

    def hand_on(hear: Callable[[Response], None]) -> None:
        """Let somebody else hear from now on: of an INVITE that was answered further 2xx may come."""

    def forget() -> None:
        """Hear no more of it; the machine goes on by itself to its end."""


class ITransactionLayer(IClock):
    """What a transaction user is given; as a clock it rounds timers up to the tick of its wheel."""

    def timers_of(flow: Flow | None) -> TimerValues:
        """Give the timers that hold for the peer of C{flow}; the usual ones where there is no flow."""

    def locate(uri: Uri) -> list[Flow] | Deferred[list[Flow]]:
        """
        Where a request to C{uri} can go, best first (RFC 3263).

        Numeric hosts and known flows are answered at once; an empty list means
        that there is no way to it.
        """

    def request(
        write: Callable[[Flow, str], Request],
        target: Flow | Uri,
        hear: Callable[[Response], None],
        otherwise: Flow | None = None,
    ) -> IClientTransaction:
        """
        Open a client transaction.

        @param write: makes the request for the flow it will take; its second
            argument is the value of our Via, to be put on top.  It is called
            once for each next hop that is tried (RFC 3263 section 4.3).
        @param target: a flow to use as it is, or a URI to be located.
        @param hear: called with every response, retransmitted 2xx to an INVITE
            included.  A timeout is heard as a 408 and a transport error as a
            503 (RFC 3261 section 8.1.3.1), both with C{response.local} true; they
            have no header fields when the request was never written, since
            there was no way to its target.  Nothing is heard before this
            method has returned.
        @param otherwise: the way that is tried last, when there is none to C{target}.
        """

    def take_up_client(
        invite: Request,
        flow: Flow,
        hear: Callable[[Response], None],
        hear_cancel: Callable[[Response], None],
        *,
        heard: bool,
    ) -> IClientTransaction:
        """
        Go on with an INVITE that a process has sent which is gone; it is not sent again.

        @param invite: as it was sent, with its Via.
        @param hear_cancel: told the answer to its CANCEL.
        @param heard: has there been a provisional response?
        """

    def take_up_server(invite: Request, flow: Flow) -> IServerTransaction:
        """
        Go on with an INVITE that a process has received which is gone, to answer it.

        @param invite: as it came, with what the transport has noted in its Via.
        """

    def acknowledge(
        write: Callable[[Flow, str], Request], target: Flow | Uri, otherwise: Flow | None = None
    ) -> None:
        """
        Send an ACK for a 2xx, which is a transaction of no kind (section 13.2.2.4).

        @param otherwise: the way for it when C{target} is known not to be reached.
        """

    def contact_host(flow: Flow) -> str:
        """C{host:port} by which the peer of C{flow} reaches us; what Contact and Via say."""

    def local_host(host: str) -> str:
        """Our address as a host reaches it, as far as that is known before it is asked."""


class ITransactionUser(Interface):
    """Who is told what the transaction layer received."""

    def request_received(request: Request, server: IServerTransaction) -> None:
        """A request other than ACK and CANCEL came, not seen before."""

    def ack_received(request: Request, flow: Flow) -> None:
        """An ACK came that belongs to no transaction: it is for a 2xx."""

    def stray_success_received(response: Response, flow: Flow) -> None:
        """A 2xx to an INVITE came that belongs to no transaction: that of a process which is gone, maybe."""

    def may_cancel(request: Request, server: IServerTransaction, flow: Flow) -> bool:
        """
        May the INVITE of C{server} be cancelled from another host than it came from?

        A CANCEL cannot be challenged (RFC 3261 section 22.1), but a phone may
        have moved since.
        """

    def cancel_received(request: Request, server: IServerTransaction) -> None:
        """
        A CANCEL came for the INVITE of C{server}.

        It has been answered with 200 already; the user answers the INVITE with
        487 if it has sent no final response yet (RFC 3261 section 9.2).
        """

    def transport_lost(flow: Flow) -> None:
        """The connection of C{flow} is closed; what was bound to it is gone."""
