"""What we send to programs elsewhere: requests by HTTP, and datagrams."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import DatagramProtocol, Protocol
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

if TYPE_CHECKING:
    from twisted.web.client import Agent, HTTPConnectionPool

SECONDS = 15.0
"""So long an answer may take."""
READ = 65_536
"""Bytes of an answer that are read, and thrown away; a longer one has its connection closed."""


class Posting:
    """
    Sends bodies by POST.

    Certificates are checked against those that the host trusts; nobody is
    followed elsewhere, since a redirection is an answer like any other.
    """

    def __init__(self, reactor: Any) -> None:
        """Keep connections open between requests; there is none before the first."""
        self._reactor = reactor
        self._pool: HTTPConnectionPool | None = None

    async def _agent(self) -> Agent:
        """What sends requests, by the connections that are kept."""
        if self._pool is None:
            # With OpenSSL that takes a moment, in which calls go on.
            threads = self._reactor.getThreadPool()
            await deferToThreadPool(self._reactor, threads, import_module, "twisted.web.client")
        from twisted.web.client import Agent, HTTPConnectionPool

        if self._pool is None:
            self._pool = HTTPConnectionPool(self._reactor)
        return Agent(self._reactor, connectTimeout=SECONDS, pool=self._pool)

    async def __call__(self, url: str, fields: Mapping[str, str], body: bytes) -> int:
        """Send one, and give the status of the answer."""
        agent = await self._agent()
        from twisted.web.client import FileBodyProducer

        headers = Headers({name: [text] for name, text in {"User-Agent": "b2bua", **fields}.items()})
        asked = agent.request(b"POST", url.encode(), headers, FileBodyProducer(BytesIO(body)))
        response = await asked.addTimeout(SECONDS, self._reactor)
        done = Drain()
        response.deliverBody(done)
        await done.over.addTimeout(SECONDS, self._reactor)
        return int(response.code)

    def close(self) -> Deferred[Any]:
        """Close the connections that are kept."""
        return maybeDeferred(self._pool.closeCachedConnections) if self._pool is not None else succeed(None)


class Datagrams:
    """Sends datagrams; whether they arrive, nobody knows."""

    def __init__(self, reactor: Any) -> None:
        """Have no socket."""
        self._reactor = reactor
        self._ports: dict[int, Any] = {}

    def __call__(self, data: bytes, address: tuple[str, int]) -> None:
        """Send one; the socket is opened with the first."""
        version = ip_address(address[0]).version
        if version not in self._ports:
            interface = "::" if version == 6 else "0.0.0.0"
            self._ports[version] = self._reactor.listenUDP(0, DatagramProtocol(), interface=interface)
        with suppress(OSError):  # no route, or nobody there: it is a copy
            self._ports[version].write(data, address)

    async def close(self) -> None:
        """Close the sockets."""
        ports, self._ports = self._ports, {}
        for port in ports.values():
            await maybeDeferred(port.stopListening)


class Drain(Protocol):
    """Reads an answer, for the connection to be used again, and keeps nothing of it."""

    def __init__(self) -> None:
        """Have read nothing."""
        self._left = READ
        self.over: Deferred[None] = Deferred(lambda _: self._cut())

    def dataReceived(self, data: bytes) -> None:
        """Throw it away."""
        self._left -= len(data)
        if self._left < 0:
            self._cut()

    def _cut(self) -> None:
        """Read no more."""
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """It is over."""
        if not self.over.called:
            self.over.callback(None)
