"""What users have changed at run time, on top of the configuration file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping


class Preferences:
    """
    The one service that knows what users have changed.

    It is shared by all generations of features.  Reading is from memory; what
    is kept beyond the process is the business of whoever sets C{keep}.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._values: dict[tuple[str, str], dict[str, object]] = {}
        self.version = 0
        """Grows with every change, so that who remembers something can tell."""
        self.keep: Callable[[str, str, str, object], None] = _nobody
        """Keeps a change: owner, feature, key and value; L{None} forgets it."""
        self.changed: Callable[[str, str, str, object], None] = _nobody
        """Is told of every change, with the same."""

    def restore(self, rows: Iterable[tuple[str, str, str, object]]) -> None:
        """Take what was kept: owner, feature, key and value of each change."""
        for owner, feature, key, value in rows:
            self._values.setdefault((owner, feature), {})[key] = value
        self.version += 1

    def of(self, owner: str, feature: str) -> Mapping[str, object]:
        """What an owner has changed of a feature."""
        return self._values.get((owner, feature), {})

    def changed_paths(self) -> dict[str, object]:
        """Everything that users have changed, by its path in the file: C{extensions.102.forward.busy}."""
        return {
            f"{owner}.{key}": value
            for (owner, _), values in self._values.items()
            if " " not in owner  # else it is no user's, but what a node keeps of itself
            for key, value in values.items()
        }

    def put(self, owner: str, feature: str, key: str, value: object) -> None:
        """
        Change a value, which somebody has found good; L{None} brings the file's back.

        Whoever listens is told when it holds.
        """
        values = self._values.setdefault((owner, feature), {})
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value
        self.version += 1
        self.keep(owner, feature, key, value)
        self.changed(owner, feature, key, value)

    def forget(self, feature: str) -> int:
        """Have the file's values back in all settings of a feature, and say how many were changed."""
        changed = [
            (owner, key) for (owner, one), values in self._values.items() if one == feature for key in values
        ]
        for owner, key in changed:
            self.put(owner, feature, key, None)
        return len(changed)


def _nobody(owner: str, feature: str, key: str, value: object) -> None:
    """Where nobody listens."""
