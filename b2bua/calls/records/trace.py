"""
Every message that came and went, and every word of a leg, for as long as there is room.

One trace for the whole server, in two rings: what is kept are references to what
exists anyway, side by side in long lists, so that it costs next to nothing until
somebody looks.  An object for each entry would be one more that has left the caches
of the processor when it goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator
from itertools import chain, compress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from b2bua.legs.words import HungUp, Moved, Progress, Refused, Replied, Requested, Word
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

BYTES_MAX = 2 * 1024 * 1024
"""How much is kept by default, counted in bytes of messages."""
BLOCKS = 16
"""In so many blocks at least: the oldest of them is forgotten as a whole."""
BLOCK = 64
"""Messages of a block at most: so many are kept before they are counted."""
WORDS_MAX = 4096
"""How many words are kept: those of about as many calls."""
_LAST_WORD = 6 * (WORDS_MAX - 1)

_SAID: dict[type[Word], str] = {
    Progress: "code",
    Requested: "method",
    Replied: "code",
    Moved: "code",
    Refused: "code",
    HungUp: "why",
}
"""What is kept of a word besides its kind; its session and its fields are in the message."""


_Passed: TypeAlias = tuple[float, Flow, bool, bytes]


class Passed(NamedTuple):
    """One message that went by."""

    at: float
    flow: Flow
    outgoing: bool
    raw: bytes

    @property
    def call_id(self) -> str:
        """Which dialog it belongs to."""
        return call_id_of(self.raw)


class Heard(NamedTuple):
    """One word that a call was told by one of its legs."""

    at: float
    call: str
    party: Party
    leg: str
    word: type[Word]
    said: object

    @property
    def text(self) -> str:
        """The word, and what tells it from others of its kind."""
        return self.word.__name__ if self.said is None else f"{self.word.__name__} {self.said}"

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.party}, leg {self.leg}: {self.text}"


class Trace:
    """The messages and words of late, oldest first."""

    __slots__ = ("_blocks", "_bytes", "_bytes_max", "_next", "_words", "block", "room")

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """
        Keep up to C{bytes_max} bytes of messages, and those of one block more; 0 keeps none.

        The bytes are counted a block at a time, and the oldest go so too: the
        newest are kept with nearly no look at them.
        """
        self._bytes_max = bytes_max
        self._blocks: deque[tuple[int, list[Any]]] = deque()
        """How many bytes a block has, and its messages."""
        self._bytes = 0
        """The sum of them."""
        self._words: list[Any] = []
        """The values of L{Heard} for each word, one word after the other."""
        self._next = 0
        """Where the next word goes; once there is no more room that is where the oldest one is."""
        self._begin_block()

    def _begin_block(self) -> None:
        """Begin a block, of which messages of a kilobyte would fill a part in C{BLOCKS} of the room."""
        self.block: list[Any] = []
        """The values of L{Passed} for the newest messages, one after the other; who notes one adds them."""
        self.room = 4 * max(1, min(BLOCK, self._bytes_max // (1024 * BLOCKS)))
        """When there are so many values L{count} is to be called."""

    def note(self, at: float, flow: Flow, outgoing: bool, raw: bytes) -> None:
        """Keep one message, at the cost of the oldest."""
        self.block += (at, flow, outgoing, raw)
        if len(self.block) >= self.room:
            self.count()

    def count(self) -> None:
        """Count the block that is full, and forget the oldest ones when there is too much."""
        blocks, size = self._blocks, sum(map(len, self.block[3::4]))
        blocks.append((size, self.block))
        self._bytes += size
        while self._bytes > self._bytes_max and (len(blocks) > 1 or not self._bytes_max):
            self._bytes -= blocks.popleft()[0]
        self._begin_block()

    @property
    def bytes_max(self) -> int:
        """How much is kept."""
        return self._bytes_max

    @bytes_max.setter
    def bytes_max(self, bytes_max: int) -> None:
        kept = list(self._passed())
        self._bytes_max = bytes_max
        self._blocks.clear()
        self._bytes = 0
        self._begin_block()
        for passed in kept:
            self.note(*passed)

    def _passed(self) -> Iterator[_Passed]:
        """Every message, oldest first."""
        return chain.from_iterable(_in_turn(block, 4) for block in self._all())

    def _all(self) -> list[list[Any]]:
        """Every block, oldest first."""
        return [*(block for _, block in self._blocks), self.block]

    def __iter__(self) -> Iterator[Passed]:
        """Every message, oldest first."""
        return (Passed(*passed) for passed in self._passed())

    def hear(self, at: float, call: str, leg: Leg, word: Word) -> None:
        """Keep what a leg has told its call, at the cost of the oldest."""
        kind = type(word)
        said = getattr(word, _SAID[kind]) if kind in _SAID else None
        words, place = self._words, self._next
        words[place : place + 6] = (at, call, leg.party, leg.id, kind, said)
        self._next = place + 6 if place < _LAST_WORD else 0

    def of(self, call_ids: Iterable[str]) -> Iterator[Passed]:
        """The messages of some dialogs, by their Call-IDs."""
        return chain.from_iterable(self.in_parts(call_ids))

    def in_parts(self, call_ids: Iterable[str]) -> Iterator[list[Passed]]:
        """The same block by block, for who does something else meanwhile: all that are kept by now."""
        wanted = set(call_ids)
        for block in self._all():
            yield [Passed(*passed) for passed in _in_turn(block, 4) if call_id_of(passed[3]) in wanted]

    def words(self, call: str) -> Iterator[Heard]:
        """The words of one call."""
        return self.heard((call,))

    def heard(self, calls: Container[str]) -> Iterator[Heard]:
        """The words of some calls, oldest first."""
        words, next_ = self._words, self._next
        places = (*range(next_, len(words), 6), *range(0, next_, 6))
        theirs = compress(places, [call in calls for call in words[next_ + 1 :: 6] + words[1:next_:6]])
        return (Heard(*words[place : place + 6]) for place in theirs)


def _in_turn(values: list[Any], each: int) -> Iterator[Any]:
    """So many values at a time."""
    return zip(*(values[place::each] for place in range(each)), strict=True)


def call_id_of(raw: bytes) -> str:
    """The Call-ID of a message, found without parsing the rest."""
    at = raw.find(b"\r\nCall-ID:")
    if at >= 0 and raw.find(b"\r\n\r\n", 0, at + 2) < 0:  # as most write it, and in the head
        at += len(b"\r\nCall-ID:")
        end = raw.find(b"\r\n", at)
        return raw[at : len(raw) if end < 0 else end].strip().decode("utf-8", "replace")
    head = raw.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"call-id", b"i"):
            return value.strip().decode("utf-8", "replace")
    return ""
