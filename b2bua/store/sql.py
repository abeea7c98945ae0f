"""
A store in a database: SQLite beside the service, or PostgreSQL by its URL.

All work is done by one thread, so that batches are written in their order and
the reactor never waits for a disk.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from b2bua.calls.records.record import parties_named
from b2bua.store import tables
from b2bua.store.alone import DatabaseFile, NodeLock, claim, usual_node
from b2bua.store.nodes import SqlNodes
from b2bua.store.opening import PATIENCE, connect, guarded, migrate
from b2bua.store.ports import (
    LATEST,
    Batch,
    BindingRow,
    IStore,
    Search,
    Setting,
    Snapshot,
    StoreError,
    SubscriptionRow,
    TraceRow,
    as_text,
)
from b2bua.store.statements import put, remove

if TYPE_CHECKING:
    from b2bua.calls.records.record import CallRecord

T = TypeVar("T")

SILENCE = 12.0
"""Seconds after which a database that has not answered at all is left: it does not keep its own limits."""
_ABANDONED: list[sa.Engine] = []
"""What cannot even be closed: see L{DatabaseFile}."""


@implementer(IStore)
class SqlStore:
    """Keeps everything in a database."""

    def __init__(self, url: str, reactor: Any, node: str | None = None) -> None:
        """
        Be ready to be opened.

        @param reactor: where answers are given; it also ends the thread.
        @param node: which of the processes that share the database this is;
            by default the host for PostgreSQL, C{local} for SQLite.
        """
        self.url = make_url(url)
        self.name = self.url.render_as_string(hide_password=True)
        self.node = usual_node(self.url) if node is None else node
        self.nodes = SqlNodes(self.node, self._do, self._connected)
        self._reactor = reactor
        self._pool: ThreadPool | None = None
        self._stopper: Any = None
        self._engine: sa.Engine | None = None
        self._file: DatabaseFile | None = None
        self._lock: NodeLock | None = None
        self._raw: Any = None
        """The connection of the driver; there is one at most."""

    # ---- opening and closing --------------------------------------------

    def open(self) -> Deferred[None]:
        """Connect, and bring the tables up to date."""
        self._pool = ThreadPool(minthreads=0, maxthreads=1, name="store")
        self._pool.start()
        self._stopper = self._reactor.addSystemEventTrigger("during", "shutdown", self._pool.stop)
        return self._do(self._open)

    def close(self) -> Deferred[None]:
        """Finish what was begun, and let the thread end."""
        if self._pool is None:
            return succeed(None)
        # Whoever closes has waited for what was under way as long as it is worth.
        limit = self._reactor.callLater(PATIENCE, self._leave)
        closed: Deferred[None] = self._do(self._close)
        return closed.addBoth(self._stop, limit)

    def _open(self) -> None:
        """Connect."""
        self._engine = engine = connect(self.url)
        sa.event.listen(engine, "connect", self._made)
        if engine.dialect.name != "sqlite" or self.url.database in (None, "", ":memory:"):
            migrate(engine)
        else:
            path = Path(str(self.url.database))
            self._lock = NodeLock(path, self.node)
            migrate(engine)
            self._file = DatabaseFile(path)

    def _made(self, connection: Any, _: object) -> None:
        """Note the connection of the driver, on which PostgreSQL knows our node."""
        self._raw = connection
        if not isinstance(connection, sqlite3.Connection):
            claim(connection, self.node)

    def _close(self) -> None:
        """Disconnect."""
        if self._engine is not None:
            if self._file is None or self._file.is_safe:
                self._engine.dispose()
            else:
                _ABANDONED.append(self._engine)
        self._engine = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _stop(self, result: T, limit: Any) -> T:
        """End the thread."""
        if limit.active():
            limit.cancel()
        pool, self._pool = self._pool, None
        if pool is not None:
            self._reactor.removeSystemEventTrigger(self._stopper)
            pool.stop()
        return result

    # ---- writing --------------------------------------------------------

    def write(self, batch: Batch) -> Deferred[None]:
        """Write a batch, all or nothing."""
        # What can change in the meantime is copied now; the rest of the work
        # is the thread's.
        records = [tables.record_values(self.node, record) for record in batch.records]
        return self._do(self._write, batch, records)

    def _write(self, batch: Batch, records: list[tuple[Any, ...]]) -> None:
        """Write a batch in one transaction."""
        node, clean = self.node, tables.clean
        settings = [(s, as_text(s.value)) for s in batch.settings if s.value is not None]
        subscriptions = [(s.id, as_text(s.value)) for s in batch.subscriptions if s.value is not None]
        with self._connected().begin() as connection:
            self.nodes.check(connection)
            self._write_bindings(connection, batch)
            remove(connection, tables.settings, [
                (clean(s.owner), clean(s.table), clean(s.key)) for s in batch.settings if s.value is None
            ])  # fmt: skip
            put(connection, tables.settings, [
                (clean(s.owner), clean(s.table), clean(s.key), text) for s, text in settings
            ])  # fmt: skip
            put(connection, tables.records, records)
            gone = [(node, call) for call, text in batch.snapshots if text is None]
            remove(connection, tables.snapshots, gone)
            kept = [(node, call, text) for call, text in batch.snapshots if text is not None]
            put(connection, tables.snapshots, kept)
            over = [(node, s.id) for s in batch.subscriptions if s.value is None]
            remove(connection, tables.subscriptions, over)
            put(connection, tables.subscriptions, [(node, id, text) for id, text in subscriptions])
            put(connection, tables.traces, [(t.call, t.at, len(t.data), t.data) for t in batch.traces])

    def _write_bindings(self, connection: sa.Connection, batch: Batch) -> None:
        """Replace the bindings of some addresses-of-record."""
        table = tables.bindings
        if not batch.bindings:
            return
        gone = table.delete().where(table.c.node == self.node, table.c.aor == sa.bindparam("gone"))
        connection.execute(gone, [{"gone": tables.clean(aor)} for aor, _ in batch.bindings])
        rows = [
            tables.binding_values(self.node, aor, position, row)
            for aor, found in batch.bindings
            for position, row in enumerate(found)
        ]
        if rows:
            connection.execute(table.insert(), rows)

    # ---- reading --------------------------------------------------------

    def load_bindings(self, now: float) -> Deferred[Sequence[BindingRow]]:
        """Those of this node that have not expired."""
        table = tables.bindings
        query = (
            sa.select(*tables.BINDING_COLUMNS)
            .where(table.c.node == self.node, table.c.expires > now)
            .order_by(table.c.aor, table.c.position)
        )
        return self._do(lambda: [BindingRow._make(row) for row in self._rows(query)])

    def load_settings(self) -> Deferred[Sequence[Setting]]:
        """All of them."""
        table = tables.settings
        query = sa.select(table).order_by(table.c.owner, table.c.feature, table.c.key)
        return self._do(
            lambda: [Setting(r.owner, r.feature, r.key, json.loads(r.value)) for r in self._rows(query)]
        )

    def load_open(self) -> Deferred[Sequence[CallRecord]]:
        """Those of this node that were never ended."""
        table = tables.records
        query = sa.select(table).where(table.c.ended.is_(None), table.c.node == self.node)
        return self._do(lambda: [tables.record_from(row) for row in self._rows(query)])

    def find_records(self, search: Search = LATEST) -> Deferred[Sequence[CallRecord]]:
        """Look records up, the latest first."""
        party, since, before, states, limit = search
        table = tables.records
        query = sa.select(table).order_by(table.c.started.desc(), table.c.id.desc()).limit(limit)
        if party is not None:
            named = (party, *parties_named(party))
            query = query.where(
                table.c.caller.in_(named)
                | (table.c.dialled == party)
                | (table.c.number == party)
                # Whom a group or a forward reached stands in the legs only.
                | sa.or_(*(table.c.legs.contains(json.dumps(name), autoescape=True) for name in named))
            )
        if since is not None:
            query = query.where(table.c.started >= since)
        if before is not None:
            query = query.where(table.c.started < before)
        if states:
            query = query.where(tables.state().in_(states))
        return self._do(lambda: [tables.record_from(row) for row in self._rows(query)])

    def drop_records(self, before: float) -> Deferred[int]:
        """Remove old ones."""
        table = tables.records
        old = table.delete().where(table.c.ended.is_not(None), table.c.started < before)

        def drop() -> int:
            with self._connected().begin() as connection:
                return connection.execute(old).rowcount

        return self._do(drop)

    def find_trace(self, call: str) -> Deferred[TraceRow | None]:
        """That of a call."""
        table = tables.traces
        query = (
            sa.select(table.c.call, table.c.at, table.c.data)
            .where(table.c.call.startswith(call, autoescape=True))
            .order_by(table.c.at.desc())
            .limit(1)
        )
        return self._do(
            lambda: next((TraceRow(r.call, r.at, bytes(r.data)) for r in self._rows(query)), None)
        )

    def drop_traces(self, before: float, bytes_max: int) -> Deferred[int]:
        """Remove the old ones, and what is too much."""
        table = tables.traces
        so_far = sa.func.sum(table.c.size).over(order_by=(table.c.at.desc(), table.c.call.desc()))
        sums = sa.select(table.c.call, so_far.label("total")).subquery()
        too_much = sa.select(sums.c.call).where(sums.c.total > bytes_max)
        old = table.delete().where((table.c.at < before) | table.c.call.in_(too_much))

        def drop() -> int:
            with self._connected().begin() as connection:
                return connection.execute(old).rowcount

        return self._do(drop)

    def load_snapshots(self) -> Deferred[Sequence[Snapshot]]:
        """Those of this node."""
        table = tables.snapshots
        query = sa.select(table).where(table.c.node == self.node).order_by(table.c.call)
        return self._do(lambda: [Snapshot(row.call, row.value) for row in self._rows(query)])

    def load_subscriptions(self) -> Deferred[Sequence[SubscriptionRow]]:
        """Those of this node."""
        table = tables.subscriptions
        query = sa.select(table).where(table.c.node == self.node).order_by(table.c.id)
        return self._do(lambda: [SubscriptionRow(row.id, json.loads(row.value)) for row in self._rows(query)])

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Read rows."""
        with self._connected().connect() as connection:
            return connection.execute(query).all()

    # ---- the thread -----------------------------------------------------

    def _connected(self) -> sa.Engine:
        """The database, if it is open and still there."""
        if self._engine is None:
            raise StoreError("the database is not open")
        if self._file is not None:
            self._file.look()
        return self._engine

    def _do(self, work: Callable[..., Any], *values: Any) -> Deferred[Any]:
        """Let the thread do it, after all that was asked before."""
        if self._pool is None:
            return fail(StoreError("the database is not open"))
        limit: list[Any] = []

        def begin() -> Any:
            """Wait for so long from now on: what was asked before has its own time."""
            self._reactor.callFromThread(lambda: limit.append(self._reactor.callLater(SILENCE, self._leave)))
            return guarded(work, *values)

        def end(result: T) -> T:
            if limit and limit[0].active():
                limit[0].cancel()
            return result

        return deferToThreadPool(self._reactor, self._pool, begin).addBoth(end)

    def _leave(self) -> None:
        """
        Have the thread return from a database that does not answer.

        PostgreSQL limits statements itself, but not while it is stopped; and
        its library waits for ever for an answer.  So the socket is shut down
        below it, which it takes for a lost connection.
        """
        raw = self._raw
        if raw is None:
            return
        # The thread may just have closed it, for somebody who has waited as long.
        if isinstance(raw, sqlite3.Connection):
            with suppress(sqlite3.ProgrammingError):
                raw.interrupt()
            return
        from psycopg import OperationalError  # SQLite does without

        with (
            suppress(OSError, OperationalError),
            socket.socket(fileno=os.dup(raw.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)
