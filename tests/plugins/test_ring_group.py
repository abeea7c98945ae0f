"""The tables of ring_group and find_me."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls import Dial, Member
from b2bua.features import Features, FeaturesRefused
from b2bua_plugins.find_me import FindMe, Search
from b2bua_plugins.ring_group import Group, RingGroup


class TableTests(SynchronousTestCase):
    """What may stand in C{[ring_groups.NUMBER]} and C{[extensions.NUMBER.find_me]}."""

    def problems(self, document: dict[str, Any]) -> list[str]:
        """What is said about it."""
        try:
            Features.of(RingGroup, FindMe, document=document)
        except FeaturesRefused as refused:
            return [str(problem) for problem in refused.problems]
        return []

    def test_good(self) -> None:
        """A member is a number, a name, a URI, or a table that says more."""
        group = Group.model_validate(
            {"members": ["101", {"target": "sip:a@b", "after": 3}, {"target": "103", "ring_seconds": 7}]}
        )
        self.assertEqual(
            group.dial(),
            Dial((Member("101", 0, 20), Member("sip:a@b", 3, 20), Member("103", 0, 7)), granted=True),
        )
        search = Search.model_validate({"places": ["102", {"target": "+49301"}], "ring_seconds": 5})
        self.assertEqual([member.target for member in search.dial().members], ["102", "+49301"])

    def test_bad(self) -> None:
        """Each mistake is one line with its path."""
        for target in ("a b", "http://x", "sip:[x", "", "<sip:a@b>"):
            for document, path in (
                ({"ring_groups": {"600": {"members": ["101", target]}}}, "ring_groups.600.members[1]"),
                (
                    {"extensions": {"102": {"find_me": {"places": [target]}}}},
                    "extensions.102.find_me.places[0]",
                ),
            ):
                with self.subTest(path, target=target):
                    [line] = self.problems(document)
                    self.assertTrue(line.startswith(f"{path}: "), line)
        [line] = self.problems({"ring_groups": {"600": {"members": ["101"], "otherwise": "a b"}}})
        self.assertTrue(line.startswith('ring_groups.600.otherwise: "a b" must be a number'), line)
        for itself in ("600", "sip:600@pbx"):
            group = {"members": ["101"], "otherwise": itself}
            self.assertEqual(
                self.problems({"server": {"domain": "pbx"}, "ring_groups": {"600": group}}),
                [f'ring_groups.600.otherwise: "{itself}" is 600 itself; its calls cannot be sent on to it'],
            )
        for members in ([], ["1"] * 65, "101", ["101", 5]):
            with self.subTest(members=members):
                self.assertEqual(len(self.problems({"ring_groups": {"600": {"members": members}}})), 1)
