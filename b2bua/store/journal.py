"""
Writing behind the work: what changed goes to a store in batches.

Whoever changes something says so here and goes on; what is written is how the
thing is when the batch leaves, so that a hundred refreshes of one phone are one
row.  A batch leaves after a fifth of a second at the latest; with kill -9 no more
than that is lost, and nobody who calls waits long for a large one.  Who has to
know that it was written waits for its batch, which then leaves at once, or when
the one before it has left a moment ago with what comes in that moment: to commit
costs as much as to write thirty rows.

A store that fails costs nothing but that: the changes stay here, the batch is
tried again, less and less often, and people are told once.  As long as it
fails nobody is made to wait, since a phone that cannot register because a disk
is full helps nobody.  One that does not answer fails as well, though its batch
may still arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from b2bua.plural import counted
from b2bua.store.ports import (
    Batch,
    BindingRow,
    IStore,
    Json,
    Setting,
    StoreError,
    SubscriptionRow,
    TraceRow,
    as_text,
)

if TYPE_CHECKING:
    from b2bua.calls.records.record import CallRecord
    from b2bua.clock import IClock, ITimer

T = TypeVar("T")

DELAY = 0.2
"""Seconds that a change may lie here."""
GATHER = 0.05
"""Seconds between two batches at the least while somebody waits: a tenth of T1."""
PATIENCE = 5.0
"""Seconds that a batch may take until the store counts as failing."""
CLOSING = 10.0
"""Seconds that what is left may take to be written at the end."""
LONGEST = 30.0
"""The longest time between two attempts at a store that fails, in seconds."""
AT_ONCE = 5_000
"""So many changes of one kind at most are in one batch, but for settings."""
RECORDS = 200_000
"""So many records wait for a store that fails; then the oldest are given up."""
TRACES = 500
"""So many traces of calls do."""


class Health(NamedTuple):
    """How the store does."""

    failing: str
    """Why it fails, or the empty string."""
    since: float | None
    """When that began, on the clock of the journal."""
    waiting: int
    """Changes that are not written yet."""
    lost: int
    """Records that were given up."""
    took: float = 0.0
    """Seconds that the last batch took."""


class Journal:
    """What is still to be written."""

    log = Logger()

    def __init__(self, store: IStore, clock: IClock) -> None:
        """Have nothing to write."""
        self.store = store
        self._clock = clock
        self._rows: Callable[[str], tuple[BindingRow, ...]] = _no_rows
        self._aors: dict[str, None] = {}
        self._settings: dict[tuple[str, str, str], Setting] = {}
        self._records: dict[str, CallRecord] = {}
        self._snapshots: dict[str, str | None] = {}
        self._subscriptions: dict[str, SubscriptionRow] = {}
        self._traces: dict[str, TraceRow] = {}
        self._waiters: list[Deferred[None]] = []
        self._timer: ITimer | None = None
        self._writing: Deferred[None] | None = None
        self._on_its_way = 0
        self._late = False
        self._why = ""
        self._since: float | None = None
        self._pause = 0.0
        self._lost = 0
        self._left_at, self._took = float("-inf"), 0.0

    # ---- what is said here ----------------------------------------------

    def bindings_from(self, rows: Callable[[str], tuple[BindingRow, ...]]) -> None:
        """Say where the present bindings of an address-of-record are to be had."""
        self._rows = rows

    def bindings(self, aor: str, *, wait: bool = False) -> Deferred[None] | None:
        """
        Bindings of C{aor} have changed.

        @param wait: whether the result is wanted; there is none while the
            store is known to fail.
        """
        self._aors[aor] = None
        return self._soon(wait)

    def setting(self, owner: str, table: str, key: str, value: Json) -> None:
        """
        A setting has changed; None removes it.

        @raise StoreError: if the value cannot be stored at all.
        """
        if value is not None:
            as_text(value)
        self._settings[owner, table, key] = Setting(owner, table, key, value)
        self._soon(False)

    def record(self, record: CallRecord) -> None:
        """A call has begun, has ended, or something has happened in it."""
        records, id = self._records, record.id
        if id in records:
            del records[id]  # at the end of the line again: the oldest are those that are given up
        records[id] = record
        if len(records) > RECORDS:
            del records[next(iter(records))]
            self._lost += 1
        if self._timer is None and self._writing is None:
            self._soon(False)

    def snapshot(self, call: str, text: str | None) -> None:
        """A call has changed its state; None: it is over."""
        if call in self._snapshots:
            del self._snapshots[call]
        self._snapshots[call] = text
        if len(self._snapshots) > RECORDS:
            del self._snapshots[next(iter(self._snapshots))]
        self._soon(False)

    def unwritten_calls(self) -> set[str]:
        """The calls of which something is still to be written, or on its way."""
        return {*self._records, *self._snapshots}

    def forget_call(self, call: str) -> None:
        """Another process writes from now on what there is of a call."""
        self._records.pop(call, None)
        self._snapshots.pop(call, None)

    def forget_calls(self) -> None:
        """Another process writes from now on what there is of all calls."""
        self._records.clear()
        self._snapshots.clear()

    def subscription(self, id: str, value: Json) -> None:
        """A subscription has begun, or was refreshed; None: it is over."""
        self._subscriptions[id] = SubscriptionRow(id, value)
        self._soon(False)

    def trace(self, row: TraceRow) -> None:
        """It is known how a call went that is over."""
        self._traces[row.call] = row
        if len(self._traces) > TRACES:
            del self._traces[next(iter(self._traces))]
        self._soon(False)

    @property
    def health(self) -> Health:
        """How the store does."""
        waiting = self._waiting() + self._on_its_way
        return Health(self._why, self._since, waiting, self._lost, self._took)

    def written(self) -> Deferred[None]:
        """Wait for the batch that leaves next; as long as the store fails nobody waits."""
        waiting = self._soon(True)
        return succeed(None) if waiting is None else waiting.addErrback(_known)

    def flush(self) -> Deferred[None]:
        """Write all there is; fails when the store does."""
        if not self._waiting() and self._writing is None:
            return succeed(None)
        if self._late:
            return fail(StoreError(self._why))
        done: Deferred[None] = Deferred()
        self._waiters.append(done)
        self._hurry()
        return done

    def close(self) -> Deferred[None]:
        """Write what is left, as far as the store lets us, and close it."""

        def stop(_: object) -> Deferred[None]:
            if self._timer is not None:
                self._timer.stop()
                self._timer = None
            if waiting := self._waiting() + self._on_its_way:
                self.log.error("{changes} not stored", changes=counted(waiting, "change"))
            return self.store.close()

        # That it fails has been said; how much that costs is said in stop.
        return self._in_time().addErrback(lambda failure: failure.trap(StoreError)).addCallback(stop)

    def _in_time(self) -> Deferred[None]:
        """Write all there is, unless that takes too long: the service has to end."""
        done: Deferred[None] = Deferred()
        limit = self._clock.start(
            PATIENCE if self._why else CLOSING, lambda: done.errback(StoreError("it does not answer"))
        )

        def tell(result: Failure | None) -> None:
            limit.stop()
            if not done.called:
                done.callback(result)

        self._all().addBoth(tell)
        return done

    def _all(self) -> Deferred[None]:
        """Write batch after batch until nothing is left."""
        return self.flush().addCallback(lambda _: self._all() if self._waiting() else None)

    # ---- batches --------------------------------------------------------

    def _waiting(self) -> int:
        """How many changes are not written yet."""
        known = len(self._aors) + len(self._settings) + len(self._records)
        return known + len(self._snapshots) + len(self._subscriptions) + len(self._traces)

    def _soon(self, wait: bool) -> Deferred[None] | None:
        """See that it is written; soon if somebody waits."""
        if wait and not self._why:
            done: Deferred[None] = Deferred()
            self._waiters.append(done)
            if len(self._waiters) == 1:
                self._gather()
            return done
        if self._timer is None and self._writing is None:
            self._timer = self._clock.start(DELAY, self._leave)
        return None

    def _gather(self) -> None:
        """Let a batch leave that somebody waits for, now or with those who come in a moment."""
        left = self._left_at + GATHER - self._clock.now()
        if left <= 0:
            self._hurry()
        elif self._writing is None:
            if self._timer is not None:
                self._timer.stop()
            self._timer = self._clock.start(left, self._leave)

    def _hurry(self) -> None:
        """Let a batch leave now, or when the one before has arrived."""
        if self._writing is None:
            if self._timer is not None:
                self._timer.stop()
                self._timer = None
            self._leave()

    def _leave(self) -> None:
        """Send a batch."""
        self._timer = None
        batch = self._take()
        waiters, self._waiters = self._waiters, []
        writing: Deferred[None] = Deferred()
        self._writing = writing
        self._on_its_way = len(batch)
        self._left_at = self._clock.now()
        limit = self._clock.start(PATIENCE, lambda: self._give_up_waiting(waiters))
        try:
            written = self.store.write(batch)
        except StoreError:
            written = fail(Failure())
        writing.addCallback(lambda _: written)
        writing.addBoth(self._arrived, limit)
        writing.addCallbacks(
            lambda _: self._written(waiters), lambda failure: self._failed(failure, batch, waiters)
        )
        writing.addErrback(self._broken, waiters)
        writing.callback(None)

    def _take(self) -> Batch:
        """Make a batch of what waits, as it is now."""
        aors = _first(self._aors)
        # All of them: what a plugin has committed arrives whole, or not at all.
        settings, self._settings = self._settings, {}
        return Batch(
            tuple((aor, self._rows(aor)) for aor in aors),
            tuple(settings.values()),
            tuple(_first(self._records).values()),
            tuple(_first(self._snapshots).items()),
            tuple(_first(self._subscriptions).values()),
            tuple(_first(self._traces).values()),
        )

    def _give_up_waiting(self, waiters: list[Deferred[None]]) -> None:
        """A batch is on its way for too long: nobody waits for it any more, nor for those to come."""
        self._late = True
        self._fail("it does not answer", [*waiters, *self._waiters])
        waiters.clear()
        self._waiters.clear()

    def _fail(self, why: str, waiters: list[Deferred[None]]) -> None:
        """Say that the store fails, to people once and to all who wait."""
        if not self._why:
            self._since = self._clock.now()
            self.log.error(
                "the store {store} fails: {why}; calls go on, and it is tried again",
                store=self.store.name, why=why,
            )  # fmt: skip
        self._why = why
        for waiter in waiters:
            waiter.errback(StoreError(why))

    def _arrived(self, result: T, limit: ITimer) -> T:
        """A batch is written or has failed: it is on its way no more."""
        limit.stop()
        self._on_its_way, self._late = 0, False
        self._took = self._clock.now() - self._left_at
        return result

    def _written(self, waiters: list[Deferred[None]]) -> None:
        """A batch has arrived."""
        self._writing = None
        if self._why:
            self.log.info("the store {store} works again", store=self.store.name)
        self._why, self._since, self._pause = "", None, 0.0
        for waiter in waiters:
            waiter.callback(None)
        self._next()

    def _failed(self, failure: Failure, batch: Batch, waiters: list[Deferred[None]]) -> None:
        """A batch has not arrived: keep what nothing newer has replaced, and try again later."""
        failure.trap(StoreError)
        self._writing = None
        self._give_back(batch)
        self._pause = min(max(2 * self._pause, 1.0), LONGEST)
        self._fail(str(failure.value), waiters)
        self._next()

    def _broken(self, failure: Failure, waiters: list[Deferred[None]]) -> None:
        """A bug of ours: say so; what the batch had is lost, the next one is not."""
        self.log.failure("a batch could not be written", failure)
        self._writing = None
        for waiter in waiters:
            if not waiter.called:
                waiter.errback(StoreError("a bug of ours, which the log describes"))
        self._next()

    def _give_back(self, batch: Batch) -> None:
        """Put back what nothing newer has replaced; it is older than the rest."""
        self._aors = {**dict.fromkeys(aor for aor, _ in batch.bindings), **self._aors}
        self._settings = {**{(s.owner, s.table, s.key): s for s in batch.settings}, **self._settings}
        self._records = {**{r.id: r for r in batch.records}, **self._records}
        self._snapshots = {**dict(batch.snapshots), **self._snapshots}
        self._subscriptions = {**{s.id: s for s in batch.subscriptions}, **self._subscriptions}
        self._traces = {**{t.call: t for t in batch.traces}, **self._traces}

    def _next(self) -> None:
        """Set out for the next batch, if there is anything for one."""
        if self._writing is not None or self._timer is not None:
            return
        if self._waiters and not self._why:
            self._gather()
        elif self._waiting():
            self._timer = self._clock.start(self._pause or DELAY, self._leave)
        elif self._waiters:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.callback(None)


def _first(waiting: dict) -> dict:  # type: ignore[type-arg]  # of any kind
    """Take out what fits into one batch, the oldest first."""
    if len(waiting) <= AT_ONCE:
        taken = dict(waiting)
        waiting.clear()
        return taken
    keys = list(waiting)[:AT_ONCE]
    return {key: waiting.pop(key) for key in keys}


def _known(failure: Failure) -> None:
    """That the store fails has been said."""
    failure.trap(StoreError)


def _no_rows(aor: str) -> tuple[BindingRow, ...]:
    """Nobody has bindings."""
    return ()
