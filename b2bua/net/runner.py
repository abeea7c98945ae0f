"""
The transaction layer at work: wires below, the transaction user above.

A message that comes from a wire is matched to its transaction, or opens one; what
the machines want is performed.  Everything that takes time is on one wheel,
whose clock is handed in, so the same code runs on sockets and in the simulated
world.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.errors import PeerError
from b2bua.net.admission import Admission, Halves, Places
from b2bua.net.client import ClientTransaction
from b2bua.net.counts import Counts
from b2bua.net.limits import NetLimits
from b2bua.net.locate import Locator
from b2bua.net.overload import Overload
from b2bua.net.serving import Serving
from b2bua.net.tokens import tokens
from b2bua.net.transaction import Attempt, ServerTransaction
from b2bua.net.ways import Ways, Wire
from b2bua.net.wheel import Timer, Wheel
from b2bua.transactions.effects import TimerValues
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import COOKIE, sent_key
from b2bua.transactions.ports import ITransactionLayer, ITransactionUser
from b2bua.wire import stun
from b2bua.wire.message import LIMITS, Limits, Malformed, Request, Response, parse, write
from b2bua.wire.uri import Uri

PING = b"\r\n\r\n"
PONG = b"\r\n"
GATHERED = 16
"""So much is sent at once at most."""


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
        messages: Limits = LIMITS,
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
        self.user: ITransactionUser
        if user is not None:
            self.user = user
        self.wheel = Wheel(clock)
        self.limits = limits or NetLimits()
        self.counts = Counts()
        self.tap: Callable[[float, Flow, bool, bytes], None] | None = None
        self.stateless: Callable[[Request, Flow], Response | None] | None = None
        self.has_dialog: Callable[[str, str, str], bool] = lambda call_id, to_tag, from_tag: True
        """Is there such a dialog?  Without a user who says so none is doubted."""
        self.token = token or tokens()
        self.admission = Admission(self.limits.rate, self.limits.burst, self.limits.sources)
        self._known = self.admission.known
        # Of these there are few however well we know who sends them.
        self._keep_alives = Admission(self.limits.rate, self.limits.burst, self.limits.sources)
        self.places = Places(self.limits.connections, self.limits.connections_per_host)
        self.halves = Halves(self.limits.halves)
        self.overload = Overload(self, clock, self.limits.lag)
        self.now: Callable[[], float] = clock.seconds
        self.wall = wall
        self._clock = clock
        self._locator = locator
        self._timers = timers or TimerValues()
        self._timers_of: dict[str, TimerValues] = {}
        self._messages = messages
        self.ways = Ways(clock.seconds, self.limits.dead)
        self._wires = self.ways.wires
        self._gathered: list[tuple[Wire, bytes, Flow]] | None = None
        self.serving = Serving(self)
        self._attempts: dict[Hashable, Attempt] = {}
        self._on_connection: dict[Flow, dict[Attempt, None]] = {}

    # What the world sets up.

    def attach(self, wire: Wire, advertise: str = "") -> None:
        """
        Use a wire.

        @param advertise: C{host} or C{host:port} by which peers reach it, if
            that is not its own address.
        """
        self.ways.attach(wire, advertise)

    def detach(self, wire: Wire) -> None:
        """Use it no more."""
        self.ways.detach(wire)

    def close(self) -> None:
        """Forget all transactions and stop all timers; nothing is answered any more."""
        self.serving.clear()
        self._attempts.clear()
        self._on_connection.clear()
        self.overload.clear()
        self.wheel.clear()

    @property
    def live(self) -> int:
        """How many transactions there are."""
        return len(self.serving) + len(self._attempts)

    def set_timers(self, who: str, timers: TimerValues | None = None) -> None:
        """
        Use other timers with some peers; without any, the usual ones again.

        @param who: the address of the peers, or a transport; the address counts
            for more.
        """
        if timers is None:
            self._timers_of.pop(who, None)
        else:
            self._timers_of[who] = timers

    def timers_of(self, flow: Flow | None) -> TimerValues:
        """Give the timers that hold for the peer of C{flow}."""
        others = self._timers_of
        if others and flow is not None:
            return others.get(flow.remote[0]) or others.get(flow.transport) or self._timers
        return self._timers

    # ITransactionLayer

    def start(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call back after C{seconds}, rounded up to the tick of the wheel."""
        return self.wheel.set(seconds, _call, call)

    def locate(self, uri: Uri) -> list[Flow] | Deferred[list[Flow]]:
        """Where a request to C{uri} can go, best first (RFC 3263)."""
        hops = self._locator.locate(uri, self.ways.supported)
        if isinstance(hops, Deferred):
            return hops.addCallback(self.ways.flows)
        return self.ways.flows(hops)

    def request(
        self,
        write: Callable[[Flow, str], Request],
        target: Flow | Uri,
        hear: Callable[[Response], None],
        otherwise: Flow | None = None,
    ) -> ClientTransaction:
        """Open a client transaction (see L{ITransactionLayer.request})."""
        client = ClientTransaction(self, write, hear, otherwise)
        if isinstance(target, Flow):
            client.go([target], located=False)
            return client
        flows = self.locate(target)
        if isinstance(flows, Deferred):
            flows.addErrback(self._not_located, target).addCallback(client.go)
        else:
            client.go(flows)
        return client

    def take_up_client(
        self, invite: Request, flow: Flow, hear: Callable[[Response], None], *, heard: bool
    ) -> ClientTransaction:
        """Go on with the INVITE of a process that is gone (see L{ITransactionLayer.take_up_client})."""
        client = ClientTransaction(self, None, hear)
        client.take_up(invite, flow, heard=heard)
        return client

    def take_up_server(self, invite: Request, flow: Flow) -> ServerTransaction:
        """Go on with an INVITE that such a process has received."""
        return self.serving.take_up(invite, flow)

    def acknowledge(
        self, write: Callable[[Flow, str], Request], target: Flow | Uri, otherwise: Flow | None = None
    ) -> None:
        """Send an ACK for a 2xx (see L{ITransactionLayer.acknowledge})."""
        if isinstance(target, Flow):
            self._acknowledge([target], write, otherwise)
            return
        flows = self.locate(target)
        if isinstance(flows, Deferred):
            flows.addErrback(self._not_located, target).addCallback(self._acknowledge, write, otherwise)
        else:
            self._acknowledge(flows, write, otherwise)

    def contact_host(self, flow: Flow) -> str:
        """C{host:port} by which the peer of C{flow} reaches us; what Contact and Via say."""
        return self.ways.contact_host(flow)

    # What wires tell.

    def received(self, data: bytes, flow: Flow) -> None:
        """Take a whole message, a keep-alive, or junk."""
        if not data[4:] or (data[0] <= 1 and not flow.connection):  # as no SIP begins (RFC 5626 section 8)
            if flow.connection or self.admits_keep_alives(flow):  # connections count theirs themselves
                self._keep_alive(data, flow)
            return
        if flow.remote[0] not in self._known and not self.admits(flow):
            return
        self.counts.received += 1
        self.wheel.now = now = self.now()
        if self.tap is not None:
            self.tap(now, flow, False, data)
        try:
            message = parse(data, self._messages)
            if type(message) is Request:
                self.serving.request(message, flow)
            elif type(message) is Response:
                self._response(message, flow)
        except Malformed as error:
            self.serving.broken(error, flow)
        except PeerError as error:
            self.log.info("{peer} broke a rule: {error}", peer=flow.remote, error=error)
        except Exception:  # noqa: BLE001 - one message must not stop the others
            self.log.failure("a message from {peer} was not understood", peer=flow.remote)
        finally:
            self.wheel.now = None

    def admits(self, flow: Flow) -> bool:
        """May this source cost us another message?"""
        return self.admission.admit(flow.remote[0], self.now())

    def admits_keep_alives(self, flow: Flow, count: int = 1) -> bool:
        """May this source, known or not, have sent so many more of them?"""
        return self._keep_alives.admit(flow.remote[0], self.now(), count)

    def closed(self, flow: Flow) -> None:
        """Take notice that a connection is closed: what was under way on it has failed."""
        under_way = list(self._on_connection.pop(flow, ()))
        # The user first: what it sends upon the failures is not to go this way.
        self.user.transport_lost(flow)
        for attempt in under_way:
            attempt.perform(attempt.machine.lose())

    def unreachable(self, flow: Flow, data: bytes = b"") -> None:
        """
        Take notice that the peer of C{flow} cannot be reached.

        @param data: the message that did not arrive, or the beginning of it;
            without one it is a connection that could not be used.
        """
        if data:
            attempt = self._attempts.get(sent_key(data))
            attempts = [attempt] if attempt is not None else []
        else:
            self.ways.bury(flow)
            attempts = list(self._on_connection.get(flow, ()))
        for attempt in attempts:
            attempt.perform(attempt.machine.fail())

    # What transactions need.

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes on the wire of a flow."""
        way = flow[:2]
        wire = self._wires[way] if way in self._wires else self.ways.wire_of(flow)
        if wire is None:
            self.start(0.0, lambda: self.unreachable(flow, data))
            return
        self.counts.sent += 1
        if self.tap is not None:
            now = self.wheel.now
            self.tap(self.now() if now is None else now, flow, True, data)
        if self._gathered is None:
            wire.send(data, flow)
            return
        self._gathered.append((wire, data, flow))
        if len(self._gathered) == GATHERED:
            self._release()

    def together(self, work: Callable[[], None]) -> None:
        """
        Do some work, and send what comes of it together.

        The kernel wakes a receiver for each message that comes while it sleeps,
        which costs as much as sending some others that find it awake.
        """
        if self._gathered is not None:
            work()
            return
        self._gathered = []
        try:
            work()
        finally:
            self._release()
            self._gathered = None

    def _release(self) -> None:
        """Send what is gathered."""
        gathered, self._gathered = self._gathered, []
        for wire, data, flow in gathered or ():
            wire.send(data, flow)

    def new_via(self, flow: Flow) -> tuple[str, str]:
        """Make the value of a Via for C{flow} with a branch of its own; give both."""
        branch = COOKIE + self.token()
        return self.ways.via_of(flow) + branch, branch

    def add_attempt(self, attempt: Attempt) -> None:
        """Have responses to it, and the loss of its connection, find it."""
        self._attempts[attempt.key] = attempt
        flow = attempt.flow
        if flow.transport != "UDP":
            self._on_connection.setdefault(flow, {})[attempt] = None
        if flow.remote[0] not in self._known:
            self.admission.know(flow.remote[0])

    def drop_attempt(self, attempt: Attempt) -> None:
        """Forget it."""
        self._attempts.pop(attempt.key, None)
        flow = attempt.flow
        if flow.transport != "UDP" and (on := self._on_connection.get(flow)) is not None:
            on.pop(attempt, None)
            if not on:
                del self._on_connection[flow]

    def awaits(self, branch: str, method: str) -> bool:
        """Is there a request of ours that a response with these may be for?"""
        return (branch, method) in self._attempts

    def is_open_for(self, attempt: Attempt) -> bool:
        """Does the connection of a request of ours still stand?"""
        return attempt in self._on_connection.get(attempt.flow, ())

    def _keep_alive(self, data: bytes, flow: Flow) -> None:
        """
        Answer a ping or STUN (RFC 5626 sections 3.5.1, 4.4.2); up to four bytes of junk are that too.

        RFC 5626 has no pings on UDP, but phones send them there to keep the
        way through their router open; two bytes back do the same from the
        other side.
        """
        self.counts.keep_alives += 1
        answer = PONG if data == PING else stun.answer(data, flow.remote)
        if answer is not None and (flow.remote[0] in self._known or self.admits(flow)):
            self.send(answer, flow)

    # Responses

    def _response(self, response: Response, flow: Flow) -> None:
        """
        Match a response to its transaction (section 17.1.3), or drop it.

        The branch is ours and cannot be guessed, so a response with another
        sent-by (section 18.1.2) finds nothing.  Strays are dropped (RFC 6026
        section 7.3), and what has a second Via went astray (section 8.1.3.3).
        """
        attempt = self._attempts.get((response.via.branch, response.cseq.method))
        if attempt is None or _is_astray(response):
            self.counts.stray += 1
            return
        if attempt.flow.transport != "UDP" and attempt.flow != flow and attempt.stranded:
            # The peer has come back by another connection (section 18.2.2): so does what we still send.
            attempt.move(flow)
        attempt.perform(attempt.machine.receive(response))

    def _acknowledge(
        self, flows: list[Flow], write_ack: Callable[[Flow, str], Request], otherwise: Flow | None
    ) -> None:
        """Send an ACK to the first of the flows, unless it is of no use and there is another way."""
        if otherwise is not None and (not flows or self.ways.is_dead(flows[0].transport, flows[0].remote)):
            flows = [otherwise]
        if flows:
            via, _ = self.new_via(flows[0])
            self.send(write(write_ack(flows[0], via)), flows[0])

    def _not_located(self, failure: Failure, uri: Uri) -> list[Flow]:
        """There is no way to a URI whose servers cannot be found out."""
        self.log.info("no server found for {uri}: {why}", uri=str(uri), why=failure.getErrorMessage())
        return []


def _is_astray(response: Response) -> bool:
    """Has it more than one Via?  Mostly a look at two numbers tells that it has not."""
    if response.distinct and "," not in response.first["Via"]:
        return False
    return len(response.values("Via")) > 1


def _call(call: Callable[[], None]) -> None:
    """Call without an argument."""
    call()
