"""
The transaction layer at work: wires below, the transaction user above.

A message that comes from a wire is matched to its transaction, or opens one; what
the machines want is done.  Everything that takes time is on one wheel,
whose clock is handed in, so the same code runs on sockets and in the simulated
world.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.errors import PeerError
from b2bua.net.address import is_numeric
from b2bua.net.client_transactions import ClientTransaction, ClientTransactions
from b2bua.net.limits import NetLimits
from b2bua.net.locate import Locator, target_of
from b2bua.net.overload import Overload
from b2bua.net.server_transactions import ServerTransaction, ServerTransactions
from b2bua.net.transport import TransportLayer
from b2bua.net.wires import Wire
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.ports import ITransactionLayer, ITransactionUser
from b2bua.wire import stun
from b2bua.wire.message import Request, Response, write
from b2bua.wire.parser import LIMITS, Malformed, MessageLimits, parse
from b2bua.wire.uri import Uri

PING = b"\r\n\r\n"
PONG = b"\r\n"


@implementer(ITransactionLayer)
class Runner:
    """Runs all transactions of a server."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        user: ITransactionUser | None = None,
        *,
        locator: Locator,
        timers: TimerValues | None = None,
        limits: NetLimits | None = None,
        messages: MessageLimits = LIMITS,
        token: Callable[[], str] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Stand ready; wires are attached afterwards.

        @param clock: the reactor, or a clock that stands still.
        @param user: who is told of requests; whoever needs the runner first
            sets C{user} before a message comes.
        @param locator: finds the servers of a URI.
        @param timers: for all peers that L{set_timers} says nothing of.
        @param messages: the limits of a single message.
        @param token: makes what must be unique and not be guessed: branches
            and tags.
        @param wall: the time of day.
        """
        self.transport = transport = TransportLayer(
            clock, timers=timers, limits=limits, token=token, wall=wall
        )
        self.servers = ServerTransactions(transport)
        self.clients = ClientTransactions(transport)
        self.overload = Overload(clock, transport, self.clients, self.servers, self.received)
        transport.lost = self.unreachable
        if user is not None:
            self.user = user
        # Asked so often that going through a method of our own would be felt.
        self.now, self.wall, self.token = transport.now, transport.wall, transport.token
        self.start, self.timers_of = transport.start, transport.timers_of
        self.contact_host, self.local_host = transport.wires.contact_host, transport.wires.local_host
        self.moment = 0.0
        """What the clock says while a message is taken, for which it is read once; 0 in between."""
        self.elsewhere: Callable[[Request | Response, Flow, bytes], bool] | None = None
        """Passes a message on that belongs to another process, and says whether it did."""
        self.broken: Callable[[Flow, bytes | None], None] | None = None
        """Told of what L{closed} is told of, without a message, and L{unreachable}."""
        self._counts = transport.counts
        self._traffic = transport.traffic
        self._known = transport.admission.known
        self._places = transport.wires.places
        self._wheel = transport.wheel
        self.locator = locator
        self._messages = messages

    # What the world sets up.

    def attach(self, wire: Wire, advertise: str = "") -> None:
        """
        Use a wire.

        @param advertise: C{host} or C{host:port} by which peers reach it, if
            that is not its own address.
        """
        self.transport.wires.attach(wire, advertise)

    def detach(self, wire: Wire) -> None:
        """Use it no more."""
        self.transport.wires.detach(wire)

    def close(self) -> None:
        """Forget all transactions and stop all timers; nothing is answered any more."""
        self.servers.clear()
        self.clients.clear()
        self.overload.clear()
        self.transport.wheel.clear()

    @property
    def user(self) -> ITransactionUser:
        """Who is told of requests; whoever needs the runner first sets it before a message comes."""
        return self.servers.user

    @user.setter
    def user(self, user: ITransactionUser) -> None:
        self.servers.user = self.clients.user = user

    @property
    def live(self) -> int:
        """How many transactions there are."""
        return len(self.servers) + len(self.clients)

    # ITransactionLayer

    def locate(self, uri: Uri) -> list[Flow] | Deferred[list[Flow]]:
        """Where a request to C{uri} can go, best first (RFC 3263)."""
        known = self._places.get(uri.server)
        if known is not None and known[1] > (self.moment or self.now()):
            return [known[0]]
        wires = self.transport.wires
        hops = self.locator.locate(uri, wires.supported)
        if isinstance(hops, Deferred):
            return hops.addCallback(wires.flows)
        flows = wires.flows(hops)
        if len(flows) == 1 and is_numeric(target_of(uri)):
            wires.remember(uri.server, flows[0])
        return flows

    def request(
        self,
        write: Callable[[Flow, str], Request],
        target: Flow | Uri,
        hear: Callable[[Response], None],
        otherwise: Flow | None = None,
    ) -> ClientTransaction:
        """Open a client transaction (see L{ITransactionLayer.request})."""
        client = ClientTransaction(self.clients, hear)
        if type(target) is Flow:
            if otherwise is None or otherwise == target:
                client.send(write, target)
            else:
                client.go([target], write, otherwise, located=False)
            return client
        flows = self.locate(target)
        if isinstance(flows, list):
            client.go(flows, write, otherwise)
        else:
            flows.addErrback(self._not_located, target).addCallback(client.go, write, otherwise)
        return client

    def take_up_client(
        self,
        invite: Request,
        flow: Flow,
        hear: Callable[[Response], None],
        hear_cancel: Callable[[Response], None],
        *,
        heard: bool,
    ) -> ClientTransaction:
        """Go on with the INVITE of a process that is gone (see L{ITransactionLayer.take_up_client})."""
        client = ClientTransaction(self.clients, hear)
        client.take_up(invite, flow, hear_cancel, heard=heard)
        return client

    def take_up_server(self, invite: Request, flow: Flow) -> ServerTransaction:
        """Go on with an INVITE that such a process has received."""
        return self.servers.take_up(invite, flow)

    def acknowledge(
        self, write: Callable[[Flow, str], Request], target: Flow | Uri, otherwise: Flow | None = None
    ) -> None:
        """Send an ACK for a 2xx (see L{ITransactionLayer.acknowledge})."""
        if type(target) is Flow:
            self._acknowledge([target], write, otherwise)
            return
        flows = self.locate(target)
        if isinstance(flows, list):
            self._acknowledge(flows, write, otherwise)
        else:
            flows.addErrback(self._not_located, target).addCallback(self._acknowledge, write, otherwise)

    # What wires tell.

    def received(self, data: bytes, flow: Flow) -> None:
        """Take a whole message, a keep-alive, or junk."""
        if len(data) <= 4 or (data[0] <= 1 and not flow.connection):  # as no SIP begins (RFC 5626 section 8)
            # Connections count theirs themselves.
            if flow.connection or self.transport.admits_keep_alives(flow):
                self._keep_alive(data, flow)
            return
        if flow.remote[0] not in self._known and not self.transport.admits(flow):
            return
        clock, traffic = self.now, self._traffic
        self._wheel.now = self.moment = now = clock()
        block = traffic.block
        block += (now, flow, False, data)
        if len(block) >= traffic.room:
            traffic.full()
        try:
            message = parse(data, self._messages)
            if self.elsewhere is not None and self.elsewhere(message, flow, data):
                return
            if isinstance(message, Request):
                self.servers.request(message, flow)
            else:
                self.clients.take(message, flow)
        except Malformed as error:
            self.servers.broken(error, flow)
        except PeerError as error:
            self.log.info("{peer} broke a rule: {error}", peer=flow.remote, error=error)
        except Exception:  # noqa: BLE001 - one message must not stop the others
            self.log.failure("a message from {peer} met a bug and is dropped", peer=flow.remote)
        finally:
            self._wheel.now = self.moment = 0.0

    def closed(self, flow: Flow) -> None:
        """Take notice that a connection is closed: what was under way on it has failed."""
        if self.broken is not None:
            self.broken(flow, None)
        under_way = self.clients.close(flow)
        # The user first: what it sends upon the failures is not to go this way.
        self.user.transport_lost(flow)
        for branch in under_way:
            branch.lose()

    def unreachable(self, flow: Flow, data: bytes = b"") -> None:
        """
        Take notice that the peer of C{flow} cannot be reached.

        @param data: the message that did not arrive, or the beginning of it;
            without one it is a connection that could not be used.
        """
        if self.broken is not None:
            self.broken(flow, data)
        if not data:
            self.transport.wires.bury(flow)
        self.clients.fail(flow, data)

    def _keep_alive(self, data: bytes, flow: Flow) -> None:
        """
        Answer a ping or STUN (RFC 5626 sections 3.5.1, 4.4.2); up to four bytes of junk are that too.

        RFC 5626 has no pings on UDP, but phones send them there to keep the
        way through their router open; two bytes back do the same from the
        other side.
        """
        self._counts.keep_alives += 1
        answer = PONG if data == PING else stun.answer(data, flow.remote)
        if answer is not None and (flow.remote[0] in self._known or self.transport.admits(flow)):
            self.transport.send(answer, flow)

    def _acknowledge(
        self, flows: list[Flow], write_ack: Callable[[Flow, str], Request], otherwise: Flow | None
    ) -> None:
        """Send an ACK to the first of the flows, unless it is of no use and there is another way."""
        if otherwise is not None and (
            not flows or self.transport.wires.is_dead(flows[0].transport, flows[0].remote)
        ):
            flows = [otherwise]
        if flows:
            flow, transport = flows[0], self.transport
            via, _ = transport.new_via(flow)
            transport.send(write(write_ack(flow, via)), flow)

    def _not_located(self, failure: Failure, uri: Uri) -> list[Flow]:
        """There is no way to a URI whose servers cannot be found out."""
        self.log.info("no server found for {uri}: {why}", uri=str(uri), why=failure.getErrorMessage())
        return []
