"""The store of a process that has left its store to another one: what it writes goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from b2bua.calls.records.record import CallRecord
from b2bua.store.ports import (
    Batch,
    INodes,
    IStore,
    StoreError,
    TraceRow,
)

if TYPE_CHECKING:
    from b2bua.handover.belonging import Say, Word
    from b2bua.store.journal import Journal

LEFT = "another process has the database now"


@implementer(IStore)
class RelayStore:
    """
    Writes by having another process write.

    Registrations and subscriptions are not this process's any more, and nothing
    can be looked up.
    """

    def __init__(self, say: Say, name: str, node: str) -> None:
        """Write so."""
        self._say = say
        self.name = name
        self.node = node
        self.nodes: INodes | None = None

    def open(self) -> Deferred[None]:
        """Do nothing."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Do nothing."""
        return succeed(None)

    def write(self, batch: Batch) -> Deferred[None]:
        """Have it written."""
        self._say(
            {
                "say": "batch",
                "settings": [list(setting) for setting in batch.settings],
                "records": [record.to_plain() for record in batch.records],
                "snapshots": [list(snapshot) for snapshot in batch.snapshots],
                "traces": [[call, at, data.hex()] for call, at, data in batch.traces],
            }
        )
        return succeed(None)

    def _left(self, *_: object) -> Deferred[Any]:
        """Nothing is looked up, nor removed, any more."""
        return fail(StoreError(LEFT))

    load_bindings = load_settings = load_open = load_snapshots = load_subscriptions = _left
    find_records = find_traces = drop_records = drop_traces = _left


def write_down(journal: Journal, word: Word) -> None:
    """Write what L{RelayStore} of the other process had to write."""
    for owner, table, key, value in word["settings"]:
        journal.setting(owner, table, key, value)
    for record in word["records"]:
        journal.record(CallRecord.from_plain(record))
    for call, text in word["snapshots"]:
        journal.snapshot(call, text)
    for call, at, data in word["traces"]:
        journal.trace(TraceRow(call, at, bytes.fromhex(data)))
