"""
What plugins keep: rows of their own, by a key, whole at each commit.

Memory is the truth and the store a copy of it, loaded at start and written
behind the work (L{b2bua.store.journal}); all generations of features share it.
What users choose is kept elsewhere (L{b2bua.face.preferences}).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, succeed

TABLE = "b2bua.data"
"""Where the rows lie in the store; no feature can have that name."""
KEY_MAX = 255
"""Characters of a key."""
VALUE_MAX = 65_536
"""Bytes of a value as JSON."""
ROWS_MAX = 10_000
"""Rows of one plugin."""

Json: TypeAlias = Any
"""None, bool, int, float, str, and lists and dictionaries of them."""


class Rows:
    """The rows of all plugins, as JSON, so that nobody can change one but by a commit."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rows: dict[str, dict[str, str]] = {}
        self.keep: Callable[[str, str, str, Json], None] = _nobody
        """Keeps a row beyond the process: plugin, table, key and value; None removes it."""
        self.flush: Callable[[], Deferred[None]] = lambda: succeed(None)
        """Fires when all that was kept is written."""

    def restore(self, rows: Iterable[tuple[str, str, str, Json]]) -> None:
        """Take what was kept, out of all that was: plugin, table, key and value."""
        for plugin, table, key, value in rows:
            if table == TABLE:
                self._rows.setdefault(plugin, {})[key] = json.dumps(value)

    def of(self, plugin: str) -> Mapping[str, str]:
        """The rows of one plugin."""
        return self._rows.get(plugin, {})

    def commit(self, plugin: str, changes: Mapping[str, str | None]) -> None:
        """
        Take changes, all of them or none.

        @raise ValueError: if that would be too many rows.
        """
        rows = {**self.of(plugin), **changes}
        left = {key: text for key, text in rows.items() if text is not None}
        if len(left) > ROWS_MAX:
            raise ValueError(f"a plugin keeps {ROWS_MAX} rows at most")
        self._rows[plugin] = left
        for key, text in changes.items():
            self.keep(plugin, TABLE, key, None if text is None else json.loads(text))

    def forget(self, plugin: str) -> int:
        """Remove all rows of a plugin, and say how many there were."""
        gone = self._rows.pop(plugin, {})
        for key in gone:
            self.keep(plugin, TABLE, key, None)
        return len(gone)


class Data(Mapping[str, Json]):
    """
    The rows of one plugin: a mapping, changed by L{change} only.

    A value that is read is a copy; to change that changes nothing here.
    """

    def __init__(self, plugin: str, rows: Rows) -> None:
        """Look at the rows of C{plugin}."""
        self._plugin = plugin
        self._rows = rows

    def __getitem__(self, key: str) -> Json:
        """One value."""
        return json.loads(self._rows.of(self._plugin)[key])

    def __iter__(self) -> Iterator[str]:
        """All keys."""
        return iter(list(self._rows.of(self._plugin)))

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._rows.of(self._plugin))

    @contextmanager
    def change(self) -> Iterator[MutableMapping[str, Json]]:
        """
        Change rows, all at once when the block is left; none when an exception leaves it.

        A crash too leaves all of a change or nothing of it.
        """
        draft = _Draft(self)
        yield draft
        self._rows.commit(self._plugin, draft.changes)

    def stored(self) -> Deferred[None]:
        """Fire when all that was changed is written; fail when the store does."""
        return self._rows.flush()


class _Draft(MutableMapping[str, Json]):
    """Rows as they will be."""

    def __init__(self, data: Data) -> None:
        """Begin with the rows as they are."""
        self._data = data
        self.changes: dict[str, str | None] = {}

    def __getitem__(self, key: str) -> Json:
        """One value, as it will be."""
        if key not in self.changes:
            return self._data[key]
        text = self.changes[key]
        if text is None:
            raise KeyError(key)
        return json.loads(text)

    def __setitem__(self, key: str, value: Json) -> None:
        """
        Set one value.

        @raise ValueError: if it cannot be kept.
        """
        if not isinstance(key, str) or not 0 < len(key) <= KEY_MAX or not key.isprintable():
            raise ValueError(f"a key is a line of 1 to {KEY_MAX} characters, not {key!r:.60}")
        if value is None:
            raise ValueError(f"{key}: None stands for no value; delete the row")
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{key}: not a value that can be kept: {error}") from None
        if len(text) > VALUE_MAX:
            raise ValueError(f"{key}: a value has {VALUE_MAX} bytes at most")
        self.changes[key] = text

    def __delitem__(self, key: str) -> None:
        """Remove one row."""
        self[key]  # there has to be one
        self.changes[key] = None

    def __iter__(self) -> Iterator[str]:
        """All keys that there will be."""
        kept = [key for key in self._data if key not in self.changes]
        return iter([*kept, *(key for key, text in self.changes.items() if text is not None)])

    def __len__(self) -> int:
        """How many rows there will be."""
        return len(list(iter(self)))


def _nobody(plugin: str, table: str, key: str, value: Json) -> None:
    """Where nothing is kept."""
