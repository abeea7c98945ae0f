"""The UDP sockets of a media worker: cheap, and nothing that comes or goes by them can end it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from random import SystemRandom
from typing import Any, TypeAlias

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.media.latch import Address
from b2bua.media.ports import NoRelay

Take: TypeAlias = Callable[[bytes, Address], None]

MOST = 50
"""Packets of audio, or of reports, that are read in 20 ms; the system drops the rest of a flood."""
MOST_OTHERS = 250
"""The same for video and fax."""
PAUSE = 0.02
TRIES = 64
"""Ports that are tried before there is none."""
LARGEST = 2048
"""Bytes of a packet; media fit into an Ethernet frame."""


@implementer(IReadDescriptor)
class MediaSocket:
    """One port."""

    def __init__(self, reactor: Any, sock: socket.socket, take: Take, most: int = MOST) -> None:
        """
        Hand on what comes.

        @param most: packets that are read in 20 ms.
        """
        self._reactor, self._socket, self._take, self._most = reactor, sock, take, most
        self._came, self._since = 0, 0.0
        self._pause: Any = None
        """When it reads again, after a flood."""
        reactor.addReader(self)

    def fileno(self) -> int:
        """What the reactor waits for."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """What the reactor calls it."""
        return "media"

    def doRead(self) -> None:
        """Take a packet; there is seldom another one, and who floods waits for its next turn."""
        try:
            data, source = self._socket.recvfrom(LARGEST)
        except OSError:  # what was sent before has met a closed port
            return
        self._came += 1
        if self._came > self._most:
            self._look()
        self._take(data, source[:2])

    def _look(self) -> None:
        """So much has come; unless it took its time, nothing is read for a while: others wait, too."""
        now = self._reactor.seconds()
        if now - self._since < PAUSE:
            self._reactor.removeReader(self)
            self._pause = self._reactor.callLater(PAUSE, self._go_on)
        self._came, self._since = 0, now

    def _go_on(self) -> None:
        self._pause, self._since = None, self._reactor.seconds()
        self._reactor.addReader(self)

    def send(self, data: bytes, target: Address) -> None:
        """Send a packet; one that cannot be sent is lost, as on the way."""
        with suppress(OSError):
            self._socket.sendto(data, target)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
        self._socket.close()

    def close(self) -> None:
        """Be done."""
        if self._socket.fileno() >= 0:
            if self._pause is not None:
                self._pause.cancel()
            self._reactor.removeReader(self)
            self._socket.close()


class MediaSockets:
    """Opens sockets at the ports that media may use."""

    def __init__(self, reactor: Any, low: int, high: int) -> None:
        """Use the ports from C{low} to C{high}."""
        self._reactor = reactor
        self._low, self._high = low + low % 2, high
        self._range = f"{low} and {high}"
        self._random = SystemRandom()

    def open(
        self, host: str, takes: tuple[Take, ...], number: int = 0, most: int = MOST
    ) -> tuple[int, list[MediaSocket]]:
        """
        Open an even port, as RTP wants it (RFC 3550 section 11), and those next to it.

        @param host: our address, as the party reaches it.
        @param takes: who gets what comes, one for each port.
        @param number: the first of them; 0 for any.
        @param most: packets that are read of each in 20 ms.
        @return: the first one, and the sockets.
        @raise NoRelay: if there is none.
        """
        for _ in range(1 if number else TRIES):
            first = number or self._random.randrange(self._low, self._high, 2)
            try:
                with ExitStack() as opened:
                    bound = [opened.enter_context(_bound(host, first + at)) for at in range(len(takes))]
                    opened.pop_all()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    why = f"no more sockets: {error.strerror}; raise the limit of open files"
                    raise NoRelay(why) from None
                continue
            sockets = zip(bound, takes, strict=True)
            return first, [MediaSocket(self._reactor, sock, take, most) for sock, take in sockets]
        if number:
            raise NoRelay(f"port {number} is taken")
        raise NoRelay(f"no free port between {self._range}; more are needed in [media]")


def _bound(host: str, port: int) -> socket.socket:
    """A socket at our address; where that is none of this machine, as behind NAT, at all of its family."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, None):
                raise
            sock.bind(("", port))
    except OSError:
        sock.close()
        raise
    return sock
