"""A machine that runs: its effects are performed, its timers are on the wheel."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias

from twisted.logger import Logger

from b2bua.errors import UsageError
from b2bua.net.wheel import TwoTimers
from b2bua.transactions.effects import (
    REPEATS,
    Cancel,
    Effects,
    Ended,
    Failed,
    Lingers,
    Start,
    Stop,
)
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.transactions.flow import Flow

ClientMachine: TypeAlias = InviteClient | NonInviteClient
ServerMachine: TypeAlias = InviteServer | NonInviteServer


class Transaction(TwoTimers):
    """What the two sides have in common: effects and timers."""

    __slots__ = ("_transport", "key", "machine", "way")

    log = Logger()

    def __init__(
        self, transport: TransportLayer, machine: ClientMachine | ServerMachine, key: Hashable, way: Flow
    ) -> None:
        """
        Take a machine that has not started.

        @param way: by which its messages go.
        """
        self._transport = transport
        self.way = way
        self.repeats = self.ends = self.bucket = None
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
                self._transport.send(effect, self.way)
            elif type(effect) is Start:
                letter, seconds = effect
                self._transport.wheel.start(self, letter, seconds, repeats=letter in REPEATS)
            elif type(effect) is Stop:
                if effect.timer in REPEATS:
                    self.repeats = None
                else:
                    self.ends = None
                if self.repeats is self.ends is None and self.bucket is not None:
                    self.leave()
            elif type(effect) is Response:
                self.deliver(effect)
            elif type(effect) is Lingers:
                self.repeats = self.ends = None
                if self.bucket is not None:
                    self.leave()
                self._linger(effect)
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
            if self.repeats is not None and self.repeats[0] <= tick:
                letter, self.repeats = self.repeats[1], None
                self.perform(self.machine.fire(letter))
            if self.ends is not None and self.ends[0] <= tick:
                letter, self.ends = self.ends[1], None
                self.perform(self.machine.fire(letter))
        finally:
            waiting = [due[0] for due in (self.repeats, self.ends) if due is not None]
            if waiting and self.bucket is None:
                self._transport.wheel.put(self, min(waiting))

    def stop(self) -> None:
        """Stop both timers."""
        self.repeats = self.ends = None
        self.leave()

    def deliver(self, response: Response) -> None:
        """Give the user a response."""
        raise NotImplementedError

    def _fail(self, code: int) -> None:
        raise NotImplementedError

    def _linger(self, left: Lingers) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _cancel(self) -> None:
        raise NotImplementedError
