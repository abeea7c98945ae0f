"""
Where a party's media are: from where it is heard, and where it is sent to.

A description may lie.  So a party is heard only from the host that it describes
or the one that it signals from; who speaks first from there is listened to from
then on, from that address and port, and nobody else.  Packets go back the same
way (RFC 4961), as a phone behind NAT needs it.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]

STRANGE_SECONDS = 5.0
"""So long we send to a host of which we have only been told, before it has spoken."""
SETTLED = 50
"""Packets from the old place after which a new description has changed nothing: a second."""


class Latch:
    """Of one stream of a party."""

    __slots__ = ("_described", "_doubt", "_moved", "_sendable", "_since", "peer", "source")

    def __init__(self, host: str, port: int, peer: str = "") -> None:
        """
        Begin with what a party describes.

        @param peer: the host from which it signals; empty where nobody knows, and then all hosts may be it.
        """
        self.source: Address | None = None
        """From where it is heard; None before it has spoken."""
        self.peer = canonical(peer)
        self._doubt = 0
        """How many packets more may show that it speaks from elsewhere now."""
        self._moved = False
        self._since: float | None = None
        self._described: Address = "", 0
        self._sendable = False
        self._take(host, port)

    def _take(self, host: str, port: int) -> None:
        self._described = canonical(host), port
        self._sendable = bool(port) and sendable(host) and not is_inside(host, self.peer)
        self._since = None

    def describe(self, host: str, port: int, peer: str = "") -> None:
        """
        Take what the party describes anew.

        It may speak from elsewhere now.  What was on its way from the old place
        is heard until then, and keeps nobody there.
        """
        moved = (canonical(host), port) != self._described
        self.peer = canonical(peer) or self.peer
        if moved:
            self._take(host, port)
        if self.source is not None:
            self._doubt, self._moved = SETTLED, moved or self._moved

    def admits(self, source: Address) -> bool:
        """
        Is it the party that sends from there?

        Who is admitted first is the party from then on; before something is
        described nobody is.
        """
        if source == self.source:
            if self._doubt:
                self._doubt -= 1
                self._moved = self._moved and self._doubt > 0
            return True
        if (self.source is not None and not self._doubt) or not self._described[0]:
            return False
        if self.peer and source[0] not in (self._described[0], self.peer):
            return False
        self.source, self._doubt, self._moved = source, 0, False
        return True

    def target(self, now: float) -> Address | None:
        """
        Where packets for the party go.

        @return: None where they must not go: no host is described to which one
            sends, or one that has not spoken, and is not the host of the party's signalling, for long enough.
        """
        if self.source is not None and not self._moved:
            return self.source
        if not self._sendable:
            return None
        if self.peer and self._described[0] != self.peer:
            if self._since is None:
                self._since = now
            if now - self._since > STRANGE_SECONDS:
                return None
        return self._described


def canonical(host: str) -> str:
    """An address as sockets write it (2001:DB8::1 is 2001:db8::1); a name, which is none, as it is."""
    if host.replace(".", "").isdigit():
        return host
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def is_inside(host: str, peer: str) -> bool:
    """
    Is it an address of the machine itself (loopback), described by who is at another one?

    There are programs that believe whoever reaches them, such as the control port of rtpengine.
    """
    return _is_loopback(host) and bool(peer) and not _is_loopback(peer)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def sendable(host: str) -> bool:
    """Is it the address of one host?  Not a name, nor 0.0.0.0 (a hold), a group (multicast), or everybody."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if address.is_unspecified or address.is_multicast:
        return False
    return not (isinstance(address, IPv4Address) and address.is_reserved)
