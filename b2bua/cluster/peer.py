"""Another node, as long as it can be spoken with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.cluster.distant import DistantWire
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.handover.belonging import Say, Word
    from b2bua.server import Server


VERSION = 1
"""Changes with the words that nodes say to each other."""


def hello(server: Server, node: str, number: int) -> Word:
    """What a node says first: who it is, and by which sockets its phones are reached."""
    wires = [
        [wire.transport, list(wire.local), advertise] for wire, advertise in server.runner.transport.wires.own
    ]
    return {"say": "hello", "version": VERSION, "node": node, "number": number, "wires": wires}


class Peer:
    """Another node that has said who it is."""

    def __init__(self, word: Word, say: Say) -> None:
        """
        Know what it has said of itself.

        @param word: its L{hello}.
        @param say: tells it something.
        """
        self.node: str = word["node"]
        self.number: int = word["number"]
        self.say = say
        self.places: list[tuple[str, tuple[str, int], str]] = [
            (transport, (host, port), advertise) for transport, (host, port), advertise in word["wires"]
        ]


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
