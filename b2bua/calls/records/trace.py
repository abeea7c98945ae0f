"""
Every message that came and went, and every word of a leg, for as long as there is room.

One trace for the whole server, in two rings: what is kept are references to what
exists anyway, side by side in long lists, so that it costs next to nothing until
somebody looks.  An object for each entry would be one more that has left the caches
of the processor when it goes.  So have the messages that are looked at then: who seeks
some dialogs passes over the blocks that have nothing of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
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
"""Messages of a block at most."""
WORDS_MAX = 4096
"""How many words are kept."""

_CALL_ID = b"\r\nCall-ID:"
"""How most write it."""
_BODY = b"\r\n\r\n"
"""Where the head of a message ends."""

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

    __slots__ = ("_dialogs", "size", "values")

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        """The values of L{Passed} for each of them."""
        self.size = sum(map(len, values[3::4]))
        """How many bytes they have."""
        self._dialogs: frozenset[str] | None = None
        """The Call-IDs of all of them, when somebody has asked."""

    def __iter__(self) -> Iterator[_Passed]:
        return _in_turn(self.values, 4)

    def of(self, call_ids: AbstractSet[str]) -> Iterable[_Passed]:
        """Those of some dialogs; what has none of them is not looked through a second time."""
        messages = self.values[3::4]
        if self._dialogs is None:
            self._dialogs = call_ids_of(messages)
        if self._dialogs.isdisjoint(call_ids):
            return ()
        return compress(self, [call_id_of(raw) in call_ids for raw in messages])


class Trace:
    """The messages and words of late, oldest first."""

    __slots__ = ("_blocks", "_bytes", "_bytes_max", "_heard", "_words", "_words_kept", "room", "settle")

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
        """The values of L{Heard} for each word since the last block of messages, one word after the other."""
        self._words: deque[list[Any]] = deque()
        """The same of the words before, as many together as came with a block of messages."""
        self._words_kept = 0
        """So many values are in them."""
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
        self._put_by()

    def _put_by(self) -> None:
        """Put the words by that came with a block of messages, at the cost of the oldest."""
        words, heard = self._words, self._heard
        if heard:
            words.append(list(heard))
            self._words_kept += len(heard)
            heard.clear()
            while self._words_kept - len(words[0]) >= 6 * WORDS_MAX:
                self._words_kept -= len(words.popleft())

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
        wanted = frozenset(call_ids)
        for block in self._all():
            yield [Passed(*passed) for passed in block.of(wanted)]

    def words(self, call: str) -> Iterator[Heard]:
        """The words of one call."""
        return self.heard((call,))

    def heard(self, calls: Collection[str]) -> Iterator[Heard]:
        """The words of some calls, oldest first."""
        wanted = frozenset(calls)
        for words in (*self._words, list(self._heard)):
            of = words[1::6]
            if not wanted.isdisjoint(of):
                for place in compress(range(0, len(words), 6), [call in wanted for call in of]):
                    yield Heard(*words[place : place + 6])


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
    return _call_id_in(raw).strip().decode("utf-8", "replace")


def call_ids_of(messages: Iterable[bytes]) -> frozenset[str]:
    """The Call-IDs of many messages, of which some have the same."""
    found = set(map(_call_id_in, messages))
    return frozenset([call_id.strip().decode("utf-8", "replace") for call_id in found])


def _call_id_in(raw: bytes) -> bytes:
    """The Call-ID as it stands there, empty if there is none."""
    at = raw.find(_CALL_ID)
    if at >= 0 and raw.find(_BODY, 0, at + 2) < 0:  # as most write it, and in the head
        at += len(_CALL_ID)
        end = raw.find(b"\r\n", at)
        return raw[at : len(raw) if end < 0 else end]
    for line in raw.partition(_BODY)[0].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"call-id", b"i"):
            return value
    return b""
