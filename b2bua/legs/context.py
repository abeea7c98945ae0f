"""What all legs share, and what a new one is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from b2bua.dialogs.connections import Connections
from b2bua.legs.words import Fields, Word
from b2bua.wire.message import Request, Response
from b2bua.wire.registry import canonical

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
M = TypeVar("M", Request, Response)


class Draft:
    """A message of a leg that is about to leave, while features may edit it."""

    __slots__ = ("_fields", "message")

    def __init__(self, message: Request | Response) -> None:
        """Start from what the leg wrote."""
        self.message = message
        self._fields: list[Field] | None = None

    def get(self, name: str) -> str | None:
        """Find the first value of a header field."""
        for known, value in self.message.fields if self._fields is None else self._fields:
            if canonical(known) == canonical(name):
                return value
        return None

    def add(self, name: str, value: str) -> None:
        """Add a header field at the end."""
        self._edited().append((name, value))

    def remove(self, name: str) -> None:
        """Take out every header field of that name."""
        wanted = canonical(name)
        self._fields = [item for item in self._edited() if canonical(item[0]) != wanted]

    def replace(self, name: str, value: str) -> None:
        """Put one header field in the place of all of that name."""
        self.remove(name)
        self.add(name, value)

    def _edited(self) -> list[Field]:
        """The fields, copied before the first change."""
        if self._fields is None:
            self._fields = list(self.message.fields)
        return self._fields

    def finish(self) -> Request | Response:
        """The message, which nobody can change any more."""
        message, fields = self.message, self._fields
        if fields is None:
            return message
        if isinstance(message, Request):
            return Request(message.method, message.uri, fields, message.body)
        return Response(message.code, message.reason, fields, message.body)


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
    write_edit: Callable[[L, Draft], None] | None = None
    """Edits each request and response of a leg before it leaves; None costs nothing."""
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

    def credentials(
        self, leg: L, response: Response, request: Request, flow: Flow | None
    ) -> list[Field] | None:
        """Credentials for a challenge to a request that went by a flow, if there are any."""
        return None if self.challenged is None else self.challenged(leg, response, request, flow)

    def next_serial(self) -> int:
        """Make a small number, unique in this process."""
        self.serial += 1
        return self.serial

    def edited(self, leg: L, message: M) -> M:
        """Let the features edit a message that is about to leave."""
        if self.write_edit is None:
            return message
        draft = Draft(message)
        self.write_edit(leg, draft)
        return draft.finish()  # type: ignore[return-value]  # finish gives back the kind it was made from


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
