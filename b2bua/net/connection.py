"""One connection: messages in its bytes, and a bound on what it may cost."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.interfaces import IConnector, IHandshakeListener
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.net.framing import Closed, Framing
from b2bua.net.wheel import Timer
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import sent_key
from b2bua.wire.parser import Malformed
from b2bua.wire.stream import KeepAlive

if TYPE_CHECKING:
    from b2bua.net.limits import NetLimits
    from b2bua.net.runner import Runner


class ConnectionWire(Protocol):
    """What a connection asks of the wire that it belongs to."""

    runner: Runner
    limits: NetLimits
    proves: bool
    """Must a peer that we connect to prove who it is?"""

    def proven(self, connection: Connection) -> str:
        """Say why the peer is not who it should be; empty if it is."""

    def made(self, connection: Connection) -> None:
        """Note that a connection stands."""

    def lost(self, connection: Connection) -> None:
        """Note that a connection is gone."""

    def not_opened(self, connection: Connection) -> None:
        """Tell of a connection that did not come about."""


@implementer(IHandshakeListener)
class Connection(TwistedProtocol):
    """One connection, whoever opened it."""

    log = Logger()
    refused = False
    """Has it failed to prove who it is?"""
    used = False
    """Has it carried a message, either way?"""

    def __init__(
        self, wire: ConnectionWire, flow: Flow, framing: Framing, *, opened: bool, name: str = ""
    ) -> None:
        """
        Be ready to be connected.

        @param flow: for a connection that a peer opens, the local address in
            it is that of the listener until the connection is made.
        @param name: whom it is with, if the wire gives names.
        """
        self.flow = flow
        self.name = name
        self.opened = opened
        self.connector: IConnector | None = None
        self.wire = wire
        self._framing = framing
        self._waiting: list[bytes] = []
        self._timer: Timer | None = None
        self._begun = self._heard = 0.0
        self._unfinished = 0.0
        # Has the peer shown that it means SIP, and may we speak?
        self._said_hello = self._trusted = not (opened and wire.proves)
        if not opened:
            self._said_hello = False
        self._stuck: int | None = None

    def connectionMade(self) -> None:
        """Start the watch; the peer has to say something soon."""
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        transport.registerProducer(self, True)
        self._begun = self._heard = self.wire.runner.now()
        if not self.opened:
            here = transport.getHost()
            self.flow = self.flow._replace(local=(here.host, here.port))
        self.wire.made(self)
        self._look_later(min(self.wire.limits.hello, self.wire.limits.idle))
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        """Cut out messages and hand them over."""
        framing = self._framing
        self._heard = self.wire.runner.now()
        try:
            units = framing.feed(data)
        except Malformed as error:
            self._take([_bytes(unit) for unit in getattr(error, "units", ())])
            if self.connected and not isinstance(error, Closed):
                self.wire.runner.servers.broken(error, self.flow)
            self.lose()
            _let_go(error)
            return
        self._take(units)
        if self.connected:
            self._wait_for_rest(framing.pending, begun=bool(units) or not self._unfinished)

    def _wait_for_rest(self, pending: int, *, begun: bool) -> None:
        """So many bytes wait for the rest of their message: not for ever, nor at the cost of all others."""
        halves = self.wire.runner.transport.halves
        if pending == 0:
            if self._unfinished:
                self._unfinished = 0.0
                halves.keep(self, 0)
            return
        if begun:
            halves.keep(self, 0)
            self._unfinished = self._heard
            self._look_later(self.wire.limits.unfinished)
        halves.keep(self, pending)

    def _take(self, units: list[bytes]) -> None:
        """Say what the framing has to say, and hand over what has come."""
        runner = self.wire.runner
        idle = self._framing.idle() + sum(1 for unit in units if len(unit) <= 4)
        if idle and not runner.transport.admits_keep_alives(self.flow, idle):
            self.log.info("{peer} sends nothing but keep-alives", peer=self.flow.remote)
            self.lose(at_once=True)
            return
        self._say(self._framing.replies())
        if self._waiting:
            self.flush()
        if units:
            self._said_hello = True
        for unit in units:
            if not self.connected:
                return
            if len(unit) > 4:
                self.used = True
            if not runner.overload.refuses(unit, self.flow):
                runner.received(unit, self.flow)

    def send(self, message: bytes) -> None:
        """Send a message, now or when the connection is there."""
        if len(message) > 4:
            self.used = True
        if not self.connected or not self._trusted or not self._framing.ready:
            self._waiting.append(message)
            if sum(map(len, self._waiting)) > self.wire.limits.buffered:
                self.lose(at_once=True)
        else:
            self._say(self._framing.frame(message))

    def withdraw(self, key: Hashable) -> None:
        """Do not send a request that waits for the connection still: its sender has gone another way."""
        self._waiting = [message for message in self._waiting if sent_key(message) != key]

    def flush(self) -> None:
        """Send what has waited for the connection."""
        if self._trusted and self._framing.ready:
            waiting, self._waiting = self._waiting, []
            for message in waiting:
                self._say(self._framing.frame(message))

    def handshakeCompleted(self) -> None:
        """TLS stands: look who the peer is before anything is said (RFC 5922 section 7.3)."""
        if self._trusted:
            return
        why = self.wire.proven(self)
        if why:
            self.log.info("{peer} is not {name}: {why}", peer=self.flow.remote, name=self.name, why=why)
            self.refused = True
            self.lose(at_once=True)
        else:
            self._trusted = self._said_hello = True
            self.flush()

    def _say(self, data: bytes) -> None:
        """Write bytes, unless the peer reads so slowly that they would pile up."""
        if not data or self.transport is None:
            return
        if self._stuck is not None:
            self._stuck += len(data)
            if self._stuck > self.wire.limits.buffered:
                self.log.info("{peer} does not read what we send", peer=self.flow.remote)
                self.lose(at_once=True)
                return
        self.transport.write(data)

    def pauseProducing(self) -> None:
        """The peer does not read: count what piles up from now on; told with every write."""
        if self._stuck is None:
            self._stuck = 0

    def resumeProducing(self) -> None:
        """It reads again."""
        self._stuck = None

    def stopProducing(self) -> None:
        """The connection is gone; L{connectionLost} says so too."""

    def lose(self, *, at_once: bool = False) -> None:
        """Close it; C{at_once} when the other side would keep us waiting."""
        transport: Any = self.transport
        if transport is None:
            if self.connector is not None:
                self.connector.stopConnecting()
        elif self.connected:
            transport.unregisterProducer()
            if at_once:
                transport.abortConnection()
            else:
                transport.loseConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """
        Tell those who rely on it, and leave nothing that refers to itself.

        Whoever can open connections could fill the memory otherwise, until the
        collector finds a quiet moment.
        """
        self.connected = 0
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.wire.runner.transport.halves.keep(self, 0)
        self.wire.lost(self)
        self.transport = None
        self.connector = None

    def _look_later(self, seconds: float) -> None:
        """Look after some time whether it still lives."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.wire.runner.transport.wheel.set(seconds, self._look)

    def _look(self) -> None:
        """
        Close it if it was silent, or slow, for too long.

        One timer serves all purposes: it is not set again with every message.
        """
        limits, now = self.wire.limits, self.wire.runner.now()
        until = self._heard + limits.idle
        if not self._said_hello:
            until = min(until, self._begun + limits.hello)
        if self._unfinished:
            until = min(until, self._unfinished + limits.unfinished)
        if until <= now + 1e-6:
            self.lose(at_once=True)
        else:
            self._look_later(until - now)


def _let_go(error: BaseException | None) -> None:
    """Part errors from the frames that they came through: h11 has some that hold the error in turn."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _bytes(unit: bytes | KeepAlive) -> bytes:
    """A unit as it came."""
    return unit.value if isinstance(unit, KeepAlive) else unit
