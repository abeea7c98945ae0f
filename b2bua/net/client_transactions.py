"""A request of ours: over one next hop, or over several until one answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from twisted.logger import Logger
from zope.interface import implementer

from b2bua.errors import UsageError
from b2bua.net.transaction import Transaction
from b2bua.net.wheel import SLOTS_BELOW, Lapses
from b2bua.transactions.derived import cancel_for
from b2bua.transactions.flow import Flow
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.matching import sent_key
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.ports import IClientTransaction
from b2bua.wire.message import REASONS, Field, Request, Response, write

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.transactions.ports import ITransactionUser

RUNNING = ("_client", "_table", "bucket", "ends", "key", "repeats", "transport", "way")
"""What a machine has in addition when it runs."""


def _nobody(response: Response) -> None:
    """Hear nothing."""


class Hops:
    """Where a request goes, and where else when it is not answered (RFC 3263 section 4.3)."""

    __slots__ = ("flows", "located", "otherwise", "write")

    def __init__(self, flows: list[Flow], write: Callable[[Flow, str], Request], *, located: bool) -> None:
        """
        Have tried none of them.

        @param flows: best first.
        @param write: makes the request for a flow and the value of our Via.
        @param located: whether the choice of transport was ours, so that a
            large request may go by TCP instead (RFC 3261 section 18.1.1).
        """
        self.flows = flows
        self.write = write
        self.located = located
        self.otherwise: Flow | None = None
        """The one of UDP that comes after another by TCP, which was put before it."""


@implementer(IClientTransaction)
class ClientTransaction:
    """A request that waits for its answer."""

    __slots__ = ("_alive", "_branch", "_cancel", "_hear", "_hear_cancel", "_hops", "_table", "flow")

    log = Logger()

    def __init__(self, table: ClientTransactions, hear: Callable[[Response], None]) -> None:
        """Stand ready to L{send}, or to L{go} where there is more than one way."""
        self._table = table
        self._hear = hear
        self._hear_cancel: Callable[[Response], None] = _nobody
        self._hops: Hops | None = None
        self._alive = False
        self._branch: Sent | None = None
        self._cancel: Sequence[Field] | None = None
        self.flow: Flow | None = None

    @property
    def request(self) -> Request:
        """
        The request as last sent, with its Via, until the final response was heard.

        @raise UsageError: after that, and while the next hop is being looked up.
        """
        if self._branch is None:
            raise UsageError("The next hop is still being looked up")
        return self._branch.request

    def cancel(self, fields: Sequence[Field] = ()) -> None:
        """Send a CANCEL, at once or when the first provisional response has come."""
        if self._cancel is not None:
            return
        self._cancel = fields
        if self._branch is not None:
            self._branch.cancel()

    def move(self, flow: Flow) -> None:
        """Go on by another way (see L{IClientTransaction.move})."""
        branch = self._branch
        if branch is None or branch.way == flow:
            return
        # It may wait for a connection; it must not come by that after what is newer (section 12.2.1.1).
        self._table.transport.wires.withdraw(branch.way, branch.key)
        # Whatever socket of that transport its Via names: by UDP the answer comes to the one that it
        # leaves by (RFC 3581), else by the connection (section 18.2.2).
        if branch.way.transport != flow.transport:
            branch.lose()
            return
        self.flow = flow
        branch.move(flow)
        branch.moved()

    def hand_on(self, hear: Callable[[Response], None]) -> None:
        """Let somebody else hear from now on (see L{IClientTransaction.hand_on})."""
        self._hear = hear

    def forget(self) -> None:
        """Hear no more of it; the machine goes on by itself to its end."""
        self._hear = _nobody

    def go(
        self,
        flows: list[Flow],
        write: Callable[[Flow, str], Request],
        otherwise: Flow | None = None,
        *,
        located: bool = True,
    ) -> None:
        """
        Try several ways, best first (see L{Hops}).

        @param otherwise: tried when none of them is left.
        """
        if otherwise is not None and otherwise not in flows:
            flows = [*flows, otherwise]
        if self._cancel is not None:
            self._table.transport.wheel.set(0.0, partial(self._nowhere, 487))
        elif not flows:
            self._table.transport.wheel.set(0.0, partial(self._nowhere, 503))
        else:
            self._hops = Hops(flows, write, located=located)
            self.send(write, flows.pop(0))

    def _nowhere(self, code: int) -> None:
        """Tell what came of a request that was never sent."""
        self._tell(Response(code, REASONS[code], local=True), last=True)

    def _next(self) -> None:
        """Send the request to the next hop."""
        if self._hops is None:
            raise UsageError("A request that was answered is not sent again")
        self.send(self._hops.write, self._hops.flows.pop(0))

    def send(self, write_for: Callable[[Flow, str], Request], flow: Flow) -> None:
        """Send the request one way, with a branch of its own (RFC 3263 section 4.3)."""
        table, hops = self._table, self._hops
        transport = table.transport
        via, name = transport.new_via(flow)
        request = write_for(flow, via)
        data = request.data or write(request)
        if hops is not None and len(data) > transport.limits.datagram and self._by_tcp(hops, flow):
            self._next()
            return
        self.flow = flow
        self._alive = False
        branch = self._branch = table.add(self, request, data, name, flow)
        branch.start()

    def take_up(
        self, invite: Request, flow: Flow, hear_cancel: Callable[[Response], None], *, heard: bool
    ) -> None:
        """Go on with an INVITE that a process has sent which is gone."""
        self.flow, self._hear_cancel = flow, hear_cancel
        branch = self._branch = self._table.add(self, invite, b"", invite.via.branch, flow)
        if type(branch) is SentInvite:
            branch.take_up(heard=heard)

    def _by_tcp(self, hops: Hops, flow: Flow) -> bool:
        """Try TCP before UDP for a large request, if that is possible (RFC 3261 section 18.1.1)."""
        if flow.transport != "UDP" or not hops.located or flow is hops.otherwise:
            return False
        larger = self._table.transport.wires.by_tcp(flow)
        if larger is None:
            return False
        hops.otherwise = flow
        hops.flows[:0] = [larger, flow]
        return True

    def failed(self, branch: Branch, code: int) -> None:
        """Go on to the next hop after a timeout (408) or a transport error (503)."""
        if branch is not self._branch:
            return
        # What has answered anything at all is alive (RFC 3263 section 4.3).
        silent = code == 503 or not self._alive
        if silent:
            self._table.transport.wires.bury(branch.way)
        if silent and self._has_more():
            self._next()
        else:
            # An INVITE may be answered yet, by who was slow to hear of it.
            self._tell(branch.request.response(code).made_up(), last=type(branch) is SentRequest)

    def _has_more(self) -> bool:
        """Is there another hop, and is the request still wanted?"""
        return self._hops is not None and bool(self._hops.flows) and self._cancel is None

    def send_cancel(self, branch: Branch) -> None:
        """Send the CANCEL as a transaction of its own, where the INVITE went (section 9.1)."""
        invite = branch.request
        request = cancel_for(invite, self._cancel or ())
        mute = ClientTransaction(self._table, self._hear_cancel)
        mute._branch = cancel = self._table.add(mute, request, write(request), invite.via.branch, branch.way)
        cancel.start()

    def hear_again(self, response: Response, flow: Flow) -> None:
        """Let the user hear of one more 2xx to its INVITE, of whoever it is."""
        wires = self._table.transport.wires
        if wires.dead:
            wires.answered(flow, response)
        self._tell(response)

    def _tell(self, response: Response, *, last: bool = False) -> None:
        """
        Let the user hear, of a timeout or a transport error too (section 8.1.3.1).

        A bug of the user's is not the layer's end.

        @param last: is there nothing to be heard after it?  What lingers until
            its timers end lets go of its user then.
        """
        hear = self._hear
        if response.code >= 200:
            self._hops = self._branch = None
            if last:
                self._hear = _nobody
        try:
            hear(response)
        except Exception:  # noqa: BLE001
            self.log.failure("a response {code} could not be dealt with because of a bug", code=response.code)


class Branch(Transaction):
    """A request of ours on its way to one next hop, with a branch of its own (RFC 3263 section 4.3)."""

    __slots__ = SLOTS_BELOW

    _table: ClientTransactions
    _client: ClientTransaction
    last: bytes
    """The ACK that a refusal of an INVITE draws."""

    @property
    def stranded(self) -> bool:
        """Is the connection closed by which it went?"""
        return self.way.transport != "UDP" and not self._table.is_open_for(self)

    def move(self, flow: Flow) -> None:
        """Go on by another way: the peer has come back by it."""
        if self.way.transport != "UDP":
            self._table.part(self)
        self.way = flow
        self._table.follow(self)

    def deliver(self, response: Response) -> None:
        """Give the user a response; a 503 sends us to the next hop, if there is one."""
        client, code = self._client, response.code
        client._alive = True
        if code < 200:
            client._tell(response)
            return
        if self is not client._branch:
            if code >= 300:
                return
            if client._branch is not None:
                # The hop before has answered after all: this one need not.
                client._branch.cancel()
        wires = self._table.transport.wires
        if code == 503 or wires.dead:
            wires.answered(self.way, response)
        hops = client._hops
        if hops is not None:
            if hops.flows and hops.flows[0] is hops.otherwise:
                # A server that takes TCP is not asked by UDP as well.
                del hops.flows[0]
            if code == 503 and client._has_more():
                client._next()
                return
        # A further 2xx to an INVITE may come.
        client._tell(response, last=type(self) is SentRequest)

    def tell_failure(self, code: int) -> None:
        """Have the next hop tried, or the user told."""
        self._client.failed(self, code)

    def linger(self, letter: str, seconds: float) -> None:
        """Leave behind who hears of further 2xx (M), what a refusal draws (D), or nothing (K)."""
        self.repeats = self.ends = None
        if self.bucket is not None:
            self.leave()
        table, key = self._table, self.key
        if letter == "M":
            table.branches[key] = self._client
        else:
            table.branches[key] = Again(self.last, self.way) if letter == "D" else None
        table.lapses.add(key, seconds)
        if self.way.transport != "UDP":
            table.part(self)

    def over(self) -> None:
        """Be forgotten."""
        self.stop()
        self._table.drop(self)

    def receive(self, response: Response) -> None:
        """Follow the arrow of a response (of the machine)."""
        raise NotImplementedError

    def fail(self) -> None:
        """Follow the arrow of a transport error (of the machine)."""
        raise NotImplementedError

    def lose(self) -> None:
        """Take the loss of the connection (of the machine)."""
        raise NotImplementedError

    def send_cancel(self) -> None:
        """Have the CANCEL sent."""
        self._client.send_cancel(self)


class SentInvite(InviteClient, Branch):
    """An INVITE on its way."""

    __slots__ = RUNNING


class SentRequest(NonInviteClient, Branch):
    """Another request on its way."""

    __slots__ = RUNNING


Sent: TypeAlias = SentInvite | SentRequest


class Again(NamedTuple):
    """What is left of an INVITE that was refused."""

    ack: bytes
    way: Flow


Left: TypeAlias = ClientTransaction | Again | None
"""
What is left of a branch that has its final response, until its last timer fires.

Who hears of further 2xx (M), what a refusal that comes again draws (D), or
nothing (K); see L{Transaction.linger}.
"""


class ClientTransactions:
    """All client transactions, by what their responses say; of those that are answered, what is left."""

    def __init__(self, transport: TransportLayer) -> None:
        """Begin without any; who hears of strays sets C{user} before a message comes."""
        self.user: ITransactionUser
        self.transport = transport
        self.wheel = transport.wheel
        self.branches: dict[Hashable, Sent | Left] = {}
        self.lapses = Lapses(transport.wheel, self._forget)
        self._on_connection: dict[Flow, dict[Branch, None]] = {}
        self._known = transport.admission.known

    def __len__(self) -> int:
        """How many there are."""
        return len(self.branches)

    def clear(self) -> None:
        """Forget all of them."""
        self.branches.clear()
        self._on_connection.clear()
        self.lapses.clear()

    def add(self, client: ClientTransaction, request: Request, data: bytes, name: str, flow: Flow) -> Sent:
        """Make a branch that has not started, and have responses to it find it."""
        transport, udp = self.transport, flow.transport == "UDP"
        timers = transport.timers_of(flow) if transport.own_timers else transport.timers
        method = request.method
        kind = SentInvite if method == "INVITE" else SentRequest
        branch = kind(request, data, timers, reliable=not udp)
        branch._table = self
        branch._client = client
        branch.transport, branch.way = transport, flow
        branch.repeats = branch.ends = branch.bucket = None
        key = branch.key = (name, method)
        self.branches[key] = branch
        if not udp or flow.remote[0] not in self._known:
            self.follow(branch)
        return branch

    def follow(self, branch: Branch) -> None:
        """Have the loss of its connection find it, and its peer known."""
        flow = branch.way
        if flow.transport != "UDP":
            self._on_connection.setdefault(flow, {})[branch] = None
        if flow.remote[0] not in self._known:
            self.transport.admission.know(flow.remote[0])

    def _forget(self, keys: list[Hashable]) -> None:
        """Forget what is left of some."""
        for key in keys:
            self.branches.pop(key, None)

    def drop(self, branch: Branch) -> None:
        """Forget it."""
        self.branches.pop(branch.key, None)
        if branch.way.transport != "UDP":
            self.part(branch)

    def part(self, branch: Branch) -> None:
        """The loss of its connection concerns it no more."""
        flow = branch.way
        if (on := self._on_connection.get(flow)) is not None:
            on.pop(branch, None)
            if not on:
                del self._on_connection[flow]

    def awaits(self, branch: str, method: str) -> bool:
        """Is there a request of ours that a response with these may be for?"""
        return (branch, method) in self.branches

    def is_open_for(self, branch: Branch) -> bool:
        """Does the connection of a request of ours still stand?"""
        return branch in self._on_connection.get(branch.way, ())

    def has(self, response: Response) -> bool:
        """Is it for one of them?"""
        return (response.branch, response.cseq.method) in self.branches

    def take(self, response: Response, flow: Flow) -> None:
        """
        Match a response to its transaction (section 17.1.3), or drop it.

        The branch is ours and cannot be guessed, so a response with another
        sent-by (section 18.1.2) finds nothing.  Strays are dropped (RFC 6026
        section 7.3), but for a 2xx whose INVITE another process may have sent;
        and what has a second Via went astray (section 8.1.3.3).
        """
        try:
            branch = self.branches[response.branch, response.cseq.method]
        except KeyError:
            self.transport.counts.stray += 1
            if response.success and response.cseq.method == "INVITE":
                self.user.stray_success_received(response, flow)
            return
        # Mostly a look at two values tells that there is no second Via.
        if (not response.distinct or "," in response.first["Via"]) and len(response.values("Via")) > 1:
            self.transport.counts.stray += 1
            return
        if isinstance(branch, Branch):
            if branch.way.transport != "UDP" and branch.way != flow and branch.stranded:
                # The peer has come back by another connection (section 18.2.2): so does what we still send.
                branch.move(flow)
            branch.receive(response)
        elif type(branch) is ClientTransaction and response.success:
            branch.hear_again(response, flow)
        elif type(branch) is Again and response.code >= 300:
            self.transport.send(branch.ack, branch.way)

    def close(self, flow: Flow) -> list[Branch]:
        """Forget a connection that is closed, and give what was under way on it."""
        return list(self._on_connection.pop(flow, ()))

    def fail(self, flow: Flow, data: bytes) -> None:
        """
        Let fail what did not arrive by a flow.

        What has moved meanwhile goes on: only its way before has failed.

        @param data: the message, or the beginning of it; without one it is
            whatever went that way.
        """
        if data:
            branch = self.branches.get(sent_key(data))
            if isinstance(branch, Branch) and branch.way.remote == flow.remote:
                branch.fail()
            return
        for under_way in list(self._on_connection.get(flow, ())):
            under_way.fail()
