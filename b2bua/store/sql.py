"""
A store in a database: SQLite beside the service, or PostgreSQL by its URL.

All work is done by one thread, so that batches are written in their order and
the reactor never waits for a disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from b2bua.calls.records.record import parties_named
from b2bua.store import tables
from b2bua.store.alone import DatabaseFile, NodeLock, usual_node
from b2bua.store.database import Connection, Database, Row, line, marks, names
from b2bua.store.nodes import SqlNodes
from b2bua.store.opening import migrate, prepare
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
from b2bua.store.sqlite import PATIENCE
from b2bua.store.statements import insert, put, remove

if TYPE_CHECKING:
    from b2bua.calls.records.record import CallRecord

T = TypeVar("T")

SILENCE = 12.0
"""Seconds after which a database that has not answered at all is left: it does not keep its own limits."""
_ABANDONED: list[Database] = []
"""What cannot even be closed: see L{DatabaseFile}."""
_RECORDS = f"SELECT {names(tables.records.columns)} FROM records"


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
        self.node = usual_node(url) if node is None else node
        self._url = url
        self._database = prepare(url, self.node)
        self.name = self._database.name
        self.nodes = SqlNodes(self.node, self._do, self._connected)
        self._reactor = reactor
        self._pool: ThreadPool | None = None
        self._stopper: Any = None
        self._is_open = False
        self._file: DatabaseFile | None = None
        self._lock: NodeLock | None = None

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
        self._is_open = True
        if self._database.file:
            path = Path(self._database.file)
            self._lock = NodeLock(path, self.node)
            migrate(self._database)
            self._file = DatabaseFile(path)
        else:
            migrate(self._database)

    def _close(self) -> None:
        """Disconnect."""
        if self._is_open:
            if self._file is None or self._file.is_safe:
                self._database.close()
            else:
                _ABANDONED.append(self._database)
                self._database = prepare(self._url, self.node)
        self._is_open = False
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

    def _write_bindings(self, connection: Connection, batch: Batch) -> None:
        """Replace the bindings of some addresses-of-record."""
        if not batch.bindings:
            return
        gone = [(self.node, tables.clean(aor)) for aor, _ in batch.bindings]
        connection.execute_many("DELETE FROM bindings WHERE node = ? AND aor = ?", gone)
        rows = [
            tables.binding_values(self.node, aor, position, row)
            for aor, found in batch.bindings
            for position, row in enumerate(found)
        ]
        insert(connection, tables.bindings, rows)

    # ---- reading --------------------------------------------------------

    def load_bindings(self, now: float) -> Deferred[Sequence[BindingRow]]:
        """Those of this node that have not expired."""
        sql = (
            f"SELECT {names(BindingRow._fields)} FROM bindings "
            "WHERE node = ? AND expires > ? ORDER BY aor, position"
        )
        return self._do(lambda: [BindingRow._make(row) for row in self._rows(sql, self.node, now)])

    def load_settings(self) -> Deferred[Sequence[Setting]]:
        """All of them."""
        sql = "SELECT owner, feature, key, value FROM settings ORDER BY owner, feature, key"
        return self._do(
            lambda: [
                Setting(owner, table, key, json.loads(text)) for owner, table, key, text in self._rows(sql)
            ]
        )

    def load_open(self) -> Deferred[Sequence[CallRecord]]:
        """Those of this node that were never ended."""
        sql = f"{_RECORDS} WHERE ended IS NULL AND node = ?"
        return self._do(lambda: [tables.record_from(row) for row in self._rows(sql, self.node)])

    def find_records(self, search: Search = LATEST) -> Deferred[Sequence[CallRecord]]:
        """Look records up, the latest first."""
        party, since, before, states, limit = search
        wanted: list[str] = []
        values: list[Any] = []

        def want(condition: str, *those: Any) -> None:
            wanted.append(condition)
            values.extend(those)

        if party is not None:
            named = (party, *parties_named(party))
            # Whom a group or a forward reached stands in the legs only, in ASCII or as it is.
            written = {json.dumps(name, ensure_ascii=ascii) for name in named for ascii in (True, False)}
            reached = " OR ".join("legs LIKE ? ESCAPE '/'" for _ in written)
            want(
                f"(caller IN ({marks(named)}) OR dialled = ? OR number = ? OR {reached})",
                *(*named, party, party),
                *(f"%{_literally(text)}%" for text in written),
            )
        if since is not None:
            want("started >= ?", since)
        if before is not None:
            want("started < ?", before)
        if states:
            want(f"{tables.STATE} IN ({marks(states)})", *states)
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        sql = f"{_RECORDS}{where} ORDER BY started DESC, id DESC LIMIT ?"
        return self._do(lambda: [tables.record_from(row) for row in self._rows(sql, *values, limit)])

    def drop_records(self, before: float) -> Deferred[int]:
        """Remove old ones."""
        return self._drop("DELETE FROM records WHERE ended IS NOT NULL AND started < ?", before)

    def find_traces(self, call: str) -> Deferred[Sequence[TraceRow]]:
        """That of a call, or two whose ids begin so."""
        sql = "SELECT call, at, data FROM traces WHERE call LIKE ? ESCAPE '/' ORDER BY at DESC LIMIT 2"
        found = f"{_literally(call)}%"
        return self._do(lambda: [TraceRow(id, at, bytes(data)) for id, at, data in self._rows(sql, found)])

    def drop_traces(self, before: float, bytes_max: int) -> Deferred[int]:
        """Remove the old ones, and what is too much."""
        return self._drop(
            "DELETE FROM traces WHERE at < ? OR call IN (SELECT call FROM ("
            "SELECT call, sum(size) OVER (ORDER BY at DESC, call DESC) AS total FROM traces"
            ") AS sums WHERE total > ?)",
            before,
            bytes_max,
        )

    def load_snapshots(self) -> Deferred[Sequence[Snapshot]]:
        """Those of this node."""
        sql = "SELECT call, value FROM snapshots WHERE node = ? ORDER BY call"
        return self._do(lambda: [Snapshot(*row) for row in self._rows(sql, self.node)])

    def load_subscriptions(self) -> Deferred[Sequence[SubscriptionRow]]:
        """Those of this node."""
        sql = "SELECT id, value FROM subscriptions WHERE node = ? ORDER BY id"
        return self._do(
            lambda: [SubscriptionRow(id, json.loads(text)) for id, text in self._rows(sql, self.node)]
        )

    def _rows(self, sql: str, *values: Any) -> Sequence[Row]:
        """Read rows."""
        with self._connected().begin() as connection:
            return connection.execute(sql, values).fetchall()

    def _drop(self, sql: str, *values: Any) -> Deferred[int]:
        """Remove rows, and say how many."""

        def drop() -> int:
            with self._connected().begin() as connection:
                return connection.execute(sql, values).rowcount

        return self._do(drop)

    # ---- the thread -----------------------------------------------------

    def _connected(self) -> Database:
        """The database, if it is open and still there."""
        if not self._is_open:
            raise StoreError("the database is not open")
        if self._file is not None:
            self._file.look()
        return self._database

    def _do(self, work: Callable[..., Any], *values: Any) -> Deferred[Any]:
        """Let the thread do it, after all that was asked before."""
        if self._pool is None:
            return fail(StoreError("the database is not open"))
        limit: list[Any] = []

        def begin() -> Any:
            """Wait for so long from now on: what was asked before has its own time."""
            self._reactor.callFromThread(lambda: limit.append(self._reactor.callLater(SILENCE, self._leave)))
            try:
                return work(*values)
            except OSError as error:
                raise StoreError(line(error)) from error

        def end(result: T) -> T:
            if limit and limit[0].active():
                limit[0].cancel()
            return result

        return deferToThreadPool(self._reactor, self._pool, begin).addBoth(end)

    def _leave(self) -> None:
        """Have the thread return from a database that does not answer."""
        self._database.interrupt()


def _literally(text: str) -> str:
    """Write text as a pattern of LIKE that is found as it is."""
    for sign in "/%_":
        text = text.replace(sign, f"/{sign}")
    return text
