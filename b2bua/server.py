"""
A whole server but for its sockets: the parts, put together once.

The service gives it the reactor and real wires, the simulated world a clock
that stands still and a network in memory; all else is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from b2bua.authentication.accounts import Accounts, accounts_of
from b2bua.authentication.authenticator import Authenticator
from b2bua.authentication.domain import Domain
from b2bua.authentication.throttle import Limits as Throttling
from b2bua.calls.outside import Registration
from b2bua.calls.ports import Decisions
from b2bua.calls.records.trace import Trace
from b2bua.calls.restoring.keeping import CallKeeper
from b2bua.calls.restoring.recovery import Unreadable, recover
from b2bua.core.b2bua import B2BUA
from b2bua.dialogs.index import DialogIndex
from b2bua.directory import Directory
from b2bua.legs.context import LegContext
from b2bua.liveness import Asker
from b2bua.net.limits import NetLimits
from b2bua.net.runner import Runner
from b2bua.net.tokens import Unguessable
from b2bua.registrar.bindings import Binding, Bindings, Change
from b2bua.registrar.devices import Devices
from b2bua.registrar.keep_alive import KeepAlive
from b2bua.registrar.keeping import Keeper
from b2bua.registrar.registrar import Registrar, RegistrarSettings
from b2bua.store.alive import Alive, count_start, last_sign
from b2bua.store.journal import Journal
from b2bua.subscriptions.keeping import SubscriptionKeeper
from b2bua.subscriptions.notifier import SubscriptionLimits
from b2bua.transactions.effects import TimerValues
from b2bua.trunks.trunks import Trunks
from b2bua.wire.message import Limits as MessageLimits

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorTime

    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.directory import Trunks as ITrunks
    from b2bua.legs.leg import Leg
    from b2bua.net.locate import Locator
    from b2bua.registrar.bindings import Binding
    from b2bua.settings import Settings
    from b2bua.store.ports import BindingRow, IStore, Setting, Snapshot, SubscriptionRow
    from b2bua.subscriptions.packages import Packages
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Request, Response


class Recovery(NamedTuple):
    """What a start has found of the calls of the process before."""

    restored: int
    cut: int
    """Those that could not be taken up: their records are closed."""
    unreadable: list[Unreadable]


class Features(Decisions, Protocol):
    """What a server asks of its features."""

    @property
    def event_packages(self) -> Packages:
        """What can be watched."""


class Server:
    """The parts of a server, as the configuration wants them."""

    def __init__(
        self,
        settings: Settings,
        clock: IReactorTime,
        locator: Locator,
        features: Features,
        trunks: ITrunks | None = None,
        *,
        store: IStore | None = None,
        record: Callable[[CallRecord], None] = lambda record: None,
        random: Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Put the parts together; wires are attached to C{runner} afterwards.

        @param trunks: the real ones if none are given.
        @param store: keeps bindings and records beyond the process; it is
            open before any request comes.
        @param record: told the record of each call that is over.
        @param random: makes tags, Call-IDs and branches; a simulated world
            gives a seeded one.
        @param wall: the time of day.
        """
        random = random or Unguessable()
        self.settings = settings
        places = [(place.host, place.port) for place in settings.server.listen]
        self.domain = Domain(settings.server.domain, settings.server.aliases, places)
        self.trace = Trace(settings.calls.trace_bytes)
        self.messages = MessageLimits(settings.limits.message, settings.limits.head, settings.limits.fields)
        self.runner = Runner(
            clock,
            locator=locator,
            timers=TimerValues(settings.timers.t1, settings.timers.t2, settings.timers.t4),
            limits=_net_limits(settings),
            messages=self.messages,
            token=lambda: random.randbytes(9).hex(),
            wall=wall,
        )
        for who, own in settings.timers.peers.items():
            usual = settings.timers
            self.runner.transport.set_timers(
                who, TimerValues(own.t1 or usual.t1, own.t2 or usual.t2, own.t4 or usual.t4)
            )
        self.runner.transport.tap = self.trace.note
        self.accounts = Accounts(accounts_of(settings))
        self.bindings = Bindings(self.runner)
        self.bindings.listen(self._bound)
        self.authenticator = Authenticator(
            self.accounts,
            self.domain,
            self.runner.now,
            Throttling.of(settings.auth),
            algorithms=settings.auth.algorithms,
            nonce_seconds=settings.auth.nonce_seconds,
            secret=random.randbytes(32),
            known=self.runner.transport.admission.know,
            token=self.runner.token,
        )
        self.journal: Journal | None = None
        self.keeper: Keeper | None = None
        if store is not None:
            self.journal = Journal(store, self.runner)
            self.keeper = Keeper(self.bindings, self.journal, self.runner)
        self.registrar = Registrar(
            self.bindings,
            self.authenticator,
            self.domain,
            self.runner,
            RegistrarSettings.of(settings.registrar),
            self.keeper,
            token=self.runner.token,
        )
        self._random = random
        self._asker = Asker(self.domain, random, settings.server.user_agent)
        if trunks is None:
            trunks = Trunks(self.runner, settings.trunks, self._asker, random)
        self.trunks: ITrunks = trunks
        self.directory = Directory(settings, self.domain, self.bindings, trunks)
        self.context: LegContext[Leg] = LegContext(
            self.runner,
            DialogIndex(),
            random,
            settings.server.user_agent,
        )
        self.core = B2BUA(
            self.context,
            self.directory,
            self.domain,
            self.registrar,
            self.authenticator,
            self._identified,
            features,
            calls_max=settings.limits.calls,
        )
        self.core.calls.tap = self.trace.hear
        self.notifier = self.core.notifier
        self.notifier.configure(features.event_packages, _subscription_limits(settings))
        self.context.challenged = self._challenged
        self.subscriptions: SubscriptionKeeper | None = None
        if self.journal is not None:
            self.subscriptions = SubscriptionKeeper(self.notifier, self.runner, self.journal.subscription)
        self.context.devices = self.notifier.devices = Devices(self.bindings)
        self.runner.user = self.core
        self.runner.overload.has_dialog = self.context.dialogs.has
        self.runner.servers.stateless = self.core.outside.at_once
        self._keep_alive: KeepAlive | None = None
        self._record = record
        self.over: Callable[[Call], None] = lambda call: None
        """Told of each call that is over, when its record is kept."""
        self.calls_kept: CallKeeper | None = None
        """Writes calls down, so that they outlive the process."""
        if self.journal is not None:
            if settings.calls.survive:
                self.calls_kept = CallKeeper(self.runner, self.journal.snapshot)
                self.core.calls.changed = self.calls_kept.touch
                self.context.agreed = self._agreed
            self.core.calls.began = self.core.calls.recorded = self._recorded
            self._alive = Alive(self.journal, self.runner, lambda: bool(self.core.calls.going))
        self.core.calls.ended = self._ended

    def _identified(self, request: Request, flow: Flow) -> str | None:
        """The trunk that a request is from; nothing that it sends is too much."""
        name = self.trunks.identify(request, flow)
        if name is not None:
            self.runner.transport.admission.know(flow.remote[0])
        return name

    def _challenged(
        self, leg: Leg, response: Response, request: Request, flow: Flow | None
    ) -> list[tuple[str, str]] | None:
        """Credentials for a trunk that asks for them."""
        if leg.party.kind != "trunk":
            return None
        return self.trunks.answer(leg.party.name, response, request, flow)

    def _bound(self, change: Change) -> None:
        """Tell the features which phones come and go."""
        if change.kind == "registered":
            self.core.calls.features.tell_contact_registered(_registration(change.binding))
        elif change.kind == "unregistered":
            self.core.calls.features.tell_contact_unregistered(_registration(change.binding))

    def keep_alive(self, seconds: float) -> KeepAlive:
        """Ask phones behind NAT every C{seconds} whether they are there."""
        self._keep_alive = KeepAlive(self.bindings, self.runner, self._asker, self._random, seconds)
        return self._keep_alive

    def answers(self, binding: Binding) -> bool | None:
        """Does a phone answer our OPTIONS?  None for one that we do not ask."""
        return self._keep_alive.answers(binding) if self._keep_alive is not None else None

    def restore(
        self,
        bindings: Iterable[BindingRow],
        subscriptions: Iterable[SubscriptionRow],
        usable: Callable[[Flow], bool] = lambda flow: True,
    ) -> tuple[int, int]:
        """
        Go on with what was kept.

        @param usable: whether we still have the socket of a flow.
        @return: how many bindings and how many subscriptions that were.
        """
        assert self.keeper is not None and self.subscriptions is not None
        bound = self.keeper.restore(bindings, usable)
        return bound, self.subscriptions.restore(subscriptions, self.directory.find_party, usable)

    def count_start(self, kept: Iterable[Setting]) -> Deferred[None]:
        """Note that the service has started once more; fires when that is stored."""
        assert self.journal is not None
        start = count_start(self.journal, kept)
        if self.calls_kept is not None:
            self.calls_kept.start = start
        return self.journal.flush()

    def recover(
        self, kept: Sequence[Setting], snapshots: Iterable[Snapshot], records: Iterable[CallRecord]
    ) -> Recovery:
        """
        Take up the calls of the process before, and close the records of those that it took along.

        @param kept: all settings, among which the signs of life are.
        @param records: those that were never ended.
        """
        journal, calls = self.journal, self.core.calls
        assert journal is not None
        alive = last_sign(kept, journal.store.node)
        left = {record.id: record for record in records}
        found = Recovery(0, 0, [])
        if self.calls_kept is not None:
            texts = [(s.call, s.text) for s in snapshots if s.text is not None]
            recovered = recover(calls, texts, left, start=self.calls_kept.start, alive=alive)
            for call, legs in recovered.calls:
                self.calls_kept.adopt(call, legs)
                del left[call.id]
            for id in recovered.over:
                journal.snapshot(id, None)
            found = Recovery(len(recovered.calls), 0, recovered.unreadable)
        else:
            for snapshot in snapshots:
                journal.snapshot(snapshot.call, None)
        for record in left.values():
            record.cut(alive)
            journal.record(record)
        return found._replace(cut=len(left))

    def _agreed(self, leg: Leg) -> None:
        """A session was refreshed or has changed."""
        if self.calls_kept is not None and leg.call is not None:
            self.calls_kept.touch(leg.call)

    def _recorded(self, call: Call) -> None:
        """Keep what is recorded of a call so far, so that one cut by a crash has a true record."""
        if self.journal is not None:
            self.journal.record(call.record)
            self._alive.call_goes_on()
            if self.calls_kept is not None:
                self.calls_kept.touch(call)

    def _ended(self, call: Call) -> None:
        """Keep the record of a call that is over."""
        if self.journal is not None:
            self.journal.record(call.record)
            if self.calls_kept is not None:
                self.calls_kept.over(call)
        self._record(call.record)
        self.over(call)

    def configure(self, settings: Settings, features: Features) -> None:
        """Take a new configuration; calls that go on keep what they began with."""
        self.settings = settings
        self.accounts.configure(accounts_of(settings, self.accounts))
        self.authenticator.algorithms = settings.auth.algorithms
        self.authenticator.throttle.limits = Throttling.of(settings.auth)
        self.registrar.settings = RegistrarSettings.of(settings.registrar)
        self.trunks.configure(settings.trunks)
        self.directory.configure(settings)
        self.trace.bytes_max = settings.calls.trace_bytes
        self.core.calls.features = features
        self.notifier.configure(features.event_packages, _subscription_limits(settings))


def _registration(binding: Binding) -> Registration:
    """A binding, as features see it."""
    flow = binding.flow
    return Registration(
        binding.aor.rpartition("@")[0],
        binding.aor,
        binding.contact,
        "" if flow is None else f"{flow.remote[0]}:{flow.remote[1]}",
        "" if flow is None else flow.transport,
        binding.user_agent,
        binding.instance,
        binding.path,
    )


def _net_limits(settings: Settings) -> NetLimits:
    """What the transports and the transaction layer may take: the keys of the same names."""
    table = settings.limits
    known = (field.name for field in fields(NetLimits))
    return NetLimits(**{name: getattr(table, name) for name in known if hasattr(table, name)})


def _subscription_limits(settings: Settings) -> SubscriptionLimits:
    """What subscriptions may cost: the keys of the same names."""
    table = settings.subscriptions
    return SubscriptionLimits(
        **{field.name: getattr(table, field.name) for field in fields(SubscriptionLimits)}
    )
