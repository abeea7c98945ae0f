"""The wire for each kind of socket."""

from __future__ import annotations

from typing import Any, TypeAlias

from b2bua.errors import UsageError
from b2bua.net.runner import Runner
from b2bua.net.streams import TcpWire
from b2bua.net.tls import Credentials, TlsWire
from b2bua.net.udp import UdpWire
from b2bua.net.websocket import SecureWebSocketWire, WebSocketWire
from b2bua.wire.message import LIMITS, MessageLimits

AnyWire: TypeAlias = UdpWire | TcpWire | TlsWire | WebSocketWire | SecureWebSocketWire


def open_wire(
    reactor: Any,
    runner: Runner,
    transport: str,
    host: str,
    port: int,
    *,
    credentials: Credentials | None = None,
    messages: MessageLimits = LIMITS,
) -> AnyWire:
    """
    Bind a socket; it is to be attached to the runner, and to C{listen}.

    @param transport: UDP, TCP, TLS, WS or WSS.
    @param credentials: what TLS and WSS need.
    @param messages: the limits of a single message.
    @raise OSError: if the socket cannot be bound.
    """
    match transport:
        case "UDP":
            return UdpWire(reactor, runner, host, port)
        case "TCP":
            return TcpWire(reactor, runner, host, port, messages)
        case "WS":
            return WebSocketWire(reactor, runner, host, port, messages)
    if credentials is None:
        raise UsageError(f"{transport} needs a certificate")
    kind = {"TLS": TlsWire, "WSS": SecureWebSocketWire}[transport]
    return kind(reactor, runner, host, port, credentials, messages)
