"""Plugins work with what they are handed."""

from __future__ import annotations

import ast

from twisted.trial.unittest import SynchronousTestCase

from tests.house.test_mirror import ROOT


class ReactorTests(SynchronousTestCase):
    """Whatever connects, waits or listens comes from the service."""

    def test_no_reactor(self) -> None:
        """No plugin imports the reactor, not even inside of a function."""
        files = sorted((ROOT / "plugins").glob("*.py"))
        self.assertGreater(len(files), 30)
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self.assertNotIn("reactor", [name.name for name in node.names], file.name)
