"""
How messages are laid out: which header fields they have, in which order.

A phone writes all its INVITEs in the same way, and all its responses in another.
So a message is compared line by line with one that was taken apart before, by what
its lines begin with; where they are alike, the names need not be read once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from b2bua.wire.registry import KNOWN, canonical

MOST = 256
"""So many are remembered; then we begin anew."""


class _Layout(NamedTuple):
    """One of them."""

    names: tuple[str, ...]
    beginnings: tuple[str, ...]
    """What each line begins with; the start-line with nothing."""
    rest: int
    """How many characters there are besides the start-line and the values."""


_INITIAL = itemgetter(0)
_BEGINNINGS = {name: f"{name}: " for name in KNOWN}
# By the first letters of their lines.
_known: dict[tuple[str, ...], _Layout] = {}


def take_apart(head: str) -> tuple[str, dict[str, str]] | None:
    """
    Take apart a head of a layout that is known.

    @param head: the lines without the CRLF of the last.
    @return: the start-line, and the fields by their names in the order in which they
        stand; None if any line is not written as most are, so that it has to be read.
    """
    lines = head.split("\r\n")
    if "" in lines or (initials := (*map(_INITIAL, lines),)) not in _known:
        return None
    names, beginnings, rest = _known[initials]
    start_line, *values = map(str.removeprefix, lines, beginnings)
    text = "".join(values)
    # So much is left of them only if all begin so.
    if len(text) + len(start_line) + rest != len(head) or "\r" in text or "\n" in text or "\0" in head:
        return None
    if "\r" in start_line or values != [*map(str.strip, values)]:
        return None
    return start_line, dict(zip(names, values, strict=True))


def learn(head: str, names: Iterable[str]) -> None:
    """
    Remember the layout of a message.

    @param names: those of its fields, each spelled as in its RFC and there once only.
    """
    if len(_known) >= MOST:
        _known.clear()
    lines = head.split("\r\n")
    beginnings = ("", *[_BEGINNINGS[name] for name in names])
    rest = sum(map(len, beginnings)) + 2 * len(beginnings) - 2
    _known[(*map(_INITIAL, lines),)] = _Layout(tuple(map(canonical, names)), beginnings, rest)
