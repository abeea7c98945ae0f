"""
Makes C{docs/features-together.md}, what comes of it when two features meet.

Each row is a test.  Its docstring begins with the names of the two features,
as people call them, and goes on with what is so::

    Park × do not disturb: who parked and wants no calls is not rung.

C{python -m tools.pairs} writes the page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from b2bua.docstring import MARKED

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "features-together.md"
_PAIR = re.compile(r"(?P<one>[A-Z][a-z -]*) × (?P<other>[a-z][a-z -]*): (?P<what>.+)", re.DOTALL)
_HEAD = """# Features together

What comes of it when two features meet on one call. Look for either of them: a pair stands under both.
Each line is a test, and this page is made of the tests (`make docs`). How forwards, groups, searches and
redirects meet is in [forwarding](forwarding.md#when-two-meet), row by row.
"""


class Pair(NamedTuple):
    """Two features, and what a test says of them."""

    one: str
    other: str
    what: str
    test: str


def pairs() -> Iterator[Pair]:
    """What all tests say."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (found := _PAIR.match(ast.get_docstring(node) or "")):
                what = " ".join(MARKED.sub(r"`\1`", found["what"]).split())
                yield Pair(found["one"].lower(), found["other"], what, str(path.relative_to(ROOT)))


def text() -> str:
    """The page."""
    rows = list(pairs())
    rows += [pair._replace(one=pair.other, other=pair.one) for pair in rows if pair.one != pair.other]
    parts = [_HEAD]
    for name in sorted({pair.one for pair in rows}):
        parts.append(f"\n## {name.capitalize()}\n\n| with | what comes of it | test |\n|---|---|---|\n")
        parts += [f"| {p.other} | {p.what} | `{p.test}` |\n" for p in sorted(rows) if p.one == name]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(text())
