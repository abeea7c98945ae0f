"""
How messages are laid out: which header fields they have, in which order.

A phone writes all its INVITEs in the same way, and all its responses in another.
So when a layout has come some times, a pattern is made of it that takes the like
apart in one step, with what is needed of each message: the parts of its Via, its
tags, its Call-ID.  What does not match is read field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from b2bua.wire.grammar import TOKEN
from b2bua.wire.registry import canonical

OFTEN = 16
"""
So many times has a layout come before a pattern is made of it, which takes as long as to read dozens.

A power of two: if the one that came then was odd, the next try is when it has come twice as often.
"""
MOST = 128
"""Of so many kinds of messages (see L{_kind}) patterns are kept; then we begin anew."""
MOST_ALIKE = 8
"""So many patterns are there of each kind."""
MOST_FIELDS = 40
"""Of a message with more fields none is made: it would be large."""

Parts: TypeAlias = tuple[str, str, str, str, str | None, str | None, str, str]
"""Start-line; sender, parameters and branch of the Via; the tags of From and To; Call-ID; CSeq."""


class _Layout(NamedTuple):
    """One of them."""

    match: Callable[[str], re.Match[str] | None]
    names: tuple[str, ...]
    shape: tuple[str, ...]
    """The names, and which of them stand there with nothing behind them: see L{_shape}."""
    values: Callable[[Sequence[str | None]], tuple[str, ...]]
    """Takes the values of the fields out of the groups of the pattern."""
    parts: Callable[[Sequence[str | None]], Parts]


# A value has no LF by the dot, and no CR since all that there are stand between the lines (see L{_kind}).
_VALUE = r"(?=\S).*\S"
# As nearly all are: with brackets, and without any parameter but the tag.
_PARTY = rf'(?=\S)(?:"[^"\\\n]*+" ?+|[^<",\n]*+)<[!#-;=?-~]++>(?>(?:;tag=({TOKEN}++))?)'
# Likewise: with a branch, and nothing before it that begins with its letter; no quotes, no comma.
_VIA = (
    r"([^;]{1,128}+)((?>(?:;[!#-+\--:<-ac-~][!#-+\--:<-~]*+)*)"
    r";branch=([!#-+\--:<-~]++)(?>(?:;[!#-+\--~]*+)?))"
)
_NEEDED = {"Via": _VIA, "From": _PARTY, "To": _PARTY, "Call-ID": r"\S++", "CSeq": _VALUE}

_known: dict[tuple[str, int], list[_Layout]] = {}
_times: dict[tuple[str, tuple[str, ...]], int] = {}


def take_apart(head: str) -> tuple[dict[str, str], Parts] | None:
    """
    Take apart a head of a layout that is known.

    @param head: the lines without the CRLF of the last.
    @return: the fields by their names in the order in which they stand, and what every
        message must have; None if any line is not written as most are, so that it has to be read.
    """
    kind = _kind(head)
    if kind not in _known or "\0" in head:
        return None
    alike = _known[kind]
    for at, layout in enumerate(alike):
        found = layout.match(head)
        if found is not None:
            if at:  # those that come often are tried first
                alike[at - 1 : at + 1] = layout, alike[at - 1]
            groups = found.groups()
            return dict(zip(layout.names, layout.values(groups), strict=True)), layout.parts(groups)
    return None


def learn(head: str, fields: Sequence[tuple[str, str]]) -> None:
    """
    Remember the layout of a message, if it comes often.

    @param fields: with names that are spelled as in their RFC and are there once only.
    """
    if len(fields) > MOST_FIELDS:
        return
    kind, shape = _kind(head), _shape(fields)
    if len(_times) >= MOST * MOST_ALIKE:
        _times.clear()
    _times[kind[0], shape] = times = _times.get((kind[0], shape), 0) + 1
    alike = _known.get(kind, [])
    if times < OFTEN or times & (times - 1) or any(shape == one.shape for one in alike):
        return
    if not _NEEDED.keys() <= {*shape}:
        return
    layout = _layout(fields)
    if layout.match(head) is None:
        return
    if len(_known) >= MOST:
        _known.clear()
        _times.clear()  # all of them may be learned again
    for gone in alike[MOST_ALIKE - 1 :]:
        _times.pop((kind[0], gone.shape), None)
    _known[kind] = [layout, *alike[: MOST_ALIKE - 1]]


def _kind(head: str) -> tuple[str, int]:
    """What messages of one layout have in common at least: a method or a class of responses, and CRs."""
    return head[:9], head.count("\r")


def _shape(fields: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The names of the fields; one with nothing in it is told from the same one with something."""
    return tuple([name if value else f"{name}:" for name, value in fields])


def _layout(fields: Sequence[tuple[str, str]]) -> _Layout:
    """Make the pattern of those that have these fields, with something in them or not."""
    pattern, groups = "(.*)", 1
    at: dict[str, int] = {}
    for name, value in fields:
        inner = _NEEDED.get(name, _VALUE if value else "")
        pattern += rf"\r\n{re.escape(name)}:[ \t]*+({inner})"
        at[name] = groups
        groups += 1 + re.compile(inner).groups
    via = at["Via"]
    return _Layout(
        re.compile(rf"{pattern}\Z").match,
        tuple([canonical(name) for name in at]),
        _shape(fields),
        itemgetter(*at.values()),
        itemgetter(0, via + 1, via + 2, via + 3, at["From"] + 1, at["To"] + 1, at["Call-ID"], at["CSeq"]),
    )
