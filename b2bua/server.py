"""
A whole server but for its sockets: the parts, put together once.

The service gives it the reactor and real wires, the simulated world a clock
that stands still and a network in memory; all else is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from random import Random
from typing import TYPE_CHECKING, Protocol

from b2bua.authentication.accounts import Accounts, accounts_of
from b2bua.authentication.authenticator import Authenticator
from b2bua.authentication.domain import Domain
from b2bua.authentication.throttle import ThrottleLimits
from b2bua.calls.ports import Decisions
from b2bua.calls.records.trace import Trace
from b2bua.core.b2bua import B2BUA
from b2bua.dialogs.index import DialogIndex
from b2bua.directory import Directory, registration
from b2bua.legs.context import LegContext
from b2bua.liveness import Asker
from b2bua.net.limits import NetLimits
from b2bua.net.runner import Runner
from b2bua.net.tokens import Unguessable, tokens
from b2bua.persistence import Persistence
from b2bua.registrar.bindings import Bindings, Change
from b2bua.registrar.devices import Devices
from b2bua.registrar.keep_alive import KeepAlive
from b2bua.registrar.registrar import Registrar, RegistrarSettings
from b2bua.subscriptions.notifier import SubscriptionLimits
from b2bua.transactions.effects import TimerValues
from b2bua.trunks.trunks import Trunks
from b2bua.wire.parser import LIMITS, MessageLimits

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from b2bua.calls.call import Call
    from b2bua.calls.records.record import CallRecord
    from b2bua.directory import Trunks as ITrunks
    from b2bua.legs.leg import Leg
    from b2bua.net.locate import Locator
    from b2bua.registrar.bindings import Binding
    from b2bua.settings import Settings
    from b2bua.store.ports import IStore
    from b2bua.subscriptions.packages import Packages
    from b2bua.transactions.flow import Flow
    from b2bua.wire.message import Request, Response


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
        *,
        store: IStore | None = None,
        record: Callable[[CallRecord], None] = lambda record: None,
        random: Random | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Put the parts together; wires are attached to C{runner} afterwards.

        @param store: keeps bindings and records beyond the process; it is
            open before any request comes.
        @param record: told the record of each call that is over.
        @param random: makes tags, Call-IDs and branches; a simulated world
            gives a seeded one.
        @param wall: the time of day.
        """
        random = random or Unguessable()
        self.settings = settings
        self._random = random
        self._record = record
        self.over: Callable[[Call], None] | None = None
        """Told of each call that is over, when its record is kept."""
        self.counted: Callable[[Call], None] = lambda call: None
        """Told of each call whose media have passed through a relay, when its record says what came."""
        self._keep_alive: KeepAlive | None = None
        self.trace = Trace(settings.calls.trace_bytes)
        messages = MessageLimits(settings.limits.message, settings.limits.head, settings.limits.fields)
        self.messages = LIMITS if messages == LIMITS else messages
        self.runner = _runner(settings, self.messages, clock, locator, random, wall)
        self._find_people(settings, random)
        self._take_calls(settings, random, features)
        self.persistence: Persistence | None = None
        if store is not None:
            self.persistence = Persistence(
                store, self.runner, self.core, self.directory.known_party, survive=settings.calls.survive
            )

    def _find_people(self, settings: Settings, random: Random) -> None:
        """Make the parts that know who is who, and where everybody is."""
        runner = self.runner
        places = [(place.host, place.port) for place in settings.server.listen]
        self.domain = Domain(settings.server.domain, settings.server.aliases, places)
        self.accounts = Accounts(accounts_of(settings))
        self.authenticator = Authenticator(
            self.accounts,
            self.domain,
            runner.now,
            ThrottleLimits.of(settings.auth),
            algorithms=settings.auth.algorithms,
            nonce_seconds=settings.auth.nonce_seconds,
            secret=random.randbytes(32),
            known=runner.transport.admission.know,
            token=runner.token,
        )
        self.bindings = Bindings(runner)
        self.bindings.listen(self._bound)
        self.registrar = Registrar(
            self.bindings,
            self.authenticator,
            self.domain,
            runner,
            RegistrarSettings.of(settings.registrar),
            token=runner.token,
        )
        self._asker = Asker(self.domain, random, settings.server.user_agent)
        self.trunks: ITrunks = Trunks(runner, settings.trunks, self._asker, random)
        self.directory = Directory(settings, self.domain, self.bindings, self.trunks)

    def _take_calls(self, settings: Settings, random: Random, features: Features) -> None:
        """Make the parts that take requests, and put them above the transaction layer."""
        runner = self.runner
        self.context: LegContext[Leg] = LegContext(
            runner, DialogIndex(), runner.token, random, settings.server.user_agent
        )
        self.core = core = B2BUA(
            self.context,
            self.directory,
            self.domain,
            self.registrar,
            self.authenticator,
            self._identified,
            features,
            calls_max=settings.limits.calls,
        )
        self.notifier = core.notifier
        self.notifier.configure(features.event_packages, _subscription_limits(settings))
        self.context.challenged = self._challenged
        self.devices = Devices(self.bindings)
        self.context.devices = self.notifier.devices = self.devices
        runner.user = core
        runner.overload.has_dialog = self.context.dialogs.has
        runner.servers.stateless["OPTIONS"] = core.outside.at_once
        runner.transport.traffic.keep_in(self.trace)
        core.calls.tap = self.trace.hear
        core.calls.ended = self._ended
        core.calls.counted = self._counted

    def _identified(self, request: Request, flow: Flow) -> str | None:
        """The trunk that a request is from; nothing that it sends is too much."""
        name = self.trunks.identify(request, flow)
        if name is not None and flow.remote[0] not in self.runner.transport.admission.known:
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
            self.core.calls.features.tell_contact_registered(registration(change.binding))
        elif change.kind == "unregistered":
            self.core.calls.features.tell_contact_unregistered(registration(change.binding))

    def keep_alive(self, seconds: float) -> KeepAlive:
        """Ask phones behind NAT every C{seconds} whether they are there."""
        self._keep_alive = KeepAlive(self.bindings, self.runner, self._asker, self._random, seconds)
        return self._keep_alive

    def stop_asking(self) -> None:
        """Ask phones no more."""
        if self._keep_alive is not None:
            self._keep_alive.stop()

    def answers(self, binding: Binding) -> bool | None:
        """Does a phone answer our OPTIONS?  None for one that we do not ask."""
        return self._keep_alive.answers(binding) if self._keep_alive is not None else None

    def _ended(self, call: Call) -> None:
        """A call is over."""
        if self.persistence is not None:
            self.persistence.ended(call)
        self._record(call.record)
        if self.over is not None:
            self.over(call)

    def _counted(self, call: Call) -> None:
        """A call is over, and its record says what media came."""
        if self.persistence is not None:
            self.persistence.counted(call)
        self.counted(call)

    def configure(self, settings: Settings, features: Features) -> None:
        """Take a new configuration; calls that go on keep what they began with."""
        self.settings = settings
        self.accounts.configure(accounts_of(settings, self.accounts))
        self.authenticator.algorithms = settings.auth.algorithms
        self.authenticator.throttle.limits = ThrottleLimits.of(settings.auth)
        self.registrar.settings = RegistrarSettings.of(settings.registrar)
        self.trunks.configure(settings.trunks)
        self.directory.configure(settings)
        self.trace.bytes_max = settings.calls.trace_bytes
        self.core.calls.features = features
        self.notifier.configure(features.event_packages, _subscription_limits(settings))


def _runner(
    settings: Settings,
    messages: MessageLimits,
    clock: IReactorTime,
    locator: Locator,
    random: Random,
    wall: Callable[[], float],
) -> Runner:
    """Make the transaction layer, with the timers that each peer wants."""
    usual = settings.timers
    runner = Runner(
        clock,
        locator=locator,
        timers=TimerValues(usual.t1, usual.t2, usual.t4),
        limits=_net_limits(settings),
        messages=messages,
        token=tokens(random),
        wall=wall,
    )
    for who, own in usual.peers.items():
        timers = TimerValues(own.t1 or usual.t1, own.t2 or usual.t2, own.t4 or usual.t4)
        runner.transport.set_timers(who, timers)
    return runner


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
