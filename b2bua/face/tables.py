"""
Tables of the configuration that belong to features.

A feature names its tables by paths in which C{*} stands for a name; the model
of a table is a L{Table}.  L{take} lifts them out of the document, so that what
is left is the core's own and can be checked by itself.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, get_origin

from pydantic import ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from b2bua.settings import Extension, Problem, Settings, Table, Trunk
from b2bua.settings.problems import problems_of as settings_problems

T = TypeVar("T")
AnyTable = TypeVar("AnyTable", bound=Table)

SHARED: Mapping[tuple[str, ...], type[Table]] = {("extensions", "*"): Extension, ("trunks", "*"): Trunk}
"""Tables of the core to which a feature may add keys; every other one belongs to one feature."""


class _ByUser:
    """Marks a key that its owner may change at run time."""


Changeable: TypeAlias = Annotated[T, _ByUser()]
"""C{busy: Changeable[str]} is a key that a user may change at run time; the file has its default."""


@lru_cache(maxsize=256)
def changeable(model: type[Table]) -> frozenset[str]:
    """Which keys of a table may a user change?"""
    return frozenset(
        name
        for name, info in model.model_fields.items()
        if any(isinstance(m, _ByUser) for m in info.metadata)
    )


def is_list(model: type[Table], key: str) -> bool:
    """Is it a list that the key holds?"""
    return get_origin(model.model_fields[key].annotation) in (tuple, list, set, frozenset)


def form_of(model: type[Table], key: str) -> Mapping[str, Any]:
    """What a key may be, as JSON Schema; empty where that cannot say it."""
    return _forms(model).get(key, {})


@lru_cache(maxsize=256)
def _forms(model: type[Table]) -> Mapping[str, Mapping[str, Any]]:
    """The keys of a table."""
    try:
        schema = model.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return {}
    definitions = schema.get("$defs", {})
    return {key: _whole(one, definitions) for key, one in schema.get("properties", {}).items()}


def _whole(form: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """A form with what it refers to, if that is all of it."""
    return (
        {**definitions.get(str(form.get("$ref")).rpartition("/")[2], {}), **form} if "$ref" in form else form
    )


class Claim(NamedTuple):
    """A table that a feature says is its own."""

    feature: str
    pattern: tuple[str, ...]
    model: type[Table]

    @property
    def path(self) -> str:
        """The path as the feature has written it."""
        return ".".join(self.pattern)

    @property
    def keys(self) -> Iterator[tuple[str, ...]]:
        """The paths that nobody else may claim."""
        if self.pattern in SHARED:
            return ((*self.pattern, name) for name in self.model.model_fields)
        return iter([self.pattern])


class Surroundings(NamedTuple):
    """What the values of a table may look at."""

    hosts: frozenset[str] = frozenset()
    """The names of the server."""
    directory: Path = Path()
    """Where relative paths start."""


NOWHERE = Surroundings()


@dataclass(slots=True)
class Taken:
    """What features have found in a document."""

    rest: dict[str, Any]
    """The document without their tables."""
    tables: dict[tuple[type[Table], tuple[str, ...]], dict[str, Any]] = field(default_factory=dict)
    """The keys of each table as written, by its model and the names in its path."""
    problems: list[Problem] = field(default_factory=list)
    surroundings: Surroundings = field(default_factory=lambda: NOWHERE)


def claims_of(feature: str, declared: Mapping[str, type[Table]]) -> list[Claim]:
    """The claims that a feature makes with its C{b2bua_settings}."""
    return [Claim(feature, tuple(path.split(".")), model) for path, model in declared.items()]


def conflicts(claims: Sequence[Claim]) -> Iterator[Problem]:
    """Where two claims meet, or one is no claim at all."""
    owners: dict[tuple[str, ...], Claim] = {}
    """Who has claimed a path."""
    within: dict[tuple[str, ...], Claim] = {}
    """Who was the first to claim a path below this one."""
    models: set[type[Table]] = set()
    for claim in claims:
        where = f"plugin {claim.feature}"
        if not (isinstance(claim.model, type) and issubclass(claim.model, Table)):
            yield Problem(where, f"the model of [{claim.path}] is not a subclass of b2bua.Table")
            continue
        if claim.model in models:
            yield Problem(
                where,
                f"{claim.model.__name__} is the model of two tables; make a subclass for [{claim.path}]",
            )
        models.add(claim.model)
        if (wrong := _misplaced(claim)) is not None:
            yield Problem(where, wrong)
        for key in claim.keys:
            above = [key[:length] for length in range(1, len(key))]
            if other := within.get(key) or next(filter(None, map(owners.get, [key, *above])), None):
                yield Problem(where, f"the key {'.'.join(key)} belongs to the plugin {other.feature} already")
            owners[key] = claim
            for path in above:
                within.setdefault(path, claim)


def _misplaced(claim: Claim) -> str | None:
    """What is wrong with the place that a claim names, or the keys it adds there."""
    own = SHARED[claim.pattern].model_fields.keys() if claim.pattern in SHARED else set()
    if both := own & claim.model.model_fields.keys():
        return f"the keys {', '.join(sorted(both))} of [{claim.path}] are the server's own"
    match claim.pattern:
        case (table,) | (table, "*") if table.isidentifier() and (
            claim.pattern in SHARED or table not in Settings.model_fields
        ):
            return None
        case (table, "*", key) if (table, "*") in SHARED and key.isidentifier():
            return None
    places = ", ".join(f"[{'.'.join(place)}], [{'.'.join(place)}.NAME]" for place in SHARED)
    return f"[{claim.path}] is none of [NAME], [NAME.*], {places}"


def take(document: Mapping[str, Any], claims: Iterable[Claim], directory: Path = Path()) -> Taken:
    """Lift the tables of features out of a document, which stays as it is."""
    taken = Taken(_copy(document), surroundings=Surroundings(frozenset(_hosts(document)), directory))
    for claim in claims:
        for names, table, lift in _found(taken.rest, claim):
            own = lift(table)
            if own is None:
                continue
            if not isinstance(own, dict):
                where = ".".join(place(claim.pattern, names))
                taken.problems.append(Problem(where, "must be a table"))
                continue
            taken.tables[claim.model, names] = own
            taken.problems.extend(problems_of(claim, names, own, taken.surroundings))
        if (
            claim.pattern[1:] == ("*",)
            and claim.pattern not in SHARED
            and not taken.rest.get(claim.pattern[0], 1)
        ):
            del taken.rest[claim.pattern[0]]
    return taken


def _hosts(document: Mapping[str, Any]) -> Iterator[str]:
    """The names of the server; whether they are good is checked elsewhere."""
    server = document.get("server")
    if not isinstance(server, Mapping):
        return
    aliases = server.get("aliases")
    for name in (server.get("domain"), *(aliases if isinstance(aliases, list | tuple) else ())):
        if isinstance(name, str):
            yield name.lower().strip("[]")


def forget_strangers(document: dict[str, Any]) -> None:
    """Take out of a document what is neither a table of the core nor a key of one that is shared."""
    _keep(document, {*Settings.model_fields, "codes"})
    for (name, _), model in SHARED.items():
        rows = document.get(name)
        for row in rows.values() if isinstance(rows, dict) else ():
            if isinstance(row, dict):
                known = {key for field, info in model.model_fields.items() for key in (field, info.alias)}
                _keep(row, known)


def _keep(table: dict[str, Any], keys: Container[object]) -> None:
    """Keep some keys of a table only."""
    for key in [key for key in table if key not in keys]:
        del table[key]


def _copy(table: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the tables of a document, not its values."""
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in table.items()}


def _found(rest: dict[str, Any], claim: Claim) -> Iterator[tuple[tuple[str, ...], dict[str, Any], Any]]:
    """Every table that a claim meets: the names in its path, the table to lift from, and how."""
    shared = claim.pattern in SHARED

    def lift_keys(table: dict[str, Any]) -> dict[str, Any] | None:
        own = {key: table.pop(key) for key in claim.model.model_fields if key in table}
        return own or None

    def lift_table(key: str) -> Any:
        return lambda parent: parent.pop(key, None)

    def walk(table: dict[str, Any], pattern: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Any]:
        head, below = pattern[0], pattern[1:]
        for key in list(table) if head == "*" else [head] if head in table else []:
            here = (*names, key) if head == "*" else names
            value = table[key]
            if below:
                if isinstance(value, dict) and (below[0] == "*" or below[0] in value):
                    yield from walk(value, below, here)
            elif not shared:
                yield here, table, lift_table(key)
            elif isinstance(value, dict):
                yield here, value, lift_keys

    yield from walk(rest, claim.pattern, ())


def read(
    model: type[AnyTable], names: tuple[str, ...], table: Mapping[str, Any], surroundings: Surroundings
) -> AnyTable:
    """
    Make a table of what is written.

    @param names: those that stand for the stars in its path; values may look at them.
    """
    return model.model_validate(table, context={"names": names, **surroundings._asdict()})


def problems_of(
    claim: Claim, names: tuple[str, ...], table: Mapping[str, Any], surroundings: Surroundings
) -> list[Problem]:
    """What a model has against a table; the parameters are those of L{read}."""
    try:
        read(claim.model, names, table, surroundings)
    except ValidationError as error:
        return settings_problems(error, table, claim.model, place=place(claim.pattern, names))
    except (
        PydanticUserError
    ) as error:  # a kind of value that cannot be written: seen when the first table is read
        why = f"[{claim.path}] can have no values: {claim.model.__name__}: {error.message.splitlines()[0]}"
        return [Problem(f"plugin {claim.feature}", why)]
    return []


def place(pattern: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """A path with names in the place of the stars."""
    rest = iter(names)
    return tuple(next(rest) if part == "*" else part for part in pattern)


def matched(pattern: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The names that stand for the stars of a pattern; None if the path is another one."""
    if len(path) != len(pattern) or any(p not in ("*", name) for p, name in zip(pattern, path, strict=True)):
        return None
    return tuple(name for part, name in zip(pattern, path, strict=True) if part == "*")


def known_keys(claims: Iterable[Claim]) -> dict[tuple[str, ...], set[str]]:
    """The tables and keys of features, by the path of the table above."""
    known: dict[tuple[str, ...], set[str]] = {}
    for claim in claims:
        *above, last = claim.pattern
        if claim.pattern in SHARED:
            known.setdefault(claim.pattern, set()).update(claim.model.model_fields)
        elif last == "*":
            known.setdefault((), set()).add(claim.pattern[0])
        else:
            known.setdefault(tuple(above), set()).add(last)
    return known
