"""
The service: a server on sockets, with what it keeps on a disk.

It starts when all of it can (the store is open, what it knew is back, every
socket is there) or not at all.  SIGTERM drains it: no new calls, and those that
go on have C{server.drain} seconds; a second SIGTERM ends them at once.  SIGUSR2
leaves calls and sockets to the process that systemd starts next.  SIGHUP makes
it read its configuration again.
"""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from random import SystemRandom
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, ensureDeferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver, Logger
from twisted.names.client import Resolver
from twisted.python.failure import Failure

from b2bua import collector, systemd
from b2bua.admin.administration import Administration, Means, Operated
from b2bua.admin.listening import listen_locally, local_site, web_site
from b2bua.admin.person import LOCAL
from b2bua.admin.playing import Playing
from b2bua.admin.posting import Datagrams, Posting
from b2bua.admin.values import Reloaded, Restarted
from b2bua.calls.records.record import CallRecord, state
from b2bua.calls.restoring.keeping import RINGING
from b2bua.calls.restoring.recovery import Unreadable
from b2bua.configuration import Configuration
from b2bua.doubts import doubts
from b2bua.extensions import AddedExtensions
from b2bua.handover.belonging import is_new
from b2bua.handover.new import NewProcess
from b2bua.handover.restart import Restart, take_over
from b2bua.handover.spawning import predecessor
from b2bua.net.address import WILDCARDS
from b2bua.net.dns import DnsLocator
from b2bua.net.inherited import Inherited, handed_down
from b2bua.net.listen import AnyWire, bound, open_wire
from b2bua.net.streams import BACKLOG
from b2bua.net.tls import Credentials, over_tls
from b2bua.net.udp import UdpWire
from b2bua.net.voices import Voices
from b2bua.plural import counted
from b2bua.preflight import why_not
from b2bua.registrar.keep_alive import KeepAlive
from b2bua.rereading import read_again, takes_a_restart
from b2bua.server import Server
from b2bua.settings import Listen, SettingsError, Tls
from b2bua.store.ports import IStore, Setting, Snapshot, StoreError
from b2bua.store.set_aside import place, set_aside
from b2bua.store.sql import SqlStore
from b2bua.transactions.flow import Flow

COMES_AGAIN = 5.0
"""Seconds that calls which ring have to be answered when systemd starts us anew."""
GOODBYE = 4.0
"""Seconds that phones have to answer our BYEs before the sockets are closed."""
DAY = 86400.0
LOOK = 0.1
"""Seconds between two looks at what is left while we drain."""


class CannotStart(Exception):
    """The service cannot start; the text is one line for people."""


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
        self._sockets: list[AnyWire] = []
        self._inherited = Inherited(handed_down(os.environ))
        self._old = predecessor(reactor, os.environ)
        """The process whose place we take, until it is gone."""
        self._restart: Restart | None = None
        self._before: NewProcess | None = None
        self.administration: Administration
        self._posting = Posting(reactor)
        self._datagrams = Datagrams(reactor)
        self._extensions: AddedExtensions
        self._control: IListeningPort | None = None
        self._web: IListeningPort | None = None
        self._keep_alive: KeepAlive | None = None
        self._forgetting = LoopingCall(self._forget_records)
        self._collector = collector.Collector(reactor.seconds)
        self._collecting = LoopingCall(self._collector.look)
        self._reading = DeferredLock()
        self._watchdog = systemd.Watchdog()
        self._credentials: Credentials | None = None
        self._starting: Deferred[None] | None = None
        self._hurry = False
        self._comes_again = False
        """Does systemd end us in order to start us anew?"""
        self._tells_calls = self.settings.log.level in ("debug", "info")

    # ---- the beginning --------------------------------------------------

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
        self.server = Server(table, reactor, locator, self.features, store=self.store, record=self._ended)
        assert self.server.persistence is not None
        self._extensions = AddedExtensions(self.server.persistence.journal)
        self.administration = Administration(
            self.server,
            self.server.persistence.journal,
            self._extensions,
            Operated(lambda: self.features, self._configure, self._told_to_reload, self._told_to_restart),
            Means(
                partial(deferToThreadPool, reactor, reactor.getThreadPool()),
                self._posting,
                self._datagrams,
                Playing(reactor, str(self._path)),
            ),
            version("b2bua"),
        )
        media = table.media
        self._voices = Voices(reactor, (media.first_port, media.last_port), media.workers)
        if media.workers:
            self.server.core.calls.voices = self._voices
        try:
            if table.tls is not None:
                self._credentials = credentials(table.tls)
            for index, place in enumerate(table.server.listen):
                self._open(index, place)
        except CannotStart as error:
            self._close_sockets()
            raise SystemExit(f"{self._path}: {error}") from None

    def _open(self, index: int, place: Listen) -> None:
        """Open one socket."""
        server = self.server
        try:
            wire = open_wire(
                self._reactor,
                server.runner,
                *place,
                credentials=self._credentials,
                messages=server.messages,
                inherited=self._inherited.take(place.host, place.port, datagrams=place.transport == "UDP"),
            )
        except OSError as error:
            raise CannotStart(f"server.listen[{index}]: {place} {why_not(error)}") from None
        if isinstance(wire, UdpWire) and place.host == "0.0.0.0":
            for group in self.settings.server.multicast:
                self._join(wire, group)
        self._sockets.append(wire)
        server.runner.attach(wire, self.settings.server.advertise or "")

    def _join(self, wire: UdpWire, group: str) -> None:
        """Hear a multicast group, if there is a network for it: phones that are set up need none."""
        try:
            wire.join(group)
        except OSError as error:
            text = "the multicast group {group} cannot be joined ({why}); phones that ask it hear nothing"
            self.log.warn(text, group=group, why=error.strerror)

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
        local, web = self._sites()
        collector.settle()
        takes_over = None if self._old is None else await take_over(self.server, self._old)
        await self.store.open()
        kept = await self._restore()
        calls, cut = await self.store.load_snapshots(), await self.store.load_open()
        self.features.bind(self.server.runner, self.server.core.calls, self.server.core.subscriber)
        for wire in self._sockets:
            wire.listen()
            self.log.info(
                "listening on {transport} {local}", transport=wire.transport, local=_pair(wire.local)
            )
        if takes_over is not None:
            takes_over.died = partial(self._taken_along, kept)
            self._before = takes_over
            takes_over.begin()
        self.server.trunks.start()
        if seconds := self.settings.registrar.options_seconds:
            self._keep_alive = self.server.keep_alive(seconds)
        self._forgetting.clock = self._reactor
        self._forgetting.start(DAY)
        self._listen_to_signals()
        self._listen_to_people(local)
        self._listen_to_browsers(web)
        self._inherited.close()
        self.features.start()
        self._recover(kept, calls, cut, takes_over)
        self._collector.expect()
        self._collecting.clock = self._reactor
        self._collecting.start(collector.LOOK, now=False)
        self._watchdog.start(self._reactor)
        table = self.settings
        self.log.info(
            "ready: {domain} with {extensions} and {trunks}",
            domain=table.server.domain,
            extensions=counted(len(self.server.settings.extensions), "extension"),
            trunks=counted(len(table.trunks), "trunk"),
        )
        systemd.notify("READY=1")

    async def _restore(self) -> Sequence[Setting]:
        """Take up what was kept, but for calls: registrations, subscriptions, what users have changed."""
        store, server = self.store, self.server
        assert server.persistence is not None
        preferences = self.features.preferences
        kept = await store.load_settings()
        self._extensions.restore(kept)
        self._configure()
        preferences.restore(row for row in kept if not row.table.startswith("b2bua."))
        preferences.keep = self._setting_changed
        self.administration.restore(kept)
        rows = self.features.rows
        rows.restore(kept)
        rows.keep, rows.flush = server.persistence.journal.setting, server.persistence.journal.flush
        now = server.runner.wall()
        bindings, subscriptions = await store.load_bindings(now), await store.load_subscriptions()
        bound, watched = server.persistence.restore(bindings, subscriptions, self._has_socket)
        self.log.info(
            "the store {store} had {bindings} and {subscriptions}",
            store=store.name,
            bindings=counted(bound, "registration"),
            subscriptions=counted(watched, "subscription"),
        )
        with suppress(StoreError):
            # Numbers of calls are not used a second time only if this start is known to have been.
            await server.persistence.count_start(kept)
        return kept

    def _recover(
        self,
        kept: Sequence[Setting],
        snapshots: Sequence[Snapshot],
        open: Sequence[CallRecord],
        takes_over: NewProcess | None,
    ) -> None:
        """Take up the calls that the process before had, and say what became of them."""
        assert self.server.persistence is not None
        handed = None if takes_over is None else takes_over.handed
        found = self.server.persistence.recover(kept, snapshots, open, handed=handed)
        if takes_over is not None:
            self.log.info(
                "{calls} taken over; the process before goes on with {others}",
                calls=counted(found.restored, "call"),
                others=counted(len(takes_over.keeps), "call"),
            )
        elif found.restored:
            self.log.warn("{calls} restored", calls=counted(found.restored, "call"))
        if found.cut:
            self.log.warn("a crash has cut {calls}", calls=counted(found.cut, "call"))
        if found.unreadable:
            self._set_aside(found.unreadable)

    def _set_aside(self, unreadable: Sequence[Unreadable]) -> None:
        """What cannot be read of a call goes to a file; when that cannot be written it stays in the store."""
        path = place(self.settings.server.database)
        for one in unreadable:
            self.log.error("call {call} cannot be restored: {why}", call=one.call, why=one.why)
        try:
            set_aside(path, unreadable)
        except OSError as error:
            self.log.error("{path} cannot be written: {why}", path=path, why=error.strerror)
            return
        assert self.server.persistence is not None
        for one in unreadable:
            self.server.persistence.journal.snapshot(one.call, None)
        self.log.error(
            "{calls} that cannot be restored: what was kept is in {path}",
            calls=counted(len(unreadable), "call"), path=path,
        )  # fmt: skip

    def _has_socket(self, flow: Flow) -> bool:
        """Is the socket of a flow there, now as then?"""
        return any(
            wire.transport == flow.transport
            and wire.local[1] == flow.local[1]
            and wire.local[0] in (flow.local[0], *WILDCARDS)
            for wire in self._sockets
        )

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
        self._reactor_signal(signal.SIGTERM, self._hasten)
        self._reactor_signal(signal.SIGINT, self._hasten)
        if self._comes_again:
            await self._leave_behind()
        else:
            await self._end_calls()
        if not self._comes_again and (self._restart is None or not self._restart.served):
            self.server.trunks.stop()
        if self._keep_alive is not None:
            self._keep_alive.stop()
        for loop in (self._forgetting, self._collecting):
            if loop.running:
                loop.stop()
        self._watchdog.stop()
        self.features.stop()
        self.administration.webhooks.stop()
        self.administration.calls.traces.finish()
        await self._posting.close()
        await self._datagrams.close()
        self._voices.stop()
        await self._voices.gone
        self._close_sockets()
        if self.server.persistence is not None:
            await self.server.persistence.journal.close()
        for port in (self._control, self._web):
            if port is not None:
                await maybeDeferred(port.stopListening)
        self.server.runner.close()
        self.log.info("ended")

    async def _end_calls(self) -> None:
        """Let the calls end, then end the rest."""
        core = self.server.core
        core.calls.draining = True
        going = core.calls.going
        if going:
            seconds = self.settings.server.drain
            self.log.info(
                "draining: {calls}, {seconds:g} s left", calls=counted(len(going), "call"), seconds=seconds
            )
            await self._until(lambda: self._hurry or not going, seconds)
        if going:
            self.log.info("ending {calls}", calls=counted(len(going), "call"))
            core.hang_up_all()
        await self._until(lambda: not going and not core.context.dialogs, GOODBYE)

    def _come_again(self) -> None:
        """SIGUSR2: systemd ends us in order to start us anew."""
        self._comes_again = True
        self._reactor.stop()

    async def _leave_behind(self) -> None:
        """
        Leave the sockets to systemd (sd_pid_notify_with_fds(3)), and the calls to the database.

        What rings has a moment to be answered.  Who calls meanwhile is not heard:
        phones ask again, and the next process answers.
        """
        server, kept = self.server, self.server.persistence
        assert kept is not None
        if not kept.survives:
            await self._end_calls()
            return
        server.runner.elsewhere = lambda message, flow, data: is_new(server, message)
        await self._until(lambda: self._hurry or kept.is_calm, COMES_AGAIN)
        for wire in self._sockets:
            wire.pause()
        left = kept.finish()
        systemd.notify("FDSTORE=1\nFDNAME=sip", [wire.fileno() for wire in self._sockets])
        self.log.info(
            "{calls} left to the next process of {all}",
            calls=counted(len(left), "call"), all=len(server.core.calls.going),
        )  # fmt: skip

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

    def _until(self, done: Callable[[], bool], seconds: float) -> Deferred[None]:
        """Wait until it is so, but no longer than that."""
        deadline = self._reactor.seconds() + seconds
        loop = LoopingCall(lambda: loop.stop() if done() or self._reactor.seconds() >= deadline else None)
        loop.clock = self._reactor
        return loop.start(LOOK).addCallback(lambda _: None)

    def _close_sockets(self) -> None:
        for wire in self._sockets:
            wire.close()
        self._sockets.clear()

    # ---- a restart without loss -------------------------------------------

    async def _told_to_restart(self) -> Restarted:
        """
        Have a new process take the place of this one, which ends when its last call is over or handed over.

        A new process that does not start changes nothing.
        """
        if self._restart is None:
            self._restart = Restart(self._reactor, self.server, self._stand_by, self._resume)
            self._restart.left = self._left
            self._restart.before = self._before
        listening = [wire.fileno() for wire in self._sockets]
        if self._web is not None:
            listening.append(self._web.fileno())  # type: ignore[attr-defined]  # a port of Twisted's
        found = await self._restart.begin(listening, self.settings.server.drain)
        if found.pid is not None:
            systemd.notify(f"MAINPID={found.pid}")
        return Restarted(
            pid=found.pid,
            silent_ms=round(found.silent * 1000),
            handed_over=found.handed_over,
            left=found.left,
            problem=found.problem,
        )

    def _taken_along(self, kept: Sequence[Setting], calls: set[str]) -> None:
        """The process before has died with calls that it still had: they are as after any crash."""

        async def recover() -> None:
            assert self.server.persistence is not None
            await self.server.persistence.journal.flush()
            snapshots, open = await self.store.load_snapshots(), await self.store.load_open()
            self.server.persistence.recover(
                kept,
                [one for one in snapshots if one.call.removesuffix(RINGING) in calls],
                [one for one in open if one.id in calls],
            )

        ensureDeferred(recover()).addErrback(
            lambda failure: self.log.error("they are not restored: {why}", why=failure.getErrorMessage())
        )

    async def _stand_by(self) -> None:
        """Read nothing more, and leave the database and the control socket."""
        for wire in self._sockets:
            wire.pause()
        if self._web is not None:
            self._web.stopReading()  # type: ignore[attr-defined]
        if self._control is not None:
            control, self._control = self._control, None
            await maybeDeferred(control.stopListening)
        assert self.server.persistence is not None
        await self.server.persistence.journal.flush()
        await self.store.close()

    async def _resume(self) -> None:
        """There is no new process: go on."""
        await self.store.open()
        for wire in self._sockets:
            wire.listen()
        if self._web is not None:
            self._web.startReading()  # type: ignore[attr-defined]
        self._listen_to_people(self._sites()[0])

    def _left(self) -> None:
        """Nothing is left here to be done: end without a word to anybody."""
        self.log.info("the new process has all calls")
        self._reactor.stop()

    def _sites(self) -> tuple[IProtocolFactory, IProtocolFactory]:
        """What is served to the command, and what to browsers and programs."""
        return (
            local_site(self.administration, LOCAL, self._reactor),
            web_site(self.administration, self._reactor),
        )

    def _listen_to_people(self, served: IProtocolFactory) -> None:
        """Open the socket by which the command reaches us."""
        table = self.settings.server
        try:
            self._control = listen_locally(self._reactor, table.control, table.control_mode, served)
        except (OSError, CannotListenError) as error:
            raise CannotStart(f"server.control: {table.control} cannot be opened: {error}") from None

    def _listen_to_browsers(self, served: IProtocolFactory) -> None:
        """Open the socket of the page and the API; telephones do not wait for it to be free."""
        web = self.settings.web
        if web.place is None:
            return
        host, number = web.place
        scheme = "http"
        if not web.is_local and self._credentials is not None:
            served, scheme = over_tls(self._credentials, served), "https"
        self.administration.accounts.page = f"{scheme}://{web.listen}"
        try:
            with bound(self._inherited.take(host, number, datagrams=False), host, number) as listening:
                listening.listen(BACKLOG)
                self._web = self._reactor.adoptStreamPort(listening.fileno(), listening.family, served)
        except OSError as error:
            why = f"web.listen: {web.listen} {why_not(error)}; calls go on without the page"
            self.administration.service.complaints.append(why)
            self.log.error("{why}", why=why)
        else:
            self.log.info("the page is at {page}", page=self.administration.accounts.page)

    def _setting_changed(self, owner: str, feature: str, key: str, value: object) -> None:
        """Keep what a user has changed, and tell who listens."""
        assert self.server.persistence is not None
        self.server.persistence.journal.setting(owner, feature, key, value)
        self.administration.events.setting(owner, feature, key, value)

    # ---- signals --------------------------------------------------------

    def _listen_to_signals(self) -> None:
        """SIGHUP reads the configuration again; SIGTERM and SIGINT are the reactor's until we drain."""
        self._reactor_signal(signal.SIGHUP, self._reload)
        self._reactor_signal(signal.SIGUSR2, self._come_again)

    def _reactor_signal(self, number: signal.Signals, call: Callable[[], object]) -> None:
        """Call back, in the reactor's turn, upon a signal."""
        signal.signal(number, lambda *_: self._reactor.callFromThread(call))

    def _hasten(self) -> None:
        """Whoever asks twice does not want to wait."""
        self._hurry = True

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
        if self._credentials is not None:
            self._credentials.reload()
        self.features.stop()
        self.settings, self.features = configured.settings, configured.features
        self.features.bind(self.server.runner, self.server.core.calls, self.server.core.subscriber)
        self._configure()
        self.administration.configured()
        self.features.start()
        self._show_features()
        self._collector.expect()
        for line in (*said, "the configuration was read again"):
            self.log.info("{line}", line=line)
        return said

    def _show_features(self) -> None:
        """Log the features in the order in which they are asked."""
        for line in self.features.describe():
            self.log.info("feature {line}", line=line)

    def _configure(self) -> None:
        """Give the server the configuration, with the extensions that were added while it ran."""
        self.server.configure(self._extensions.merged(self.settings), self.features)

    # ---- what is told ---------------------------------------------------

    def _ended(self, record: CallRecord) -> None:
        """A call is over."""
        if not self._tells_calls:
            return
        self.log.info(
            "call {id}: {caller} to {dialled}: {state} ({status})",
            id=record.id,
            caller=record.caller,
            dialled=record.dialled,
            state=state(record),
            status=record.status,
            reason=record.reason,
        )


def credentials(tls: Tls) -> Credentials:
    """Read our certificate."""
    try:
        return Credentials(tls.certificate, tls.key, tls.authorities, verify=tls.verify_servers)
    except (OSError, ValueError) as error:
        raise CannotStart(f"tls: {error}") from None


def _pair(local: tuple[str, int]) -> str:
    """C{host:port} for people."""
    host, port = local
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
