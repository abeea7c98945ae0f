"""
The picture of a call as SVG: no script, light and dark, and black on white when printed.

Columns are the parties and us; a rung is a message with its status, what its
session description says, and how much time has passed; the legs have colours;
what was decided stands between the rungs.  A pointer that rests on a rung
shows the whole message.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from b2bua.explain.picture import US, Between, Column, Rung, picture
from b2bua.explain.traced import TracedCall

MARGIN = 116
"""Pixels for the times at the left."""
COLUMN = 260
"""From one line to the next."""
HEAD = 58
RUNG = 34
MEDIA = 12
"""More for a rung with a session description below it, so that nothing is written over that."""
REASON = 20
FOOT = 24
LETTER = 6.5
"""Pixels of a letter, about: a picture is as wide as its longest reason."""
TEXT_MAX = 120
"""Characters of a reason that are drawn; all of it is shown when a pointer rests on it."""
MEDIA_MAX = 44
"""Characters of a session description in short."""
LEGS = 6
"""So many colours there are for legs."""

STYLE = """
svg { font: 12px system-ui, sans-serif; background: var(--ground) }
:root { --ground: #ffffff; --ink: #1c2430; --faint: #5b6675; --line: #c3cad3; --why: #6a4a00; --no: #b3261e;
  --leg0: #1458a8; --leg1: #0b7041; --leg2: #7a3ea1; --leg3: #a04a00; --leg4: #00696f; --leg5: #8a1550 }
@media (prefers-color-scheme: dark) {
:root { --ground: #12161c; --ink: #e8ecf1; --faint: #9aa6b5; --line: #3a4451; --why: #e5c07b; --no: #ff8a80;
  --leg0: #79b8ff; --leg1: #6fd08c; --leg2: #d2a8ff; --leg3: #ffab70; --leg4: #5ccfd6; --leg5: #ff9ecb } }
@media print {
:root { --ground: #ffffff; --ink: #000000; --faint: #333333; --line: #999999; --why: #000000; --no: #000000;
  --leg0: #000000; --leg1: #000000; --leg2: #000000; --leg3: #000000; --leg4: #000000; --leg5: #000000 } }
text { fill: var(--ink) } .faint { fill: var(--faint); font-size: 11px } .name { font-weight: 600 }
.post { stroke: var(--line) } .why { fill: var(--why); font-style: italic } .no { fill: var(--no) }
.rung { stroke-width: 1.6; fill: none } .tip { stroke: none }
""" + "".join(f".leg{n} {{ stroke: var(--leg{n}) }} .tip{n} {{ fill: var(--leg{n}) }}\n" for n in range(LEGS))


def svg(call: TracedCall) -> str:
    """Draw a call; the text is a whole document."""
    drawn = picture(call)
    lost = [_cut(f"the beginning of {call_id} is not kept any more", TEXT_MAX) for call_id in call.missing]
    top = HEAD + REASON * len(lost)
    height = top + sum(map(_height, drawn.rows)) + FOOT
    reasons = [min(len(row.text), TEXT_MAX) for row in drawn.rows if isinstance(row, Between)]
    longest = REASON_X + round(LETTER * max(reasons, default=0))
    widest = 8 + round(LETTER * max(map(len, lost), default=0))
    width = max(MARGIN + COLUMN * len(drawn.columns), longest, widest, 640)
    title = f"{call.record.caller} calls {call.record.dialled}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        f' width="{width}" height="{height}" role="img" aria-label={_attribute(title)}>',
        f"<title>{text_of(title)}</title>",
        f"<style>{STYLE}</style>",
        *_posts(drawn.columns, top, height),
    ]
    for number, text in enumerate(lost):
        parts.append(f'<text class="why" x="8" y="{HEAD + REASON * number}">{text_of(text)}</text>')
    y, before = top, drawn.began
    for row in drawn.rows:
        if isinstance(row, Rung):
            parts += _rung(row, y + RUNG, row.at - drawn.began, row.at - before)
            before = row.at
        else:
            parts += _reason(row, y + REASON, row.at - drawn.began)
        y += _height(row)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _height(row: Rung | Between) -> int:
    """How much room a row takes."""
    if isinstance(row, Between):
        return REASON
    return RUNG + MEDIA if row.media else RUNG


def _x(column: int) -> int:
    """Where the line of a column is."""
    return MARGIN + COLUMN // 2 + COLUMN * column


REASON_X = _x(US) + 10
"""Reasons stand beside our line."""


def _posts(columns: tuple[Column, ...], top: int, height: int) -> Iterator[str]:
    """Draw who takes part, and a line below each."""
    for number, column in enumerate(columns):
        x = _x(number)
        yield _centred("name", x, 22, column.name or column.place)
        if column.name and column.place:
            yield _centred("faint", x, 38, column.place)
        yield f'<line class="post" x1="{x}" y1="{top - 10}" x2="{x}" y2="{height - 10}"/>'


def _centred(kind: str, x: int, y: int, text: str) -> str:
    """Write text around a place."""
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="middle">{text_of(text)}</text>'


def _rung(rung: Rung, y: int, at: float, passed: float) -> Iterator[str]:
    """Draw a message: an arrow, its title above it, its media below."""
    start, end = _x(rung.source), _x(rung.target)
    leg = rung.dialog % LEGS
    tip = end - 8 if end > start else end + 8
    middle = (start + end) // 2
    label = text_of(rung.title)
    if rung.again:
        label += f" <tspan class='faint'>sent {len(rung.again) + 1} times</tspan>"
    yield f"<g><title>{text_of(rung.message.text)}</title>"
    yield f'<text class="faint" x="8" y="{y + 4}">{at:.3f}</text>'
    if passed >= 0.0005:
        yield f'<text class="faint" x="{MARGIN - 8}" y="{y + 4}" text-anchor="end">+{_short(passed)}</text>'
    yield f'<line class="rung leg{leg}" x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>'
    yield f'<path class="tip tip{leg}" d="M{end} {y} L{tip} {y - 4} L{tip} {y + 4} Z"/>'
    refusal = ' class="no"' if rung.refusal else ""
    yield f'<text{refusal} x="{middle}" y="{y - 5}" text-anchor="middle">{label}</text>'
    if rung.media:
        yield _centred("faint", middle, y + 13, _cut(rung.media, MEDIA_MAX))
    yield "</g>"


def _reason(row: Between, y: int, at: float) -> Iterator[str]:
    """Write what was decided, beside our line."""
    yield f"<g><title>{text_of(row.text)}</title>"
    yield f'<text class="faint" x="8" y="{y + 4}">{at:.3f}</text>'
    yield f'<text class="why" x="{REASON_X}" y="{y + 4}">{text_of(_cut(row.text, TEXT_MAX))}</text></g>'


def _short(seconds: float) -> str:
    """Say how long, in a few characters."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _cut(text: str, length: int) -> str:
    """Leave out what has no room."""
    return text if len(text) <= length else text[: length - 1] + "…"


def text_of(text: str) -> str:
    """Make text of it, whatever a peer has sent: XML and HTML have no place for control characters."""
    return escape("".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text))


def _attribute(text: str) -> str:
    """Make the value of an attribute of it, in quotes."""
    return quoteattr(text_of(text))
