"""A store in memory: for the simulated world, for tests, and for who wants nothing kept."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from b2bua.calls.records.record import CallRecord, state
from b2bua.store.ports import (
    Batch,
    BindingRow,
    IStore,
    Setting,
    Snapshot,
    StoreError,
    SubscriptionRow,
    TraceRow,
    as_text,
)


@implementer(IStore)
class MemoryStore:
    """Keeps everything as long as the process lives; it answers at once."""

    name = "memory"

    def __init__(self, node: str = "") -> None:
        """Start empty."""
        self.node = node
        self.failing: str | None = None
        """When set, every operation fails with this text, as on a full disk."""
        self.batches = 0
        self._bindings: dict[str, tuple[BindingRow, ...]] = {}
        self._settings: dict[tuple[str, str, str], str] = {}
        self._records: dict[str, dict[str, Any]] = {}
        self._snapshots: dict[str, str] = {}
        self._subscriptions: dict[str, str] = {}
        self._traces: dict[str, TraceRow] = {}

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
            if known is None or known["ended"] is None:
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

    def find_trace(self, call: str) -> Deferred[TraceRow | None]:
        """That of a call."""
        found = [row for row in self._traces.values() if row.call.startswith(call)]
        return self._fault() or succeed(max(found, key=lambda row: row.at, default=None))

    def drop_traces(self, before: float, bytes_max: int) -> Deferred[int]:
        """Remove the old ones, and what is too much."""
        if (fault := self._fault()) is not None:
            return fault
        total, kept = 0, {}
        for row in sorted(self._traces.values(), key=lambda row: (row.at, row.call), reverse=True):
            total += len(row.data)
            if row.at >= before and total <= bytes_max:
                kept[row.call] = row
        dropped, self._traces = len(self._traces) - len(kept), kept
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
        plain = [r for r in self._records.values() if r["ended"] is None]
        return self._fault() or succeed(_records(plain))

    def find_records(
        self,
        *,
        party: str | None = None,
        since: float | None = None,
        before: float | None = None,
        states: Collection[str] = (),
        limit: int = 100,
    ) -> Deferred[Sequence[CallRecord]]:
        """Look records up, the latest first."""
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
