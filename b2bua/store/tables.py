"""The tables of the SQL store, and how values lie in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from b2bua.calls.records.record import STATUS_WORDS, CallRecord, LegRecord
from b2bua.calls.restoring.as_json import as_json
from b2bua.store.database import Row, names
from b2bua.store.ports import BindingRow
from b2bua.wire.grammar import printable


class Table(NamedTuple):
    """A table."""

    name: str
    keys: int
    """So many columns, the first ones, are what a row is known by."""
    definitions: tuple[str, ...]
    """Its columns, as SQLite has their types."""
    indexes: tuple[str, ...] = ()
    """The columns by which rows are looked up."""
    constraint: str = ""
    """The name of the primary key, if that of the database is not meant."""
    fixed: tuple[str, ...] = ()
    """The columns that never change: to set one anew would write its index anew."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(definition.split(" ", 1)[0] for definition in self.definitions)

    def creation(self, dialect: str) -> list[str]:
        """What makes it in an empty database."""
        key = f"PRIMARY KEY ({names(self.columns[: self.keys])})"
        if self.constraint:
            key = f"CONSTRAINT {self.constraint} {key}"
        text = f"CREATE TABLE {self.name} ({names((*self.definitions, key))})"
        if dialect == "postgresql":
            text = text.replace(" DOUBLE", " DOUBLE PRECISION").replace(" BLOB", " BYTEA")
        by = [f"CREATE INDEX {self.name}_{column} ON {self.name} ({column})" for column in self.indexes]
        return [text, *by]


# Text without a length where peers or people choose it; indexed columns are
# short by nature, a user of ours or a token of our making.
bindings = Table(
    "bindings",
    3,
    (
        "node VARCHAR(255) NOT NULL",
        "aor TEXT NOT NULL",
        "position INTEGER NOT NULL",
        "contact TEXT NOT NULL",
        "reg_id BIGINT NOT NULL",
        "instance TEXT NOT NULL",
        "expires DOUBLE NOT NULL",
        "since DOUBLE NOT NULL",
        "q INTEGER NOT NULL",
        "call_id TEXT NOT NULL",
        "cseq BIGINT NOT NULL",
        "transport VARCHAR(8) NOT NULL",
        "local TEXT NOT NULL",
        "remote TEXT NOT NULL",
        "path TEXT NOT NULL",
        "params TEXT NOT NULL",
        "user_agent TEXT NOT NULL",
        "extra TEXT NOT NULL",
    ),
)

settings = Table(
    "settings",
    3,
    (
        "owner TEXT NOT NULL",
        "feature TEXT NOT NULL",
        "key TEXT NOT NULL",
        "value TEXT NOT NULL",
    ),
)

records = Table(
    "records",
    1,
    (
        "id VARCHAR(255) NOT NULL",
        "node VARCHAR(255) NOT NULL",
        "caller TEXT NOT NULL",
        "dialled TEXT NOT NULL",
        "started DOUBLE NOT NULL",
        "answered DOUBLE",
        "ended DOUBLE",
        "status INTEGER NOT NULL",
        "reason TEXT NOT NULL",
        "hung_up_by TEXT NOT NULL",
        "features TEXT NOT NULL",
        "legs TEXT NOT NULL",
        "why TEXT DEFAULT '' NOT NULL",
        "number TEXT DEFAULT '' NOT NULL",
        "name TEXT DEFAULT '' NOT NULL",
        "answered_by TEXT DEFAULT '' NOT NULL",
    ),
    indexes=(
        "started",
        "ended",
    ),
    fixed=("node", "started"),
)

snapshots = Table(
    "snapshots",
    2,
    (
        "node VARCHAR(255) NOT NULL",
        "call VARCHAR(255) NOT NULL",
        "value TEXT NOT NULL",
        "number INTEGER DEFAULT '0' NOT NULL",
    ),
)

nodes = Table(
    "nodes",
    1,
    (
        "node VARCHAR(255) NOT NULL",
        "number INTEGER NOT NULL",
        "beat BIGINT NOT NULL",
        "place TEXT NOT NULL",
    ),
)

subscriptions = Table(
    "subscriptions",
    2,
    (
        "node VARCHAR(255) NOT NULL",
        "id VARCHAR(255) NOT NULL",
        "value TEXT NOT NULL",
    ),
)

traces = Table(
    "traces",
    1,
    (
        "call VARCHAR(255) NOT NULL",
        "at DOUBLE NOT NULL",
        "size INTEGER NOT NULL",
        "data BLOB NOT NULL",
    ),
    indexes=("at",),
)

TABLES = (bindings, nodes, records, settings, snapshots, subscriptions, traces)
version = Table("alembic_version", 1, ("version_num VARCHAR(32) NOT NULL",), constraint="alembic_version_pkc")
"""How far the tables are, as Alembic has it."""


def clean(text: str) -> str:
    """
    Make text that every database takes.

    Peers send bytes that are no UTF-8, and PostgreSQL takes no NUL.  One such
    text must not keep a whole batch from being written.
    """
    if text.isprintable():
        return text
    return printable(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def binding_values(node: str, aor: str, position: int, row: BindingRow) -> Row:
    """A binding as a row, its columns in their order."""
    return (
        node,
        clean(aor),
        position,
        *(clean(value) if isinstance(value, str) else value for value in row[1:]),
    )


_texts = attrgetter("caller", "dialled", "reason", "hung_up_by", "why", "number", "name", "answered_by")
_LEG = ("id", "party", "incoming", "started", "answered", "ended", "why", "call_id", "name")
_leg = attrgetter(*_LEG)
_counted_leg = attrgetter(*_LEG, "packets", "lost", "jitter", "mos")


def record_values(node: str, record: CallRecord) -> Row:
    """
    A record as a row, its columns in their order.

    A busy server writes a thousand a second, so nothing is done for each text unless one needs it.
    """
    texts: Sequence[str] = _texts(record)
    together = "".join(texts)
    if not together.isascii() or "\0" in together:
        texts = [clean(text) for text in texts]
    caller, dialled, reason, hung_up_by, why, number, name, answered_by = texts
    return (
        record.id,
        node,
        caller,
        dialled,
        record.started,
        record.answered,
        record.ended,
        record.status,
        reason,
        hung_up_by,
        as_json(record.features),
        _written([_leg(leg) if leg.packets is None else _counted_leg(leg) for leg in record.legs]),
        why,
        number,
        name,
        answered_by,
    )


def _written(legs: list[Row]) -> str:
    """Write legs as JSON; what no database takes is no ASCII, or is written behind a backslash."""
    text = as_json(legs)
    if "\\" in text or not text.isascii():
        text = as_json([[clean(it) if isinstance(it, str) else it for it in leg] for leg in legs])
    return text


def record_from(row: Row) -> CallRecord:
    """The record in a row, its columns in their order."""
    id, node, caller, dialled, started, answered, ended, status, reason, hung_up_by, features, legs, *more = (
        row
    )
    why, number, name, answered_by = more
    return CallRecord(
        id=id,
        caller=caller,
        dialled=dialled,
        started=started,
        answered=answered,
        ended=ended,
        status=status,
        reason=reason,
        hung_up_by=hung_up_by,
        features=tuple(json.loads(features)),
        legs=[LegRecord(*leg) for leg in json.loads(legs)],
        node=node,
        why=why,
        number=number,
        name=name,
        answered_by=answered_by,
    )


_PLAIN = r"""replace(replace(replace(replace(legs, '\\', '~'), '\"', '~'), '", ', '",'), '",",false,', '~')"""
_RANG = f"""{_PLAIN} LIKE '%",false,%'"""
"""
Has a call a leg that did not come to us?

The third of each is whether it did; before it stands the party, which we
name.  Older rows have a blank behind each comma.  What peers say of themselves
must not be taken for it: no text has a quote any more, and a name that begins
like it follows upon a comma.
"""
STATE = f"""CASE
    WHEN ended IS NULL AND answered IS NULL THEN 'ringing'
    WHEN ended IS NULL THEN 'talking'
    WHEN why = 'crash' THEN 'cut by a crash'
    WHEN answered IS NOT NULL AND answered_by <> '' THEN 'answered'
    WHEN answered IS NOT NULL THEN 'answered by the server'
    WHEN why = 'operator' THEN 'ended by an operator while ringing'
    WHEN why = 'shutdown' THEN 'ended by a shutdown while ringing'
    WHEN status = 487 AND {_RANG} THEN 'gave up while ringing'
    WHEN status = 487 THEN 'gave up'
    WHEN status = 480 AND lower(reason) = 'no answer' THEN 'no answer'
    {" ".join(f"WHEN status = {status} THEN '{word}'" for status, word in STATUS_WORDS.items())}
    WHEN status = 0 THEN 'ended before an answer'
    ELSE 'refused' END"""
"""How a call ended, or how far it is, in the words of L{b2bua.calls.records.record.state}."""
