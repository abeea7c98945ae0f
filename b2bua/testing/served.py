"""The real server in a simulated world."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogPublisher

from b2bua.calls.operations.conversation import Conversation
from b2bua.face.data import Rows
from b2bua.features import Features, plugin
from b2bua.handover.new import NewProcess
from b2bua.handover.old import OldProcess
from b2bua.net.locate import NumericLocator
from b2bua.persistence import Handed, Recovery
from b2bua.server import Server
from b2bua.settings import Settings, read
from b2bua.testing.voices import SimulatedVoices, VoicesOfProcess
from b2bua.testing.wires import DatagramWire, StreamWire

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from b2bua.calls.records.record import CallRecord
    from b2bua.handover.belonging import Word
    from b2bua.net.runner import Runner
    from b2bua.store.ports import IStore
    from b2bua.testing.surroundings import Surroundings

HOST = "192.0.2.1"
HOP = 0.001
"""Seconds that a word takes from one process to another."""
LOOK = 0.1
"""Seconds between two looks of an old process at what it can hand over."""
SILENT = Logger(observer=LogPublisher())
"""Says nothing to anybody."""
EXTENSIONS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


def password_of(name: str) -> str:
    """Give the password that an extension has in the simulated world."""
    return f"{name}-knows"


def document_of(
    domain: str, extensions: Iterable[str], more: Mapping[str, Any] | None = None, host: str = HOST
) -> dict[str, Any]:
    """
    Write a configuration.

    @param more: tables that are laid over it, one by one, key by key.
    """
    document: dict[str, Any] = {
        "server": {
            "domain": domain,
            "listen": [f"sip:{host}:5060;transport=udp", f"sip:{host}:5060;transport=tcp"],
        },
        "extensions": {name: {"name": name.capitalize()} for name in extensions},
    }
    overlay(document, more or {})
    for name, extension in document["extensions"].items():
        if "ha1" not in extension:
            extension.setdefault("password", password_of(name))
    return document


def overlay(under: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Lay tables over tables."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(under.get(key), dict):
            overlay(under[key], value)
        else:
            under[key] = dict(value) if isinstance(value, Mapping) else value


installed = lru_cache(maxsize=1)(plugin.installed)
"""Looked up once, since a world is made in less time than that takes."""


@lru_cache(maxsize=64)
def _settings(text: str) -> Settings:
    return read(json.loads(text))


class Served:
    """A server, its wires, and the records that it has written."""

    def __init__(
        self,
        world: Surroundings,
        document: dict[str, Any],
        features: Sequence[object] | str | None,
        host: str = HOST,
        store: IStore | None = None,
        zone: tzinfo | None = UTC,
        *,
        files_aside: bool = False,
    ) -> None:
        """
        Start it at an address.

        @param store: what outlives it; see L{crash}.
        @param zone: the zone of the time of day that features are told.
        @param files_aside: the document is that of a service, so features keep their files
            elsewhere: its messages and recordings are neither deleted here nor become more.
        """
        self.world = world
        self._host = host
        self._store = store
        self._zone = zone
        self.document = document
        self._things = features
        self._rows = Rows()
        self._stopped = False
        self.records: list[CallRecord] = []
        self.crashed: Callable[[], None] = _nobody
        """Told of a crash."""
        if files_aside:
            self._put_files_aside()
        self._start()

    def _start(self) -> None:
        """Start a process."""
        world, host = self.world, self._host
        settings, loaded = self._configured()
        self.server = Server(
            settings,
            self.clock_of_process(),
            NumericLocator({settings.server.domain: [host]}),
            loaded,
            store=self._store,
            record=self.records.append,
            random=world.random,
            wall=world.wall,
        )
        self.features = loaded
        """The features that new calls get."""
        assert isinstance(world.voices, SimulatedVoices)
        self.voices = VoicesOfProcess(world.voices)
        self.server.core.calls.voices = self.voices
        self.server.core.calls.relays = world.passes_on
        loaded.bind(self.server.runner, self.server.core.calls, self.server.core.subscriber)
        address, told = (host, 5060), self.told_by_wires()
        self.datagrams = DatagramWire(world.network, address, told)
        self.streams = StreamWire(world.network, address, told)
        for wire in (self.datagrams, self.streams):
            self.server.runner.attach(wire)
        world.network.names[host] = "server" if host == HOST else settings.server.domain
        self.server.trunks.start()
        loaded.start()

    def clock_of_process(self) -> IReactorTime:
        """By which its timers run."""
        return self.world.clock

    def told_by_wires(self) -> Runner:
        """Who hears what comes."""
        return self.server.runner

    def stop(self) -> None:
        """End what runs by itself: trunks, the timers of features, subscriptions of phones that are gone."""
        if not self._stopped:
            self._stopped = True
            self.server.trunks.stop()
            self.features.stop()
            self.server.notifier.stop()
            self.server.core.subscriber.stop()
            self.server.core.publications.stop()

    def crash(self) -> None:
        """End the process as kill -9 does: nothing is said to anybody, and what was not written is lost."""
        self.datagrams.close()
        self.streams.close()
        self.server.runner.close()
        self.voices.die()
        self.world.relays.die(self.server.core.calls.going)
        # What was under way ends when the garbage collector finds it; the dead have nothing to complain of.
        calls = self.server.core.calls
        calls.log = SILENT
        for call in calls.going.values():
            for leg in call.legs:
                listener = call.listener(leg)
                if isinstance(listener, Conversation):
                    listener.log = SILENT
        self.crashed()

    def hand_over(self) -> Recovery:
        """Have another process take its place, as C{b2bua restart} does, while it finishes what it began."""
        old_server, old_features = self.server, self.features
        old_wires, old_voices = (self.datagrams, self.streams), self.voices
        assert old_server.persistence is not None
        clock, journal = self.world.clock, old_server.persistence.journal

        def to_new(word: Word) -> None:
            clock.callLater(HOP, lambda: new.hear(plain(word)))

        def to_old(word: Word) -> None:
            clock.callLater(HOP, lambda: old.hear(plain(word)))

        old = OldProcess(old_server, to_new)
        old.finish()
        journal.flush()
        for wire in old_wires:
            wire.pause()
        will = plain(old.will())
        self._start()
        new = NewProcess(self.server, to_old, will)
        new.begin()
        found = self._take_up(new.handed)
        old.leave()
        old_features.stop()

        limit = clock.seconds() + old_server.settings.server.drain

        def look() -> None:
            old.hand_over()
            if clock.seconds() > limit:
                old_server.core.hang_up_all()
            if not old.is_done:
                clock.callLater(LOOK, look)
                return
            journal.flush()
            clock.callLater(2 * HOP, gone)

        def gone() -> None:
            old_wires[1].close()
            old_server.runner.close()
            old_voices.die()
            new.alone()

        clock.callLater(LOOK, look)
        return found

    def restart(self) -> Recovery:
        """Start it again, with what the store has."""
        self._start()
        return self._take_up()

    def _take_up(self, handed: Handed | None = None) -> Recovery:
        """Take up what the store has."""
        assert self._store is not None
        store, found = self._store, list[Sequence[Any]]()
        for loaded in (
            store.load_bindings(self.world.wall()),
            store.load_subscriptions(),
            store.load_settings(),
            store.load_snapshots(),
            store.load_open(),
        ):
            loaded.addCallback(found.append)
        bindings, subscriptions, settings, snapshots, records = found
        # That a call was over is not known if it was not written any more.
        going = {record.id for record in records if handed is None or record.id not in handed.keeps}
        self.records = [record for record in self.records if record.id not in going]
        kept = self.server.persistence
        assert kept is not None
        kept.restore(bindings, subscriptions)
        kept.count_start(settings)
        return kept.recover(settings, snapshots, records, handed=handed)

    def _configured(self) -> tuple[Settings, Features]:
        """Read the document: what belongs to features, and the rest."""
        document, things = self.document, self._things
        if things is None:
            return _settings(json.dumps(document)), Features.none()
        sources = installed() if things == "installed" else [plugin.named(thing) for thing in things]
        order = {"plugins": {"order": [source.name for source in sources]}}
        wanted = {**document, **order} if things != "installed" else document
        features = Features.load(wanted, sources=sources, rows=self._rows, wall=self._wall)
        return _settings(json.dumps(features.rest)), features

    def _put_files_aside(self) -> None:
        """Have features keep files in directories that go with this server."""
        places = [path for path, _ in self._configured()[1].directories()]
        if not places:
            return
        directory = mkdtemp(prefix="b2bua-world-")
        finalize(self, rmtree, directory, ignore_errors=True)
        for path in places:
            table: Any = self.document
            for step in path[:-1]:
                table = table[step]
            table[path[-1]] = os.path.join(directory, *map(str, path))

    def _wall(self) -> datetime:
        """Tell features the time of day: the world began at midnight."""
        return datetime.fromtimestamp(self.world.wall(), tz=self._zone)

    password_of = staticmethod(password_of)

    def add_extension(self, name: str) -> None:
        """Take one more extension into the configuration."""
        if name in self.document["extensions"]:
            return
        self.document["extensions"][name] = {"name": name.capitalize(), "password": password_of(name)}
        self.configure()

    def command(self, name: str, **arguments: Any) -> Deferred[Any]:
        """Run the command of a plugin; it fails with C{ValueError} where people would read a line instead."""
        return Deferred.fromCoroutine(self.features.run(self.features.commands[name], arguments))

    def configure(self) -> None:
        """Read the document anew, as the service does upon SIGHUP."""
        settings, features = self._configured()
        self.features.stop()
        self.features = features
        features.bind(self.server.runner, self.server.core.calls, self.server.core.subscriber)
        self.server.configure(settings, features)
        features.start()

    def remains(self) -> dict[str, int]:
        """Count what is left in the server, apart from registrations."""
        server = self.server
        left = {
            **server.core.remains(),
            "transactions": server.runner.live,
            "timers of calls": sum(map(_of_a_call, server.runner.transport.wheel.waiting())),
            "legs with a connection": sum(map(len, server.context.connections.channels.values())),
        }
        return {what: number for what, number in left.items() if number}

    def complaints(self) -> list[str]:
        """Say what is left, and which records are wrong."""
        found = [f"the server still has {left}"] if (left := self.remains()) else []
        seen = [record.id for record in self.records]
        found += [
            f"the call {name} has {seen.count(name)} records" for name in set(seen) if seen.count(name) > 1
        ]
        for record in self.records:
            if record.open:
                found.append(f"the record of call {record.id} has no end")
            found += [
                f"leg {leg.id} ({leg.party}) has no end in its record"
                for leg in record.legs
                if leg.ended is None
            ]
        return found


def plain(word: Word) -> Word:
    """What arrives of a word at the other process."""
    plain: Word = json.loads(json.dumps(word))
    return plain


def _of_a_call(called: Callable[..., object]) -> bool:
    """Was a timer set by a call, a leg or a dialog?"""
    while isinstance(called, partial):
        called = called.func
    return called.__module__.startswith(("b2bua.calls.", "b2bua.legs.", "b2bua.dialogs."))


def _nobody() -> None:
    """Where nobody wants to know."""
