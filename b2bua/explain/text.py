"""The picture of a call, drawn with characters; and its messages as they were."""

from __future__ import annotations

from b2bua.explain.picture import US, Column, Picture, Rung, picture
from b2bua.explain.traced import TracedCall

COLUMN = 26
"""Characters from one line of a ladder to the next."""


def ladder(call: TracedCall, *, words: bool = True, silent: bool = False) -> str:
    """Draw a call as a ladder, with what was said and decided between its messages."""
    drawn = picture(call, words=words, silent=silent)
    lines = [*_heads(drawn.columns)]
    lines += [f"  the beginning of {call_id} is not kept any more" for call_id in call.missing]
    for row in drawn.rows:
        text = _rung(row, drawn) if isinstance(row, Rung) else _reason(row.text)
        lines.append(f"{row.at - drawn.began:9.3f} {text}")
    return "\n".join(_plain(line).rstrip() for line in lines)


def transcript(call: TracedCall) -> str:
    """Write messages down as they were, each with its time, its way and its direction."""
    start = call.messages[0].at if call.messages else 0.0
    lines: list[str] = []
    for message in call.messages:
        ends = _end(message.local), _end(message.remote)
        way = "->" if message.outgoing else "<-"
        lines.append(f"{message.at - start:9.3f} {message.transport} {ends[0]} {way} {ends[1]}")
        lines += [_plain(line) for line in message.text.splitlines()]
        lines.append("")
    return "\n".join(lines)


def _heads(columns: tuple[Column, ...]) -> list[str]:
    """Say who stands where, and where they were reached."""
    rows = [[column.name or column.place for column in columns]]
    if any(column.name and column.place for column in columns):
        rows.append([column.place if column.name else "" for column in columns])
    return [" " * 10 + "".join(head[: COLUMN - 1].ljust(COLUMN) for head in row) for row in rows]


def _reason(text: str) -> str:
    """Tell what was decided from what a leg said."""
    return text if text.startswith(". ") else f"* {text}"


def _end(end: tuple[str, int]) -> str:
    """Host and port as text."""
    return f"{end[0]}:{end[1]}"


def _plain(text: str) -> str:
    """What a peer says must not steer the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _rung(rung: Rung, drawn: Picture) -> str:
    """Draw one line of the ladder: an arrow between a party's line and ours."""
    column = rung.target if rung.outgoing else rung.source
    left, right = sorted((column, US))
    title = f"{rung.title} x{len(rung.again) + 1}" if rung.again else rung.title
    room = (right - left) * COLUMN - 1
    text = f" {title[: room - 4]} ".center(room, "-")
    text = text[:-1] + ">" if rung.target > rung.source else "<" + text[1:]
    last = len(drawn.columns) - 1
    before = ("|" + " " * (COLUMN - 1)) * left
    after = (" " * (COLUMN - 1) + "|") * (last - right)
    return f"{before}|{text}|{after}"
