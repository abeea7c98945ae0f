"""The sockets by which the processes of one host speak with each other, if they are of one user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.protocol import ClientFactory, Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.handover.channel import Channel

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort

    from b2bua.cluster.cluster import Cluster
    from b2bua.store.ports import NodeRow

MODE = 0o600
"""The permissions of the socket."""
SECONDS = 5
"""So long a connection may take."""


class Line(Channel):
    """A connection to another node."""

    def __init__(self, cluster: Cluster, lines: set[Line]) -> None:
        """Be ready to be connected."""
        super().__init__()
        self._cluster = cluster
        self._lines = lines

    def connectionMade(self) -> None:
        """Say who we are."""
        self._lines.add(self)
        link = self._cluster.linked(self.say)
        self.lost = link.lost
        self.hear_by(link.hear)

    def connectionLost(self, reason: Failure = ...) -> None:  # type: ignore[assignment]  # as Twisted has it
        """There is no other end any more."""
        self._lines.discard(self)
        super().connectionLost(reason)


class Links:
    """Our socket, and the connections to other nodes."""

    log = Logger()

    def __init__(self, reactor: Any, path: str) -> None:
        """
        Have none.

        @param path: of the socket.
        """
        self.path = path
        self._reactor = reactor
        self._lines: set[Line] = set()
        self._connecting: set[str] = set()
        self._port: IListeningPort | None = None
        self.cluster: Cluster
        """Whom lines belong to; set before it joins."""

    def listen(self, listen: Any) -> None:
        """
        Let others connect.

        @param listen: opens a local socket, see L{b2bua.admin.listening.listen_locally}.
        """
        cluster = self.cluster
        factory = Factory()
        factory.buildProtocol = lambda addr: Line(cluster, self._lines)  # type: ignore[method-assign]  # as short as it is
        self._port = listen(self._reactor, self.path, MODE, factory)

    def connect(self, row: NodeRow) -> None:
        """Connect to a node; of two that find each other the one whose name comes first does it."""
        if row.node in self._connecting:
            return
        self._connecting.add(row.node)
        self._reactor.connectUNIX(row.place, Caller(self, row), timeout=SECONDS)

    def connected(self, row: NodeRow) -> Line | None:
        """There is a connection; None if that was all we wanted to know."""
        self._connecting.discard(row.node)
        return Line(self.cluster, self._lines) if self.cluster.node < row.node else None

    def not_connected(self, row: NodeRow, failure: Failure) -> None:
        """A node cannot be reached."""
        self._connecting.discard(row.node)
        if failure.check(ConnectionRefusedError) or _is_nowhere(failure):
            self.cluster.refused(row.node)
        else:
            self.log.warn(
                "node {node} cannot be reached at {place}: {why}",
                node=row.node, place=row.place, why=failure.getErrorMessage(),
            )  # fmt: skip

    async def close(self) -> None:
        """Close all of it."""
        port, self._port = self._port, None
        if port is not None:
            await maybeDeferred(port.stopListening)
        for line in list(self._lines):
            line.hear_by(lambda word: None)
            line.lost = lambda: None
            line.transport.abortConnection()  # type: ignore[union-attr]  # it is connected


class Caller(ClientFactory):
    """Opens a connection to a node."""

    noisy = False

    def __init__(self, links: Links, row: NodeRow) -> None:
        """Know whom."""
        self._links, self._row = links, row

    def buildProtocol(self, addr: Any) -> Line | None:
        """There is a connection."""
        return self._links.connected(self._row)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """There is none."""
        self._links.not_connected(self._row, reason)


def _is_nowhere(failure: Failure) -> bool:
    """Is there no such socket?"""
    return bool(failure.check(ConnectError)) and getattr(failure.value, "osError", None) == 2
