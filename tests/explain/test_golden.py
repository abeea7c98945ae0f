"""
A small call as it is drawn, character for character: whoever changes a picture sees what becomes of it.

C{python -m tests.explain.test_golden} writes the files anew; look at them, in light and dark,
before they are committed.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain.page import page
from b2bua.explain.svg import svg
from tests.explain.calls import small

PLACE = Path(__file__).with_name("golden")
PICTURE = '<img src="call.svg" alt="">'
"""In place of the picture in the page, so that it stands in one file only."""
SIZE_MAX = 4096
"""Bytes of a file: what is larger nobody reads in a change."""


def drawn() -> dict[str, str]:
    """The files, by their names."""
    call = small()
    picture = svg(call)
    return {"call.svg": picture, "call.html": page(call).replace(picture, PICTURE)}


class GoldenTests(SynchronousTestCase):
    """What is drawn is what was looked at."""

    def test_same(self) -> None:
        """The picture and the page are those that were kept, and the page has the picture once."""
        for name, text in drawn().items():
            with self.subTest(name):
                self.assertEqual(text.splitlines(), (PLACE / name).read_text("utf-8").splitlines())
        self.assertEqual(drawn()["call.html"].count(PICTURE), 1)

    def test_small(self) -> None:
        """They are small enough to be read."""
        sizes = {path.name: path.stat().st_size for path in PLACE.iterdir()}
        self.assertEqual(sizes.keys(), drawn().keys())
        self.assertLessEqual(max(sizes.values()), SIZE_MAX)


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    for name, text in drawn().items():
        (PLACE / name).write_text(text, "utf-8")
