"""
All timers of the server, on one timer of the reactor.

Transactions set many timers and let few of them fire, so setting and stopping
one must cost next to nothing.  Time is cut into ticks; the timers of one tick
share a dictionary, so either is one operation of a dictionary.  A heap knows
the ticks that have timers: nothing is scanned, and nothing runs for a tick
without timers.  One that is near keeps its empty dictionary: most timers are set
for half a second and stopped in some milliseconds, and others follow.

A transaction has no timer objects: it stands in a bucket itself (L{TwoTimers}), keeps
in mind what is due when, and needs not to move when that becomes later.  What only
waits to be forgotten has not even that: the keys of one tick share an entry
(L{Lapses}).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from heapq import heapify, heappop, heappush
from math import floor
from typing import TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from b2bua.clock import ITimer
from b2bua.transactions.effects import StartBoth

SLOTS_BELOW: tuple[str, ...] = ()
"""
The slots of a class whose attributes have theirs in the classes below it.

So it can stand beside another one that has slots, as a machine of a transaction (L{TwoTimers}).
"""

Due: TypeAlias = tuple[int, str]
"""The tick of a timer, and its letter."""

RATE = 100
# A clock that counts in floating point is a little before or after the tick it means.
_SLACK = 1e-4
_UP = 1 - _SLACK


class Entry:
    """What stands in a bucket, in one at a time; the wheel puts it there."""

    __slots__ = SLOTS_BELOW

    bucket: Bucket | None

    def leave(self) -> None:
        """Ring no more; without effect on what has rung, or has left before."""
        bucket = self.bucket
        if bucket is not None:
            self.bucket = None
            del bucket[self]
            if not bucket:
                bucket.wheel.emptied(bucket)

    def ring(self, tick: int) -> None:
        """Do what is due; the entry is in no bucket now, and may be put into another one."""
        raise NotImplementedError


class Bucket(dict[Entry, None]):
    """What is due at one tick of a wheel, in the order in which it was set."""

    __slots__ = ("tick", "wheel")

    tick: int
    wheel: Wheel


class TwoTimers(Entry):
    """What has two timers, each with a letter, and stands in one bucket for both."""

    __slots__ = SLOTS_BELOW

    repeats: Due | None
    """When the timer is due after which something is done again."""
    ends: Due | None
    """When the other one is."""


@implementer(ITimer)
class Timer(Entry):
    """A timer that runs, as L{Wheel.set} makes it: C{call} when its tick has come."""

    __slots__ = ("bucket", "call")

    call: Callable[[], object]

    stop = Entry.leave

    def ring(self, tick: int) -> None:
        """Call."""
        self.call()


class Wheel:
    """Calls back after some time, rounded up to the tick."""

    log = Logger()

    def __init__(self, clock: IReactorTime, rate: int = RATE) -> None:
        """
        Stand still until the first timer is set.

        @param clock: what one timer at a time is set on.
        @param rate: ticks per second.
        """
        self._clock = clock
        self._seconds = clock.seconds
        self._epoch = clock.seconds()
        self.now: float | None = None
        """What the clock says while a message is taken, for which it is read once; None in between."""
        self._rate = rate
        self._buckets: dict[int, Bucket] = {}
        self._filled = 0
        """How many of them have timers, with those that fire just now."""
        self._heap: list[int] = []
        self._stale = 0
        """How many ticks of the heap may have no bucket any more."""
        self._call: IDelayedCall | None = None
        self._due = 0

    def __len__(self) -> int:
        """How many timers run; both of a transaction count as one."""
        return sum(map(len, self._buckets.values()))

    @property
    def late(self) -> float:
        """By how many seconds the reactor is behind with calling us; 0 if it is not."""
        if self._call is None:
            return 0.0
        return max(0.0, self._seconds() - self._epoch - self._due / self._rate)

    def clear(self) -> None:
        """Stop all timers."""
        for bucket in list(self._buckets.values()):
            for entry in list(bucket):
                entry.leave()

    def waiting(self) -> Iterator[Callable[..., object]]:
        """Give what will be called; for those who look for leaks."""
        for bucket in self._buckets.values():
            for entry in bucket:
                yield entry.call if isinstance(entry, Timer) else entry.ring

    def set(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call C{call} after C{seconds}, rounded up to the tick."""
        timer = Timer()
        timer.call = call
        now = self._seconds() if self.now is None else self.now
        tick = int((now - self._epoch + seconds) * self._rate + _UP)
        bucket = timer.bucket = self._buckets[tick] if tick in self._buckets else self._open(tick)
        if not bucket:
            self._filled += 1
        bucket[timer] = None
        return timer

    def start(self, entry: TwoTimers, letter: str, seconds: float, *, repeats: bool) -> None:
        """Have an entry ring after C{seconds}, too; that timer takes the place of the one of its kind."""
        now = self._seconds() if self.now is None else self.now
        tick = int((now - self._epoch + seconds) * self._rate + _UP)
        if repeats:
            entry.repeats, other = (tick, letter), entry.ends
        else:
            entry.ends, other = (tick, letter), entry.repeats
        bucket = entry.bucket
        if bucket is not None:
            if bucket.tick <= tick:
                return
            entry.leave()
        elif other is not None and other[0] < tick:
            tick = other[0]
        bucket = entry.bucket = self._buckets[tick] if tick in self._buckets else self._open(tick)
        if not bucket:
            self._filled += 1
        bucket[entry] = None

    def start_both(self, entry: TwoTimers, both: StartBoth) -> None:
        """Have an entry ring after C{both.after} seconds, and then after C{both.at_last}."""
        repeats, after, ends, at_last = both
        since = (self._seconds() if self.now is None else self.now) - self._epoch
        tick = int((since + after) * self._rate + _UP)
        entry.repeats = (tick, repeats)
        entry.ends = (int((since + at_last) * self._rate + _UP), ends)
        if entry.bucket is not None:
            if entry.bucket.tick <= tick:
                return
            entry.leave()
        bucket = entry.bucket = self._buckets[tick] if tick in self._buckets else self._open(tick)
        if not bucket:
            self._filled += 1
        bucket[entry] = None

    def put(self, entry: Entry, tick: int) -> None:
        """Have an entry that is in no bucket ring at C{tick}."""
        bucket = entry.bucket = self._buckets[tick] if tick in self._buckets else self._open(tick)
        if not bucket:
            self._filled += 1
        bucket[entry] = None

    def _open(self, tick: int) -> Bucket:
        """Begin a tick that has no bucket."""
        bucket = self._buckets[tick] = Bucket()
        bucket.tick, bucket.wheel = tick, self
        if self._stale > 64 and self._stale > 4 * len(self._buckets):
            # Most of the ticks have lost all their timers long before their time.
            self._heap = list(self._buckets)
            heapify(self._heap)
            self._stale = 0
        else:
            heappush(self._heap, tick)
        if self._call is None or tick < self._due:
            self._arm(tick)
        return bucket

    def emptied(self, bucket: Bucket) -> None:
        """Forget a tick without timers, unless it is near; the last one takes the reactor's timer along."""
        self._filled -= 1
        if not self._filled:
            self._rest()
        elif bucket.tick - self._due > self._rate and self._buckets.get(bucket.tick) is bucket:
            # Else it fires just now, in a turn so late that what is due next was due long before it.
            del self._buckets[bucket.tick]
            self._stale += 1

    def _rest(self) -> None:
        """Stand still: there are no timers."""
        self._buckets.clear()
        self._heap.clear()
        self._stale = 0
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _arm(self, tick: int) -> None:
        """Have the reactor call at C{tick}."""
        if self._call is not None:
            self._call.cancel()
        self._due = tick
        wait = self._epoch + tick / self._rate - self._clock.seconds()
        self._call = self._clock.callLater(max(wait, 0.0), self._turn)

    def _turn(self) -> None:
        """Fire what is due, in the order of time."""
        self._call = None
        now = self._due = floor((self._clock.seconds() - self._epoch) * self._rate + _SLACK)
        # Taken out first: what is set while these fire, and is due at once, waits
        # for the next turn of the reactor.
        due = []
        while self._heap and self._heap[0] <= now:
            bucket = self._buckets.pop(heappop(self._heap), None)
            if bucket:
                due.append(bucket)
        for bucket in due:
            self._fire(bucket)
        self._wait()

    def _fire(self, bucket: Bucket) -> None:
        """Let the entries of a tick ring; each may take others out."""
        for entry in list(bucket):
            if entry.bucket is not bucket:
                continue
            entry.bucket = None
            try:
                entry.ring(bucket.tick)
            except Exception:  # noqa: BLE001 - it must not stop the timers of all others
                self.log.failure("a timer failed: {entry!r}", entry=entry)
        if bucket:  # else the last of it was taken out, and that is counted
            self._filled -= 1

    def _wait(self) -> None:
        """Arm the reactor for the earliest tick that still has timers."""
        if not self._filled:
            self._rest()
            return
        while not self._buckets.get(self._heap[0]):
            self._buckets.pop(heappop(self._heap), None)
        if self._call is None or self._heap[0] < self._due:
            self._arm(self._heap[0])


class _Lapse(Entry):
    """Stands in a bucket for all keys of its tick."""

    __slots__ = ("bucket", "lapses")

    def __init__(self, lapses: Lapses) -> None:
        """Wait to be put into one."""
        self.lapses = lapses
        self.bucket = None

    def ring(self, tick: int) -> None:
        """Forget them."""
        self.lapses.ring(tick)


class Lapses:
    """Keys that wait to be forgotten; those of one tick are forgotten together."""

    def __init__(self, wheel: Wheel, forget: Callable[[list[Hashable]], None]) -> None:
        """
        Begin without any.

        @param forget: told the keys whose time has come.
        """
        self._wheel = wheel
        self._forget = forget
        self._keys: dict[int, list[Hashable]] = {}

    def add(self, key: Hashable, seconds: float) -> None:
        """Have a key forgotten after C{seconds}, rounded up to the tick."""
        wheel = self._wheel
        now = wheel._seconds() if wheel.now is None else wheel.now
        tick = int((now - wheel._epoch + seconds) * wheel._rate + _UP)
        if tick in self._keys:
            self._keys[tick].append(key)
        else:
            self._keys[tick] = [key]
            wheel.put(_Lapse(self), tick)

    def clear(self) -> None:
        """Forget none any more."""
        self._keys.clear()

    def ring(self, tick: int) -> None:
        """The time of some has come."""
        if tick in self._keys:
            self._forget(self._keys.pop(tick))
