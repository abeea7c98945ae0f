"""C{docs/architecture.md} is true to the tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

DRAWN = (
    "",
    "legs",
    "net",
    "calls",
    "calls/operations",
    "calls/routing",
    "calls/relay",
    "cluster",
    "media",
    "media/rtpengine",
    "service",
    "store",
    "core",
    "dialogs",
    "subscriptions",
    "face",
)
"""The rooms of which each file is named; the empty one is the house itself."""


def inside(room: str) -> Iterator[str]:
    """The files and rooms in a room."""
    for path in (ROOT / "b2bua" / room).iterdir():
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists()):
            yield path.stem


class ArchitecturePageTests(SynchronousTestCase):
    """The rooms, and what is in them."""

    def test_all_named(self) -> None:
        """Each room, and each file of the rooms that are drawn, has its place on the page."""
        words = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`[^`]+`", PAGE))))
        for room in DRAWN:
            self.assertEqual(sorted(set(inside(room)) - words), [], f"b2bua/{room}")

    def test_all_there(self) -> None:
        """What the page names as a file or a room is there."""
        places = ("b2bua", "tests", "tools", "plugins")
        known = {*places, *(path.stem for place in places for path in (ROOT / place).rglob("*"))}
        named = re.findall(r"`([a-z_0-9/]+(?:\.py|/))`", PAGE)
        for names in re.findall(r"^\| (`[a-z_`, ]+`) \|", PAGE.partition("### Inside of calls")[2], re.M):
            named += re.findall(r"`([a-z_]+)`", names)
        gone = [name for name in named if Path(name.rstrip("/")).stem not in known]
        self.assertEqual(gone, [])
