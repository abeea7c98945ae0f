"""
The way to the peer of a dialog: what any usage needs to speak within it.

A call, the news of a transfer and a watched lamp have this in common: a Contact
of ours, the flow by which the peer is reached, requests with the next CSeq,
a challenge that is answered, and answers (RFC 3261 section 12.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from b2bua.errors import PeerError

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction, IServerTransaction, ITransactionLayer
    from b2bua.wire.message import Field, Request, Response
    from b2bua.wire.uri import Uri

ANSWERS_MAX = 2
"""Challenges to one request that are answered: the first, and one more for a stale nonce."""


def contact_value(layer: ITransactionLayer, flow: Flow, user: str = "", *, secure: bool = False) -> str:
    """
    Where the peer of C{flow} reaches us: the value of Contact.

    @param secure: is it a dialog in which every hop is over TLS, so that our
        Contact has to say so (section 12.1.1)?
    """
    user = f"{user}@" if user else ""
    transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
    return f"<{'sips' if secure else 'sip'}:{user}{layer.contact_host(flow)}{transport}>"


def next_hop(dialog: Dialog, flow: Flow | None, *, sticky: bool) -> Flow | Uri:
    """
    Where a request within a dialog goes.

    Phones are reached by the flow they came from, since their Contact is
    often not what is seen of them (and C{sip_trust_ctrl} of a Yealink
    wants the address it registered to); with a route set, by the route.
    """
    if not dialog.routes and flow is not None and (sticky or flow.connection):
        return flow
    return dialog.next_hop


def may_answer(response: Response, answered: int) -> bool:
    """
    Is a challenge answered?

    The first one is; the next only if it wants a fresher nonce (RFC 7616
    section 3.3).

    @param answered: how many challenges to the same request were answered before.
    """
    if response.code not in (401, 407):
        return False
    try:
        return not answered or (answered < ANSWERS_MAX and any(one.stale for one in response.challenges))
    except PeerError:
        return False


class Surroundings(Protocol):
    """What all channels of one kind share."""

    layer: ITransactionLayer

    def credentials(self, channel: Channel, response: Response, request: Request) -> Iterable[Field] | None:
        """Credentials for a peer that asks for them."""

    def moved(self, channel: Channel, before: Flow | None) -> None:
        """The channel takes another flow than before."""


class Channel:
    """
    The way to one peer within one dialog that is no call.

    There may be a hundred thousand of them, so it keeps nothing that it can
    find out.
    """

    __slots__ = ("_client", "dialog", "flow", "owner", "surroundings")

    def __init__(self, surroundings: Surroundings, dialog: Dialog) -> None:
        """Have no way yet but the peer's Contact."""
        self.surroundings = surroundings
        self.dialog = dialog
        self.flow: Flow | None = None
        self.owner: Any = None
        """The usage of the dialog, for whom the surroundings may ask."""
        self._client: IClientTransaction | None = None
        """Our request that is on its way."""

    def contact(self, flow: Flow) -> Field:
        """Where the peer reaches us in this dialog."""
        value = contact_value(self.surroundings.layer, flow, secure=self.dialog.secure)
        return ("Contact", value)

    def take_flow(self, flow: Flow | None) -> None:
        """Be reached by this way from now on."""
        before = self.flow
        if flow != before:
            self.flow = flow
            self.surroundings.moved(self, before)

    def follow(self, flow: Flow | None) -> None:
        """The peer is there now, and so goes what is on its way to it."""
        self.take_flow(flow)
        if self._client is not None and flow is not None:
            self._client.move(flow)

    def request(
        self,
        method: str,
        hear: Callable[[Response], None],
        fields: tuple[Field, ...] = (),
        body: bytes = b"",
    ) -> None:
        """Send a request within the dialog that says where we are; C{hear} is told its final answer."""
        _Sending(self, method, hear, fields, body).send()

    def sending(self, write: Callable[[Flow, str], Request], hear: Callable[[Response], None]) -> None:
        """A request leaves; it goes on where the peer goes, until it is answered."""
        to = next_hop(self.dialog, self.flow, sticky=True)
        self._client = self.surroundings.layer.request(write, to, hear)

    def sent(self) -> None:
        """The request has its final answer."""
        self._client = None

    def respond(
        self, server: IServerTransaction, code: int, fields: tuple[Field, ...] = (), reason: str = ""
    ) -> None:
        """Answer a request within the dialog."""
        request = server.request
        if code < 300:
            fields = (self.contact(server.flow), *fields)
        server.respond(request.response(code, reason, to_tag=self.dialog.local_tag, fields=fields))


class _Sending:
    """One request within the dialog of a channel, until its final answer; nothing of it stays in a circle."""

    __slots__ = ("_answered", "_body", "_channel", "_fields", "_hear", "_method", "_proof", "_sent", "_seq")

    def __init__(
        self,
        channel: Channel,
        method: str,
        hear: Callable[[Response], None],
        fields: tuple[Field, ...],
        body: bytes,
    ) -> None:
        """Take the next CSeq number."""
        self._channel = channel
        self._method = method
        self._hear = hear
        self._fields = fields
        self._body = body
        self._seq = channel.dialog.next_seq()
        self._answered = 0
        self._proof: tuple[Field, ...] = ()
        self._sent: Request

    def send(self) -> None:
        """Send it, for the first time or with credentials."""
        channel = self._channel
        channel.sending(self._write, self._heard)

    def _write(self, flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        channel = self._channel
        fields = (channel.contact(flow), *self._fields, *self._proof)
        self._sent = channel.dialog.request(self._method, via, self._seq, fields, self._body)
        return self._sent

    def _heard(self, response: Response) -> None:
        """Take a response, unless it only asks who we are (RFC 3261 section 22.2)."""
        if response.provisional:
            return
        channel = self._channel
        channel.sent()
        if may_answer(response, self._answered):
            given = channel.surroundings.credentials(channel, response, self._sent)
            if given is not None:
                self._answered += 1
                self._proof, self._seq = tuple(given), channel.dialog.next_seq()
                self.send()
                return
        self._hear(response)
