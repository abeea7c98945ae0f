"""
SIP over WebSocket and secure WebSocket, for phones in browsers (RFC 7118).

The protocol itself (RFC 6455) is wsproto's: it is small, of the same hands as
h11, keeps no time and touches no socket, so it fits into L{Connection} beside
the other ways of framing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from b2bua.net.framing import Closed
from b2bua.net.streams import StreamWire
from b2bua.net.tls import TlsWire
from b2bua.transactions.flow import Flow
from b2bua.wire.parser import Malformed, MessageLimits

if TYPE_CHECKING:
    from b2bua.net.framing import Framing

SUBPROTOCOL = "sip"
SECTION = "RFC 7118 5"
IDLE_MAX = 256
"""So many pings at once are no keep-alive, however long the peer was cut off."""


class WebSocketFraming:
    """One message in each WebSocket message (RFC 7118 section 5)."""

    def __init__(self, limits: MessageLimits) -> None:
        """Wait for the handshake."""
        self._limits = limits
        self._socket = WSConnection(ConnectionType.SERVER)
        self._replies = bytearray()
        self._parts: list[bytes] = []
        self._size = 0
        self._shaking = 0
        self._idle = 0
        self.ready = False

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their message, or of the handshake."""
        return self._size or self._shaking

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take bytes and give the messages that are complete.

        @raise Malformed: when the connection is over, for whatever reason.
        """
        messages: list[bytes] = []
        if not self.ready:
            self._shaking += len(data)
        try:
            self._socket.receive_data(data)
            for event in self._socket.events():
                self._take(event, messages)
                if self._idle > IDLE_MAX:
                    raise _Over("So many pings are no keep-alive")
        except RemoteProtocolError as error:
            self._reply(error.event_hint)
            raise _Over(f"It is no WebSocket: {error}", messages) from None
        except LocalProtocolError as error:
            raise _Over(f"It cannot go on: {error}", messages) from None
        except (_Over, Closed) as over:
            over.units = messages
            raise
        return messages

    def _take(self, event: Event, messages: list[bytes]) -> None:
        """Do what an event wants."""
        match event:
            case TextMessage() | BytesMessage():
                part = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
                if not part and not event.message_finished:
                    self._idle += 1
                    return
                self._size += len(part)
                if self._size > self._limits.message:
                    self._reply(CloseConnection(code=CloseReason.MESSAGE_TOO_BIG))
                    raise _Over("A WebSocket message is too long")
                self._parts.append(part)
                if event.message_finished:
                    messages.append(b"".join(self._parts))
                    self._parts.clear()
                    self._size = 0
            case Request():
                self._shake_hands(event)
            case Ping():
                self._idle += 1
                self._reply(event.response())
            case Pong():
                self._idle += 1
            case CloseConnection():
                self._reply(event.response())
                raise Closed("The peer has closed it", section=SECTION)

    def _shake_hands(self, request: Request) -> None:
        """Accept who speaks SIP (section 4.1)."""
        if SUBPROTOCOL in request.subprotocols:
            self._reply(AcceptConnection(subprotocol=SUBPROTOCOL))
            self.ready = True
            self._shaking = 0
        else:
            self._reply(RejectConnection(status_code=400))
            raise _Over("The subprotocol is not sip")

    def _reply(self, event: Event | None) -> None:
        """Have something to say."""
        if event is not None:
            self._replies += self._socket.send(event)

    def frame(self, message: bytes) -> bytes:
        """Make a frame: text if it is UTF-8, as browsers like it (section 4.2)."""
        try:
            event: Event = TextMessage(data=message.decode())
        except UnicodeDecodeError:
            event = BytesMessage(data=message)
        try:
            return self._socket.send(event)
        except LocalProtocolError:
            return b""  # the peer has closed it just now

    def replies(self) -> bytes:
        """What the handshake, pings and the end draw."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def idle(self) -> int:
        """How many pings, pongs and empty frames have come."""
        idle, self._idle = self._idle, 0
        return idle


class _Over(Malformed):
    """A WebSocket that is over; C{units} is what came before."""

    def __init__(self, why: str, units: list[bytes] | None = None) -> None:
        super().__init__(why, section=SECTION)
        self.units = units or []


class WebSocketWire(StreamWire):
    """The WebSocket connections of one listening socket."""

    transport = "WS"

    def framing(self, *, opened: bool) -> Framing:
        """Say how messages lie in the bytes."""
        return WebSocketFraming(self._messages)

    def flow_to(self, remote: tuple[str, int], name: str) -> Flow | None:
        """Give the flow of a connection that is open: browsers cannot be connected to."""
        return self.open_flow(remote)


class SecureWebSocketWire(TlsWire):
    """The same over TLS."""

    transport = "WSS"

    def framing(self, *, opened: bool) -> Framing:
        """Say how messages lie in the bytes."""
        return WebSocketFraming(self._messages)

    def flow_to(self, remote: tuple[str, int], name: str) -> Flow | None:
        """Give the flow of a connection that is open: browsers cannot be connected to."""
        return self.open_flow(remote)
