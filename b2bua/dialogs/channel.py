"""
The way to the peer of a dialog: what any usage needs to speak within it.

A call, the news of a transfer and a watched lamp have this in common: a Contact
of ours, the flow by which the peer is reached, the phone that it follows,
requests with the next CSeq, a challenge that is answered, and answers (RFC 3261
section 12.2).  The dialog itself is handed in with each request, since the legs
of an INVITE that forks are several dialogs with one way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from b2bua.once import Remembered
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.dialogs.connections import Connections
    from b2bua.dialogs.device import Device, IDevices
    from b2bua.dialogs.dialog import Dialog
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import IServerTransaction, ITransactionLayer
    from b2bua.wire.message import Field
    from b2bua.wire.uri import Uri


def contact_value(layer: ITransactionLayer, flow: Flow, user: str = "", secure: bool = False) -> str:
    """
    Where the peer of C{flow} reaches us: the value of Contact.

    @param secure: is it a dialog in which every hop is over TLS, so that our
        Contact has to say so (section 12.1.1)?
    """
    return _contacts["sips" if secure else "sip", user, layer.contact_host(flow), flow.transport]


def _write_contact(parts: tuple[str, ...]) -> str:
    """Write a Contact."""
    scheme, user, host, transport = parts
    user = f"{user}@" if user else ""
    by = "" if transport == "UDP" else f";transport={transport.lower()}"
    return f"<{scheme}:{user}{host}{by}>"


_contacts = Remembered(_write_contact, 2048)
"""The same object for all who talk to one number at one socket."""


class OpenRequest(Protocol):
    """A request of ours within the dialog, until its final answer."""

    def follow(self, flow: Flow) -> None:
        """The peer is there now."""

    def rest(self) -> None:
        """The session is over: do not send it again, if it has no place after that."""


class IUsage(Protocol):
    """What speaks within the dialog: a leg, a subscription."""

    def moved(self, flow: Flow) -> None:
        """The peer is reached by this way now, and what was on its way goes there."""

    def flow_lost(self, flow: Flow) -> None:
        """The connection to the peer is closed."""


class ISurroundings(Protocol):
    """What all channels of one kind share."""

    layer: ITransactionLayer
    connections: Connections[Channel]
    devices: IDevices | None
    """Knows where phones are that have left their connection or port; None leaves it to their Contact."""

    def credentials(
        self, usage: Any, response: Response, request: Request, flow: Flow | None
    ) -> Iterable[Field] | None:
        """Credentials for a peer that asks for them, of a request that went by a flow."""


class Channel:
    """
    The way to one peer.

    There may be a hundred thousand of them, so it keeps nothing that it can
    find out.
    """

    __slots__ = (
        "closed",
        "contact_user",
        "device",
        "flow",
        "requests",
        "secure",
        "sticky",
        "surroundings",
        "usage",
        "written",
    )

    patient = False
    """Does a request that was lost with the peer's connection wait until the peer is back?"""

    usage: Any
    """Whose dialog it is; None when all is over."""
    flow: Flow | None
    """The way that requests take by now; None while that is lost."""
    device: Device | None
    """The phone of a user that the peer is, which is followed to where it registers."""
    sticky: bool
    """Do requests follow the flow of the peer, not its Contact?"""
    secure: bool
    """Was the dialog made by a sips: URI, so that our Contact is one too (section 12.1.1)?"""
    written: str
    """The value of our Contact, as long as the flow is the same."""
    requests: list[OpenRequest] | None
    """Ours that have no final answer yet."""

    def __init__(self, surroundings: ISurroundings, usage: IUsage) -> None:
        """Have no way yet but the peer's Contact."""
        self.surroundings = surroundings
        self.usage = usage
        self.flow = None
        self.device = None
        self.sticky = False
        self.secure = False
        self.contact_user = ""
        self.written = ""
        self.requests = None
        self.closed = False

    # Where the peer is

    def take_flow(self, flow: Flow | None) -> None:
        """Be reached by this way from now on."""
        before = self.flow
        if flow is not None and flow.connection and flow in self.surroundings.connections.lost:
            flow = None
        self.flow = flow
        if before == flow:
            return
        self.written = ""
        if before is not None and before.connection:
            self.surroundings.connections.leave(self, before)
        if flow is not None and flow.connection and not self.closed:
            self.surroundings.connections.join(self, flow)

    def meet(self, aor: str, contact: str, flow: Flow | None) -> None:
        """
        Find out which phone of its user the peer is, and follow it from now on.

        @param contact: the Contact of its request, or the one that is called.
        @param flow: where its request came from, or where ours goes.
        """
        devices = self.surroundings.devices
        if devices is None or not aor:
            return
        if self.device is not None:
            devices.remove(self)
        devices.meet(self, aor, contact, flow)
        if (device := self.device) is not None and device.flow == self.flow:
            self.flow = device.flow  # the same object as the registrar's

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
        self.take_flow(flow)
        for request in list(self.requests or ()):
            request.follow(flow)
        if self.usage is not None:
            self.usage.moved(flow)

    def lose(self, flow: Flow) -> None:
        """The connection is closed: go where the phone is else, if that is known."""
        if self.flow == flow:
            self.take_flow(None)
            self.resume()

    def tell_lost(self, flow: Flow) -> None:
        """Tell whose dialog it is that the connection is closed."""
        if self.usage is not None:
            self.usage.flow_lost(flow)

    def resume(self) -> None:
        """Follow the phone that is known, to begin with to where it is by now."""
        if self.device is not None and self.surroundings.devices is not None:
            self.surroundings.devices.add(self)

    def seek(self) -> None:
        """Go where the phone is by now: who follows nobody any more is not told of that."""
        devices = self.surroundings.devices
        if self.closed and self.device is not None and devices is not None:
            devices.add(self)
            devices.remove(self)

    def close(self) -> None:
        """Follow nobody, and hear no more of connections."""
        self.closed = True
        flow, surroundings = self.flow, self.surroundings
        if flow is not None and flow.connection:
            surroundings.connections.leave(self, flow)
        if self.device is not None and surroundings.devices is not None:
            surroundings.devices.remove(self)
        if self.requests is None:
            self.usage = None  # the collector need not find the two

    # What we say

    def contact(self, flow: Flow) -> Field:
        """Where the peer reaches us in this dialog."""
        if flow is self.flow and self.written:
            return ("Contact", self.written)
        value = contact_value(self.surroundings.layer, flow, self.contact_user, self.secure)
        if flow is self.flow:
            self.written = value
        return ("Contact", value)

    def ways(self, dialog: Dialog) -> tuple[Flow | Uri, Flow | None]:
        """
        Where a request within a dialog goes, and where else if that cannot be.

        Phones are reached by the flow they came from, since their Contact is
        often not what is seen of them (and C{sip_trust_ctrl} of a Yealink
        wants the address it registered to); with a route set, by the route.  A
        carrier may name a port in Record-Route that nobody can connect to, and
        use the connection on which the call came (RFC 5923 section 4).
        """
        flow = self.flow
        if flow is None:
            return dialog.next_hop, None
        if not dialog.routes and (self.sticky or flow.connection):
            return flow, None
        return dialog.next_hop, flow if flow.connection else None

    def respond(
        self,
        dialog: Dialog,
        server: IServerTransaction,
        code: int,
        fields: tuple[Field, ...] = (),
        reason: str = "",
    ) -> None:
        """Answer a request within the dialog; a 2xx says where we are."""
        request = server.request
        if code < 300:
            fields = (self.contact(server.flow), *fields)
        server.respond(request.response(code, reason, to_tag=dialog.local_tag, fields=fields))
