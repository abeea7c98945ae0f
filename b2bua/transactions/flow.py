"""Which way a message came, and the way one goes: a transport and two addresses; who counts as one source."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple, final


@final
class Flow(NamedTuple):
    """
    A path between one of our sockets and a peer's.

    Plain data: it can be compared, hashed, stored and restored.  An answer
    leaves by the flow on which the request came (RFC 3261 section 18.2.2, RFC
    3581 section 4); a contact registered over a connection is reached by that
    connection's flow (RFC 5626 section 5.3).
    """

    transport: str
    """UDP, TCP, TLS, WS or WSS."""
    local: tuple[str, int]
    """Host and port of our socket; the host is an IP address, never 0.0.0.0 or ::."""
    remote: tuple[str, int]
    """Host and port of the peer; the host is an IP address."""
    connection: int = 0
    """The number of the connection, see L{before_first}; 0 without one."""

    @property
    def reliable(self) -> bool:
        """Does the transport itself deliver and order what is sent?"""
        return self.transport != "UDP"


def before_first(wall: float) -> int:
    """
    The number before that of the first connection, for a process that starts at a time of day.

    Another node may remember a connection of a process that has died, and speak by its
    number to the next one: there it must not be somebody else's.
    """
    return int(1000 * wall) << 12  # no process accepts 4,096 a millisecond for long


@lru_cache(maxsize=4096)
def source_of(host: str) -> str:
    """
    What counts as one source: an IPv4 address, or the /64 of an IPv6 address.

    Whoever has one address of such a network has them all.
    """
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))
    except ValueError:
        return host
