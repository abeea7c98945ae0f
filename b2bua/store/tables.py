"""The tables of the SQL store, and how values lie in them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    and_,
    case,
    func,
)
from sqlalchemy.sql.elements import ColumnElement

from b2bua.calls.records.record import STATUS_WORDS, CallRecord, LegRecord
from b2bua.store.ports import BindingRow
from b2bua.wire.grammar import printable

metadata = MetaData()

# Text without a length where peers or people choose it; indexed columns are
# short by nature, a user of ours or a token of our making.
bindings = Table(
    "bindings",
    metadata,
    Column("node", String(255), primary_key=True),
    Column("aor", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("contact", Text, nullable=False),
    Column("reg_id", BigInteger, nullable=False),
    Column("instance", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("since", Double, nullable=False),
    Column("q", Integer, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("cseq", BigInteger, nullable=False),
    Column("transport", String(8), nullable=False),
    Column("local", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("extra", Text, nullable=False),
)
BINDING_COLUMNS = [bindings.c[name] for name in BindingRow._fields]

settings = Table(
    "settings",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

records = Table(
    "records",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("node", String(255), nullable=False),
    Column("caller", Text, nullable=False),
    Column("dialled", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("answered", Double),
    Column("ended", Double),
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hung_up_by", Text, nullable=False),
    Column("features", Text, nullable=False),
    Column("legs", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("number", Text, nullable=False, server_default=""),
    Column("name", Text, nullable=False, server_default=""),
    Column("answered_by", Text, nullable=False, server_default=""),
    Index("records_started", "started"),
    Index("records_ended", "ended"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("node", String(255), primary_key=True),
    Column("call", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    Column("number", Integer, nullable=False, server_default="0"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("node", String(255), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("place", Text, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("node", String(255), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("value", Text, nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("call", String(255), primary_key=True),
    Column("at", Double, nullable=False),
    Column("size", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("traces_at", "at"),
)


def clean(text: str) -> str:
    """
    Make text that every database takes.

    Peers send bytes that are no UTF-8, and PostgreSQL takes no NUL.  One such
    text must not keep a whole batch from being written.
    """
    if text.isprintable():
        return text
    return printable(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def binding_values(node: str, aor: str, position: int, row: BindingRow) -> dict[str, Any]:
    """A binding as a row."""
    values: dict[str, Any] = {"node": node, "position": position}
    for name, value in zip(BindingRow._fields, row, strict=True):
        values[name] = clean(value) if isinstance(value, str) else value
    values["aor"] = clean(aor)
    return values


def record_values(node: str, record: CallRecord) -> tuple[Any, ...]:
    """
    A record as a row, its columns in their order.

    Taken apart by hand, since a busy server writes a thousand a second.
    """
    legs = [
        (
            leg.id,
            clean(leg.party),
            leg.incoming,
            leg.started,
            leg.answered,
            leg.ended,
            clean(leg.why),
            clean(leg.call_id),
            clean(leg.name),
            *(() if leg.packets is None else (leg.packets, leg.lost, leg.jitter, leg.mos)),
        )
        for leg in record.legs
    ]
    return (
        record.id,
        node,
        clean(record.caller),
        clean(record.dialled),
        record.started,
        record.answered,
        record.ended,
        record.status,
        clean(record.reason),
        clean(record.hung_up_by),
        json.dumps(record.features) if record.features else "[]",
        json.dumps(legs),
        clean(record.why),
        clean(record.number),
        clean(record.name),
        clean(record.answered_by),
    )


def record_from(row: Row[Any]) -> CallRecord:
    """The record in a row."""
    return CallRecord(
        id=row.id,
        caller=row.caller,
        dialled=row.dialled,
        started=row.started,
        answered=row.answered,
        ended=row.ended,
        status=row.status,
        reason=row.reason,
        hung_up_by=row.hung_up_by,
        features=tuple(json.loads(row.features)),
        legs=[LegRecord(*leg) for leg in json.loads(row.legs)],
        node=row.node,
        why=row.why,
        number=row.number,
        name=row.name,
        answered_by=row.answered_by,
    )


def state() -> ColumnElement[str]:
    """How a call ended, or how far it is, in the words of L{b2bua.calls.records.record.state}."""
    record = records.c
    unanswered = record.answered.is_(None)
    return case(
        (and_(record.ended.is_(None), unanswered), "ringing"),
        (record.ended.is_(None), "talking"),
        (record.why == "crash", "cut by a crash"),
        (and_(~unanswered, record.answered_by != ""), "answered"),
        (~unanswered, "answered by the server"),
        (record.why == "operator", "ended by an operator while ringing"),
        (record.why == "shutdown", "ended by a shutdown while ringing"),
        (and_(record.status == 487, _rang()), "gave up while ringing"),
        (record.status == 487, "gave up"),
        (and_(record.status == 480, func.lower(record.reason) == "no answer"), "no answer"),
        *((record.status == status, word) for status, word in STATUS_WORDS.items()),
        (record.status == 0, "ended before an answer"),
        else_="refused",
    )


def _rang() -> ColumnElement[bool]:
    """
    Has a call a leg that did not come to us?

    The third of each is whether it did; before it stands the party, which we
    name.  What peers say of themselves must not be taken for it: no text has a
    quote any more, and a name that begins like it follows upon a comma.
    """
    plain: ColumnElement[str] = records.c.legs
    for text in ("\\\\", '\\"', '", ", false, '):
        plain = func.replace(plain, text, "?")
    return plain.contains('", false, ')
