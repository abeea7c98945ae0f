"""How much the transports and the transaction layer take from the world."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetLimits:
    """The bounds that keep a peer from costing more than its share."""

    transactions: int = 200_000
    """Server transactions before requests outside of dialogs get a 503."""
    spare: float = 1.25
    """By how much requests within dialogs may exceed that."""
    datagram: int = 1300
    """Bytes of a request that go by UDP (RFC 3261 section 18.1.1)."""
    rate: float = 100.0
    """Messages per second from one source that is not known."""
    burst: int = 1000
    """How many of them may come at once."""
    sources: int = 100_000
    """Sources that are counted one by one; more of them share one account."""
    connections: int = 20_000
    """Connections in all."""
    connections_per_host: int = 500
    """Connections from one address, or one IPv6 network; many phones may be behind one."""
    idle: float = 660.0
    """Seconds without a byte after which a connection is closed; keep-alives come every 95 to 120
    seconds (RFC 5626 section 4.4.1), registrations are refreshed within an hour."""
    hello: float = 20.0
    """Seconds that a new connection has to bring its first message, and TLS its handshake."""
    unfinished: float = 20.0
    """Seconds that the rest of a message may take."""
    halves: int = 33_554_432
    """Bytes of messages that have come in part, over all connections."""
    buffered: int = 262_144
    """Bytes that wait to be read by a peer before its connection is closed."""
    connecting: float = 5.0
    """Seconds for a connection of ours to be established."""
    lag: float = 0.2
    """Seconds that what is new may wait while we are behind, before it is turned away."""
    dead: float = 60.0
    """Seconds that a server that did not answer is asked last."""
