"""What is wrong with plugins, said before anything starts."""

from __future__ import annotations

from collections.abc import Sequence

from b2bua.settings import Problem, SettingsError


class FeaturesRefused(SettingsError):
    """The features cannot be loaded as they are; nothing has been changed."""

    def __init__(self, problems: Sequence[Problem], file: str = "plugins") -> None:
        """Say all that is wrong at once."""
        super().__init__(file, problems)
