"""What people can ask of the features of a service that runs: look at them, change settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from b2bua.control import Answer, Refused

if TYPE_CHECKING:
    from b2bua.features import Features

Plain = dict[str, Any]


class Choices:
    """Answers questions about features and what users have chosen."""

    def __init__(self, features: Callable[[], Features]) -> None:
        """Look at the generation of features that new calls get."""
        self._features = features

    @property
    def answers(self) -> dict[str, Answer]:
        """What can be asked."""
        return {
            "features": self.features,
            "settings": self.settings,
            "set": self.change,
        }

    def features(self) -> list[Plain]:
        """The features in the order in which they are asked."""
        features = self._features()
        return [
            {
                "name": plugin.name,
                "version": plugin.version,
                "out": plugin.out,
                "codes": {c.name: c.code for c in features.codes.all if c.feature == plugin.name},
            }
            for plugin in features.plugins
        ]

    def settings(self, owner: str) -> list[Plain]:
        """The settings that can be changed for an extension, as they hold now."""
        return [
            {"path": one.path, "value": one.value, "changed": one.changed}
            for one in self._features().settings(owner)
        ]

    def change(self, path: str, value: object = None) -> Plain:
        """Change a setting; without a value the one of the file is back."""
        try:
            self._features().change(path, value)
        except ValueError as error:
            raise Refused(str(error)) from None
        owner = path.split(".")[1]
        return next(one for one in self.settings(owner) if one["path"] == path)
