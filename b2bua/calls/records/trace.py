"""
Every message that came and went, and every word of a leg, for as long as there is room.

One trace for the whole server, in two rings: what is kept are references to what
exists anyway, side by side in long lists, so that it costs next to nothing until
somebody looks.  An object for each entry would be one more that has left the caches
of the processor when it goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain, compress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from b2bua.legs.words import HungUp, Moved, Progress, Refused, Replied, Requested, Word
from b2bua.transactions.flow import Flow
from b2bua.wire.grammar import one_text

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

BYTES_MAX = 2 * 1024 * 1024
"""How much is kept by default, counted in bytes of messages."""
BLOCKS = 16
"""In so many blocks at least: the oldest of them is forgotten as a whole."""
BLOCK = 64
"""Messages of a block at most."""
WORDS_MAX = 4096
"""How many words are kept."""

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


class _Block:
    """Some messages, one after the other."""

    __slots__ = ("_call_ids", "size", "values")

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        """The values of L{Passed} for each of them."""
        self.size = sum(map(len, values[3::4]))
        """How many bytes they have."""
        self._call_ids: list[str] = []

    def __iter__(self) -> Iterator[_Passed]:
        return _in_turn(self.values, 4)

    def of(self, call_ids: Container[str]) -> Iterator[_Passed]:
        """Those of some dialogs; whose each one is, is looked for once, at the first question."""
        if not self._call_ids:
            self._call_ids = [one_text(call_id_of(raw)) for raw in self.values[3::4]]
        return compress(self, [call_id in call_ids for call_id in self._call_ids])


class Trace:
    """The messages and words of late, oldest first."""

    __slots__ = ("_blocks", "_bytes", "_bytes_max", "_heard", "room", "settle")

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """
        Keep up to C{bytes_max} bytes of messages, and those of one block more; 0 keeps none.

        They come and go a block at a time.
        """
        self._bytes_max = bytes_max
        self._blocks: deque[_Block] = deque()
        self._bytes = 0
        """Of all of them."""
        self._heard: deque[Any] = deque(maxlen=6 * WORDS_MAX)
        """The values of L{Heard} for each word, one word after the other."""
        self.room = _room(bytes_max)
        """So many values make a block of messages, which is to be handed over then."""
        self.settle: Callable[[], None] = _nothing
        """Has who notes messages hand over those of a block that is not full, and look at C{room} again."""

    def keep(self, values: list[Any]) -> None:
        """
        Keep some messages, at the cost of the oldest.

        @param values: those of L{Passed} for each of them, one after the other.
        """
        blocks, block = self._blocks, _Block(values)
        blocks.append(block)
        self._bytes += block.size
        while self._bytes > self._bytes_max and (len(blocks) > 1 or not self._bytes_max):
            self._bytes -= blocks.popleft().size

    @property
    def bytes_max(self) -> int:
        """How much is kept."""
        return self._bytes_max

    @bytes_max.setter
    def bytes_max(self, bytes_max: int) -> None:
        self.settle()
        self._bytes_max, self.room = bytes_max, _room(bytes_max)
        kept = [value for block in self._blocks for value in block.values]
        self._blocks.clear()
        self._bytes = 0
        for at in range(0, len(kept), self.room):
            self.keep(kept[at : at + self.room])
        self.settle()

    def _passed(self) -> Iterator[_Passed]:
        """Every message, oldest first."""
        return chain.from_iterable(self._all())

    def _all(self) -> list[_Block]:
        """Every block, oldest first."""
        self.settle()
        return list(self._blocks)

    def __iter__(self) -> Iterator[Passed]:
        """Every message, oldest first."""
        return (Passed(*passed) for passed in self._passed())

    def hear(self, at: float, call: str, leg: Leg, word: Word) -> None:
        """Keep what a leg has told its call, at the cost of the oldest."""
        kind = type(word)
        said = getattr(word, _SAID[kind]) if kind in _SAID else None
        self._heard += (at, call, leg.party, leg.id, kind, said)

    def of(self, call_ids: Iterable[str]) -> Iterator[Passed]:
        """The messages of some dialogs, by their Call-IDs."""
        return chain.from_iterable(self.in_parts(call_ids))

    def in_parts(self, call_ids: Iterable[str]) -> Iterator[list[Passed]]:
        """The same block by block, for who does something else meanwhile: all that are kept by now."""
        wanted = set(call_ids)
        for block in self._all():
            yield [Passed(*passed) for passed in block.of(wanted)]

    def words(self, call: str) -> Iterator[Heard]:
        """The words of one call."""
        return self.heard((call,))

    def heard(self, calls: Container[str]) -> Iterator[Heard]:
        """The words of some calls, oldest first."""
        heard = list(self._heard)
        places = compress(range(0, len(heard), 6), [call in calls for call in heard[1::6]])
        return (Heard(*heard[place : place + 6]) for place in places)


def _nothing() -> None:
    """Nobody notes messages."""


def _room(bytes_max: int) -> int:
    """How many values a block has: so many messages of a kilobyte are a part in C{BLOCKS} of the room."""
    return 4 * (max(1, min(BLOCK, bytes_max // (1024 * BLOCKS))) if bytes_max else BLOCK)


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
