"""The tables of forward."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features, FeaturesRefused, Preferences
from b2bua_plugins.forward import CallForward, Rules

ITSELF = ("102", "sip:102@pbx.example.com", "sips:%3102@PBX.Example.Com:5061;transport=tcp")
REFUSED = "is 102 itself; its calls cannot be sent on to it"


class TableTests(SynchronousTestCase):
    """What may stand in C{[extensions.NUMBER.forward]} and C{[forward]}."""

    def problems(self, table: dict[str, Any], common: dict[str, Any] | None = None) -> list[str]:
        """What is said about it."""
        document = {
            "server": {"domain": "PBX.example.com", "aliases": ["192.0.2.1"]},
            "extensions": {"102": {"forward": table}},
            "forward": common or {},
        }
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
            self.assertTrue(line.startswith("extensions.102.forward.busy: "), line)
            self.assertIn(" must be a number", line)

    def test_oneself(self) -> None:
        """
        Nobody forwards to himself, however he writes his number.

        Another number, or the same one of another domain, is somebody else's.
        """
        for target in (*ITSELF, "sip:102@192.0.2.1", "tel:102"):
            for key in ("always", "busy_internal", "no_answer_external", "unreachable"):
                self.assertEqual(
                    self.problems({key: target}), [f'extensions.102.forward.{key}: "{target}" {REFUSED}']
                )
        for target in ("103", "1020", "sip:102@example.com", "sip:103@pbx.example.com", "tel:+102"):
            self.assertEqual(self.problems({"always": target}), [])

    def test_changed_to_oneself(self) -> None:
        """Nor can it be set at run time; what was kept of an older version does not count."""
        path = "extensions.102.forward.always"
        document = {"server": {"domain": "pbx.example.com"}, "extensions": {"102": {}, "103": {}}}
        preferences = Preferences()
        preferences.restore([("extensions.102", "call_forward", "forward.always", "102")])
        features = Features.of(CallForward, document=document, preferences=preferences)
        [always] = [one for one in features.settings("102") if one.path == path]
        self.assertEqual(always.value, "")
        for target in ITSELF:
            error = self.assertRaises(ValueError, features.change, path, target)
            self.assertEqual(str(error), f'{path}: "{target}" {REFUSED}')
        self.assertEqual(features.change("extensions.103.forward.always", "102").value, "102")

    def test_others(self) -> None:
        """Times and statuses that are none, keys that nobody knows."""
        meaning = Rules.model_fields["busy_statuses"].description
        self.assertEqual(
            self.problems({"no_answer_after": 0, "allways": "103"}, {"busy_statuses": [200]}),
            [
                f"forward.busy_statuses[0]: must be at least 400, not 200 ({meaning})",
                "extensions.102.forward.no_answer_after: must be more than 0, not 0",
                "extensions.102.forward.allways: is not a known key; is always meant?",
            ],
        )
