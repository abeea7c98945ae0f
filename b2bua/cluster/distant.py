"""The sockets of other processes, by which their phones are reached as long as they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.handover.belonging import Say, packed
from b2bua.net.locate import Hop
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.cluster.peer import Peer
    from b2bua.net.transport import TransportLayer
    from b2bua.net.wires import Wire
    from b2bua.server import Server


class DistantWire:
    """
    One socket of another process, or its connections.

    A phone behind NAT hears only who it has spoken to, and a connection belongs
    to the process that has accepted it.  So what belongs to a flow of that
    process leaves by it, and phones do not notice whose a call is.  When the
    process is gone datagrams leave by a socket of our own.
    """

    def __init__(self, transport: str, local: tuple[str, int], below: TransportLayer) -> None:
        """Reach nobody yet."""
        self.transport = transport
        self.local = local
        self.say: Say | None = None
        """Tells the other process; None when it is gone."""
        self._below = below

    def send(self, data: bytes, flow: Flow) -> None:
        """Have it sent."""
        if self.say is not None:
            self.say({**packed(flow, data), "say": "send"})
        elif (own := self._own(flow)) is not None:
            own[0].send(data, own[1])

    def _own(self, flow: Flow) -> tuple[Wire, Flow] | None:
        """A socket of ours that leads to the same peer; no connection stands in for another one."""
        if flow.connection:
            return None
        wires = self._below.wires
        way = wires.flow_to(Hop(self.transport, *flow.remote))
        wire = None if way is None else wires.wire_of(way)
        return None if way is None or wire is None else (wire, way)


class DistantWires:
    """The sockets of other nodes, those that are gone included: calls may still be bound to them."""

    def __init__(self, server: Server) -> None:
        """Know none."""
        self._server = server
        self._wires: dict[tuple[str, tuple[str, int]], DistantWire] = {}

    def there(self, peer: Peer) -> None:
        """Use those of a node that is there."""
        for transport, local, advertise in peer.places:
            self._wire(transport, local, advertise).say = peer.say

    def gone(self, peer: Peer) -> None:
        """Use ours in place of those of a node that is gone; its connections are closed."""
        runner = self._server.runner
        gone = [self._wires[transport, local] for transport, local, _ in peer.places]
        for wire in gone:
            wire.say = None
        for flow in list(self._server.context.connections.channels):
            if runner.transport.wires.wire_of(flow) in gone:
                runner.closed(flow)

    def need(self, transport: str, local: tuple[str, int]) -> None:
        """Use ours in place of one that we have never seen."""
        if self._server.runner.transport.wires.wire_of(Flow(transport, local, local)) is None:
            self._wire(transport, local, "")

    def _wire(self, transport: str, local: tuple[str, int], advertise: str) -> DistantWire:
        """One of them."""
        found = self._wires.get((transport, local))
        if found is None:
            transports = self._server.runner.transport
            found = self._wires[transport, local] = DistantWire(transport, local, transports)
            transports.wires.lend(found, advertise)
        return found
