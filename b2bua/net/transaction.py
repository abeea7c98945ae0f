"""A machine that runs: what it wants is done, its timers are on the wheel."""

from __future__ import annotations

from collections.abc import Hashable
from math import floor
from typing import TYPE_CHECKING, Protocol, TypeAlias

from twisted.logger import Logger

from b2bua.errors import UsageError
from b2bua.net.wheel import RATE, SLOTS_BELOW, Entry
from b2bua.transactions.effects import Effects
from b2bua.wire.message import Request

if TYPE_CHECKING:
    from b2bua.net.wheel import Wheel

Due: TypeAlias = tuple[int, str]
"""The tick of a timer, and its letter."""


class Table(Protocol):
    """Where all transactions of one side are."""

    wheel: Wheel


class Transaction(Entry, Effects):
    """
    What all transactions that run have in common: what they send, and their timers.

    A transaction is one object, a machine that is an entry of the wheel as well;
    so the classes that are made of this one have a machine beside it.  It has two
    timers, each with a letter, and stands in one bucket for both; when what is due
    becomes later, it needs not to move.
    """

    __slots__ = SLOTS_BELOW

    log = Logger()

    _table: Table
    key: Hashable
    pending: Request | None
    """The request, until it has its final response (of the machine)."""
    repeats: Due | None
    """When the timer is due after which something is done again."""
    ends: Due | None
    """When the other one is."""

    @property
    def request(self) -> Request:
        """
        The request, until it has its final response.

        @raise UsageError: after that.
        """
        if self.pending is None:
            raise UsageError("A transaction keeps its request until the final response only")
        return self.pending

    def start_repeats(self, letter: str, seconds: float) -> None:
        """Let a timer fire after which something is done again, instead of the one that may run."""
        tick = self._tick(seconds)
        self.repeats = (tick, letter)
        self._ring_at(tick if self.ends is None else min(tick, self.ends[0]))

    def start_ends(self, letter: str, seconds: float) -> None:
        """Likewise one that ends a state."""
        tick = self._tick(seconds)
        self.ends = (tick, letter)
        self._ring_at(tick if self.repeats is None else min(tick, self.repeats[0]))

    def start_both(self, repeats: str, after: float, ends: str, at_last: float) -> None:
        """Let both timers run, of which the one that repeats something fires first."""
        wheel = self._table.wheel
        now = wheel.now or wheel.seconds()
        tick = floor((now + after) * RATE + wheel.up)
        self.repeats = (tick, repeats)
        self.ends = (floor((now + at_last) * RATE + wheel.up), ends)
        if self.bucket is None:
            bucket = self.bucket = wheel.buckets[tick]
            bucket[self] = None
        else:
            self._ring_at(tick)

    def _tick(self, seconds: float) -> int:
        """The tick that comes after so many seconds."""
        wheel = self._table.wheel
        return floor(((wheel.now or wheel.seconds()) + seconds) * RATE + wheel.up)

    def _ring_at(self, tick: int) -> None:
        """Ring at a tick, or before; what rings too early waits for what is left."""
        if self.bucket is not None:
            if self.bucket.tick <= tick:
                return
            self.leave()
        self._table.wheel.put(self, tick)

    def ring(self, tick: int) -> None:
        """Let the timers fire that are due at C{tick}, and wait for what is left."""
        try:
            if self.repeats is not None and self.repeats[0] <= tick:
                letter, self.repeats = self.repeats[1], None
                self.fire(letter)
            if self.ends is not None and self.ends[0] <= tick:
                letter, self.ends = self.ends[1], None
                self.fire(letter)
        finally:
            waiting = [due[0] for due in (self.repeats, self.ends) if due is not None]
            if waiting and self.bucket is None:
                self._ring_at(min(waiting))

    def stop_repeats(self) -> None:
        """Nothing is repeated any more."""
        self.repeats = None
        if self.ends is None:
            self.leave()

    def stop(self) -> None:
        """Stop both timers."""
        self.repeats = self.ends = None
        self.leave()

    def fire(self, timer: str) -> None:
        """Follow the arrow of a timer (of the machine)."""
        raise NotImplementedError
