"""
All timers of the server, on one timer of the reactor.

Transactions set many timers and let few of them fire, so setting and stopping
one must cost next to nothing.  Time is cut into ticks; the timers of one tick
share a dictionary, so either is one operation of a dictionary.  A heap knows
the ticks that have timers: nothing is scanned, and nothing is done for a tick
without timers.  One that is near keeps its empty dictionary: most timers are set
for half a second and stopped in some milliseconds, and others follow.  So does
the reactor's timer stay when the last one of ours is stopped: nothing is counted
to know that, and it finds nothing to do.

A transaction has no timer objects: it stands in a bucket itself
(C{transaction.py}).  What only waits to be forgotten has not even that: the keys
of one tick share an entry (L{Lapses}).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from heapq import heapify, heappop, heappush
from math import floor

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from b2bua.clock import ITimer

SLOTS_BELOW: tuple[str, ...] = ()
"""
The slots of a class whose attributes have theirs in the classes below it.

So it can stand beside another one that has slots, as a machine of a transaction.
"""

RATE = 100
"""Ticks a second."""
# A clock that counts in floating point is a little before or after the tick it means.
_SLACK = 1e-4


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
            if not bucket and bucket.tick > bucket.wheel.near:
                bucket.wheel.emptied(bucket)

    def ring(self, tick: int) -> None:
        """Do what is due; the entry is in no bucket now, and may be put into another one."""
        raise NotImplementedError


class Bucket(dict[Entry, None]):
    """What is due at one tick of a wheel, in the order in which it was set."""

    __slots__ = ("tick", "wheel")

    tick: int
    wheel: Wheel


class Buckets(dict[int, Bucket]):
    """Those of a wheel, by their ticks; who asks for one that is not there has it begun."""

    __slots__ = ("wheel",)

    wheel: Wheel

    def __missing__(self, tick: int) -> Bucket:
        """Begin it."""
        bucket = self[tick] = Bucket()
        bucket.tick, bucket.wheel = tick, self.wheel
        self.wheel.begun(tick)
        return bucket


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
    """
    Calls back after some time, rounded up to the tick.

    The tick of a time is worked out where it is needed, as L{set} does.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        """
        Stand still until the first timer is set.

        @param clock: what one timer at a time is set on.
        """
        self._clock = clock
        self.seconds = clock.seconds
        self._epoch = clock.seconds()
        self.up = 1 - _SLACK - self._epoch * RATE
        """What is added to a time in ticks, so that it is counted from the start and rounded up."""
        self.now = 0.0
        """What the clock says while a message is taken, for which it is read once; 0 in between."""
        self.buckets = Buckets()
        self.buckets.wheel = self
        self._heap: list[int] = []
        self._stale = 0
        """How many ticks of the heap may have no bucket any more."""
        self._call: IDelayedCall | None = None
        self._due = 0
        """The tick at which the reactor calls, no later than the first one that has timers."""
        self._due_now: list[Bucket] = []
        """What fires in this turn, or has fired."""
        self.near = RATE
        """Up to this tick one keeps its bucket when it has lost its timers."""

    def __len__(self) -> int:
        """How many timers run; both of a transaction count as one."""
        return sum(map(len, self.buckets.values()))

    @property
    def late(self) -> float:
        """By how many seconds the reactor is behind with calling us; 0 if it is not."""
        if self._call is None:
            return 0.0
        return max(0.0, self.seconds() - self._epoch - self._due / RATE)

    def clear(self) -> None:
        """Stop all timers, the reactor's too; those that are due with the one that does this as well."""
        for bucket in [*self._due_now, *self.buckets.values()]:
            for entry in list(bucket):
                entry.leave()
        self.buckets.clear()
        self._heap.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def waiting(self) -> Iterator[Callable[..., object]]:
        """Give what will be called; for those who look for leaks."""
        for bucket in self.buckets.values():
            for entry in bucket:
                yield entry.call if isinstance(entry, Timer) else entry.ring

    def set(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Call C{call} after C{seconds}, rounded up to the tick."""
        timer = Timer()
        timer.call = call
        tick = floor(((self.now or self.seconds()) + seconds) * RATE + self.up)
        bucket = timer.bucket = self.buckets[tick]
        bucket[timer] = None
        return timer

    def put(self, entry: Entry, tick: int) -> None:
        """Have an entry that is in no bucket ring at C{tick}."""
        bucket = entry.bucket = self.buckets[tick]
        bucket[entry] = None

    def begun(self, tick: int) -> None:
        """Take notice that a tick has a bucket now."""
        if self._stale > 64 and self._stale > 4 * len(self.buckets):
            # Most of the ticks have lost all their timers long before their time.
            self._heap = list(self.buckets)
            heapify(self._heap)
            self._stale = 0
        else:
            heappush(self._heap, tick)
        if self._call is None or tick < self._due:
            self._arm(tick)

    def emptied(self, bucket: Bucket) -> None:
        """Forget a tick that has lost its timers long before its time."""
        # Else it fires just now, in a turn so late that what is due next was due long before it.
        if self.buckets.get(bucket.tick) is bucket:
            del self.buckets[bucket.tick]
            self._stale += 1

    def _arm(self, tick: int) -> None:
        """Have the reactor call at C{tick}."""
        if self._call is not None:
            self._call.cancel()
        self._due = tick
        self.near = tick + RATE
        wait = self._epoch + tick / RATE - self.seconds()
        self._call = self._clock.callLater(max(wait, 0.0), self._turn)

    def _turn(self) -> None:
        """Fire what is due, in the order of time."""
        self._call = None
        now = floor((self.seconds() - self._epoch) * RATE + _SLACK)
        # Taken out first: what is set while these fire, and is due at once, waits
        # for the next turn of the reactor.
        due = self._due_now = []
        while self._heap and self._heap[0] <= now:
            bucket = self.buckets.pop(heappop(self._heap), None)
            if bucket:
                due.append(bucket)
        for bucket in due:
            self._fire(bucket)
        self._due_now = []
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

    def _wait(self) -> None:
        """Arm the reactor for the earliest tick that still has timers; without any, stand still."""
        heap, buckets = self._heap, self.buckets
        while heap and not buckets.get(heap[0]):
            buckets.pop(heappop(heap), None)
        if heap and (self._call is None or heap[0] < self._due):
            self._arm(heap[0])


class _Lapse(Entry):
    """Stands in a bucket for all keys of its tick."""

    __slots__ = ("bucket", "lapses")

    def __init__(self, lapses: Lapses) -> None:
        """Wait to be put into one."""
        self.lapses = lapses

    def ring(self, tick: int) -> None:
        """Forget them."""
        self.lapses.ring(tick)


class Lapses(dict[int, list[Hashable]]):
    """Keys that wait to be forgotten, by their ticks; those of one tick are forgotten together."""

    __slots__ = ("_forget", "_wheel")

    def __init__(self, wheel: Wheel, forget: Callable[[list[Hashable]], None]) -> None:
        """
        Begin without any.

        @param forget: told the keys whose time has come.
        """
        self._wheel = wheel
        self._forget = forget

    def add(self, key: Hashable, seconds: float) -> None:
        """Have a key forgotten after C{seconds}, rounded up to the tick."""
        wheel = self._wheel
        self[floor(((wheel.now or wheel.seconds()) + seconds) * RATE + wheel.up)].append(key)

    def __missing__(self, tick: int) -> list[Hashable]:
        """Begin a tick."""
        keys: list[Hashable] = []
        self[tick] = keys
        self._wheel.put(_Lapse(self), tick)
        return keys

    def ring(self, tick: int) -> None:
        """The time of some has come."""
        if tick in self:
            self._forget(self.pop(tick))
