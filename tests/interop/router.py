"""
A router between phones and the service, as in an office: by UDP it may forget ports, by TCP connections.

The service sees other places when the phones speak again.  Its C{advertise} is
to name the router, so that what phones send within a call comes by it, too.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.interop.processes import free_port, reactor

HOST = "127.0.0.1"


class _Port(DatagramProtocol):
    """The port that the service sees in the place of a phone's own."""

    def __init__(self, router: Router, phone: Any) -> None:
        """Take what comes for the phone."""
        self._router, self._phone = router, phone

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hand it on."""
        self._router.send(datagram, self._phone)

    def send(self, datagram: bytes, addr: Any) -> None:
        """Send something."""
        assert self.transport is not None
        self.transport.write(datagram, addr)


class _End(Protocol):
    """One end of a connection; the other one is what is written to it."""

    def __init__(self) -> None:
        """Have no other end yet."""
        self._early: list[bytes] = []
        self.other: _End | None = None
        self.over: Deferred[None] = Deferred()
        """Fires when it is closed, by both."""

    def join(self, other: _End) -> None:
        """Have the other end, and tell it what has come already."""
        self.other, other.other = other, self
        for end in (self, other):
            early, end._early = end._early, []
            for data in early:
                end.dataReceived(data)

    def dataReceived(self, data: bytes) -> None:
        """Hand it on."""
        if self.other is None:
            self._early.append(data)
        else:
            assert self.other.transport is not None
            self.other.transport.write(data)

    def part(self) -> None:
        """Close it, and hear when the phone has seen that; the service learns it the hard way."""
        assert self.transport is not None
        self.transport.loseWriteConnection()
        other, self.other = self.other, None
        if other is not None and other.transport is not None:
            other.other = None
            other.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The other end is closed, too."""
        self.over.callback(None)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.loseConnection()


class Router(DatagramProtocol):
    """What stands between the service and its phones."""

    def __init__(self) -> None:
        """Prepare a place that phones take for the service."""
        self.port = free_port()
        self._service: Any = None
        self._ports: dict[Any, tuple[_Port, Any]] = {}
        """By the place of the phone: the port in its stead, and how it is closed."""
        self._ends: list[_End] = []
        self._listening: list[Any] = []

    @property
    def address(self) -> str:
        """What phones take for the service, as C{host:port}."""
        return f"{HOST}:{self.port}"

    def begin(self, service: str) -> None:
        """Stand before a service at C{host:port}."""
        host, _, port = service.partition(":")
        self._service = host, int(port)
        accept = Factory.forProtocol(self._accepted)
        self._listening = [
            reactor.listenUDP(self.port, self, HOST),
            reactor.listenTCP(self.port, accept, interface=HOST),
        ]

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hand on what a phone says, by the port that stands for it."""
        if addr not in self._ports:
            port = _Port(self, addr)
            self._ports[addr] = port, reactor.listenUDP(0, port, HOST)
        self._ports[addr][0].send(datagram, self._service)

    def send(self, datagram: bytes, addr: Any) -> None:
        """Send something to a phone."""
        assert self.transport is not None
        self.transport.write(datagram, addr)

    def _accepted(self) -> _End:
        """Take a connection of a phone, and make the one that the service sees."""
        end = _End()
        connectProtocol(TCP4ClientEndpoint(reactor, *self._service), _End()).addCallback(end.join)
        self._ends.append(end)
        return end

    def forget(self) -> Deferred[Any]:
        """Forget all; fires when the phones have closed what they had open."""
        ports, self._ports = self._ports, {}
        for _, listening in ports.values():
            listening.stopListening()
        ends, self._ends = self._ends, []
        for end in ends:
            if not end.over.called:
                end.part()
        return gatherResults([end.over for end in ends])

    def stop(self) -> None:
        """End it."""
        self.forget()
        for listening in self._listening:
            listening.stopListening()
