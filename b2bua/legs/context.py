"""What all legs share, and what a new one is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from b2bua.dialogs.connections import Connections
from b2bua.legs.words import Fields, Word
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.dialogs.channel import Channel
    from b2bua.dialogs.device import IDevices
    from b2bua.dialogs.index import DialogIndex
    from b2bua.transactions.flow import Flow
    from b2bua.transactions.ports import ITransactionLayer
    from b2bua.wire.message import Field
    from b2bua.wire.uri import Uri

SDP = ("Content-Type", "application/sdp")

L = TypeVar("L")


@dataclass(slots=True)
class LegContext(Generic[L]):
    """The world of a leg: everything is handed in, so that worlds can be simulated."""

    layer: ITransactionLayer
    dialogs: DialogIndex[L]
    token: Callable[[], str]
    """Makes a tag or Call-ID nobody can guess (RFC 3261 section 19.3)."""
    random: Random = field(default_factory=Random)
    """Where numbers and waiting times come from; one that nobody can guess when it counts."""
    user_agent: str = "b2bua"
    """What our INVITEs and their answers call us."""
    challenged: Callable[[L, Response, Request, Flow | None], list[Field] | None] | None = None
    """Gives credentials for a 401 or 407 to a request that went by a flow; None passes the refusal on."""
    agreed: Callable[[L], None] | None = None
    """Told when a 2xx has refreshed the session, and perhaps the target, of a leg."""
    ended: Callable[[L], None] | None = None
    """Told when nothing of a leg is left."""
    music: Callable[[L, Word], bool] | None = None
    """Takes words on their way to a leg whose party is about to wait; None while there is nothing to hear."""
    devices: IDevices | None = None
    """Knows where phones are that have left their connection or port; None leaves it to their Contact."""
    connections: Connections[Channel] = field(default_factory=Connections)
    """The connections by which peers are reached."""
    serial: int = 0
    """The number of the last leg, by which it is told from all others in this process."""

    def credentials(
        self, leg: L, response: Response, request: Request, flow: Flow | None
    ) -> list[Field] | None:
        """Credentials for a challenge to a request that went by a flow, if there are any."""
        return None if self.challenged is None else self.challenged(leg, response, request, flow)


class Invitation(NamedTuple):
    """What an outgoing leg is to send; the call has decided all of it."""

    request_uri: str
    target: Flow | Uri
    from_uri: str
    to_uri: str
    from_display: str = ""
    to_display: str = ""
    fields: Fields = ()
    """What is told of the call: identity, Diversion, Alert-Info..."""
    session: bytes | None = None
    """The offer; None asks the callee for one."""
    max_forwards: int = 70
    max_breadth: int = 60
    route: tuple[str, ...] = ()
    """The URIs of a Route to preload, such as the Path of a binding (RFC 3327 section 5.4)."""
    parts: tuple[tuple[str, str, bytes], ...] = ()
    """Bodies besides the offer, to which header fields refer: Content-ID, type and content."""
    focus: str = ""
    """The user of the URI of a conference to which it invites (RFC 4579 section 5.2); empty for none."""
