"""A machine that runs: its effects are performed, its timers are on the wheel."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from b2bua.errors import UsageError
from b2bua.net.wheel import SLOTS_BELOW, TwoTimers
from b2bua.transactions.effects import (
    REPEATS,
    Cancel,
    Effects,
    Ended,
    Failed,
    Lingers,
    Start,
    StartBoth,
    Stop,
    StopBoth,
)
from b2bua.wire.message import Request, Response

if TYPE_CHECKING:
    from b2bua.net.transport import TransportLayer
    from b2bua.transactions.flow import Flow


class Table(Protocol):
    """Where all transactions of one side are."""

    transport: TransportLayer


class Transaction(TwoTimers):
    """
    What all transactions that run have in common: effects and timers.

    A transaction is one object, a machine that is an entry of the wheel as well;
    so the classes that are made of this one have a machine beside it.
    """

    __slots__ = SLOTS_BELOW

    log = Logger()

    _table: Table
    key: Hashable
    way: Flow
    """By which its messages go."""
    pending: Request | None
    """The request, until it has its final response (of the machine)."""

    def perform(self, effects: Effects) -> None:
        """
        Do what the machine wants, in its order.

        By type and most frequent first: a C{match} costs twice as much, and
        this is done ten times in a call.
        """
        transport = self._table.transport
        for effect in effects:
            if type(effect) is bytes:
                transport.send(effect, self.way)
            elif type(effect) is Lingers:
                self.repeats = self.ends = None
                if self.bucket is not None:
                    self.leave()
                self.linger(effect)
            elif type(effect) is Response:
                self.deliver(effect)
            elif type(effect) is StartBoth:
                transport.wheel.start_both(self, effect)
            elif type(effect) is StopBoth:
                self.stop()
            elif type(effect) is Stop:
                if effect.timer in REPEATS:
                    self.repeats = None
                else:
                    self.ends = None
                if self.repeats is self.ends is None and self.bucket is not None:
                    self.leave()
            elif type(effect) is Start:
                letter, seconds = effect
                transport.wheel.start(self, letter, seconds, repeats=letter in REPEATS)
            elif type(effect) is Ended:
                self.over()
            elif type(effect) is Failed:
                self.tell_failure(effect.code)
            elif type(effect) is Cancel:
                self.send_cancel()
            else:
                raise UsageError(f"No effect: {effect!r}")

    @property
    def request(self) -> Request:
        """
        The request, until it has its final response.

        @raise UsageError: after that.
        """
        if self.pending is None:
            raise UsageError("A transaction keeps its request until the final response only")
        return self.pending

    def ring(self, tick: int) -> None:
        """Let the timers fire that are due at C{tick}, and wait for what is left."""
        try:
            if self.repeats is not None and self.repeats[0] <= tick:
                letter, self.repeats = self.repeats[1], None
                self.perform(self.fire(letter))
            if self.ends is not None and self.ends[0] <= tick:
                letter, self.ends = self.ends[1], None
                self.perform(self.fire(letter))
        finally:
            waiting = [due[0] for due in (self.repeats, self.ends) if due is not None]
            if waiting and self.bucket is None:
                self._table.transport.wheel.put(self, min(waiting))

    def stop(self) -> None:
        """Stop both timers."""
        self.repeats = self.ends = None
        self.leave()

    def fire(self, timer: str) -> Effects:
        """Follow the arrow of a timer (of the machine)."""
        raise NotImplementedError

    def deliver(self, response: Response) -> None:
        """Give the user a response."""
        raise NotImplementedError

    def tell_failure(self, code: int) -> None:
        """Tell the user of a timeout or a transport error."""
        raise NotImplementedError

    def linger(self, left: Lingers) -> None:
        """Leave behind what meets what comes again."""
        raise NotImplementedError

    def over(self) -> None:
        """Be forgotten."""
        raise NotImplementedError

    def send_cancel(self) -> None:
        """Send the CANCEL of an INVITE."""
        raise NotImplementedError
