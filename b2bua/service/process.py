"""
The life of the process: it starts when all of it can, or not at all, and ends when nothing is left.

The store is open, what it knew is back, every socket is there.  SIGTERM drains
it: no new calls, and those that go on have C{server.drain} seconds; a second
SIGTERM ends them at once.  SIGUSR2 leaves calls and sockets to the process that
systemd starts next.  SIGHUP makes it read its configuration again.
"""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from random import SystemRandom
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, ensureDeferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver, Logger
from twisted.names.client import Resolver
from twisted.python.failure import Failure

from b2bua import collector, file_pages, huge_pages
from b2bua.admin.administration import Administration, Means, Orders
from b2bua.admin.playing import Playing
from b2bua.admin.posting import Datagrams, Posting
from b2bua.admin.values import Reloaded, Restarted
from b2bua.calls.records.record import CallRecord, state
from b2bua.configuration import Configuration
from b2bua.doubts import doubts
from b2bua.extensions import AddedExtensions
from b2bua.logs import in_a_moment
from b2bua.net.dns import DnsLocator
from b2bua.net.securable import SecurableConnections
from b2bua.plural import counted
from b2bua.registrar.keep_alive import KeepAlive
from b2bua.server import Server
from b2bua.service import systemd
from b2bua.service.ending import Ending
from b2bua.service.found import Found
from b2bua.service.media import MediaEngines
from b2bua.service.membership import Membership
from b2bua.service.rereading import read_again, takes_a_restart
from b2bua.service.sockets import CannotStart, Sockets
from b2bua.service.succession import Succession
from b2bua.settings import SettingsError
from b2bua.store.journal import Journal
from b2bua.store.ports import IStore, StoreError
from b2bua.store.sql import SqlStore

DAY = 86400.0


class B2BUAService(Service):
    """C{twistd b2bua}."""

    log = Logger()

    def __init__(
        self, configured: Configuration, observer: ILogObserver | None = None, reactor: Any = None
    ) -> None:
        """
        Be ready to start with a configuration.

        @param observer: who writes the log of the whole application; without
            one it is twistd's own.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._reactor = reactor
        self._observer = observer
        self._path = configured.path
        self.settings = configured.settings
        self._began_with = configured.settings
        """What cannot change without a restart is as it was then."""
        self.features = configured.features
        self.server: Server
        self.store: IStore = SqlStore(self.settings.server.database, reactor, self.settings.server.node)
        self._sockets = Sockets(reactor, os.environ)
        self._membership = Membership(reactor, self.store, self.settings.server.cluster)
        self._succession = Succession(reactor, os.environ, self.store, self._sockets, self._membership)
        self._ending: Ending
        self.administration: Administration
        self._posting = Posting(reactor)
        self._datagrams = Datagrams(reactor)
        self._extensions: AddedExtensions
        self._keep_alive: KeepAlive | None = None
        self._media: MediaEngines
        self._forgetting = LoopingCall(self._forget_records)
        self._collector = collector.Collector(reactor.seconds)
        self._huge_pages = huge_pages.HugePages() if huge_pages.offered() else None
        self._tending = LoopingCall(self._tend_memory)
        self._reading = DeferredLock()
        self._watchdog = systemd.Watchdog()
        self._starting: Deferred[None] | None = None
        self._comes_again = False
        """Does systemd end us in order to start us anew?"""

    # ---- the beginning --------------------------------------------------

    @property
    def _journal(self) -> Journal:
        """By which everything is written down."""
        assert self.server.persistence is not None
        return self.server.persistence.journal

    def setServiceParent(self, parent: Any) -> None:
        """Bring our way to write logs along when we are put into an application."""
        super().setServiceParent(parent)
        if self._observer is not None:
            parent.setComponent(ILogObserver, self._observer)

    def privilegedStartService(self) -> None:
        """Open the sockets while we may open low ports; nothing is read from them yet."""
        super().privilegedStartService()
        table = self.settings
        reactor = self._reactor
        locator = DnsLocator(Resolver("/etc/resolv.conf", reactor=reactor), reactor.seconds, SystemRandom())
        tell = partial(tell_end, self.log) if table.log.level in ("debug", "info") else lambda record: None
        self.server = Server(table, reactor, locator, self.features, store=self.store, record=tell)
        self._ending = Ending(reactor, self.server, self._sockets)
        self._extensions = AddedExtensions(self._journal)
        self.administration = Administration(
            self.server,
            self._journal,
            self._extensions,
            Orders(
                lambda: self.features,
                self._configure,
                self._told_to_reload,
                self._told_to_restart,
                self._membership.move,
            ),
            Means(
                partial(deferToThreadPool, reactor, reactor.getThreadPool()),
                self._posting,
                self._datagrams,
                Playing(reactor, str(self._path)),
            ),
            version("b2bua"),
        )
        self.administration.service.look(self._membership.problems)
        self._media = MediaEngines(reactor, table.media, self.server)
        self._media.show(self.administration)
        try:
            self._sockets.open(table, self.server)
        except CannotStart as error:
            raise SystemExit(f"{self._path}: {error}") from None

    def startService(self) -> None:
        """Bring back what was kept, then listen."""
        super().startService()
        self._starting = ensureDeferred(self._start())
        self._starting.addErrback(self._failed)

    async def _start(self) -> None:
        """Start one part after the other; the first that cannot ends it all."""
        self._show_features()
        for doubt in doubts(Configuration(self._path, self.settings, self.features)):
            self.log.warn("{doubt}", doubt=str(doubt))
        # Whatever takes its time is done by then, since nobody is answered until all is taken over.
        self._sockets.prepare(self.administration)
        collector.settle()
        file_pages.give_back()
        before = await self._succession.take_over(self.server)
        await self.store.open()
        found = Found(self.store, self.server, self.settings.server.database)
        await self._restore(found)
        await self._membership.join(self.server)
        await found.calls()
        self._membership.begin()
        self._bind_features()
        if before is None:  # else phones wait for us already
            file_pages.give_back()
        self._sockets.listen()
        self._media.start()
        if before is not None:
            self._succession.begin(before, found.taken_along)
        self.server.trunks.start()
        if seconds := self.settings.registrar.options_seconds:
            self._keep_alive = self.server.keep_alive(seconds)
        self._forgetting.clock = self._reactor
        self._forgetting.start(DAY)
        self._listen_to_signals()
        self._sockets.listen_to_people()
        self.features.start()
        found.recover(before)
        self._membership.recovered()
        self._collector.expect()
        self._tending.clock = self._reactor
        self._tending.start(collector.LOOK, now=False)
        self._watchdog.start(self._reactor)
        table = self.settings
        self.log.info(
            "ready: {domain} with {extensions} and {trunks}",
            domain=table.server.domain,
            extensions=counted(len(self.server.settings.extensions), "extension"),
            trunks=counted(len(table.trunks), "trunk"),
        )
        systemd.notify("READY=1")

    async def _restore(self, found: Found) -> None:
        """Take up what was kept, but for calls: what users have changed, registrations, subscriptions."""
        preferences, rows = self.features.preferences, self.features.rows
        kept = await found.settings()
        self._extensions.restore(kept)
        self._configure()
        preferences.restore(row for row in kept if not row.table.startswith("b2bua."))
        preferences.keep = self._setting_changed
        self.administration.restore(kept)
        rows.restore(kept)
        rows.keep, rows.flush = self._journal.setting, self._journal.flush
        await found.restore(self._sockets.has)

    def _failed(self, failure: Failure) -> None:
        """Say why in one line, if it is not a bug, and end with status 1."""
        if failure.check(CancelledError):
            return  # asked to end before it had begun
        if failure.check(StoreError, CannotStart):
            self.log.critical("cannot start: {why}", why=failure.getErrorMessage())
        else:
            self.log.failure("cannot start", failure)
        # twistd has no other way to an exit status; what it does at its end is done by then.
        atexit.register(os._exit, 1)
        self._reactor.callWhenRunning(self._reactor.stop)

    # ---- the end --------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Drain; fires when nothing is left."""
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        """Let the calls end, then end the rest, then close everything."""
        if self._starting is not None:
            self._starting.cancel()
        systemd.notify("STOPPING=1")
        self._reactor_signal(signal.SIGTERM, self._ending.hasten)
        self._reactor_signal(signal.SIGINT, self._ending.hasten)
        assert self.server.persistence is not None
        if self._comes_again and self.server.persistence.survives:
            await self._ending.leave_behind()
        else:
            await self._ending.drain(self.settings.server.drain)
        if not self._comes_again and not self._succession.is_replaced:
            self.server.trunks.stop()
        if self._keep_alive is not None:
            self._keep_alive.stop()
        for loop in (self._forgetting, self._tending):
            if loop.running:
                loop.stop()
        self._watchdog.stop()
        self.features.stop()
        self.administration.webhooks.stop()
        self.administration.finish()
        await self._posting.close()
        await self._datagrams.close()
        await self._media.stop()
        self._sockets.close()
        await self._membership.settle()
        await self._membership.leave(for_good=not self._comes_again)
        await self._journal.close()
        await self._sockets.leave_people()
        self.server.runner.close()
        self.log.info("ended")

    def _tend_memory(self) -> None:
        """Collect in quiet moments; ask for huge pages in the others."""
        self._collector.look()
        if self._collector.busy and self._huge_pages is not None:
            self._huge_pages.ask()

    def _forget_records(self) -> None:
        """Remove the records of calls that are too old; a store that fails is asked again tomorrow."""
        self.administration.calls.traces.tidy()
        if days := self.settings.calls.records_days:
            dropped = self.store.drop_records(self.server.runner.wall() - days * DAY)
            dropped.addCallbacks(
                lambda count: (
                    self.log.info("{records} removed", records=counted(count, "old record"))
                    if count
                    else None
                ),
                lambda failure: self.log.warn("old records stay: {why}", why=failure.getErrorMessage()),
            )

    def _setting_changed(self, owner: str, feature: str, key: str, value: object) -> None:
        """Keep what a user has changed, and tell who listens."""
        self._journal.setting(owner, feature, key, value)
        self.administration.events.setting(owner, feature, key, value)

    # ---- what it is told to do --------------------------------------------------------

    def _listen_to_signals(self) -> None:
        """SIGHUP reads the configuration again; SIGTERM and SIGINT are the reactor's until we drain."""
        self._reactor_signal(signal.SIGHUP, self._reload)
        self._reactor_signal(signal.SIGUSR2, self._come_again)

    def _reactor_signal(self, number: signal.Signals, call: Callable[[], object]) -> None:
        """Call back, in the reactor's turn, upon a signal."""
        signal.signal(number, lambda *_: self._reactor.callFromThread(call))

    def _come_again(self) -> None:
        """SIGUSR2: systemd ends us in order to start us anew."""
        self._comes_again = True
        self._reactor.stop()

    def _reload(self) -> None:
        """SIGHUP: what is wrong has been logged, and there is nobody to tell."""
        self.reload().addErrback(lambda failure: failure.trap(SettingsError))

    async def _told_to_reload(self) -> Reloaded:
        """
        Read the configuration and the plugins again.

        Calls that go on keep what they began with; a configuration that is bad
        changes nothing.
        """
        try:
            return Reloaded(said=await self.reload(), problems=[])
        except SettingsError as error:
            return Reloaded(said=[], problems=str(error).splitlines())

    async def _told_to_restart(self) -> Restarted:
        """Have a new process take the place of this one; one that does not start changes nothing."""
        return await self._succession.restart(self.server, self.settings.server.drain)

    def reload(self) -> Deferred[list[str]]:
        """
        Read the configuration again; a bad one changes nothing.

        It takes a moment, and calls go on meanwhile.  One is read after the
        other.

        @return: what has to be said about it, line by line; it is logged too.
            It fails with L{SettingsError} if the configuration is bad.
        """
        return self._reading.run(lambda: ensureDeferred(self._read_again()))

    async def _read_again(self) -> list[str]:
        """Read it, and take it."""
        systemd.notify("RELOADING=1")
        try:
            configured = await read_again(self._reactor, self._path, self.features)
        except SettingsError as error:
            for line in str(error).splitlines():
                self.log.error("not reloaded: {line}", line=line)
            raise
        finally:
            systemd.notify("READY=1")
        await deferLater(self._reactor, 0)
        said = [*takes_a_restart(self._began_with, configured.settings)]
        said += [f"warning: {doubt}" for doubt in doubts(configured)]
        await deferLater(self._reactor, 0)
        self._sockets.read_again()
        self.features.stop()
        self.settings, self.features = configured.settings, configured.features
        self._bind_features()
        self._configure()
        self.administration.configured()
        self.features.start()
        self._show_features()
        self._collector.expect()
        for line in (*said, "the configuration was read again"):
            self.log.info("{line}", line=line)
        return said

    def _bind_features(self) -> None:
        """Give the features what they work with."""
        core, connections = self.server.core, SecurableConnections(self._reactor)
        self.features.bind(self.server.runner, core.calls, core.subscriber, connections)

    def _show_features(self) -> None:
        """Log the features in the order in which they are asked."""
        for line in self.features.describe():
            self.log.info("feature {line}", line=line)

    def _configure(self) -> None:
        """Give the server the configuration, with the extensions that were added while it ran."""
        self.server.configure(self._extensions.merged(self.settings), self.features)


def tell_end(log: Logger, record: CallRecord) -> None:
    """Log that a call is over."""
    in_a_moment(
        log,
        "call {id}: {caller} to {dialled}: {state} ({status})",
        id=record.id,
        caller=record.caller,
        dialled=record.dialled,
        state=state(record),
        status=record.status,
        reason=record.reason,
    )
