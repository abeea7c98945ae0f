"""
All messages that come and go: noted one by one, counted and handed on many at a time.

Whoever takes or sends one adds four values to a block, and says only when that is full:
so most messages cost no call, and what they are is told of many of them at once, when the
code for it is in the caches of the processor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import compress
from operator import itemgetter, not_
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from b2bua.transactions.flow import Flow

ROOM = 256
"""So many values make a block when nobody keeps it."""
MOST = 1000
"""So many beginnings of messages are counted as they are."""
METHODS = {
    method[:4].ljust(4).encode(): method
    for method in (
        "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER",
        "INFO", "MESSAGE", "PRACK", "UPDATE",
    )
}  # fmt: skip
"""The methods that are counted apart, by their first bytes."""
RESPONSE = b"SIP/"
"""How a response begins."""
OTHERS = b""
"""Stands for the methods that nobody knows, and for junk."""
# The first bytes of a request, or those of a response up to its class: C{SIP/2.0 2}.
_beginning = itemgetter(slice(9))

Tap = Callable[[float, "Flow", bool, bytes], None]
"""Told of a message: when, by which flow, whether it goes."""


class Kinds:
    """Messages by what they are: requests by method, responses by class."""

    __slots__ = ("_beginnings", "_counts")

    def __init__(self) -> None:
        """Have counted none."""
        classes = (bytes((digit,)) for digit in range(256))
        self._counts = dict.fromkeys((*METHODS, *classes, OTHERS), 0)
        self._beginnings: Counter[bytes] = Counter()
        """Those of which it has not been looked yet what they are."""

    def add(self, messages: Iterable[bytes]) -> None:
        """Count some."""
        self._beginnings.update(map(_beginning, messages))
        if len(self._beginnings) > MOST:
            self._tell_apart()

    def _tell_apart(self) -> None:
        """Look what they are."""
        counts = self._counts
        for beginning, count in self._beginnings.items():
            kind = beginning[:4]
            if kind == RESPONSE:
                kind = beginning[8:]
            counts[kind if kind in counts else OTHERS] += count
        self._beginnings.clear()

    @property
    def counts(self) -> dict[bytes, int]:
        """By the first four bytes of the method, or the byte that stands for the class, C{b"2"} say."""
        self._tell_apart()
        return self._counts

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    def by_name(self) -> Iterator[tuple[str, int]]:
        """Requests by method, for people."""
        yield from ((method, self.counts[start]) for start, method in METHODS.items())
        yield "other", self.counts[OTHERS]

    def by_class(self) -> Iterator[tuple[str, int]]:
        """Responses by class, for people."""
        yield from ((f"{digit}xx", self.counts[b"%d" % digit]) for digit in range(1, 7))


class Kept(Protocol):
    """Where messages are kept."""

    room: int
    """So many values make a block."""
    settle: Callable[[], None]
    """Has what is noted by now handed over: called before it is read, and when C{room} is another one."""

    def keep(self, block: list[Any]) -> None:
        """Keep the messages of a block (see L{Traffic.block})."""


class Traffic:
    """What came and went, and who is told of it."""

    def __init__(self) -> None:
        """Have seen nothing."""
        self.block: list[Any] = []
        """Of each message when, by which flow, whether it goes, and its bytes; then the next one's."""
        self.room = ROOM
        """When the block has so many values L{full} is to be called; with a tap that is for each message."""
        self._size = ROOM
        """So many values make a block."""
        self._came = Kinds()
        self._went = Kinds()
        self._kept: Kept | None = None
        self._tap: Tap | None = None

    def keep_in(self, kept: Kept) -> None:
        """Have all that comes and goes from now on kept."""
        self.settle()
        self._kept = kept
        kept.settle = self.settle
        self.settle()

    @property
    def tap(self) -> Tap | None:
        """Who is told of each message at once, if anybody is."""
        return self._tap

    @tap.setter
    def tap(self, tap: Tap | None) -> None:
        self._tap = tap
        self.settle()

    @property
    def came(self) -> Kinds:
        """Messages that came, but for keep-alives."""
        self.settle()
        return self._came

    @property
    def went(self) -> Kinds:
        """Messages that went, with answers to keep-alives."""
        self.settle()
        return self._went

    def full(self) -> None:
        """Take notice that the block is full, or that there is a message that the tap is to hear of."""
        last = self.block[-4:]
        if len(self.block) >= self._size:
            self.settle()
        if self._tap is not None:
            self._tap(*last)

    def settle(self) -> None:
        """Count what is noted, hand it over, and begin another block."""
        block = self.block
        if block:
            self.block = []
            goes, messages = block[2::4], block[3::4]
            self._went.add(compress(messages, goes))
            self._came.add(compress(messages, map(not_, goes)))
            if self._kept is not None:
                self._kept.keep(block)
        self._size = ROOM if self._kept is None else self._kept.room
        self.room = self._size if self._tap is None else 4
