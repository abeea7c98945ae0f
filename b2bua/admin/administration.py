"""All that can be asked of a server, put together once: the same on a PBX host and in the simulated world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from b2bua.admin.accounts import Accounts, InThread
from b2bua.admin.audit import Audit
from b2bua.admin.calls import Calls
from b2bua.admin.ended import Ended
from b2bua.admin.entrance import Entrance
from b2bua.admin.events import Events
from b2bua.admin.features import Choices
from b2bua.admin.figures import PluginFigures
from b2bua.admin.homer import Homer, SendDatagram
from b2bua.admin.metrics import Metrics
from b2bua.admin.openapi import Description
from b2bua.admin.phones import Phones
from b2bua.admin.playing import Play
from b2bua.admin.routes import routes
from b2bua.admin.sessions import Sessions
from b2bua.admin.status import ServiceStatus
from b2bua.admin.values import Reloaded, Restarted
from b2bua.admin.webhooks import Post, Webhooks

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.extensions import AddedExtensions
    from b2bua.features import Features
    from b2bua.server import Server
    from b2bua.store.journal import Journal
    from b2bua.store.ports import Setting


@dataclass(frozen=True, slots=True)
class Orders:
    """What only the service itself can do when somebody asks for it."""

    features: Callable[[], Features]
    """Gives the generation that new calls get."""
    configure: Callable[[], None]
    """Has the server take the extensions as they are now."""
    reload: Callable[[], Awaitable[Reloaded]]
    """Reads the configuration again."""
    restart: Callable[[], Awaitable[Restarted]]
    """Has a new process take the place of this one."""
    move: Callable[[Call, str], Awaitable[None]]
    """Has another node go on with a call; fails with L{b2bua.cluster.moving.CannotMove}."""


@dataclass(frozen=True, slots=True)
class Means:
    """What is done by threads, sockets and processes, which the simulated world does in its own way."""

    in_thread: InThread
    """Does work that takes its time, such as hashing a password."""
    post: Post
    """Sends what happens to programs elsewhere."""
    send: SendDatagram
    """Sends a datagram."""
    play: Play
    """Says what a call would do."""


class Administration:
    """Who answers, and the routes to them."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        extensions: AddedExtensions,
        orders: Orders,
        means: Means,
        version: str = "",
    ) -> None:
        """Look at a server from now on."""
        features, configure = orders.features, orders.configure
        self.server = server
        self.ended = Ended(server.runner)
        look = self.ended.look
        self.calls = Calls(server, journal, means.play, orders.move, look, version)
        self.phones = Phones(server, journal, extensions, configure)
        self._figures = PluginFigures(look)
        self.choices = Choices(features, lambda: server.settings, self._figures)
        self.service = ServiceStatus(server, journal, self.calls, version)
        self.sessions = Sessions(server.runner.now)
        self.accounts = Accounts(
            journal, self.sessions, means.in_thread, lambda number: number in server.settings.extensions
        )
        self.audit = Audit(journal, server.runner.wall)
        self.entrance = Entrance(self.accounts, self.sessions, server.authenticator.throttle)
        self.events = Events(server, features)
        self.webhooks = Webhooks(self.events, journal, server.runner, means.post)
        self.homer = Homer(server, means.send)
        self.service.look(self.webhooks.problems)
        self.metrics = Metrics(server.runner.wall)
        self.routes = routes(
            self.service,
            self.phones,
            self.calls,
            self.choices,
            self.accounts,
            self.audit,
            self.webhooks,
            orders.reload,
            orders.restart,
        )
        self.in_thread = means.in_thread
        self.description = Description(self.routes, version, means.in_thread)
        figures = self._figures
        self.ended.tell = (
            self.calls.over,
            lambda calls: figures.over(story for _, story, _ in calls),
            self.metrics.over,
        )
        server.over, server.counted = self.over, self.metrics.counted

    def over(self, call: Call) -> None:
        """A call is over."""
        self.ended.over(call)
        self.homer.over(call.record, call.story)

    def finish(self) -> None:
        """Write down what waits, since the service ends."""
        self.ended.look()
        self.calls.traces.finish()

    def restore(self, rows: Sequence[Setting]) -> None:
        """Take what was kept: accounts, tokens, who has changed what, and what was not delivered."""
        self.accounts.restore(rows)
        self.audit.restore(rows)
        self.configured()
        self.webhooks.restore(rows)

    def configured(self) -> None:
        """The configuration was read, or read again."""
        self.webhooks.configure(self.server.settings.webhooks)
        self.homer.configure(self.server.settings.hep)
