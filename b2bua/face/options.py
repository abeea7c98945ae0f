"""What a feature sees of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from b2bua.face.tables import (
    SHARED,
    AnyTable,
    Claim,
    Taken,
    changeable,
    form_of,
    matched,
    place,
    problems_of,
    read,
)
from b2bua.face.targets import Aim, aims, directories, files, names_targets
from b2bua.settings import Table
from b2bua.settings.problems import key_path, written_steps

if TYPE_CHECKING:
    from b2bua.face.preferences import Preferences


def _wall() -> datetime:
    """The time of day, where nobody has handed in a clock."""
    return datetime.now().astimezone()


class NotConfigured(Exception):
    """A feature takes itself out; the text says what it misses, C{no [night] table}, say."""


class Setting(NamedTuple):
    """A key that its owner can change, as it holds now."""

    path: str
    """As in the file, C{extensions.102.forward.busy}."""
    value: object
    changed: bool
    """Has the owner changed it?"""
    feature: str = ""
    """Whose it is."""
    form: Mapping[str, Any] = MappingProxyType({})
    """What it may be, as JSON Schema; empty where that cannot say it."""


class _Known(dict[tuple[type[Table], tuple[str, ...]], Any]):
    """Tables as they hold now, each of which is read when it is asked for first."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[type[Table], tuple[str, ...]], Table]) -> None:
        """Know none yet."""
        self._read = read

    def __missing__(self, key: tuple[type[Table], tuple[str, ...]]) -> Table:
        """Read it."""
        table = self[key] = self._read(*key)
        return table


class Options:
    """
    The tables of one feature, with what users have changed on top.

    A table is asked for by its model; the names are those that stand for the
    stars in its path, so C{options.of(Forwards, "102")} is the table
    C{[extensions.102.forward]}.
    """

    def __init__(
        self,
        feature: str,
        claims: list[Claim],
        taken: Taken,
        preferences: Preferences,
        wall: Callable[[], datetime] = _wall,
    ) -> None:
        """Take the claims of the feature and what was found for them."""
        self.feature = feature
        self.now = wall
        """The time of day, in the zone of the host."""
        self.extensions = frozenset(taken.rest.get("extensions") or ())
        """The extensions that stand in the file."""
        self.trunks = frozenset(taken.rest.get("trunks") or ())
        """The trunks that stand in the file."""
        self._patterns = {claim.model: claim.pattern for claim in claims}
        self._written = {key: table for key, table in taken.tables.items() if key[0] in self._patterns}
        self._surroundings = taken.surroundings
        self._preferences = preferences
        self._version = preferences.version
        self._known = _Known(self._read)

    def of(self, model: type[AnyTable], *names: str) -> AnyTable:
        """
        A table as it holds now: what the user has changed, else the file, else the defaults.

        @raise NotConfigured: if there is no such table and it cannot do without.
        """
        if self._version != self._preferences.version:
            self._version = self._preferences.version
            self._known.clear()
        known: AnyTable = self._known[model, names]
        return known

    def names(self, model: type[Table]) -> list[tuple[str, ...]]:
        """The names of all tables of one model that stand in the file."""
        return [names for found, names in self._written if found is model]

    def change(self, model: type[Table], *names: str, **values: object) -> None:
        """
        Change keys of a table for its owner, now and after a restart.

        L{None} brings the value of the file back.

        @raise ValueError: if a key may not be changed or a value is not good;
            then nothing was changed.
        """
        allowed = changeable(model)
        for key in values:
            if key not in allowed:
                raise ValueError(f"{key} cannot be changed at run time")
        owner, below = self._place(model, names)
        good = self._checked(model, names, values)
        for key, value in values.items():
            kept = None if value is None else good[key]
            self._preferences.put(owner, self.feature, below + key, kept)

    def changed(self, model: type[Table], *names: str) -> dict[str, object]:
        """The keys of a table that its owner has changed."""
        owner, below = self._place(model, names)
        values = self._preferences.of(owner, self.feature)
        return {key: values[path] for key in changeable(model) if (path := below + key) in values}

    def written(self, name: str | None = None) -> list[str]:
        """The tables that stand in the file; of those of one name only its own, and those of nobody."""
        return [
            f"[{'.'.join(place(self._patterns[model], names))}]"
            for model, names in self._written
            if name is None or names in ((), (name,))
        ]

    def settings(self, owner: str) -> Iterator[Setting]:
        """The settings that can be changed in the tables of one name, as they hold now."""
        for model, pattern in self._patterns.items():
            if pattern.count("*") != 1 or not (keys := changeable(model)):
                continue
            for key in model.model_fields:
                if key in keys:
                    try:
                        yield self.setting(model, (owner,), key)
                    except NotConfigured:
                        break  # a table that has to be in the file first

    def setting(self, model: type[Table], names: tuple[str, ...], key: str) -> Setting:
        """
        One setting as it holds now.

        @raise NotConfigured: if its table has to be in the file first.
        """
        path = ".".join((*place(self._patterns[model], names), key))
        value, changed = getattr(self.of(model, *names), key), key in self.changed(model, *names)
        return Setting(path, value, changed, self.feature, form_of(model, key))

    def aims(self) -> Iterator[Aim]:
        """The targets that the tables in the file name."""
        for table, above, written in self._tables():
            for aim in aims(table, ()):
                yield aim._replace(path=(*above, *written_steps(aim.path, written)))

    def directories(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The directories in which the tables in the file have files kept, with their places."""
        for table, above, written in self._tables():
            for path, directory in directories(table):
                yield (*above, *written_steps(path, written)), directory

    def files(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The files and directories of the tables in the file, by their whole paths, with their places."""
        for table, above, written in self._tables():
            for path, file in files(table):
                yield (*above, *written_steps(path, written)), file

    def _tables(self) -> Iterator[tuple[Table, tuple[str | int, ...], Any]]:
        """The tables of the feature that stand in the file: the value, its place, and how it is written."""
        for model, names in self._written:
            try:
                table = self.of(model, *names)
            except NotConfigured:
                continue  # what is wrong with it has been said
            yield table, place(self._patterns[model], names), self._written[model, names]

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Names of tables that are numbers which reach others, such as groups, with their paths."""
        for model, names in self._written:
            pattern = self._patterns[model]
            if len(pattern) == 2 and pattern not in SHARED and names and names_targets(model):
                yield names[0], key_path(place(pattern, names))

    def locate(self, table: tuple[str, ...], key: str) -> tuple[type[Table], tuple[str, ...]] | None:
        """The model and the names of a table in which C{key} may be changed, by its path."""
        for model, pattern in self._patterns.items():
            if key in changeable(model) and (names := matched(pattern, table)) is not None:
                return model, names
        return None

    def _place(self, model: type[Table], names: tuple[str, ...]) -> tuple[str, str]:
        """Who keeps the changes, C{extensions.102}, and where the table is below that, C{forward.}."""
        pattern = self._patterns[model]
        last = max((i for i, part in enumerate(pattern) if part == "*"), default=len(pattern) - 1)
        path = place(pattern, names)
        return ".".join(path[: last + 1]), "".join(f"{part}." for part in path[last + 1 :])

    def _read(self, model: type[AnyTable], names: tuple[str, ...]) -> AnyTable:
        """Put a table together; a change that is no longer good does not count."""
        written = self._written.get((model, names), {})
        own = self.changed(model, *names)
        for _ in range(2):
            try:
                return read(model, names, {**written, **own}, self._surroundings)
            except ValidationError as error:
                bad = {found["loc"][0] for found in error.errors(include_url=False) if found["loc"]}
                own = {key: value for key, value in own.items() if key not in bad}
        raise NotConfigured(f"no [{'.'.join(place(self._patterns[model], names))}] table")

    def _checked(
        self, model: type[Table], names: tuple[str, ...], values: Mapping[str, object]
    ) -> dict[str, Any]:
        """The table as it would be, as plain values."""
        kept = {**self._written.get((model, names), {}), **self.changed(model, *names)}
        wanted = {**kept, **values}
        for key, value in values.items():
            if value is None:
                del wanted[key]
        claim = Claim(self.feature, self._patterns[model], model)
        found = problems_of(claim, names, wanted, self._surroundings)
        if found:
            raise ValueError(found[0].text)
        return read(model, names, wanted, self._surroundings).model_dump(mode="json")
