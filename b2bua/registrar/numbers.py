"""The forms of a number: each carrier has its own, and people dial another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.settings import Rule

LONGEST = 128
"""No number is longer; it bounds the time that a rule can take."""


class Numbers:
    """Rules, of which the first that matches the whole number is used."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Take the rules in their order."""
        self._rules: Sequence[Rule] = tuple(rules)

    def apply(self, number: str) -> str:
        """The number in the other form; as it is when no rule matches."""
        if len(number) > LONGEST:
            return number
        for rule in self._rules:
            if (found := rule.match.fullmatch(number)) is not None:
                return found.expand(rule.replace)
        return number
