"""A request of ours: over one next hop, or over several until one answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger
from zope.interface import implementer

from b2bua.errors import UsageError
from b2bua.net.transaction import Attempt, ClientMachine
from b2bua.transactions.derived import cancel_for
from b2bua.transactions.flow import Flow
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.ports import IClientTransaction
from b2bua.wire.message import REASONS, Field, Request, Response, write

if TYPE_CHECKING:
    from b2bua.net.runner import Runner


def _nobody(response: Response) -> None:
    """Hear nothing."""


@implementer(IClientTransaction)
class ClientTransaction:
    """A request that waits for its answer."""

    __slots__ = (
        "_alive",
        "_attempt",
        "_cancel",
        "_hear",
        "_hops",
        "_last_way",
        "_may_change",
        "_otherwise",
        "_runner",
        "_write",
        "flow",
    )

    log = Logger()

    def __init__(
        self,
        runner: Runner,
        write: Callable[[Flow, str], Request] | None,
        hear: Callable[[Response], None],
        last_way: Flow | None = None,
    ) -> None:
        """
        Stand ready to L{go}.

        @param write: makes the request for a flow and the value of our Via.
        @param last_way: tried when no hop is left.
        """
        self._runner = runner
        self._write = write
        self._hear = hear
        self._hops: list[Flow] = []
        self._last_way = last_way
        self._may_change = False
        self._otherwise: Flow | None = None
        self._alive = False
        self._attempt: Attempt | None = None
        self._cancel: Sequence[Field] | None = None
        self.flow: Flow | None = None

    @property
    def request(self) -> Request:
        """
        The request as last sent, with its Via, until the final response was heard.

        @raise UsageError: after that, and while the next hop is being looked up.
        """
        if self._attempt is None:
            raise UsageError("The next hop is still being looked up")
        return self._attempt.request

    def cancel(self, fields: Sequence[Field] = ()) -> None:
        """Send a CANCEL, at once or when the first provisional response has come."""
        if self._cancel is not None:
            return
        self._cancel = fields
        if self._attempt is not None:
            self._attempt.perform(self._attempt.machine.cancel())

    def move(self, flow: Flow) -> None:
        """Go on by another way (see L{IClientTransaction.move})."""
        attempt = self._attempt
        if attempt is None or attempt.flow == flow:
            return
        if attempt.flow[:2] != flow[:2]:
            attempt.perform(attempt.machine.lose())
            return
        self.flow = flow
        attempt.move(flow)
        attempt.perform(attempt.machine.moved())

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
            self._runner.wheel.set(0.0, self._nowhere, 487)
        elif not self._hops:
            self._runner.wheel.set(0.0, self._nowhere, 503)
        else:
            self._next()

    def _nowhere(self, code: int) -> None:
        """Tell what came of a request that was never sent."""
        self._make_up(Response(code, REASONS[code]), last=True)

    def _next(self) -> None:
        """Send the request to the next hop, with a branch of its own (RFC 3263 section 4.3)."""
        if self._write is None:
            raise UsageError("A request that was answered is not sent again")
        runner = self._runner
        flow = self._hops.pop(0)
        via, branch = runner.new_via(flow)
        request = self._write(flow, via)
        data = write(request)
        if len(data) > runner.limits.datagram and self._by_tcp(flow):
            self._next()
            return
        self.flow = flow
        self._alive = False
        timers, reliable = runner.timers_of(flow), flow.transport != "UDP"
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        machine: ClientMachine = kind(request, data, timers, reliable=reliable)
        attempt = self._attempt = Attempt(runner, machine, (branch, request.method), flow, self)
        runner.add_attempt(attempt)
        attempt.perform(machine.start())

    def take_up(self, invite: Request, flow: Flow, *, heard: bool) -> None:
        """Go on with an INVITE that a process has sent which is gone."""
        runner = self._runner
        self.flow = flow
        timers, reliable = runner.timers_of(flow), flow.transport != "UDP"
        machine = InviteClient(invite, b"", timers, reliable=reliable)
        attempt = self._attempt = Attempt(runner, machine, (invite.via.branch, "INVITE"), flow, self)
        runner.add_attempt(attempt)
        attempt.perform(machine.take_up(heard=heard))

    def _by_tcp(self, flow: Flow) -> bool:
        """Try TCP before UDP for a large request, if that is possible (RFC 3261 section 18.1.1)."""
        if flow.transport != "UDP" or not self._may_change or flow is self._otherwise:
            return False
        larger = self._runner.ways.by_tcp(flow)
        if larger is None:
            return False
        self._otherwise = flow
        self._hops[:0] = [larger, flow]
        return True

    def _took_tcp(self) -> None:
        """A server that takes TCP is not asked by UDP as well."""
        if self._hops[0] is self._otherwise:
            del self._hops[0]

    def answered(self, attempt: Attempt, response: Response) -> None:
        """Take a response; a 503 sends us to the next hop, if there is one."""
        code = response.code
        self._alive = True
        if code >= 200:
            if attempt is not self._attempt:
                if code >= 300:
                    return
                if self._attempt is not None:
                    # The hop before has answered after all: this one need not.
                    self._attempt.perform(self._attempt.machine.cancel())
            self._runner.ways.answered(attempt.flow, response)
            if self._hops:
                self._took_tcp()
            if code == 503 and self._hops and self._cancel is None:
                self._next()
                return
            self._hops = []
            # A further 2xx to an INVITE may come.
            self._tell(response, last=isinstance(attempt.machine, NonInviteClient))
        else:
            self._tell(response)

    def failed(self, attempt: Attempt, code: int) -> None:
        """Go on to the next hop after a timeout (408) or a transport error (503)."""
        if attempt is not self._attempt:
            return
        # What has answered anything at all is alive (RFC 3263 section 4.3).
        silent = code == 503 or not self._alive
        if silent:
            self._runner.ways.bury(attempt.flow)
        if silent and self._hops and self._cancel is None:
            self._next()
        else:
            # An INVITE may be answered yet, by who was slow to hear of it.
            self._make_up(attempt.request.response(code), last=not isinstance(attempt.machine, InviteClient))

    def send_cancel(self, attempt: Attempt) -> None:
        """Send the CANCEL as a transaction of its own, where the INVITE went (section 9.1)."""
        invite = attempt.request
        request = cancel_for(invite, self._cancel or ())
        flow, runner = attempt.flow, self._runner
        timers, reliable = runner.timers_of(flow), flow.transport != "UDP"
        machine = NonInviteClient(request, write(request), timers, reliable=reliable)
        mute = ClientTransaction(runner, None, _nobody)
        mute._attempt = cancel = Attempt(runner, machine, (invite.via.branch, "CANCEL"), flow, mute)
        runner.add_attempt(cancel)
        cancel.perform(machine.start())

    def _make_up(self, response: Response, *, last: bool) -> None:
        """Let the user hear of a timeout or a transport error (section 8.1.3.1)."""
        response.local = True
        self._tell(response, last=last)

    def _tell(self, response: Response, *, last: bool = False) -> None:
        """
        Let the user hear; a bug of the user's is not the layer's end.

        @param last: is there nothing to be heard after it?  What lingers until
            its timers end lets go of its user then.
        """
        hear = self._hear
        if response.code >= 200:
            self._write = self._attempt = None
            if last:
                self._hear = _nobody
        try:
            hear(response)
        except Exception:  # noqa: BLE001
            self.log.failure("{code} was not understood by its user", code=response.code)
