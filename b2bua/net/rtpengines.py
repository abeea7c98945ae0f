"""
The engine "rtpengine" on sockets: one for each process of it, and one on which keys are reported.

Each is connected to its engine, so that nobody else is heard on it, and so that
the system says at once when nobody listens there any more.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredSemaphore, ensureDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import Logger

from b2bua.media.rtpengine import spool
from b2bua.media.rtpengine.engine import Engine
from b2bua.media.rtpengine.engine_set import EngineSet
from b2bua.media.rtpengine.engines import Rtpengines
from b2bua.media.rtpengine.exchanges import Exchanges, NoReply, Refused
from b2bua.media.rtpengine.relay import UNKNOWN

if TYPE_CHECKING:
    from b2bua.clock import IClock, ITimer
    from b2bua.media.rtpengine.capture import Work
    from b2bua.settings import Rtpengine

LARGEST = 65_535
"""Bytes of a datagram: a reply may say a lot about a call of many legs."""
FIRST_LOOK, NEXT_LOOK = 5.0, 600.0
"""Seconds until what is left of recordings is looked for, at the start and from then on."""
KEPT = 86_400.0
"""Seconds for which captures stay of which nobody knows what they are."""
AGAIN = 5.0
"""Seconds until the address for keys is tried again, when another process, the one before us say, has it."""


class _Wire(DatagramProtocol):
    """
    A socket that is connected to one engine.

    When the engine's host says that nobody listens, the reactor closes the
    socket; it is opened again with the next datagram.
    """

    def __init__(self, reactor: Any, host: str, port: int) -> None:
        """Be ready to be opened."""
        self._reactor = reactor
        self.host, self._port = host, port
        self._stopped = False
        self.exchanges: Exchanges

    def startProtocol(self) -> None:
        """Hear nobody but the engine."""
        assert self.transport is not None
        self.transport.connect(self.host, self._port)

    def send(self, datagram: bytes) -> None:
        """Send; what cannot be sent counts as lost."""
        if self._stopped:
            return
        try:
            if self.transport is None:
                self._reactor.listenUDP(0, self, interface=_any(self.host), maxPacketSize=LARGEST)
            assert self.transport is not None
            self.transport.write(datagram, None)
        except (OSError, CannotListenError):
            self.exchanges.nobody()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Take a reply."""
        self.exchanges.heard(datagram)

    def connectionRefused(self) -> None:
        """Nobody listens there."""
        self.exchanges.nobody()

    def stopProtocol(self) -> None:
        """The socket is closed, by us or since nobody listens there."""
        if not self._stopped:
            self.exchanges.nobody()

    def close(self) -> None:
        """Close it for good."""
        self._stopped = True
        if self.transport is not None:
            self.transport.stopListening()


class _Keys(DatagramProtocol):
    """Where engines report keys; nobody else is heard."""

    def __init__(self, hosts: set[str], hear: Callable[[bytes], None]) -> None:
        """Take what these hosts say."""
        self._hosts, self._hear = hosts, hear

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Take a report."""
        if addr[0] in self._hosts:
            self._hear(datagram)


class RtpengineSockets:
    """All sockets of it."""

    log = Logger()

    def __init__(self, reactor: Any, clock: IClock, table: Rtpengine, silence: float = 30.0) -> None:
        """
        Prepare; nothing is opened before L{start}.

        @param silence: so many seconds without RTP are told of a party that should speak; 0 for never.
        """
        self._reactor, self._clock = reactor, clock
        self._digits = table.digits
        self._timer: ITimer | None = None
        self._one_by_one = DeferredSemaphore(1)
        self._making: set[str] = set()
        """The ids of calls whose recordings are made, or wait for that."""
        self._wires: list[_Wire] = []
        self._keys: Any = None
        random = SystemRandom()
        engines = []
        for name in table.engines:
            wire = _Wire(reactor, *_pair(name))
            wire.exchanges = Exchanges(clock, wire.send, f"{random.getrandbits(48):012x}-")
            engines.append(Engine(clock, name, wire.exchanges))
            self._wires.append(wire)
        self.set = EngineSet(
            clock,
            engines,
            lambda: f"{spool.OURS}{random.getrandbits(96):024x}",
            interfaces={ip_network(network): name for network, name in table.interfaces.items()},
            silence=silence,
            recordings=table.recordings or "",
            write=self.write,
            note=self.note,
        )
        self._recordings = table.recordings or ""
        self._looking: ITimer | None = None
        self._complained = False
        self.relays = Rtpengines(self.set)

    def start(self) -> None:
        """Begin to watch the engines."""
        self.set.start()
        if self._recordings:
            self._looking = self._clock.start(FIRST_LOOK, self._look)
        if self._digits is not None:
            self._listen(self._digits)

    def _listen(self, digits: str) -> None:
        """Open the socket for keys; calls go on without it."""
        self._timer = None
        host, port = _pair(digits)
        keys = _Keys({wire.host for wire in self._wires}, self.relays.pressed)
        try:
            self._keys = self._reactor.listenUDP(port, keys, interface=host)
        except CannotListenError as error:
            self.log.warn("media.rtpengine.digits: {why}; tried again", why=error)
            self._timer = self._clock.start(AGAIN, lambda: self._listen(digits))

    def stop(self) -> None:
        """Close them; calls keep their media."""
        self.set.stop()
        for timer in (self._timer, self._looking):
            if timer is not None:
                timer.stop()
        for wire in self._wires:
            wire.close()
        if self._keys is not None:
            self._keys.stopListening()

    def write(self, work: Work) -> Deferred[str]:
        """Make a recording in a process of its own, one after the other: calls do not wait for it."""
        done: Deferred[str] = self._one_by_one.run(self._write, json.dumps(work._asdict()).encode())
        self._making.add(work.id)

        def made(result: Any) -> Any:
            self._making.discard(work.id)
            return result

        return done.addBoth(made)

    def _write(self, work: bytes) -> Deferred[str]:
        """Begin with one."""
        worker = ["-m", "b2bua.net.capture_worker"]
        done: Deferred[tuple[bytes, bytes, int]] = getProcessOutputAndValue(
            sys.executable, worker, env=dict(os.environ), reactor=self._reactor, stdinBytes=work
        )
        return done.addCallback(_said)

    # ---- what a process before has left ---------------------------------------

    def note(self, work: Work) -> None:
        """Note what is to be made; where that cannot be, it is made all the same if this process lives."""
        try:
            spool.note(work)
        except OSError as error:
            if not self._complained:
                self._complained = True
                self.log.warn(
                    "{file}: {why}, so a service that is killed loses recordings; let its user write there",
                    file=error.filename, why=error.strerror,
                )  # fmt: skip

    def _look(self) -> None:
        """Finish what others have left, again and again: who shares the engines may die, too."""
        self._looking = self._clock.start(NEXT_LOOK, self._look)
        ensureDeferred(self.finish_leftovers()).addErrback(
            lambda failure: self.log.failure("what is left of recordings cannot be made", failure)
        )

    async def finish_leftovers(self) -> None:
        """Make the recordings of calls that no engine knows any more; what is not noted goes after a day."""
        for id, work in spool.leftovers(self._recordings).items():
            if id in self._making or not await self._is_over(id):
                continue
            try:
                if work is None or not spool.files(self._recordings, id):
                    spool.remove(self._recordings, id, self._clock.wall() - KEPT)
                    continue
                work = spool.ended(work)
            except OSError as error:
                self.log.warn("{file}: {why}", file=error.filename, why=error.strerror)
                continue
            why = await self.write(work)
            self.log.info("the recording {path} is made of what was left of it", path=work.path)
            if why:
                self.log.warn("the recording {path}: {why}", path=work.path, why=why)

    async def _is_over(self, id: str) -> bool:
        """Is a call unknown to all engines?  While one of them does not answer, nobody knows."""
        for engine in self.set.engines:
            try:
                await engine.ask("query", {"call-id": id}, hasty=True)
            except Refused as error:
                if UNKNOWN not in str(error):
                    return False
            except NoReply:
                return False
            else:
                return False
        return True


def _said(ended: tuple[bytes, bytes, int]) -> str:
    """What the process says about a recording."""
    out, errors, status = ended
    if status:
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        return f"it could not be made: {last or status}"
    return out.decode(errors="replace").strip()


def _pair(text: str) -> tuple[str, int]:
    """An address and its port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _any(host: str) -> str:
    """Any address of the family of another one."""
    return "::" if ip_address(host).version == 6 else "0.0.0.0"
