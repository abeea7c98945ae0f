"""What is wrong with a plugin or its configuration, said before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong."""

    path: str
    """The path of the key in the configuration, or C{plugin NAME}."""
    text: str
    """What is wrong and what would be right, in one line."""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.path}: {self.text}"


class FeaturesRefused(Exception):
    """The features cannot be loaded as they are; nothing has been changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Say all that is wrong at once."""
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)
