"""What the commands show of settings: no PIN that nobody asked for."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.command import _asking
from tests.command.support import run

ROWS = [
    {"path": "extensions.102.voicemail.pin", "value": "4711", "changed": True},
    {"path": "extensions.103.voicemail.pin", "value": "", "changed": False},
    {"path": "extensions.102.forward.busy", "value": "4712", "changed": False},
]


class PinTests(SynchronousTestCase):
    """C{b2bua settings} and C{b2bua set}."""

    def said(self, answer: Any, *arguments: str) -> str:
        """What a command prints when this is what the service says."""
        self.patch(_asking, "ask", lambda *_, **__: answer)
        status, out, _ = run(*arguments)
        self.assertEqual(status, 0)
        return out

    def test_settings(self) -> None:
        """A PIN is shown to who asks for it; else only whether there is one."""
        for more in ((), ("--json",)):
            hidden = self.said(ROWS, "settings", "102", *more)
            self.assertNotIn("4711", hidden)
            self.assertIn("***", hidden)
            self.assertIn("4712", hidden)
            self.assertIn("4711", self.said(ROWS, "settings", "102", "--pins", *more))
        values = [row["value"] for row in json.loads(self.said(ROWS, "settings", "102", "--json"))]
        self.assertEqual(values, ["***", "", "4712"])

    def test_set(self) -> None:
        """A PIN that was set is not repeated, nor is the one before."""
        changed = {**ROWS[0], "before": "0815"}
        for more in ((), ("--json",)):
            said = self.said(changed, "set", "extensions.102.voicemail.pin", "4711", *more)
            self.assertNotIn("4711", said)
            self.assertNotIn("0815", said)
        self.assertIn("is 4712", self.said(ROWS[2], "set", "extensions.102.forward.busy", "4712"))
