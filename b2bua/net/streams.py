"""
What all transports with connections have in common.

A wire accepts connections, and opens one when something is sent that has none
yet; each has a number that is used once, which is part of its flow.
"""

from __future__ import annotations

import socket
from collections.abc import Container, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import ClientFactory, Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.net.address import WILDCARDS, is_ipv6, source_for
from b2bua.net.connection import Connection
from b2bua.net.framing import Framing, PlainFraming
from b2bua.transactions.flow import Flow, before_first
from b2bua.wire.parser import LIMITS, Malformed, MessageLimits, parse

if TYPE_CHECKING:
    from b2bua.net.limits import NetLimits
    from b2bua.net.runner import Runner

BACKLOG = 512
# Flows that were given out and not used yet; a request is sent soon after.
MAX_RESERVED = 10_000


class StreamWire:
    """The connections of one listening socket."""

    transport: str
    proves = False
    """Must a peer that we connect to prove who it is?"""
    log = Logger()

    def __init__(
        self,
        reactor: Any,
        runner: Runner,
        host: str,
        port: int,
        limits: MessageLimits = LIMITS,
        inherited: socket.socket | None = None,
    ) -> None:
        """
        Bind the socket; nothing is accepted before L{listen}.

        @param host: an address of ours, or 0.0.0.0 or :: for all of them.
        @param port: 0 for any.
        @param limits: those of a single message.
        @param inherited: a socket that is bound there already, with what waits in it.
        """
        family = socket.AF_INET6 if is_ipv6(host) else socket.AF_INET
        self.runner = runner
        self.limits: NetLimits = runner.transport.limits
        self._reactor = reactor
        self._messages = limits
        self._host = host
        self._socket: socket.socket | None = inherited or socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        if inherited is None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind((host, port))
        self.local: tuple[str, int] = self._socket.getsockname()[:2]
        self._port: Any = None
        self._connections: dict[int, Connection] = {}
        self._numbers: dict[tuple[tuple[str, int], str], int] = {}
        """The connection to be used for a peer, open or not."""
        self._promised: dict[int, tuple[tuple[str, int], str]] = {}
        """The ones that are not open yet, by number."""
        self._last = before_first(runner.wall())

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def listen(self) -> None:
        """Begin to accept connections, or do so again."""
        if self._socket is None:
            if self._port is not None:
                self._port.startReading()
            return
        self._socket.listen(BACKLOG)
        family = self._socket.family
        self._port = self._reactor.adoptStreamPort(self._socket.fileno(), family, self.accepting())
        self._socket.close()
        self._socket = None

    def pause(self) -> None:
        """Accept no more, until L{listen}; those that are open go on."""
        if self._port is not None:
            self._port.stopReading()

    def part(self, keep: Container[Flow]) -> None:
        """Close the connections that are not to be kept."""
        for connection in list(self._connections.values()):
            if connection.flow not in keep:
                connection.lose()

    def fileno(self) -> int:
        """The descriptor of the socket that listens."""
        open_one = self._port if self._socket is None else self._socket
        return int(open_one.fileno()) if open_one is not None else -1

    def close(self) -> None:
        """Accept no more, and close all connections."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._port is not None:
            self._port.stopListening()
            self._port = None
        for connection in list(self._connections.values()):
            connection.lose(at_once=True)

    # What differs between transports.

    def accepting(self) -> IProtocolFactory:
        """The factory of connections that peers open."""
        return Accepting(self)

    def connecting(self, factory: ClientFactory, name: str) -> IProtocolFactory:
        """Make what opens a connection to a peer that has to prove C{name}."""
        return factory

    def framing(self, *, opened: bool) -> Framing:
        """Say how messages lie in the bytes."""
        return PlainFraming(self._messages, opened=opened)

    # What the runner asks for.

    def flow_to(self, remote: tuple[str, int], name: str) -> Flow | None:
        """Give the flow of a connection that is open, or of one to be opened when it is used."""
        local = self._local_for(remote[0])
        if local is None:
            return None
        name = self.name_for(name)
        number = self._numbers.get((remote, name))
        if number is None:
            number = self._promise(remote, name)
        elif number in self._connections:
            return self._connections[number].flow
        return Flow(self.transport, local, remote, number)

    def open_flow(self, remote: tuple[str, int]) -> Flow | None:
        """Give the flow of a connection that a peer has opened from there."""
        connection = self._connections.get(self._numbers.get((remote, ""), 0))
        return connection.flow if connection is not None else None

    def _promise(self, remote: tuple[str, int], name: str) -> int:
        """Give a number to a connection that is opened when it is used."""
        if len(self._promised) >= MAX_RESERVED:
            oldest = next(iter(self._promised))
            self._numbers.pop(self._promised.pop(oldest), None)
        number = self._numbers[remote, name] = self._new_number()
        self._promised[number] = (remote, name)
        return number

    def name_for(self, name: str) -> str:
        """Whom a connection is with, beyond its address: nobody in particular without TLS."""
        return ""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send on the connection of a flow, opening it if it has been promised only."""
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.send(data)
        elif flow.connection in self._promised:
            self._open(flow, self._promised.pop(flow.connection)[1], data)
        elif data.startswith(b"SIP/"):
            self._answer(data, flow)
        else:
            self._later(flow)

    def withdraw(self, flow: Flow, key: Hashable) -> None:
        """Do not send a request that waits for its connection still."""
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.withdraw(key)

    def _answer(self, data: bytes, flow: Flow) -> None:
        """
        Send a response whose connection is gone (RFC 3261 section 18.2.2).

        It goes to where the request came from, at the port of the sent-by.
        """
        try:
            via = parse(data).via
        except Malformed:
            return
        port = via.port or (5061 if self.transport == "TLS" else 5060)
        back = self.flow_to((flow.remote[0], port), "")
        if back is not None and (back.connection in self._connections or back.connection in self._promised):
            self.send(data, back)

    def _open(self, flow: Flow, name: str, data: bytes) -> None:
        """Open a connection, with something to be sent."""
        connection = Connection(self, flow, self.framing(opened=True), opened=True, name=name)
        if not self.runner.transport.connections.take(flow.remote[0], ours=True):
            self._drop(connection)
            self._later(flow)
            return
        self._connections[flow.connection] = connection
        connection.send(data)
        host, port = flow.remote
        bind = None if self.local[0] in WILDCARDS else (self.local[0], 0)
        factory = self.connecting(Connecting(connection), name)
        connection.connector = self._reactor.connectTCP(
            host, port, factory, timeout=self.limits.connecting, bindAddress=bind
        )

    def not_opened(self, connection: Connection) -> None:
        """Tell of a connection that did not come about."""
        self._leave(connection)
        self.runner.unreachable(connection.flow)

    def _later(self, flow: Flow) -> None:
        """Tell of a failure, but not before C{send} has returned."""
        self.runner.transport.wheel.set(0.0, partial(self.runner.unreachable, flow))

    # What connections tell.

    def accept(self, address: IPv4Address | IPv6Address) -> Connection | None:
        """
        Take a connection, or turn it away.

        From somebody unknown it counts like a message, since a handshake of
        TLS costs us more than most of them.
        """
        flow = Flow(self.transport, self.local, (address.host, address.port), self._new_number())
        if not self.runner.transport.admits(flow) or not self.runner.transport.connections.take(address.host):
            return None
        return Connection(self, flow, self.framing(opened=False), opened=False)

    def proven(self, connection: Connection) -> str:
        """Say why the peer is not who it should be; empty if it is."""
        return ""

    def made(self, connection: Connection) -> None:
        """Note that a connection stands."""
        number, remote = connection.flow.connection, connection.flow.remote
        self._connections[number] = connection
        self._numbers[remote, connection.name] = number

    def lost(self, connection: Connection) -> None:
        """Note that a connection is gone."""
        self._leave(connection)
        if connection.refused:
            self.runner.unreachable(connection.flow)
        if connection.used:
            self.runner.closed(connection.flow)

    def _leave(self, connection: Connection) -> None:
        """Give the place of a connection back, and forget it."""
        self.runner.transport.connections.give_back(connection.flow.remote[0], ours=connection.opened)
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        flow = connection.flow
        self._connections.pop(flow.connection, None)
        key = (flow.remote, connection.name)
        if self._numbers.get(key) == flow.connection:
            del self._numbers[key]

    def _new_number(self) -> int:
        self._last += 1
        return self._last

    def _local_for(self, host: str) -> tuple[str, int] | None:
        """Our address towards a host, with the port that we listen on."""
        if self.local[0] not in WILDCARDS:
            return self.local
        source = source_for(host)
        return (source, self.local[1]) if source is not None else None


class TcpWire(StreamWire):
    """The TCP connections of one listening socket (RFC 3261 section 18)."""

    transport = "TCP"


class Accepting(Factory):
    """Takes connections that peers open."""

    noisy = False

    def __init__(self, wire: StreamWire) -> None:
        """Take them for a wire."""
        self._wire = wire

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        """Take a connection; it learns by which address of ours when it is made."""
        if not isinstance(addr, (IPv4Address, IPv6Address)):
            return None
        return self._wire.accept(addr)


class Connecting(ClientFactory):
    """Opens one connection."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        """Open it, or have it said that it failed."""
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        """Give the connection."""
        return self._connection

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """Say so."""
        connection = self._connection
        connection.connector = None
        connection.wire.not_opened(connection)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        """It was open and has ended; Twisted's connector and its transport would keep each other."""
        connector.transport = None
