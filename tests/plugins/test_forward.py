"""The tables of forward."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features, FeaturesRefused
from b2bua_plugins.forward import CallForward, Forwards


class TableTests(SynchronousTestCase):
    """What may stand in C{[extensions.NUMBER.forward]} and C{[forward]}."""

    def problems(self, table: dict[str, Any], common: dict[str, Any] | None = None) -> list[str]:
        """What is said about it."""
        document = {"extensions": {"102": {"forward": table}}, "forward": common or {}}
        try:
            Features.of(CallForward, document=document)
        except FeaturesRefused as refused:
            return [str(problem) for problem in refused.problems]
        return []

    def test_good(self) -> None:
        """Numbers as one dials them, names, URIs, nothing."""
        for target in ("103", "+4930123456", "*97", "voicemail", "sip:a@b;x=y", "SIPS:a@b", "tel:+1", ""):
            self.assertEqual(self.problems({"always": target}), [])

    def test_bad(self) -> None:
        """What could not be dialled, or would not stay in its place."""
        for target in (
            "10 3",
            "<sip:a@b>",
            "http://x",
            "sip:",
            "1\n2",
            "x" * 257,
            '"103"',
            "sip:[a",
            "sip:a@b@c",
            "tel:",
        ):
            [line] = self.problems({"busy": target})
            self.assertTrue(line.startswith("extensions.102.forward.busy: must be a number"), line)

    def test_others(self) -> None:
        """Times and statuses that are none, keys that nobody knows."""
        self.assertEqual(
            self.problems({"no_answer_after": 0, "allways": "103"}, {"busy_statuses": [200]}),
            [
                "forward.busy_statuses.0: input should be greater than or equal to 400",
                "extensions.102.forward.no_answer_after: input should be greater than 0",
                f"extensions.102.forward.allways: no such key; there are {', '.join(Forwards.model_fields)}",
            ],
        )
