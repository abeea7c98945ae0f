"""
The line between the service and whatever keeps its state.

The service works in memory.  It loads from a store when it starts, and from
then on only writes, in batches, behind its own work (L{b2bua.store.journal}).
So a store needs few operations, and may take its time for them.

Everything that crosses this line is plain: text, numbers, and values that JSON
knows.  Times are seconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.calls.records.record import CallRecord

Json: TypeAlias = Any
"""None, bool, int, float, str, and lists and dictionaries of them."""


class StoreError(Exception):
    """A store cannot do its work now; the text says why, in one line."""


def as_text(value: Json) -> str:
    """
    Write plain values as JSON.

    @raise StoreError: if it is something else.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"not a value that can be stored: {error}") from None


class BindingRow(NamedTuple):
    """A binding as it is kept."""

    aor: str
    contact: str
    reg_id: int
    instance: str
    expires: float
    since: float
    q: int
    call_id: str
    cseq: int
    transport: str
    """Empty when there is no flow to it."""
    local: str
    """C{host port} of our socket."""
    remote: str
    """C{host port} of the phone."""
    path: str
    """The Path values, one a line."""
    params: str
    user_agent: str
    extra: str
    """C{name: value}, one a line."""


class Setting(NamedTuple):
    """What a feature keeps for a user."""

    owner: str
    """The user, or the empty string for what belongs to nobody."""
    table: str
    """The feature."""
    key: str
    value: Json
    """None stands for nothing: it removes the setting."""


class Snapshot(NamedTuple):
    """A call as it was, to be taken up again."""

    call: str
    text: str | None
    """What is written of it, for L{b2bua.calls.restoring} to judge; None removes it."""


class SubscriptionRow(NamedTuple):
    """A subscription that we serve, to be gone on with."""

    id: str
    value: Json
    """None removes it."""


class NodeRow(NamedTuple):
    """One of the processes that share a store, as the others see it."""

    node: str
    number: int
    """Its fencing number: up with each process that is this node, and when another one takes what it had."""
    beat: int
    """Goes up as long as it lives."""
    place: str
    """The path of the socket by which the others reach it; empty when it has ended."""


class Inherited(NamedTuple):
    """What a node had that is taken for dead, and is another one's now."""

    snapshots: Sequence[Snapshot]
    records: Sequence[CallRecord]
    """Those of calls that had not ended."""
    starts: int
    """How many processes had been that node."""


class TraceRow(NamedTuple):
    """What is known of how a call went, when it is over."""

    call: str
    at: float
    """When it began."""
    data: bytes
    """Compressed; only who wrote it knows what is in it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that are written together, or not at all."""

    bindings: tuple[tuple[str, tuple[BindingRow, ...]], ...] = ()
    """For each address-of-record all the bindings that it has now."""
    settings: tuple[Setting, ...] = ()
    records: tuple[CallRecord, ...] = ()
    """
    New ones, and ones that were open: what has happened since, perhaps their end.

    One that is ended already stays as it is: each call has one record.
    """
    snapshots: tuple[tuple[str, str | None], ...] = ()
    """For calls by their ids what L{Snapshot.text} says: there are three for each call."""
    subscriptions: tuple[SubscriptionRow, ...] = ()
    traces: tuple[TraceRow, ...] = ()

    def __len__(self) -> int:
        """How many changes there are."""
        calls = (self.records, self.snapshots, self.traces)
        kinds = (self.bindings, self.settings, self.subscriptions, *calls)
        return sum(map(len, kinds))


class IBindings(Interface):
    """The bindings that outlive a restart."""

    def load_bindings(now: float) -> Deferred[Sequence[BindingRow]]:
        """All that have not expired at C{now}."""


class ISettings(Interface):
    """What features keep for users."""

    def load_settings() -> Deferred[Sequence[Setting]]:
        """All of them."""


class Search(NamedTuple):
    """Which records are looked for."""

    party: str | None = None
    """Only those in which this extension, trunk or number has a part."""
    since: float | None = None
    """Only those that began then or later."""
    before: float | None = None
    """Only those that began before."""
    states: Collection[str] = ()
    """Only those of which L{b2bua.calls.records.record.state} says one of these; empty stands for all."""
    limit: int = 100


LATEST = Search()


class IRecords(Interface):
    """The records of calls, one for each."""

    def load_open() -> Deferred[Sequence[CallRecord]]:
        """Those that this node began and never ended: a crash cut their calls."""

    def find_records(search: Search = LATEST) -> Deferred[Sequence[CallRecord]]:
        """Look records up, the latest first."""

    def drop_records(before: float) -> Deferred[int]:
        """Remove the ended ones that began before, and say how many there were."""


class ISnapshots(Interface):
    """Calls that could be taken up again after a restart."""

    def load_snapshots() -> Deferred[Sequence[Snapshot]]:
        """Those of this node."""


class ITraces(Interface):
    """How calls went that are over."""

    def find_traces(call: str) -> Deferred[Sequence[TraceRow]]:
        """That of the call with this id, or those of calls whose ids begin so; of several two, the latest."""

    def drop_traces(before: float, bytes_max: int) -> Deferred[int]:
        """
        Remove those of calls that began before, and the oldest until the rest has so many bytes.

        @return: how many were removed.
        """


class ISubscriptions(Interface):
    """The subscriptions that outlive a restart."""

    def load_subscriptions() -> Deferred[Sequence[SubscriptionRow]]:
        """Those of this node."""


class Fenced(StoreError):
    """Another process has taken what this one had: nothing of it may be written, nor said, any more."""


class INodes(Interface):
    """
    The processes that share a store, and which of them has a call.

    A process that has joined writes under its fencing number: as soon as
    another one has taken what it had, each of its batches fails with
    L{Fenced}.  Every operation is one transaction, whole or not at all, and
    fails with L{StoreError}.
    """

    def join(place: str) -> Deferred[int]:
        """
        Be reached at a place from now on.

        Our calls change hands thereby: what the process before has let go for
        another node to take, and nobody has taken, is ours and stays so.

        @return: our number, which nobody of this node has had before.
        """

    def renew() -> Deferred[Sequence[NodeRow]]:
        """Show that we live, and see all nodes; fails with L{Fenced} if what we had is another one's."""

    def leave() -> Deferred[None]:
        """End in order: nobody needs to wait for a sign of us."""

    def number_of(call: str) -> Deferred[int | None]:
        """How often a call of ours has changed hands; None if nothing of it is written here."""

    def take_call(call: str, former: str, number: int, text: str) -> Deferred[bool]:
        """
        Become the one owner of a call, if it still is that of C{former} and has this number.

        It may be asked again when the answer was lost.

        @param text: how the call is.
        @return: is it ours now?
        """

    def take_node(row: NodeRow) -> Deferred[Inherited | None]:
        """
        Take all calls of a node that shows no sign of life, and let it write nothing more.

        @param row: as it was seen all the while.
        @return: None if it has shown one, or another process was first.
        """


class IStore(IBindings, ISettings, IRecords, ISnapshots, ISubscriptions, ITraces):
    """
    Everything that is kept.

    Several processes may share a store.  Settings are common to all; bindings,
    open records, snapshots and subscriptions belong to the node that wrote them,
    since only it has the flows and the calls.

    Every operation but the attribute answers with a Deferred, which fails with
    L{StoreError} and nothing else when the store cannot do its work.
    """

    name: str = Attribute("What it is, for people, without a password.")
    node: str = Attribute("Which of the processes that share it this is.")
    nodes: INodes | None = Attribute("All of those; None where it cannot be shared.")

    def open() -> Deferred[None]:
        """Make it ready: create what is missing, bring old tables up to date."""

    def write(batch: Batch) -> Deferred[None]:
        """Write a batch: all of it or nothing.  Batches are written in order."""

    def close() -> Deferred[None]:
        """Finish what was begun."""
