"""A store in memory: for the simulated world, for tests, and for who wants nothing kept."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.calls.records.record import CallRecord, state
from b2bua.store import alive
from b2bua.store.ports import (
    LATEST,
    Batch,
    BindingRow,
    Fenced,
    Inherited,
    INodes,
    IStore,
    NodeRow,
    Search,
    Setting,
    Snapshot,
    StoreError,
    SubscriptionRow,
    TraceRow,
    as_text,
)

T = TypeVar("T")


@implementer(IStore)
class MemoryStore:
    """Keeps everything as long as the process lives; it answers at once."""

    name = "memory"

    def __init__(self, node: str = "", beside: MemoryStore | None = None) -> None:
        """
        Start empty.

        @param beside: the store of another node, with which this one shares what all nodes do.
        """
        self.node = node
        self.nodes: MemoryNodes = MemoryNodes(self, {} if beside is None else beside.nodes.stores)
        self.failing: str | None = None
        """When set, every operation fails with this text, as on a full disk."""
        self.batches = 0
        self._bindings: dict[str, tuple[BindingRow, ...]] = {}
        self._settings: dict[tuple[str, str, str], str] = {}
        self._records: dict[str, dict[str, Any]] = {}
        self._snapshots: dict[str, str] = {}
        self._subscriptions: dict[str, str] = {}
        self._traces: dict[str, TraceRow] = {}
        if beside is not None:
            self._settings, self._records, self._traces = beside._settings, beside._records, beside._traces

    def open(self) -> Deferred[None]:
        """Do nothing."""
        return self._fault() or succeed(None)

    def close(self) -> Deferred[None]:
        """Do nothing."""
        return succeed(None)

    def write(self, batch: Batch) -> Deferred[None]:
        """Write a batch."""
        if (fault := self._fault()) is not None:
            return fault
        try:  # what cannot be written must be found out before anything is
            settings = [(s, None if s.value is None else as_text(s.value)) for s in batch.settings]
            subscriptions = [
                (s.id, None if s.value is None else as_text(s.value)) for s in batch.subscriptions
            ]
            self.nodes.check()
        except StoreError:
            return fail(Failure())
        self.batches += 1
        for aor, rows in batch.bindings:
            if rows:
                self._bindings[aor] = rows
            else:
                self._bindings.pop(aor, None)
        for setting, text in settings:
            key = (setting.owner, setting.table, setting.key)
            if text is None:
                self._settings.pop(key, None)
            else:
                self._settings[key] = text
        for record in batch.records:
            known = self._records.get(record.id)
            # One that has ended may get what is known of that end a moment later.
            if known is None or (known["ended"] in (None, record.ended) and known["node"] == self.node):
                self._records[record.id] = {**record.to_plain(), "node": self.node}
        for call, text in batch.snapshots:
            if text is None:
                self._snapshots.pop(call, None)
            else:
                self._snapshots[call] = text
        for id, text in subscriptions:
            if text is None:
                self._subscriptions.pop(id, None)
            else:
                self._subscriptions[id] = text
        self._traces.update({row.call: row for row in batch.traces})
        return succeed(None)

    def find_traces(self, call: str) -> Deferred[Sequence[TraceRow]]:
        """That of a call, or two whose ids begin so."""
        found = [row for row in self._traces.values() if row.call.startswith(call)]
        return self._fault() or succeed(sorted(found, key=lambda row: row.at, reverse=True)[:2])

    def drop_traces(self, before: float, bytes_max: int) -> Deferred[int]:
        """Remove the old ones, and what is too much."""
        if (fault := self._fault()) is not None:
            return fault
        total, kept = 0, {}
        for row in sorted(self._traces.values(), key=lambda row: (row.at, row.call), reverse=True):
            total += len(row.data)
            if row.at >= before and total <= bytes_max:
                kept[row.call] = row
        dropped = len(self._traces) - len(kept)
        self._traces.clear()
        self._traces.update(kept)
        return succeed(dropped)

    def load_bindings(self, now: float) -> Deferred[Sequence[BindingRow]]:
        """All that have not expired."""
        found: Sequence[BindingRow] = [
            row for rows in self._bindings.values() for row in rows if row.expires > now
        ]
        return self._fault() or succeed(found)

    def load_settings(self) -> Deferred[Sequence[Setting]]:
        """All of them."""
        found: Sequence[Setting] = [
            Setting(*key, json.loads(text)) for key, text in sorted(self._settings.items())
        ]
        return self._fault() or succeed(found)

    def load_open(self) -> Deferred[Sequence[CallRecord]]:
        """Those that were never ended."""
        return self._fault() or succeed(_records(self._open()))

    def _open(self) -> list[dict[str, Any]]:
        """The records of this node that have no end."""
        return [r for r in self._records.values() if r["ended"] is None and r["node"] == self.node]

    def find_records(self, search: Search = LATEST) -> Deferred[Sequence[CallRecord]]:
        """Look records up, the latest first."""
        party, since, before, states, limit = search
        found = [
            record
            for record in _records(self._records.values())
            if (party is None or record.concerns(party))
            and (since is None or record.started >= since)
            and (before is None or record.started < before)
            and (not states or state(record) in states)
        ]
        found.sort(key=lambda record: (record.started, record.id), reverse=True)
        return self._fault() or succeed(found[:limit])

    def drop_records(self, before: float) -> Deferred[int]:
        """Remove old ones."""
        if (fault := self._fault()) is not None:
            return fault
        old = [r["id"] for r in self._records.values() if r["ended"] is not None and r["started"] < before]
        for key in old:
            del self._records[key]
        return succeed(len(old))

    def load_snapshots(self) -> Deferred[Sequence[Snapshot]]:
        """All of them."""
        found: Sequence[Snapshot] = [Snapshot(*item) for item in sorted(self._snapshots.items())]
        return self._fault() or succeed(found)

    def load_subscriptions(self) -> Deferred[Sequence[SubscriptionRow]]:
        """All of them."""
        found: Sequence[SubscriptionRow] = [
            SubscriptionRow(id, json.loads(text)) for id, text in sorted(self._subscriptions.items())
        ]
        return self._fault() or succeed(found)

    def _fault(self) -> Deferred[Any] | None:
        """Fail when told to."""
        return fail(StoreError(self.failing)) if self.failing is not None else None


def _records(plain: Iterable[dict[str, Any]]) -> Sequence[CallRecord]:
    """Records that nobody else has in hand."""
    return [CallRecord.from_plain(copy.deepcopy(values)) for values in plain]


@implementer(INodes)
class MemoryNodes:
    """The nodes that share what is in memory."""

    def __init__(self, store: MemoryStore, stores: dict[str, MemoryStore]) -> None:
        """Be one of them."""
        self.stores = stores
        """The stores of all nodes."""
        self._store = store
        self._number: int | None = None
        self.row = NodeRow(store.node, 0, 0, "")
        self.numbers: dict[str, int] = {}
        """How often our calls have changed hands that have."""
        stores[store.node] = store

    def check(self) -> None:
        """See that what we had is still ours."""
        if self._number is not None and self.row.number != self._number:
            raise Fenced("another process has taken the calls of this one")

    def _do(self, work: Callable[[], T]) -> Deferred[T]:
        """Do it, unless we are fenced, or the store fails."""
        if self._store.failing is not None:
            return fail(StoreError(self._store.failing))
        try:
            self.check()
        except Fenced:
            return fail(Failure())
        return succeed(work())

    def join(self, place: str) -> Deferred[int]:
        """Be reached at a place from now on."""

        def work() -> int:
            self.numbers = {call: self.numbers.get(call, 0) + 1 for call in self._store._snapshots}
            self._number = self.row.number + 1
            self.row = NodeRow(self._store.node, self._number, 0, place)
            return self._number

        self._number = None
        return self._do(work)

    def renew(self) -> Deferred[Sequence[NodeRow]]:
        """Show that we live, and see all nodes."""

        def work() -> Sequence[NodeRow]:
            self.row = self.row._replace(beat=self.row.beat + 1)
            return sorted(one.nodes.row for one in self.stores.values() if one.nodes.row.number)

        return self._do(work)

    def leave(self) -> Deferred[None]:
        """End in order."""

        def work() -> None:
            self.row = self.row._replace(place="")
            self._number = None

        return self._do(work)

    def number_of(self, call: str) -> Deferred[int | None]:
        """How often a call of ours has changed hands."""
        return self._do(lambda: self._number_of(call))

    def _number_of(self, call: str) -> int | None:
        """The same."""
        return self.numbers.get(call, 0) if call in self._store._snapshots else None

    def take_call(self, call: str, former: str, number: int, text: str) -> Deferred[bool]:
        """Become the one owner of a call."""

        def work() -> bool:
            if self.stores[former].nodes._number_of(call) != number:
                return self._number_of(call) == number + 1
            self._take(call, former, text)
            record = self._store._records.get(call)
            if record is not None and record["node"] == former:
                record["node"] = self._store.node
            return True

        return self._do(work)

    def _take(self, call: str, former: str, text: str) -> None:
        """Have what is kept of a call."""
        theirs = self.stores[former]
        del theirs._snapshots[call]
        self._store._snapshots[call] = text
        self.numbers[call] = theirs.nodes.numbers.pop(call, 0) + 1

    def take_node(self, row: NodeRow) -> Deferred[Inherited | None]:
        """Take all calls of a node that shows no sign of life."""

        def work() -> Inherited | None:
            theirs = self.stores[row.node]
            if theirs.nodes.row != row:
                return None
            theirs.nodes.row = row._replace(number=row.number + 1, place="")
            snapshots = [Snapshot(*item) for item in sorted(theirs._snapshots.items())]
            for call, text in snapshots:
                self._take(call, row.node, text or "")
            left = theirs._open()
            for record in left:
                record["node"] = self._store.node
            starts = self._store._settings.get((alive.owner(row.node), alive.TABLE, alive.STARTS), "0")
            return Inherited(snapshots, _records(left), int(starts))

        return self._do(work)
