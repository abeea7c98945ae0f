"""A request of ours: over one next hop, or over several until one answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from twisted.logger import Logger
from zope.interface import implementer

from b2bua.errors import UsageError
from b2bua.net.transaction import ClientMachine, Transaction
from b2bua.net.wheel import Lapses
from b2bua.transactions.derived import cancel_for
from b2bua.transactions.effects import Lingers
from b2bua.transactions.flow import Flow
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.matching import sent_key
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.ports import IClientTransaction
from b2bua.wire.message import REASONS, Field, Request, Response, write

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.transactions.ports import ITransactionUser


def _nobody(response: Response) -> None:
    """Hear nothing."""


@implementer(IClientTransaction)
class ClientTransaction:
    """A request that waits for its answer."""

    __slots__ = (
        "_alive",
        "_branch",
        "_cancel",
        "_hear",
        "_hops",
        "_last_way",
        "_may_change",
        "_otherwise",
        "_table",
        "_write",
        "flow",
    )

    log = Logger()

    def __init__(
        self,
        table: ClientTransactions,
        write: Callable[[Flow, str], Request] | None,
        hear: Callable[[Response], None],
        last_way: Flow | None = None,
    ) -> None:
        """
        Stand ready to L{go}.

        @param write: makes the request for a flow and the value of our Via.
        @param last_way: tried when no hop is left.
        """
        self._table = table
        self._write = write
        self._hear = hear
        self._hops: list[Flow] = []
        self._last_way = last_way
        self._may_change = False
        self._otherwise: Flow | None = None
        self._alive = False
        self._branch: Branch | None = None
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
            self._branch.perform(self._branch.machine.cancel())

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
            branch.perform(branch.machine.lose())
            return
        self.flow = flow
        branch.move(flow)
        branch.perform(branch.machine.moved())

    def hand_on(self, hear: Callable[[Response], None]) -> None:
        """Let somebody else hear from now on (see L{IClientTransaction.hand_on})."""
        self._hear = hear

    def forget(self) -> None:
        """Hear no more of it; the machine goes on by itself to its end."""
        self._hear = _nobody

    def go(self, hops: list[Flow], *, located: bool = True) -> None:
        """
        Try the hops, best first.

        @param located: whether the choice of transport was ours, so that a
            large request may go by TCP instead (RFC 3261 section 18.1.1).
        """
        self._hops = hops
        if self._last_way is not None and self._last_way not in hops:
            self._hops = [*hops, self._last_way]
        self._may_change = located
        if self._cancel is not None:
            self._table.transport.wheel.set(0.0, partial(self._nowhere, 487))
        elif not self._hops:
            self._table.transport.wheel.set(0.0, partial(self._nowhere, 503))
        else:
            self._next()

    def _nowhere(self, code: int) -> None:
        """Tell what came of a request that was never sent."""
        self._tell(Response(code, REASONS[code], local=True), last=True)

    def _next(self) -> None:
        """Send the request to the next hop, with a branch of its own (RFC 3263 section 4.3)."""
        if self._write is None:
            raise UsageError("A request that was answered is not sent again")
        transport = self._table.transport
        flow = self._hops.pop(0)
        via, name = transport.new_via(flow)
        request = self._write(flow, via)
        data = write(request)
        if len(data) > transport.limits.datagram and self._by_tcp(flow):
            self._next()
            return
        self.flow = flow
        self._alive = False
        timers = transport.timers_of(flow) if transport.own_timers else transport.timers
        reliable = flow.transport != "UDP"
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        machine: ClientMachine = kind(request, data, timers, reliable=reliable)
        branch = self._branch = Branch(self._table, machine, (name, request.method), flow, self)
        self._table.add(branch)
        branch.perform(machine.start())

    def take_up(self, invite: Request, flow: Flow, *, heard: bool) -> None:
        """Go on with an INVITE that a process has sent which is gone."""
        self.flow = flow
        timers, reliable = self._table.transport.timers_of(flow), flow.transport != "UDP"
        machine = InviteClient(invite, b"", timers, reliable=reliable)
        branch = self._branch = Branch(self._table, machine, (invite.via.branch, "INVITE"), flow, self)
        self._table.add(branch)
        branch.perform(machine.take_up(heard=heard))

    def _by_tcp(self, flow: Flow) -> bool:
        """Try TCP before UDP for a large request, if that is possible (RFC 3261 section 18.1.1)."""
        if flow.transport != "UDP" or not self._may_change or flow is self._otherwise:
            return False
        larger = self._table.transport.wires.by_tcp(flow)
        if larger is None:
            return False
        self._otherwise = flow
        self._hops[:0] = [larger, flow]
        return True

    def _took_tcp(self) -> None:
        """A server that takes TCP is not asked by UDP as well."""
        if self._hops[0] is self._otherwise:
            del self._hops[0]

    def failed(self, branch: Branch, code: int) -> None:
        """Go on to the next hop after a timeout (408) or a transport error (503)."""
        if branch is not self._branch:
            return
        # What has answered anything at all is alive (RFC 3263 section 4.3).
        silent = code == 503 or not self._alive
        if silent:
            self._table.transport.wires.bury(branch.way)
        if silent and self._hops and self._cancel is None:
            self._next()
        else:
            # An INVITE may be answered yet, by who was slow to hear of it.
            self._tell(
                branch.request.response(code).made_up(), last=not isinstance(branch.machine, InviteClient)
            )

    def send_cancel(self, branch: Branch) -> None:
        """Send the CANCEL as a transaction of its own, where the INVITE went (section 9.1)."""
        invite = branch.request
        request = cancel_for(invite, self._cancel or ())
        flow = branch.way
        timers, reliable = self._table.transport.timers_of(flow), flow.transport != "UDP"
        machine = NonInviteClient(request, write(request), timers, reliable=reliable)
        mute = ClientTransaction(self._table, None, _nobody)
        mute._branch = cancel = Branch(self._table, machine, (invite.via.branch, "CANCEL"), flow, mute)
        self._table.add(cancel)
        cancel.perform(machine.start())

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
            self._write = self._branch = None
            if last:
                self._hear = _nobody
        try:
            hear(response)
        except Exception:  # noqa: BLE001
            self.log.failure("a response {code} could not be dealt with because of a bug", code=response.code)


class Branch(Transaction):
    """A request of ours on its way to one next hop, with a branch of its own (RFC 3263 section 4.3)."""

    __slots__ = ("_client", "_table")

    machine: ClientMachine

    def __init__(
        self,
        table: ClientTransactions,
        machine: ClientMachine,
        key: Hashable,
        flow: Flow,
        client: ClientTransaction,
    ) -> None:
        """Take a machine that has not started, and whom to tell."""
        super().__init__(table.transport, machine, key, flow)
        self._table = table
        self._client = client

    @property
    def stranded(self) -> bool:
        """Is the connection closed by which it went?"""
        return self.way.transport != "UDP" and not self._table.is_open_for(self)

    def move(self, flow: Flow) -> None:
        """Go on by another way: the peer has come back by it."""
        self._table.drop(self)
        self.way = flow
        self._table.add(self)

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
                client._branch.perform(client._branch.machine.cancel())
        wires = self._transport.wires
        if code == 503 or wires.dead:
            wires.answered(self.way, response)
        if client._hops:
            client._took_tcp()
        if code == 503 and client._hops and client._cancel is None:
            client._next()
            return
        client._hops = []
        # A further 2xx to an INVITE may come.
        client._tell(response, last=type(self.machine) is NonInviteClient)

    def _fail(self, code: int) -> None:
        self._client.failed(self, code)

    def _linger(self, left: Lingers) -> None:
        machine, table = self.machine, self._table
        if isinstance(machine, NonInviteClient):
            table.branches[self.key] = None
        elif left.timer == "M":
            table.branches[self.key] = self._client
        else:
            table.branches[self.key] = Again(machine.last, self.way)
        table.lapses.add(self.key, left.seconds)
        if self.way.transport != "UDP":
            table.part(self)

    def _end(self) -> None:
        self.stop()
        self._table.drop(self)

    def _cancel(self) -> None:
        self._client.send_cancel(self)


class Again(NamedTuple):
    """What is left of an INVITE that was refused."""

    ack: bytes
    way: Flow


Left: TypeAlias = ClientTransaction | Again | None
"""
What is left of a branch that has its final response, until its last timer fires.

Who hears of further 2xx (M), what a refusal that comes again draws (D), or nothing (K); see L{Lingers}.
"""


class ClientTransactions:
    """All client transactions, by what their responses say; of those that are answered, what is left."""

    def __init__(self, transport: TransportLayer) -> None:
        """Begin without any; who hears of strays sets C{user} before a message comes."""
        self.user: ITransactionUser
        self.transport = transport
        self.branches: dict[Hashable, Branch | Left] = {}
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

    def add(self, branch: Branch) -> None:
        """Have responses to it, and the loss of its connection, find it."""
        self.branches[branch.key] = branch
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
        if type(branch) is not Branch:
            if type(branch) is ClientTransaction and response.success:
                branch.hear_again(response, flow)
            elif type(branch) is Again and response.code >= 300:
                self.transport.send(branch.ack, branch.way)
            return
        if branch.way.transport != "UDP" and branch.way != flow and branch.stranded:
            # The peer has come back by another connection (section 18.2.2): so does what we still send.
            branch.move(flow)
        branch.perform(branch.machine.receive(response))

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
            failed = [branch] if type(branch) is Branch and branch.way.remote == flow.remote else []
        else:
            failed = list(self._on_connection.get(flow, ()))
        for branch in failed:
            branch.perform(branch.machine.fail())
