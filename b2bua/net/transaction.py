"""A machine that runs: its effects are performed, its timers are on the wheel."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias

from twisted.logger import Logger

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
from b2bua.transactions.invite_client import InviteClient
from b2bua.transactions.invite_server import InviteServer
from b2bua.transactions.non_invite_client import NonInviteClient
from b2bua.transactions.non_invite_server import NonInviteServer
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.net.wheel import Bucket
    from b2bua.transactions.flow import Flow

ClientMachine: TypeAlias = InviteClient | NonInviteClient
ServerMachine: TypeAlias = InviteServer | NonInviteServer
Due: TypeAlias = tuple[int, str]
"""The tick of a timer, and its letter."""


class Transaction:
    """What the two sides have in common: effects and timers."""

    __slots__ = ("_ends", "_repeats", "_transport", "bucket", "key", "machine", "way")

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
                self._transport.send(effect, self.way)
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
                self._transport.wheel.put(self, min(waiting))

    def stop(self) -> None:
        """Stop both timers."""
        self._repeats = self._ends = None
        if self.bucket is not None:
            self.bucket.take_out(self)

    def _start(self, start: Start) -> None:
        """Set a timer in the place of the one of its kind."""
        letter, seconds = start
        wheel = self._transport.wheel
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

    def _deliver(self, message: Request | Response) -> None:
        raise NotImplementedError

    def _fail(self, code: int) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _cancel(self) -> None:
        raise NotImplementedError
