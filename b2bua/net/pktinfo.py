"""
A UDP socket on all addresses that answers from the one it was reached by.

RFC 3581 section 4 wants an answer to leave from the address that the request
came to, or the router in front of a phone drops it.  A host with several
addresses in one network would have its routes choose another.  So the kernel
is asked for the address of each datagram that comes, and told that of each that
leaves (ip(7), ipv6(7): the packet information).
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TypeAlias

from b2bua.transactions.flow import Flow

Source: TypeAlias = tuple[tuple[str, int], bytes]
"""Who sent a datagram, and what the kernel says of how it came."""

KNOWS = sys.platform == "linux"
"""Elsewhere it is done in other ways, and the routes choose."""
# /usr/include/linux/in.h, in6.h; the socket module lacks some of them.
_IP_PKTINFO = 8
_IPV6_RECVPKTINFO = 49
_IPV6_PKTINFO = 50
_INFO = struct.Struct("=I4s4s")
_INFO6 = struct.Struct("=16sI")
_ROOM = 64
_MOST = 1000


class PacketInfo:
    """The packet information of one socket."""

    def __init__(self, sock: socket.socket) -> None:
        """Ask for it."""
        self._socket = sock
        self._six = sock.family == socket.AF_INET6
        self._pins: dict[str, list[tuple[int, int, bytes]]] = {}
        if self._six:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def receive(self, size: int) -> tuple[bytes, Source]:
        """Receive a datagram."""
        data, ancillary, _, address = self._socket.recvmsg(size, _ROOM)
        return data, (address, ancillary[0][2] if ancillary else b"")

    def reached(self, source: Source) -> str | None:
        """Give the address of ours that a datagram came to."""
        info = source[1]
        if self._six:
            return socket.inet_ntop(socket.AF_INET6, info[:16]) if len(info) == _INFO6.size else None
        # The second of its fields is the one to answer from, whatever the datagram was sent to.
        return socket.inet_ntoa(info[4:8]) if len(info) == _INFO.size else None

    def send(self, data: bytes, flow: Flow) -> None:
        """
        Send a datagram from the address of its flow.

        @raise OSError: if it cannot be sent, say since that is no longer ours.
        """
        host = flow.local[0]
        pin = self._pins.get(host)
        if pin is None:
            if len(self._pins) >= _MOST:
                self._pins.clear()
            pin = self._pins[host] = [self._pin(host)]
        self._socket.sendmsg((data,), pin, 0, flow.remote)

    def _pin(self, host: str) -> tuple[int, int, bytes]:
        """Tell the kernel to send from an address, by whatever interface."""
        if self._six:
            address = socket.inet_pton(socket.AF_INET6, host)
            return (socket.IPPROTO_IPV6, _IPV6_PKTINFO, _INFO6.pack(address, 0))
        return (socket.IPPROTO_IP, _IP_PKTINFO, _INFO.pack(0, socket.inet_aton(host), bytes(4)))
