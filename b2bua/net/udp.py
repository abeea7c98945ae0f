"""
SIP over UDP.

A socket of our own on Twisted's reactor, since L{twisted.internet.udp} looks at
the form of each address that is written to, and does not tell of ICMP errors
unless each peer has a socket to itself.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from errno import EADDRNOTAVAIL, EAGAIN, EINTR, EINVAL, EMSGSIZE, ENETUNREACH, ENOBUFS
from fcntl import ioctl
from termios import FIONREAD
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.net.address import WILDCARDS, is_ipv6, source_for
from b2bua.net.pktinfo import KNOWS, PacketInfo
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.net.runner import Runner

MAX_DATAGRAM = 65536
# So many datagrams are read before others get their turn.
ROUND = 64
# So many are read before any more is served, when one round is not enough.
BACKLOG = 1024
# A burst must not be lost while we are busy with something else.
RECEIVE_BUFFER = 4 * 1024 * 1024
MAX_FLOWS = 65536
NOTHING = bytes(4)
# /usr/include/linux/in.h, in6.h, errqueue.h; the socket module lacks some of them.
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_EXTENDED_ERROR = struct.Struct("=IBBBBII")
# What the kernel says of an address that is not ours.
_NOT_OURS = (EINVAL, EADDRNOTAVAIL, ENETUNREACH)
# RFC 3261 section 18.4: unreachable and parameter problem; not source quench, nor TTL exceeded.
_ICMP_UNREACHABLE = {2: (3, 12), 3: (1, 4)}


@implementer(IReadDescriptor)
class UdpWire:
    """One UDP socket."""

    transport = "UDP"
    log = Logger()

    def __init__(
        self,
        reactor: IReactorFDSet,
        runner: Runner,
        host: str,
        port: int,
        inherited: socket.socket | None = None,
    ) -> None:
        """
        Bind the socket.

        @param host: an address of ours, or 0.0.0.0 or :: for all of them.
        @param port: 0 for any.
        @param inherited: one that is bound there already, with what waits in it.
        """
        family = socket.AF_INET6 if is_ipv6(host) else socket.AF_INET
        self._reactor = reactor
        self._runner = runner
        self._socket = inherited or socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        _report_errors(self._socket)
        if inherited is None:
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind((host, port))
        self.local: tuple[str, int] = self._socket.getsockname()[:2]
        self._wildcard = host in WILDCARDS
        self._packet_info = PacketInfo(self._socket) if self._wildcard and KNOWS else None
        self._receive: Callable[[int], tuple[bytes, Any]] = (
            self._socket.recvfrom if self._packet_info is None else self._packet_info.receive
        )
        self.fileno: Callable[[], int] = self._socket.fileno
        """The descriptor, for the reactor; -1 when it is closed."""
        self._flows: dict[object, Flow] = {}
        self._size = bytearray(4)
        self._open = True
        self.dropped = 0

    def join(self, group: str) -> None:
        """
        Receive what is sent to a multicast group as well; answers leave from an address of ours.

        @raise OSError: if there is no interface for it.
        """
        membership = socket.inet_aton(group) + socket.inet_aton("0.0.0.0")
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)

    def listen(self) -> None:
        """Begin to read."""
        self._reactor.addReader(self)

    def pause(self) -> None:
        """Read no more, until L{listen}; what comes waits, or another process reads it."""
        self._reactor.removeReader(self)

    def close(self) -> None:
        """Give the socket back."""
        if self._open:
            self._open = False
            self._reactor.removeReader(self)
            self._socket.close()

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a datagram; what cannot be sent now is lost, as on the way."""
        try:
            if self._packet_info is None:
                self._socket.sendto(data, flow.remote)
            else:
                self._packet_info.send(data, flow)
        except OSError as error:
            self._not_sent(error, data, flow)

    def _not_sent(self, error: OSError, data: bytes, flow: Flow) -> None:
        """
        Tell lost datagrams from peers that cannot be reached.

        With extended errors on, an ICMP error of a datagram sent before is
        reported by the next call, whatever it is for; it is read from the
        socket's error queue and this datagram sent once more.  An address of
        ours that we have no longer is not insisted on.
        """
        if not self._open:
            return
        left: OSError | None = error
        if self._read_errors():
            left = self._send_again(data, flow, self._packet_info)
        if left is not None and self._packet_info is not None and left.errno in _NOT_OURS:
            left = self._send_again(data, flow, None)
        if left is not None:
            self._give_up(left, data, flow)

    def _send_again(self, data: bytes, flow: Flow, packet_info: PacketInfo | None) -> OSError | None:
        """Send once more; why could it not be sent?"""
        try:
            if packet_info is None:
                self._socket.sendto(data, flow.remote)
            else:
                packet_info.send(data, flow)
        except OSError as error:
            return error
        return None

    def _give_up(self, error: OSError, data: bytes, flow: Flow) -> None:
        """What cannot be sent now is lost; what can never be sent is told."""
        if error.errno in (EAGAIN, ENOBUFS, EINTR):
            self.dropped += 1
            return
        why = "is too long for UDP" if error.errno == EMSGSIZE else f"cannot be sent: {error}"
        self.log.info("a datagram of {size} bytes to {peer} {why}", size=len(data), peer=flow.remote, why=why)
        self._runner.start(0.0, lambda: self._runner.unreachable(flow, data))

    def logPrefix(self) -> str:
        """What the reactor calls us."""
        return "SIP over UDP"

    def doRead(self) -> None:
        """Deal with what has come, but not for ever."""
        self._runner.transport.together(self._read)

    def _read(self) -> None:
        """Read a round of datagrams."""
        receive, flows, deliver = self._receive, self._flows, self._runner.received
        alone, size, overload = True, self._size, self._runner.overload
        if overload.busy:
            deliver = overload.take
        for _ in range(BACKLOG if overload.busy else ROUND):
            try:
                data, source = receive(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                if not self._read_errors():
                    return
                continue
            flow = flows.get(source)
            if flow is None:
                flow = self._new_flow(source)
                if flow is None:
                    continue
            deliver(data, flow)
            if not self._open:
                return
            if alone:
                # Mostly there is one only, and an exception that says so would cost several times as
                # much.  An empty datagram looks like none, and wakes the reactor again.
                ioctl(self.fileno(), FIONREAD, size)
                if size == NOTHING:
                    return
                alone = False
        if not overload.busy:
            overload.begin()
            self._read()

    def _new_flow(self, source: Any) -> Flow | None:
        """Make the flow of a peer; the same one serves all its datagrams."""
        local, address = self.local, source
        if self._wildcard:
            if self._packet_info is not None:
                address = source[0]
                reached = self._packet_info.reached(source)
            else:
                reached = source_for(address[0])
            if reached is None:
                return None
            local = (reached, local[1])
        if len(self._flows) >= MAX_FLOWS:
            self._flows.clear()
        flow = self._flows[source] = Flow("UDP", local, address[:2])
        return flow

    def connectionLost(self, reason: Failure) -> None:
        """
        Read the errors that woke the reactor.

        It takes an error of a socket that has nothing to read for the end of
        the connection and has removed us; a UDP socket has no such end.
        """
        if self._open:
            self._read_errors()
            self._reactor.addReader(self)

    def _read_errors(self) -> bool:
        """Empty the error queue of the socket; was there anything?"""
        found = False
        while self._open:
            try:
                data, ancillary, _, peer = self._socket.recvmsg(MAX_DATAGRAM, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            found = True
            for _, kind, error in ancillary:
                if kind in (_IP_RECVERR, _IPV6_RECVERR):
                    self._take_error(error, data, peer[:2])
        # Without an error queue this is what clears the error.
        return found or self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

    def _take_error(self, error: bytes, data: bytes, peer: tuple[str, int]) -> None:
        """Tell of an ICMP error: struct sock_extended_err, then who sent it."""
        if len(error) < _EXTENDED_ERROR.size:
            return
        _, origin, kind, *_ = _EXTENDED_ERROR.unpack_from(error)
        if kind in _ICMP_UNREACHABLE.get(origin, ()):
            flow = Flow("UDP", self.local, peer)
            self._runner.start(0.0, lambda: self._runner.unreachable(flow, data))


def _report_errors(sock: socket.socket) -> None:
    """Have the kernel report ICMP errors, with the datagram that caused them."""
    if not hasattr(socket, "MSG_ERRQUEUE"):
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
