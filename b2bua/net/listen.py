"""The wire for each kind of socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, TypeAlias

from b2bua.errors import UsageError
from b2bua.net.address import is_ipv6
from b2bua.net.runner import Runner
from b2bua.net.streams import StreamWire, TcpWire
from b2bua.net.udp import UdpWire
from b2bua.wire.parser import LIMITS, MessageLimits

if TYPE_CHECKING:
    from b2bua.net.tls import Credentials

AnyWire: TypeAlias = UdpWire | StreamWire


def bound(inherited: socket.socket | None, host: str, port: int) -> socket.socket:
    """
    Give a socket for connections that is bound, the inherited one if there is one.

    @raise OSError: if it cannot be bound.
    """
    if inherited is not None:
        return inherited
    made = socket.socket(socket.AF_INET6 if is_ipv6(host) else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setblocking(False)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def open_wire(
    reactor: Any,
    runner: Runner,
    transport: str,
    host: str,
    port: int,
    *,
    credentials: Credentials | None = None,
    messages: MessageLimits = LIMITS,
    inherited: socket.socket | None = None,
) -> AnyWire:
    """
    Bind a socket; it is to be attached to the runner, and to C{listen}.

    @param transport: UDP, TCP, TLS, WS or WSS.
    @param credentials: what TLS and WSS need.
    @param messages: the limits of a single message.
    @param inherited: a socket that another process has bound there, see L{b2bua.net.inherited}.
    @raise OSError: if the socket cannot be bound.
    """
    match transport:
        case "UDP":
            return UdpWire(reactor, runner, host, port, inherited)
        case "TCP":
            return TcpWire(reactor, runner, host, port, messages, inherited)
        case "WS":
            from b2bua.net.websocket import WebSocketWire

            return WebSocketWire(reactor, runner, host, port, messages, inherited)
    if credentials is None:
        raise UsageError(f"{transport} needs a certificate")
    from b2bua.net.tls import TlsWire

    if transport == "TLS":
        return TlsWire(reactor, runner, host, port, credentials, messages, inherited)
    from b2bua.net.websocket import SecureWebSocketWire

    return SecureWebSocketWire(reactor, runner, host, port, credentials, messages, inherited)
