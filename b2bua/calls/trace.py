"""
Every message that came and went, for as long as there is room.

One ring for the whole server: an entry is a reference to bytes that exist
anyway, so that keeping it costs next to nothing until somebody looks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from b2bua.transactions.flow import Flow

BYTES_MAX = 4 * 1024 * 1024
"""How much is kept by default, counted in bytes of messages."""

COLUMN = 26
"""Characters from one line of a ladder to the next."""


class Passed(NamedTuple):
    """One message that went by."""

    at: float
    flow: Flow
    outgoing: bool
    raw: bytes


class Trace:
    """The messages of late, oldest first."""

    __slots__ = ("_bytes", "_bytes_max", "_ring")

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        """Keep up to C{bytes_max} bytes of messages; 0 keeps none."""
        self._ring: deque[tuple[float, Flow, bool, bytes]] = deque()
        self._bytes = 0
        self._bytes_max = bytes_max

    def note(self, at: float, flow: Flow, outgoing: bool, raw: bytes) -> None:
        """Keep one message, at the cost of the oldest."""
        ring = self._ring
        ring.append((at, flow, outgoing, raw))
        self._bytes += len(raw)
        while self._bytes > self._bytes_max:
            self._bytes -= len(ring.popleft()[3])

    def of(self, call_ids: Iterable[str]) -> Iterator[Passed]:
        """The messages of some dialogs, by their Call-IDs."""
        wanted = {call_id.encode() for call_id in call_ids}
        for passed in self._ring:
            if _call_id(passed[3]) in wanted:
                yield Passed(*passed)


def _call_id(raw: bytes) -> bytes:
    """The Call-ID of a message, found without parsing the rest."""
    head = raw.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"call-id", b"i"):
            return value.strip()
    return b""


def ladder(
    messages: Iterable[Passed], notes: Iterable[tuple[float, str]] = (), names: dict[str, str] | None = None
) -> str:
    """
    Draw messages as a ladder, with what was decided between them.

    @param notes: what happened and when, such as a call's story.
    @param names: what to call a peer, by its C{host:port}.
    """
    passed = list(messages)
    peers = list(dict.fromkeys(_peer(p.flow) for p in passed))
    titles = [(names or {}).get(peer, peer) for peer in peers]
    # The first peer stands at the left of us, all others at the right.
    columns = {peer: (0 if i == 0 else i + 1) for i, peer in enumerate(peers)}
    heads = [*titles[:1], "b2bua", *titles[1:]] if titles else ["b2bua"]
    start = min([p.at for p in passed] + [at for at, _ in notes], default=0.0)
    lines = [" " * 10 + "".join(head.ljust(COLUMN) for head in heads).rstrip()]
    rows: list[tuple[float, int, str]] = []
    for order, p in enumerate(passed):
        rows.append((p.at, order, _arrow(columns[_peer(p.flow)], p.outgoing, _title(p.raw), len(heads))))
    for at, text in notes:
        rows.append((at, -1, f"* {text}"))
    rows.sort(key=lambda row: (row[0], row[1]))
    lines += [f"{at - start:9.3f} {text}".rstrip() for at, _, text in rows]
    return "\n".join(lines)


def _peer(flow: Flow) -> str:
    """A peer as text."""
    return f"{flow.remote[0]}:{flow.remote[1]}"


def _title(raw: bytes) -> str:
    """What a message is: its method, or its status."""
    first = raw.split(b"\r\n", 1)[0].decode("utf-8", "replace")
    return first[8:] if first.startswith("SIP/2.0 ") else first.split(" ", 1)[0]


def _arrow(column: int, outgoing: bool, title: str, columns: int) -> str:
    """One line of the ladder: an arrow between the peer's line and ours."""
    left, right = sorted((column, 1))
    rightwards = outgoing == (column > 1)
    room = (right - left) * COLUMN - 1
    text = f" {title[: room - 4]} ".center(room, "-")
    text = text[:-1] + ">" if rightwards else "<" + text[1:]
    line = "|".join(
        " " * (COLUMN - 1) if not left <= i < right else "\0" * (COLUMN - 1) for i in range(columns)
    )
    at = left * COLUMN
    return ("|" + line)[: at + 1] + text + ("|" + line)[at + 1 + room :].replace("\0", "-").rstrip()
