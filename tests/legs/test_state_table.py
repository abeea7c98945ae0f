"""What happens in which state of a leg is as docs/architecture.md says."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.legs.state_table import table

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


class StateTableTests(SynchronousTestCase):
    """The table of states and events."""

    maxDiff = None

    def test_page(self) -> None:
        """The page has the table as it is played; C{python -m tests.legs.state_table} prints it."""
        lines = PAGE.read_text(encoding="utf-8").splitlines()
        played = table()
        start = lines.index(played[0])
        self.assertEqual(lines[start : start + len(played)], played)
