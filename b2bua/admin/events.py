"""
What happens, as one stream in order: calls, phones, settings, trunks, guessers of passwords, plugins.

It is told to readers, each of whom may be slow: their queue is short, and when
it runs over they are told to look at the whole state again (C{resync}).  While
nobody reads, calls pay nothing for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from b2bua.admin.values import CallEvent, Event, IgnoredRow, PhoneEvent, PluginEvent, SettingEvent, TrunkRow
from b2bua.calls.records.view import CallState, Phase
from b2bua.calls.state import state_of
from b2bua.settings import EventKind as Kind
from b2bua.settings.pins import hidden
from b2bua.trunks.trunks import Trunks

if TYPE_CHECKING:
    from b2bua.clock import ITimer
    from b2bua.features import Features
    from b2bua.registrar.bindings import Change
    from b2bua.server import Server

KEPT = 1000
"""So many events can be had again by who comes back."""
LOOK = 1.0
"""Seconds between two looks at what tells nobody when it changes: trunks, ignored sources, plugins."""
PATIENCE = 60.0
"""Seconds for which events are kept when the last reader has gone, so that they can come back."""


class Reader(Protocol):
    """Who is told."""

    def hear(self, event: Event) -> None:
        """Something has happened."""


class Events:
    """The stream."""

    def __init__(self, server: Server, features: Callable[[], Features]) -> None:
        """Look at a server, as soon as somebody reads."""
        self._server = server
        self._features = features
        # Beyond the ids of the process before, so that who comes back to this one is told to look again.
        self._last = int(server.runner.wall() * 1000)
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._readers: list[Reader] = []
        self._calls: dict[str, CallState] = {}
        self._seen = Seen({}, frozenset(), {})
        self._timer: ITimer | None = None
        self._until = 0.0
        server.bindings.listen(self._bound)

    # ---- readers --------------------------------------------------------

    def __len__(self) -> int:
        """How many read."""
        return len(self._readers)

    @property
    def last(self) -> int:
        """The id of the latest event."""
        return self._last

    def begin(self, reader: Reader) -> None:
        """Tell a reader from now on."""
        self._readers.append(reader)
        if self._timer is None:
            self._seen = self._look()
            self._calls = {call.id: state_of(call) for call in self._server.core.calls.going.values()}
            self._server.core.calls.look(self._call)
            self._timer = self._server.runner.start(LOOK, self._looked)

    def end(self, reader: Reader) -> None:
        """Tell a reader no more."""
        if reader in self._readers:
            self._readers.remove(reader)
            self._until = self._server.runner.now() + PATIENCE

    def since(self, last: int) -> list[Event] | None:
        """What has happened after an event; None if that is not known any more."""
        if last == self._last:
            return []
        if not self._kept or not self._kept[0].id <= last + 1 <= self._last:
            return None
        return [event for event in self._kept if event.id > last]

    def tell(self, kind: Kind, what: str, extensions: Iterable[str], value: Any) -> None:
        """Something has happened."""
        if self._timer is None:
            return
        self._last += 1
        event = Event(
            id=self._last,
            at=self._server.runner.wall(),
            kind=kind,
            what=what,
            extensions=sorted(set(extensions)),
            value=value,
        )
        self._kept.append(event)
        for reader in list(self._readers):
            reader.hear(event)

    # ---- what happens ---------------------------------------------------

    def _call(self, state: CallState) -> None:
        """A call is not as it was."""
        before = self._calls.get(state.id)
        if state.phase is Phase.ENDED:
            self._calls.pop(state.id, None)
        else:
            self._calls[state.id] = state
        parties = (*state.parties, *(before.parties if before is not None else ()))
        extensions = [party.name for party in parties if party.kind == "extension"]
        if state.dialled in self._server.settings.extensions:
            extensions.append(state.dialled)  # whose calls are sent on has to hear of them as well
        self.tell("call", what_happened(before, state), extensions, CallEvent.model_validate(state))

    def _bound(self, change: Change) -> None:
        """A phone has come or gone."""
        if change.kind in ("registered", "unregistered") and self._timer is not None:
            binding = change.binding
            extension = binding.aor.rpartition("@")[0]
            value = PhoneEvent(
                extension=extension, contact=binding.contact, user_agent=binding.user_agent, why=change.why
            )
            self.tell("phone", change.kind, [extension], value)

    def setting(self, owner: str, feature: str, key: str, value: object) -> None:
        """A setting was changed by a user or for them; None has the file's back, and no PIN is told."""
        extension = owner.removeprefix("extensions.") if owner.startswith("extensions.") else ""
        path = f"{owner}.{key}"
        told = SettingEvent(path=path, feature=feature, value=hidden(path, value))
        self.tell("setting", "changed", [extension] if extension else [], told)

    def _looked(self) -> None:
        """Look at what tells nobody, and again in a moment; stop when nobody has read for some time."""
        runner = self._server.runner
        if not self._readers and runner.now() >= self._until:
            self._timer = None
            self._server.core.calls.look_away(self._call)
            self._kept.clear()
            self._calls.clear()
            self._last += 1  # what happens from now on is not known to who comes back
            return
        before, self._seen = self._seen, self._look()
        for name, trunk in self._seen.trunks.items():
            if trunk != before.trunks.get(name):
                good = trunk.alive and trunk.registered is not False
                self.tell("trunk", "up" if good else "down", [], trunk)
        for source in self._seen.ignored - before.ignored:
            self.tell("ignored", "ignored", [], IgnoredRow(source=source, seconds=0))
        for source in before.ignored - self._seen.ignored:
            self.tell("ignored", "pardoned", [], IgnoredRow(source=source, seconds=0))
        for name, out in self._seen.plugins.items():
            if out != before.plugins.get(name, out):
                what = "set aside" if out else "asked again"
                self.tell("plugin", what, [], PluginEvent(name=name, out=out))
        self._timer = runner.start(LOOK, self._looked)

    def _look(self) -> Seen:
        """How it is now."""
        server = self._server
        trunks = server.trunks.status() if isinstance(server.trunks, Trunks) else []
        return Seen(
            {trunk.name: TrunkRow.model_validate(trunk) for trunk in trunks},
            frozenset(server.authenticator.throttle.ignored()),
            {plugin.name: plugin.out for plugin in self._features().plugins},
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """How things were that tell nobody when they change."""

    trunks: dict[str, TrunkRow]
    ignored: frozenset[str]
    plugins: dict[str, str]


def what_happened(before: CallState | None, now: CallState) -> str:
    """One word for how a call has changed."""
    if now.phase is Phase.ENDED:
        return "ended"
    if before is None or before.phase is now.phase:
        if before is None:
            return {Phase.RINGING: "ringing", Phase.TALKING: "answered"}.get(now.phase, "started")
        others = {party.leg for party in now.parties} != {party.leg for party in before.parties}
        return "transferred" if others and now.phase is Phase.TALKING else "changed"
    if now.phase is Phase.TALKING:
        if before.phase is Phase.HELD:
            return "resumed"
        return "answered" if before.answered is None else "transferred"
    words = {Phase.RINGING: "ringing", Phase.HELD: "held", Phase.WAITING: "parked", Phase.ALONE: "alone"}
    return words.get(now.phase, "changed")
