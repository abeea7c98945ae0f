"""A machine that runs: its effects are performed, its timers are on the wheel."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.logger import Logger
from zope.interface import implementer

from b2bua.errors import UsageError
from b2bua.transactions.effects import (
    REPEATS,
    Cancel,
    Effects,
    Ended,
    Failed,
    Start,
    Stop,
)
from b2bua.transactions.flow import Flow
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.transactions.ports import IServerTransaction
from b2bua.wire.message import Field, Request, Response, parse, write
from b2bua.wire.names import NameAddr

if TYPE_CHECKING:
    from b2bua.net.client import ClientTransaction
    from b2bua.net.runner import Runner
    from b2bua.net.wheel import Bucket

ClientMachine: TypeAlias = InviteClient | NonInviteClient
ServerMachine: TypeAlias = InviteServer | NonInviteServer
Due: TypeAlias = tuple[int, str]
"""The tick of a timer, and its letter."""


class Running:
    """What the two sides have in common: effects and timers."""

    __slots__ = ("_ends", "_repeats", "_runner", "bucket", "key", "machine")

    log = Logger()

    def __init__(self, runner: Runner, machine: ClientMachine | ServerMachine, key: Hashable) -> None:
        """Take a machine that has not started."""
        self._runner = runner
        self._repeats: Due | None = None
        self._ends: Due | None = None
        self.bucket: Bucket | None = None
        self.machine = machine
        self.key = key

    def perform(self, effects: Effects) -> None:
        """
        Do what the machine wants, in its order.

        By type and most frequent first: a C{match} costs twice as much, and
        this is done thirty times in a call.
        """
        for effect in effects:
            if type(effect) is bytes:
                self._send(effect)
            elif type(effect) is Start:
                self._start(effect)
            elif type(effect) is Stop:
                if effect.timer in REPEATS:
                    self._repeats = None
                else:
                    self._ends = None
                if self._repeats is self._ends is None and self.bucket is not None:
                    self.bucket.take_out(self)
            elif type(effect) is Request or type(effect) is Response:
                self._deliver(effect)
            elif type(effect) is Ended:
                self._end()
            elif type(effect) is Failed:
                self._fail(effect.code)
            elif type(effect) is Cancel:
                self._cancel()
            else:
                raise UsageError(f"No effect: {effect!r}")

    @property
    def request(self) -> Request:
        """
        The request, until it has its final response.

        @raise UsageError: after that.
        """
        request = self.machine.request
        if request is None:
            raise UsageError("A transaction keeps its request until the final response only")
        return request

    def ring(self, tick: int) -> None:
        """Let the timers fire that are due at C{tick}, and wait for what is left."""
        try:
            if self._repeats is not None and self._repeats[0] <= tick:
                letter, self._repeats = self._repeats[1], None
                self.perform(self.machine.fire(letter))
            if self._ends is not None and self._ends[0] <= tick:
                letter, self._ends = self._ends[1], None
                self.perform(self.machine.fire(letter))
        finally:
            waiting = [due[0] for due in (self._repeats, self._ends) if due is not None]
            if waiting and self.bucket is None:
                self._runner.wheel.put(self, min(waiting))

    def stop(self) -> None:
        """Stop both timers."""
        self._repeats = self._ends = None
        if self.bucket is not None:
            self.bucket.take_out(self)

    def _start(self, start: Start) -> None:
        """Set a timer in the place of the one of its kind."""
        letter, seconds = start
        wheel = self._runner.wheel
        tick = wheel.tick_in(seconds)
        if letter in REPEATS:
            self._repeats, other = (tick, letter), self._ends
        else:
            self._ends, other = (tick, letter), self._repeats
        bucket = self.bucket
        if bucket is None:
            wheel.put(self, tick if other is None or tick < other[0] else other[0])
        elif tick < bucket.tick:
            bucket.take_out(self)
            wheel.put(self, tick)

    def _send(self, data: bytes) -> None:
        raise NotImplementedError

    def _deliver(self, message: Request | Response) -> None:
        raise NotImplementedError

    def _fail(self, code: int) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _cancel(self) -> None:
        raise NotImplementedError


@implementer(IServerTransaction)
class ServerTransaction(Running):
    """A request of a peer that wants an answer."""

    __slots__ = ("_merge_key", "_way_back", "failed", "flow", "user")

    machine: ServerMachine

    def __init__(
        self,
        runner: Runner,
        machine: ServerMachine,
        key: Hashable,
        merge_key: Hashable,
        flow: Flow,
        way_back: Flow,
    ) -> None:
        """
        Take a machine that has not started.

        @param merge_key: see L{b2bua.transactions.matching.merge_key}.
        @param flow: where the request came from.
        @param way_back: where responses go.
        """
        super().__init__(runner, machine, key)
        self._merge_key = merge_key
        self._way_back = way_back
        self.flow = flow
        self.user: Any = None
        self.failed: Callable[[int], None] | None = None

    @property
    def answered(self) -> bool:
        """Has it had its final response?"""
        return self.machine.request is None

    def respond(self, response: Response) -> None:
        """Send a response, or a 2xx to an INVITE again."""
        self.perform(self.machine.respond(response))
        if self.machine.request is None:
            self.user = None

    def forget(self) -> None:
        """Answer it never, and drop what belongs to it."""
        self.stop()
        self.failed = None
        self._runner.serving.drop(self, self._merge_key)

    def dismiss(self, code: int, reason: str = "", fields: Iterable[Field] = ()) -> None:
        """Answer it and keep nothing of it (see L{IServerTransaction.dismiss})."""
        if self.answered:
            return
        response = self._runner.serving.refusal(self.request, code, reason, fields)
        if self.machine.last:
            self.respond(response)  # the client waits for it, and does not ask again
        else:
            self._send(write(response))
            self.forget()

    def to_tag(self) -> str:
        """The tag we have put on the To of the response to an INVITE, if there was one with a tag."""
        if isinstance(self.machine, InviteServer) and self.machine.to:
            return NameAddr.parse(self.machine.to).tag
        last = parse(self.machine.last) if self.machine.last else None
        return last.to.tag if last is not None else ""

    def _send(self, data: bytes) -> None:
        self._runner.send(data, self._way_back)

    def _deliver(self, message: Request | Response) -> None:
        """Give the request to the user; a bug of the user's is a 500, not the end of the world."""
        user = self._runner.user
        if type(message) is not Request:
            raise UsageError("A server transaction delivers requests")
        if message.method == "ACK":
            user.ack_received(message, self.flow)
            return
        try:
            user.request_received(message, self)
        except Exception:  # noqa: BLE001 - not even a feature's bug leaves a request unanswered
            self.log.failure("{method} was not understood by its user", method=message.method)
            self.respond(message.response(500, to_tag=self._runner.token()))

    def _fail(self, code: int) -> None:
        """No ACK came for the final response, or no answer from the user in time."""
        failed, self.failed = self.failed, None
        if failed is not None:
            failed(code)

    def _end(self) -> None:
        self.stop()
        self._runner.serving.drop(self, self._merge_key)

    def _cancel(self) -> None:
        raise UsageError("A server transaction sends no CANCEL")


class Attempt(Running):
    """A request of ours on its way to one next hop."""

    __slots__ = ("_client", "flow")

    machine: ClientMachine

    def __init__(
        self, runner: Runner, machine: ClientMachine, key: Hashable, flow: Flow, client: ClientTransaction
    ) -> None:
        """Take a machine that has not started, and whom to tell."""
        super().__init__(runner, machine, key)
        self.flow = flow
        self._client = client

    def receive(self, response: Response) -> None:
        """Take a response that matches."""
        self.perform(self.machine.receive(response))

    @property
    def stranded(self) -> bool:
        """Is the connection closed by which it went?"""
        return self.flow.transport != "UDP" and not self._runner.is_open_for(self)

    def move(self, flow: Flow) -> None:
        """Go on by another way: the peer has come back by it."""
        self._runner.drop_attempt(self)
        self.flow = flow
        self._runner.add_attempt(self)

    def _send(self, data: bytes) -> None:
        self._runner.send(data, self.flow)

    def _deliver(self, message: Request | Response) -> None:
        if type(message) is not Response:
            raise UsageError("A client transaction delivers responses")
        self._client.answered(self, message)

    def _fail(self, code: int) -> None:
        self._client.failed(self, code)

    def _end(self) -> None:
        self.stop()
        self._runner.drop_attempt(self)

    def _cancel(self) -> None:
        self._client.send_cancel(self)
