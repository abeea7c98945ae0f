"""What is written about what passes is what passes."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.legs import passing

PAGE = Path(__file__).parents[2] / "docs" / "what-passes.md"
ROWS = {
    "INVITE": passing.INVITE,
    "re-INVITE, UPDATE": passing.CHANGE,
    "1xx": passing.PROVISIONAL,
    "2xx": passing.SUCCESS,
    "3xx": passing.MOVED,
    "4xx, 5xx, 6xx": passing.FAILURE,
    "CANCEL, BYE": passing.GOODBYE,
    "INFO, MESSAGE, NOTIFY": passing.TOLD - {"record"},
    "answer to these": passing.REPLY,
    "from trusted peers only (RFC 3325 section 5)": passing.IDENTITY,
    "from extensions and trusted peers only: they can make a phone answer by itself": passing.ALERTING,
    "by no policy": passing.NEVER,
}


class PageTests(SynchronousTestCase):
    """C{docs/what-passes.md}."""

    def test_header_fields(self) -> None:
        """Each row of its tables names exactly the fields of the code."""
        rows = {}
        _, _, tables = PAGE.read_text(encoding="utf-8").partition("## Header fields")
        for line in tables.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 2 and cells[0] in ROWS:
                rows[cells[0]] = frozenset(cells[1].split(", "))
        self.assertEqual(rows, ROWS)
