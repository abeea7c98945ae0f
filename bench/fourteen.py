"""
What each of the fourteen messages of a basic call costs, in calls of functions, by room.

The server takes the messages one by one. What it does for one is in the row of
that message, but for what it writes and sends meanwhile: that is in the row of
what leaves. What its timers do afterwards stands in a row of its own::

    python -m bench.count --messages
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from types import FrameType
from typing import Any

from b2bua.transactions.flow import Flow
from b2bua.wire import message as wire
from bench.call import Basket, Line
from bench.count import Counted

COLUMNS: dict[str, tuple[str, ...]] = {
    "wire": ("wire",),
    "net": ("net",),
    "transactions": ("transactions",),
    "dialogs": ("dialogs",),
    "legs": ("legs",),
    "calls": ("calls",),
    "features, face, plugins": ("features", "face", "plugins"),
    "directory, registrar, trunks": ("directory.py", "registrar", "trunks"),
    "core": ("core", "server.py"),
}
"""The rooms of each column; all others have the last one."""
REST = "clock, others"
LATER = "timers, afterwards"
WRITERS = frozenset(
    function.__code__ for function in (wire.Request.response, wire.written, wire.write, wire.write_plain)
)
"""What writes a message, which leaves after that."""
_CSEQ = re.compile(rb"\r\nCSeq: *\d+ ([A-Z]+)")


def name_of(data: bytes) -> str:
    """Name a message: its method, or the status and what it answers."""
    start = data.split(None, 2)
    if start[0] != b"SIP/2.0":
        return start[0].decode()
    method = _CSEQ.search(data)
    assert method is not None, data[:40]
    return f"{start[1].decode()} ({method[1].decode()})"


class CountedMessages(Counted):
    """Counts calls of functions for each message."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.messages: dict[str, Counter[str]] = {}
        """Of each message, those of each room."""
        self._taken = self._sending = Counter[str]()
        self._written = Counter[str]()
        """What was written, and has not left."""
        self._depth = 0
        self._begun: int | None = None
        """How deep the call stands that writes or sends."""
        self._left = self._writes = False

    def take(self, name: str) -> None:
        """What comes now is for this message."""
        self._taken += self._written
        self._written = Counter()
        self._taken = self.messages.setdefault(name, Counter())

    def _note(self, frame: FrameType, event: str, what: Any) -> None:
        """Take one event of the interpreter."""
        before = self.functions.total()
        super()._note(frame, event, what)
        if event == "call":
            self._depth += 1
            if frame.f_code is Basket.send.__code__:
                self._leaves(name_of(frame.f_locals["data"]))
            elif self._begun is None and self._begins(frame):
                self._begun, self._left = self._depth, False
                self._writes = frame.f_code in WRITERS
                self._sending = Counter()
        if self.functions.total() > before:
            to = self._taken if self._begun is None else self._sending
            to[self._room(frame)] += 1
        if event == "return":
            self._depth -= 1
            if self._begun is not None and self._depth < self._begun:
                self._ends()

    def _begins(self, frame: FrameType) -> bool:
        """Does it write a message, or go down to the layers that send one?"""
        if frame.f_code in WRITERS:
            return True
        above = frame.f_back
        return self._room(frame) == "net" and self._room(above) not in (
            "net",
            "transactions",
            "bench",
            "twisted",
        )

    def _leaves(self, name: str) -> None:
        """A message leaves: what was done for it is its own, and what the layers still do."""
        leaving = self.messages.setdefault(f"{name} out", Counter())
        leaving += self._written + self._sending
        self._written, self._sending, self._left = Counter(), leaving, True

    def _ends(self) -> None:
        """What wrote or sent is over; if nothing has left, it was for something else, or leaves later."""
        self._begun = None
        if self._writes:
            self._written += self._sending if not self._left else Counter()
        elif not self._left:
            self._taken += self._sending


class OneByOne(Line):
    """A line whose messages are taken one after the other."""

    counted: CountedMessages | None = None

    def give(self, messages: Iterable[bytes], flow: Flow) -> tuple[list[bytes], list[bytes]]:
        """Let the server take messages, each of them counted apart."""
        taken: tuple[list[bytes], list[bytes]] = [], []
        for data in messages:
            if self.counted is not None:
                self.counted.take(f"{name_of(data)} in")
            for kept, more in zip(taken, super().give([data], flow), strict=True):
                kept.extend(more)
        return taken

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        if self.counted is not None:
            self.counted.take(LATER)
        super().wait(seconds)


def count_messages(calls: int) -> CountedMessages:
    """Count what each message of so many basic calls costs, when the caches are warm."""
    line = OneByOne()
    line.basic(300)
    line.wait(60)
    line.basic(calls)
    line.counted = counted = CountedMessages()
    line.profiled(counted)
    line.basic(calls)
    return counted


def text(counted: CountedMessages, calls: int) -> str:
    """Write them as a table: a row for each message, a column for each room."""
    heads = ["", "all", *COLUMNS, REST]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    known = {room: column for column, of in COLUMNS.items() for room in of}
    for name, rooms in sorted(counted.messages.items(), key=lambda one: one[0] == LATER):
        columns: Counter[str] = Counter()
        for room, times in rooms.items():
            if room != "bench":
                columns[known.get(room, REST)] += times
        each = [columns.total() / calls, *(columns[column] / calls for column in (*COLUMNS, REST))]
        lines.append(f"| {name} | {' | '.join(f'{times:.0f}' if times >= 0.5 else '' for times in each)} |")
    return "\n".join(lines)
