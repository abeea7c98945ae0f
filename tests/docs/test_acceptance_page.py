"""What C{docs/acceptance.md} names is there."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]


class AcceptanceTests(SynchronousTestCase):
    """The page and the tests."""

    def test_named(self) -> None:
        """Every file that is named exists."""
        named = set(re.findall(r"`(tests/[\w/.]+)`", (ROOT / "docs" / "acceptance.md").read_text()))
        self.assertTrue(named)
        self.assertEqual([name for name in sorted(named) if not (ROOT / name).is_file()], [])
