"""
The way to the peer of a dialog: what any usage needs to speak within it.

A call, the news of a transfer and a watched lamp have this in common: a Contact
of ours, the flow by which the peer is reached, requests with the next CSeq,
a challenge that is answered, and answers (RFC 3261 section 12.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from b2bua.dialogs.dialog_request import DialogRequest

if TYPE_CHECKING:
    from b2bua.dialogs.dialog import Dialog
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IClientTransaction, IServerTransaction, ITransactionLayer
    from b2bua.wire.message import Field, Request, Response
    from b2bua.wire.uri import Uri


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

    __slots__ = ("_request", "dialog", "flow", "owner", "surroundings")

    def __init__(self, surroundings: Surroundings, dialog: Dialog) -> None:
        """Have no way yet but the peer's Contact."""
        self.surroundings = surroundings
        self.dialog = dialog
        self.flow: Flow | None = None
        self.owner: Any = None
        """The usage of the dialog, for whom the surroundings may ask."""
        self._request: DialogRequest | None = None
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
        if self._request is not None and flow is not None:
            self._request.follow(flow)

    def request(
        self,
        method: str,
        hear: Callable[[Response], None],
        fields: tuple[Field, ...] = (),
        body: bytes = b"",
    ) -> None:
        """Send a request within the dialog that says where we are; C{hear} is told its final answer."""
        self._request = _ChannelRequest(self, method, hear, fields, body)
        self._request.send()

    def answered(self) -> None:
        """The request has its final answer."""
        self._request = None

    def respond(
        self, server: IServerTransaction, code: int, fields: tuple[Field, ...] = (), reason: str = ""
    ) -> None:
        """Answer a request within the dialog."""
        request = server.request
        if code < 300:
            fields = (self.contact(server.flow), *fields)
        server.respond(request.response(code, reason, to_tag=self.dialog.local_tag, fields=fields))


class _ChannelRequest(DialogRequest):
    """One request within the dialog of a channel; it says where we are."""

    __slots__ = ("_channel",)

    def __init__(
        self,
        channel: Channel,
        method: str,
        hear: Callable[[Response], None],
        fields: tuple[Field, ...],
        body: bytes,
    ) -> None:
        """Take what is to be sent."""
        super().__init__(channel.dialog, method, hear, fields, body)
        self._channel = channel

    def _leave(self) -> IClientTransaction:
        """Go by the way of the channel."""
        channel = self._channel
        way = next_hop(channel.dialog, channel.flow, sticky=True)
        return channel.surroundings.layer.request(self._write, way, self._heard)

    def _write(self, flow: Flow, via: str) -> Request:
        """Write it for the hop that it takes."""
        fields = (self._channel.contact(flow), *self._fields, *self._proof)
        self._sent = self._dialog.request(self._method, via, self.seq, fields, self._body)
        return self._sent

    def _credentials(self, response: Response) -> Iterable[Field] | None:
        """Those that the surroundings know."""
        return self._channel.surroundings.credentials(self._channel, response, self._sent)

    def _heard(self, response: Response) -> None:
        """Take a response, unless it only asks who we are."""
        if response.provisional:
            return
        self._client = None
        if not self._answers_challenge(response):
            self._channel.answered()
            self._hear(response)
