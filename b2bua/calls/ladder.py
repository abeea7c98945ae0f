"""What L{b2bua.calls.trace} has kept, drawn for people."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from b2bua.calls.trace import Heard, Passed
from b2bua.transactions.flow import Flow

COLUMN = 26
"""Characters from one line of a ladder to the next."""

CAME, MEANWHILE, WENT = range(3)
"""The order of what has the same time: what came, what was made of it, what was sent."""


def ladder(
    messages: Iterable[Passed], words: Iterable[Heard] = (), notes: Iterable[tuple[float, str]] = ()
) -> str:
    """
    Draw messages as a ladder, with what was said and decided between them.

    @param words: what the legs told the call.
    @param notes: what else happened and when, such as a call's story.
    """
    passed = list(messages)
    peers = list(dict.fromkeys(_peer(p.flow) for p in passed))
    # The first peer stands at the left of us, all others at the right.
    columns = {peer: (0 if i == 0 else i + 1) for i, peer in enumerate(peers)}
    heads = [*peers[:1], "b2bua", *peers[1:]]
    rows: list[tuple[float, int, str]] = []
    for p in passed:
        arrow = _arrow(columns[_peer(p.flow)], p.outgoing, _title(p.raw), len(heads))
        rows.append((p.at, WENT if p.outgoing else CAME, arrow))
    rows += [(heard.at, MEANWHILE, f". {heard}") for heard in words]
    rows += [(at, MEANWHILE, f"* {text}") for at, text in notes]
    rows.sort(key=itemgetter(0, 1))
    start = rows[0][0] if rows else 0.0
    lines = [" " * 10 + "".join(head.ljust(COLUMN) for head in heads)]
    lines += [f"{at - start:9.3f} {_plain(text)}" for at, _, text in rows]
    return "\n".join(line.rstrip() for line in lines)


def transcript(messages: Iterable[Passed]) -> str:
    """Write messages down as they were, each with its time, its way and its direction."""
    passed = list(messages)
    start = passed[0].at if passed else 0.0
    text: list[str] = []
    for p in passed:
        way = f"{p.flow.transport} {_end(p.flow.local)} {'->' if p.outgoing else '<-'} {_peer(p.flow)}"
        text.append(f"{p.at - start:9.3f} {way}")
        text += [_plain(line) for line in p.raw.decode("utf-8", "replace").splitlines()]
        text.append("")
    return "\n".join(text)


def _peer(flow: Flow) -> str:
    """A peer as text."""
    return _end(flow.remote)


def _end(end: tuple[str, int]) -> str:
    """Host and port as text."""
    return f"{end[0]}:{end[1]}"


def _plain(text: str) -> str:
    """What a peer says must not steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


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
