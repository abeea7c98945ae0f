"""The sockets of another process, by which its phones are reached as long as it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.handover.belonging import Say, packed
from b2bua.net.locate import Hop

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.net.wires import Wire
    from b2bua.transactions.flow import Flow


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
