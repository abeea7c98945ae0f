"""How the service does, and what somebody has to look after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from b2bua.admin.values import EngineRow, IgnoredRow, Status, StoreState, TrunkRow
from b2bua.plural import counted
from b2bua.trunks.trunk import TrunkStatus
from b2bua.trunks.trunks import Trunks

if TYPE_CHECKING:
    from b2bua.admin.calls import Calls
    from b2bua.media.rtpengine.engine import Engine
    from b2bua.server import Server
    from b2bua.store.journal import Health, Journal


class ServiceStatus:
    """Answers questions about the service as a whole."""

    def __init__(self, server: Server, journal: Journal, calls: Calls, version: str = "") -> None:
        """Look at these from now on."""
        self._server = server
        self._journal = journal
        self._calls = calls
        self._version = version
        self._began = server.runner.now()
        self._looks: list[Callable[[], Iterable[str]]] = [lambda: self.complaints]
        self.complaints: list[str] = []
        """What has gone wrong around it and stays so, line by line, such as a page that cannot be served."""
        self.engines: Sequence[Engine] = ()
        """The relays of media that run beside us."""

    def look(self, find: Callable[[], Iterable[str]]) -> None:
        """Ask somebody else as well what there is to look after."""
        self._looks.append(find)

    def status(self) -> Status:
        """How the service does."""
        server, health = self._server, self._journal.health
        now = server.runner.now()
        core = server.core
        trunks = server.trunks.status() if isinstance(server.trunks, Trunks) else []
        ignored = server.authenticator.throttle.ignored()
        return Status(
            problems=[
                *_problems(trunks, health, self.engines),
                *[one for look in self._looks for one in look()],
            ],
            version=self._version,
            domain=server.domain.name,
            seconds=round(now - self._began),
            draining=core.calls.draining,
            extensions=len(server.accounts),
            registrations=len(server.bindings),
            subscriptions=len(server.notifier),
            subscriptions_refused=server.notifier.refused.total(),
            calls=len(core.calls.going),
            answered=self._calls.answered,
            refused=self._calls.refused,
            transactions=server.runner.live,
            turned_away=server.runner.transport.counts.turned_away,
            strangers_refused=server.runner.transport.admission.refused,
            connections_refused=server.runner.transport.connections.refused,
            trunks=[TrunkRow.model_validate(trunk) for trunk in trunks],
            engines=[
                EngineRow(
                    name=engine.name,
                    alive=engine.alive,
                    since=engine.since,
                    calls=len(engine.calls),
                    owed=len(engine.owed),
                )
                for engine in self.engines
            ],
            store=StoreState(
                name=self._journal.store.name,
                failing=health.failing,
                failing_seconds=None if health.since is None else round(now - health.since),
                waiting=health.waiting,
                lost=health.lost,
                took=round(health.took, 6),
            ),
            ignored=[IgnoredRow(source=one, seconds=round(seconds)) for one, seconds in ignored.items()],
        )


def _since(at: float | None) -> str:
    """Since when something is so; with the date if that is not today's."""
    if at is None:
        return ""
    then, now = datetime.fromtimestamp(at), datetime.now()
    return then.strftime(" since %H:%M" if then.date() == now.date() else " since %Y-%m-%d %H:%M")


def _problems(trunks: Iterable[TrunkStatus], health: Health, engines: Iterable[Engine]) -> Iterator[str]:
    """What somebody has to look after."""
    for trunk in trunks:
        why = f": {trunk.why}" if trunk.why else ""
        if not trunk.alive:
            yield f"the trunk {trunk.name} is down{why}{_since(trunk.since)}"
        elif trunk.registered is False:
            yield f"the trunk {trunk.name} is not registered{why}"
    for engine in engines:
        if engine.alive is False:
            yield f"rtpengine {engine.name} does not answer{_since(engine.since)}"
    if health.failing:
        yield f"the store fails: {health.failing}"
    if health.lost:
        yield f"{counted(health.lost, 'record')} of calls could not be kept"
