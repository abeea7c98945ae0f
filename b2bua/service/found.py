"""
What the store has when the process starts, and what becomes of it.

Settings come first, since the configuration stands on them; then registrations
and subscriptions, before anybody is answered; and the calls of the process
before when all that they need is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from b2bua.calls.restoring.keeping import RINGING
from b2bua.persistence import Handed
from b2bua.plural import counted
from b2bua.store.ports import StoreError
from b2bua.store.set_aside import place, set_aside

if TYPE_CHECKING:
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.restoring.recovery import Unreadable
    from b2bua.handover.new import NewProcess
    from b2bua.server import Server
    from b2bua.store.ports import IStore, Setting, Snapshot
    from b2bua.transactions.flow import Flow


class Found:
    """What the process before has left in the store."""

    log = Logger()

    def __init__(self, store: IStore, server: Server, database: str) -> None:
        """
        Know nothing yet.

        @param store: it is open when it is asked.
        @param database: its URL, beside which lies what cannot be read.
        """
        assert server.persistence is not None
        self._store, self._server, self._kept = store, server, server.persistence
        self._kept.set_aside = self._set_aside
        self._aside = place(database)
        self._settings: Sequence[Setting] = ()
        self._snapshots: Sequence[Snapshot] = ()
        self._open: Sequence[CallRecord] = ()

    async def settings(self) -> Sequence[Setting]:
        """What users and features have set, and what we ourselves have noted."""
        self._settings = await self._store.load_settings()
        return self._settings

    async def restore(self, usable: Callable[[Flow], bool]) -> None:
        """
        Take up registrations and subscriptions.

        @param usable: whether we still have the socket of a flow.
        """
        store = self._store
        bindings = await store.load_bindings(self._server.runner.wall())
        subscriptions = await store.load_subscriptions()
        bound, watched = self._kept.restore(bindings, subscriptions, usable)
        self.log.info(
            "the store {store} had {bindings} and {subscriptions}",
            store=store.name,
            bindings=counted(bound, "registration"),
            subscriptions=counted(watched, "subscription"),
        )
        with suppress(StoreError):
            # Numbers of calls are not used a second time only if this start is known to have been.
            await self._kept.count_start(self._settings)

    async def calls(self) -> None:
        """Read what there is of calls; whose they are is for sure once we have joined the other nodes."""
        self._snapshots, self._open = await self._store.load_snapshots(), await self._store.load_open()

    def recover(self, before: NewProcess | None) -> None:
        """
        Take up the calls that the process before had, and say what became of them.

        @param before: that process, if it still goes on with some of them.
        """
        handed = None if before is None else before.handed
        found = self._kept.recover(self._settings, self._snapshots, self._open, handed=handed)
        if before is not None:
            self.log.info(
                "{calls} taken over; the process before goes on with {others}",
                calls=counted(found.restored, "call"),
                others=counted(len(before.keeps), "call"),
            )
        elif found.restored:
            self.log.warn("{calls} restored", calls=counted(found.restored, "call"))
        if found.cut:
            self.log.warn("a crash has cut {calls}", calls=counted(found.cut, "call"))
        self._snapshots = self._open = ()

    def taken_along(self, calls: set[str]) -> None:
        """The process before has died with calls that it still had: they are as after any crash."""

        async def recover() -> None:
            await self._kept.journal.flush()
            snapshots, open = await self._store.load_snapshots(), await self._store.load_open()
            self._kept.recover(
                self._settings,
                [one for one in snapshots if one.call.removesuffix(RINGING) in calls],
                [one for one in open if one.id in calls],
                handed=Handed((), {}),  # until now it has lived
            )

        ensureDeferred(recover()).addErrback(
            lambda failure: self.log.error("they are not restored: {why}", why=failure.getErrorMessage())
        )

    def _set_aside(self, unreadable: Sequence[Unreadable]) -> None:
        """What cannot be read of a call goes to a file; when that cannot be written it stays in the store."""
        path = self._aside
        for one in unreadable:
            self.log.error("call {call} cannot be restored: {why}", call=one.call, why=one.why)
        try:
            set_aside(path, unreadable)
        except OSError as error:
            self.log.error("{path} cannot be written: {why}", path=path, why=error.strerror)
            return
        for one in unreadable:
            self._kept.journal.snapshot(one.call, None)
        self.log.error(
            "{calls} that cannot be restored: what was kept is in {path}",
            calls=counted(len(unreadable), "call"), path=path,
        )  # fmt: skip
