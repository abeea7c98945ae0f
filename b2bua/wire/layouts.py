"""
How messages are laid out: which header fields they have, in which order.

A phone writes all its INVITEs in the same way, and all its responses in another.
What is new in each of them stands at the beginning: the parts of its Via, its
tags, its Call-ID, its CSeq.  So when a beginning has come some times, a pattern
is made of it that takes the like apart in one step.  All that comes after it is
mostly what the phone has sent before, to the letter, and remembered as a whole.
What does not match is read field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from b2bua.wire.grammar import TOKEN
from b2bua.wire.registry import KNOWN, canonical

OFTEN = 16
"""
So many times has a layout come before a pattern is made of it, which takes as long as to read dozens.

A power of two: if the one that came then was odd, the next try is when it has come twice as often.
"""
MOST = 128
"""
Of so many kinds of messages patterns are kept; then we begin anew.

A kind is all that begin with the same nine characters: a method or a class of responses.
"""
MOST_ALIKE = 8
"""So many patterns are there of each kind."""
MOST_FIELDS = 40
"""With more fields before the last that it has to have, none is made of a message: it would be large."""
MOST_RESTS = 4096
"""
What comes after them is remembered of so many messages; then we begin anew.

Each phone has some five in its calls, of 1.3 KB each, so this is enough
for 800 phones.  A message of which it is forgotten takes twice the time to be read.
A peer that makes them up, of the widest characters, fills 35 MB.
"""
LONGEST_REST = 1024
"""As far as it has no more characters, and none of L{PROOFS}."""
PROOFS = frozenset(("Authorization", "Proxy-Authorization"))
"""
What is never the same twice (RFC 7616 section 3.4: nonce count, cnonce, response).

Were it remembered, the REGISTERs of many phones would again and again push out all that calls have.
"""

Parts: TypeAlias = tuple[str, str, str, str, str, str, str | None, str, str | None, str, str, str]
"""
Start-line; Via, its sender, parameters and branch; From and its tag; To and its tag; Call-ID; CSeq;
what comes after these lines.
"""


@dataclass(slots=True, eq=False)
class _Layout:
    """One of them."""

    match: Callable[[str], re.Match[str] | None]
    """Matches the lines up to the last that every message must have, and whatever comes after it."""
    names: tuple[str, ...]
    """Those of the fields in these lines."""
    more: dict[str, int]
    """The names of what else stands in these lines, and where it is among the groups of the pattern."""
    order: Callable[[tuple[str | None, ...]], Parts] | None
    """Takes what every message must have, and the rest, out of these groups; None if they are just that."""


@dataclass(slots=True, eq=False)
class Rest:
    """What comes after these lines."""

    names: tuple[str, ...]
    """Those before it."""
    fields: dict[str, str]
    """All of them in order, with the values of the rest; none if they do not go together, or are odd."""
    count: int
    """How many these are."""
    length: int
    """Content-Length; -1 if there is none, or no such number, or if it stands before the rest."""


# As nearly all are: with brackets, and without any parameter but the tag.
_PARTY = rf'(?:"[^"\\\r\n]*+" ?+|[^<",\r\n]*+)<[!#-;=?-~]++>(?:;tag=({TOKEN}++)|)'
# Likewise: with a branch, and nothing before it that begins with its letter; no quotes, no comma.
_VIA = (
    r"([^;]{1,128}+)((?>(?:;[!#-+\--:<-ac-~][!#-+\--:<-~]*+)*)"
    r";branch=([!#-+\--:<-~]++)(?:;[!#-+\--~]*+|))"
)
_NEEDED = {
    "Via": _VIA,
    "From": _PARTY,
    "To": _PARTY,
    "Call-ID": r"\S++",
    "CSeq": rf"[0-9]{{1,9}}+ {TOKEN}++",
}
_VALUE = r"(?=\S)[^\r\n]*+(?<=\S)|"

# message-header = name HCOLON value CRLF, on one line, after another CRLF.  A dot is
# much faster than a set of characters; that it takes a lone CR for a part of the
# value is seen by counting.
fields_of_lines = re.compile(rf"(?:(?<=\r\n)|\A)({TOKEN}++)[ \t]*+:[ \t]*+(.*[^ \t\r\n]|)[ \t]*+\r\n").findall
"""
Take lines apart that hold one field each.

Fewer fields than ends of lines: something is folded, or no field at all, or has a lone CR or LF.
"""

_known: dict[str, list[_Layout]] = {}
_times: dict[tuple[str, tuple[str, ...]], int] = {}
_rests: dict[str, Rest] = {}


def take_apart(head: str) -> tuple[dict[str, str], Parts, Rest] | None:
    """
    Take apart a head of a layout that is known.

    @param head: its lines, each with its CRLF.
    @return: the fields by their names in the order in which they stand, but for the values of
        those that every message must have; these; and what comes after them.  None if any
        line is not written as most are, so that it has to be read.
    """
    kind = head[:9]
    if kind not in _known or "\0" in head:
        return None
    alike = _known[kind]
    for layout in alike:
        found = layout.match(head)
        if found is not None:
            break
    else:
        return None
    if layout is not alike[0]:  # those that come often are tried first
        at = alike.index(layout)
        alike[at - 1 : at + 1] = layout, alike[at - 1]
    parts: Any = found.groups()
    text = parts[-1]
    if text not in _rests or (rest := _rests[text]).names is not layout.names:
        rest = _remember(text, layout.names)
    if not rest.count or "\n" in parts[0]:
        return None
    fields = {**rest.fields}
    if layout.order is not None:
        for name, group in layout.more.items():
            fields[name] = parts[group]
        parts = layout.order(parts)
    return fields, parts, rest


def _remember(text: str, before: tuple[str, ...]) -> Rest:
    """
    Read what comes after the lines of a layout.

    @param before: the names of the fields in these.
    """
    lines = fields_of_lines(text)
    fields = dict.fromkeys(before, "")
    fields.update(lines)
    if (
        len(lines) < text.count("\r")
        or len(fields) < len(before) + len(lines)
        or not KNOWN.issuperset(fields)
    ):
        rest = Rest(before, {}, 0, -1)
    else:
        length = fields.get("Content-Length", "")
        number = int(length) if length.isascii() and length.isdigit() and len(length) <= 10 else -1
        rest = Rest(before, fields, len(fields), number)
    if len(text) <= LONGEST_REST and PROOFS.isdisjoint(fields):
        if len(_rests) >= MOST_RESTS:
            _rests.clear()
        _rests[text] = rest
    return rest


def learn(head: str, fields: Sequence[tuple[str, str]]) -> None:
    """
    Remember the layout of a message, if it comes often.

    @param head: as for L{take_apart}.
    @param fields: with names that are spelled as in their RFC and are there once only.
    """
    all_names = [name for name, _ in fields]
    if not _NEEDED.keys() <= {*all_names}:
        return
    names = tuple(all_names[: 1 + max(map(all_names.index, _NEEDED))])
    if len(names) > MOST_FIELDS:
        return
    kind = head[:9]
    if len(_times) >= MOST * MOST_ALIKE:
        _times.clear()
    _times[kind, names] = times = _times.get((kind, names), 0) + 1
    alike = _known.get(kind, [])
    if times < OFTEN or times & (times - 1) or any(names == one.names for one in alike):
        return
    same = (one for others in _known.values() for one in others if one.names == names)
    layout = next(same, None) or _layout(names)
    if layout.match(head) is None:
        return
    if len(_known) >= MOST:
        _known.clear()
        _times.clear()  # all of them may be learned again
    for gone in alike[MOST_ALIKE - 1 :]:
        _times.pop((kind, gone.names), None)
    _known[kind] = [layout, *alike[: MOST_ALIKE - 1]]


def _layout(names: Sequence[str]) -> _Layout:
    """Make the pattern of messages that begin with these fields; others may have no value."""
    pattern, groups = r"([^\r]*+)", 1
    at: dict[str, int] = {}
    for name in names:
        inner = _NEEDED.get(name, _VALUE)
        pattern += rf"\r\n{re.escape(name)}:[ \t]*+({inner})"
        at[canonical(name)] = groups
        groups += 1 + re.compile(inner).groups
    via, from_, to = at["Via"], at["From"], at["To"]
    party = (from_, from_ + 1, to, to + 1)
    order = (0, via, via + 1, via + 2, via + 3, *party, at["Call-ID"], at["CSeq"], groups)
    return _Layout(
        re.compile(rf"{pattern}\r\n((?s:.*+))").match,
        tuple(at),
        {name: group for name, group in at.items() if name not in _NEEDED},
        itemgetter(*order) if order != tuple(range(groups + 1)) else None,
    )
