"""
Every message that came and went, and every word of a leg, for as long as there is room.

One trace for the whole server, in two rings: an entry is a reference to what
exists anyway, so that keeping it costs next to nothing until somebody looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from b2bua.legs.words import HungUp, Moved, Progress, Refused, Replied, Requested, Word
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

BYTES_MAX = 2 * 1024 * 1024
"""How much is kept by default, counted in bytes of messages."""
WORDS_MAX = 4096
"""How many words are kept: those of about as many calls."""

_SAID: dict[type[Word], str] = {
    Progress: "code",
    Requested: "method",
    Replied: "code",
    Moved: "code",
    Refused: "code",
    HungUp: "why",
}
"""What is kept of a word besides its kind; its session and its fields are in the message."""


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

    __slots__ = ("_bytes", "_ring", "_words", "bytes_max")

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Keep up to C{bytes_max} bytes of messages; 0 keeps none."""
        self._ring: deque[tuple[float, Flow, bool, bytes]] = deque()
        self._bytes = 0
        self.bytes_max = bytes_max
        self._words: deque[tuple[float, str, Party, str, type[Word], object]] = deque(maxlen=WORDS_MAX)

    def note(self, at: float, flow: Flow, outgoing: bool, raw: bytes) -> None:
        """Keep one message, at the cost of the oldest."""
        ring = self._ring
        ring.append((at, flow, outgoing, raw))
        self._bytes += len(raw)
        while self._bytes > self.bytes_max:
            self._bytes -= len(ring.popleft()[3])

    def hear(self, at: float, call: str, leg: Leg, word: Word) -> None:
        """Keep what a leg has told its call, at the cost of the oldest."""
        kind = type(word)
        said = _SAID.get(kind)
        self._words.append((at, call, leg.party, leg.id, kind, None if said is None else getattr(word, said)))

    def of(self, call_ids: Iterable[str]) -> Iterator[Passed]:
        """The messages of some dialogs, by their Call-IDs."""
        wanted = set(call_ids)
        for passed in self._ring:
            if call_id_of(passed[3]) in wanted:
                yield Passed(*passed)

    def words(self, call: str) -> Iterator[Heard]:
        """The words of one call."""
        return (Heard(*heard) for heard in self._words if heard[1] == call)


def call_id_of(raw: bytes) -> str:
    """The Call-ID of a message, found without parsing the rest."""
    head = raw.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"call-id", b"i"):
            return value.strip().decode("utf-8", "replace")
    return ""
