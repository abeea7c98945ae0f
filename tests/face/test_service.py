"""What a plugin can ask of the service: timers, rows of its own, calls as values, and being told of them."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.protocol import ClientFactory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from b2bua import Service, hookimpl
from b2bua.calls import CallState, Phase
from b2bua.face.data import Data, Rows
from b2bua.features.plugin import named
from b2bua.net.securable import SecurableConnections
from b2bua.store.journal import Journal
from b2bua.store.memory import MemoryStore
from b2bua.testing import Manners, World
from tests.timers import FakeClock


class Watch:
    """Keeps the service, and what it was told."""

    def __init__(self) -> None:
        """Know nothing."""
        self.service: Service
        self.told: list[str] = []
        self.states: list[CallState] = []

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Keep it."""
        self.service = service
        self.told.append("started")

    @hookimpl
    def service_stopping(self) -> None:
        """Note it."""
        self.told.append("stopping")

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """Note it."""
        self.states.append(state)

    def tick(self, *values: object) -> None:
        """Note a timer."""
        self.told.append(f"tick {values}")

    def fail(self) -> None:
        """Break."""
        raise LookupError("oh")


class WatchTestCase(SynchronousTestCase):
    """A world with such a plugin."""

    def setUp(self) -> None:
        """Make it."""
        self.watch = Watch()
        self.world = World(features=[self.watch])
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners(answers_after=1.0))

    @property
    def service(self) -> Service:
        """The plugin's face of the service."""
        return self.watch.service

    def talk(self) -> None:
        """Let the two talk."""
        self.alice.dial("bob")
        self.world.run(3)

    def part(self) -> None:
        """End it all."""
        self.alice.hang_up()
        self.world.run(1)
        self.world.quiet()


class LifeTests(WatchTestCase):
    """The beginning and the end, in a simulated world as in the service."""

    def test_once(self) -> None:
        """Each generation is told once that it starts, and once that it stops."""
        self.world.quiet()
        self.world.quiet()
        self.assertEqual(self.watch.told, ["started", "stopping"])

    def test_reload(self) -> None:
        """A reload stops one generation, and starts the next."""
        self.world.served.configure()
        self.assertEqual(self.watch.told, ["started", "stopping", "started"])
        self.world.quiet()

    def test_lasting(self) -> None:
        """An object that one generation leaves, the next finds: itself, and no copy."""
        kept = self.watch.service.lasting["kept"] = object()
        self.world.served.configure()
        self.assertIs(self.watch.service.lasting["kept"], kept)
        self.world.quiet()

    def test_connections(self) -> None:
        """Clients of Twisted are handed what opens their connections; the simulated world has none."""
        self.assertIsNone(self.service.connections)
        served, reactor = self.world.served, MemoryReactor()
        core, connections = served.server.core, SecurableConnections(reactor)
        served.features.bind(served.server.runner, core.calls, core.subscriber, connections)
        served.features.start()
        assert self.service.connections is not None
        self.service.connections.connectTCP("192.0.2.25", 25, ClientFactory())
        self.assertEqual([client[:2] for client in reactor.tcpClients], [("192.0.2.25", 25)])


class TimerTests(WatchTestCase):
    """Timers run on the server's clock, and end with what they belong to."""

    def ticks(self) -> int:
        """How often one has fired."""
        return sum(text.startswith("tick") for text in self.watch.told)

    def test_once(self) -> None:
        """It fires once, with its values, and is over."""
        timer = self.service.after(10, self.watch.tick, 1, "b")
        self.world.run(9.9)
        self.assertTrue(timer.active)
        self.world.run(20)
        self.assertEqual(self.watch.told[1:], ["tick (1, 'b')"])
        self.assertFalse(timer.active)
        self.world.quiet()

    def test_periodic(self) -> None:
        """It fires again and again, until it is stopped."""
        timer = self.service.every(10, self.watch.tick)
        self.world.run(35)
        self.assertEqual(self.ticks(), 3)
        timer.stop()
        timer.stop()
        self.world.run(35)
        self.assertEqual(self.ticks(), 3)
        self.world.quiet()

    def test_generation(self) -> None:
        """A reload ends it, and so does the end of the service; none can be begun then."""
        old = self.service
        timers = [old.after(10, self.watch.tick), old.every(10, self.watch.tick)]
        self.world.served.configure()
        self.assertEqual([timer.active for timer in timers], [False, False])
        self.assertFalse(old.after(1, self.watch.tick).active)
        timer = self.service.every(10, self.watch.tick)
        self.world.quiet()
        self.assertFalse(timer.active)
        self.assertEqual(self.ticks(), 0)

    def test_call(self) -> None:
        """That of a call outlives a reload, and ends with the call; of one that is over it does not begin."""
        self.talk()
        [state] = self.service.calls()
        timer = self.service.every(10, self.watch.tick, call=state)
        self.world.served.configure()
        self.world.run(25)
        self.assertEqual(self.ticks(), 2)
        self.part()
        self.assertFalse(timer.active)
        self.assertFalse(self.service.after(1, self.watch.tick, call=state).active)

    def test_broken(self) -> None:
        """What it raises is logged with the plugin's name; after five failures the plugin is set aside."""
        timer = self.service.every(1, self.watch.fail)
        self.world.run(20)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        [plugin] = self.world.served.features.plugins
        self.assertIn("set aside after 5 failures, the last one at timer", plugin.out)
        timer.stop()
        self.world.quiet()

    def test_said_wrongly(self) -> None:
        """A time that is none is refused where it is said."""
        for seconds in (-1.0, float("nan"), float("inf")):
            self.assertRaises(ValueError, self.service.after, seconds, self.watch.tick)
        self.assertRaises(ValueError, self.service.every, 0, self.watch.tick)
        self.world.quiet()


class StateTests(WatchTestCase):
    """Calls as values, and the news of them."""

    def phases(self) -> list[tuple[Phase, list[tuple[str, Phase]]]]:
        """What was told."""
        return [(state.phase, [(p.name, p.phase) for p in state.parties]) for state in self.watch.states]

    def test_told(self) -> None:
        """Every change is told once, with all of the call."""
        self.talk()
        self.bob.hold()
        self.world.run(1)
        self.bob.resume()
        self.world.run(1)
        self.part()
        talking = (Phase.TALKING, [("alice", Phase.TALKING), ("bob", Phase.TALKING)])
        self.assertEqual(
            self.phases(),
            [
                (Phase.CALLING, [("alice", Phase.CALLING), ("bob", Phase.CALLING)]),
                (Phase.RINGING, [("alice", Phase.CALLING), ("bob", Phase.RINGING)]),
                talking,
                (Phase.HELD, [("alice", Phase.HELD), ("bob", Phase.HOLDING)]),
                talking,
                (Phase.ENDED, []),
            ],
        )

    def test_looked_up(self) -> None:
        """All calls, those of a party, one by its id; with its times, and who talks to whom."""
        self.assertEqual(self.service.calls(), ())
        self.talk()
        [state] = self.service.calls()
        self.assertEqual(self.service.calls("bob"), (state,))
        self.assertEqual(self.service.calls("carol"), ())
        self.assertEqual(self.service.call(state.id), state)
        self.assertIsNone(self.service.call("none"))
        alice, bob = state.parties
        self.assertEqual((alice.number, alice.display, alice.incoming), ("alice", "Alice", True))
        self.assertEqual((alice.talks_to, bob.talks_to), (bob.leg, alice.leg))
        self.assertEqual(state.since, state.answered)
        self.assertIs(state.party("bob"), bob)
        found = self.service.leg(state.id, bob.leg)
        assert found is not None
        self.assertEqual(found[1].party.name, "bob")
        self.assertIsNone(self.service.leg(state.id, "none"))
        self.part()

    def test_reload(self) -> None:
        """After a reload it is the new generation that is told of all calls."""
        self.talk()
        self.world.served.configure()
        told = len(self.watch.states)
        self.part()
        self.assertEqual([state.phase for state in self.watch.states[told:]], [Phase.ENDED])


class DataTests(SynchronousTestCase):
    """Rows of a plugin's own."""

    def setUp(self) -> None:
        """Make rows that are kept in memory."""
        self.store = MemoryStore()
        self.timers = FakeClock()
        self.journal = Journal(self.store, self.timers)
        self.rows = self.kept(())
        self.data = Data("park", self.rows)

    def kept(self, rows: Iterable[tuple[str, str, str, object]]) -> Rows:
        """Rows as they are after a start."""
        made = Rows()
        made.restore(rows)
        made.keep, made.flush = self.journal.setting, self.journal.flush
        return made

    def again(self) -> dict[str, object]:
        """What there is after a restart."""
        rows = self.kept(self.successResultOf(self.store.load_settings()))
        return dict(Data("park", rows))

    def test_kept(self) -> None:
        """What is committed is there at once, and after a restart."""
        with self.data.change() as rows:
            rows["591"] = {"by": "101"}
            rows["592"] = [1, 2.5, True, "x"]
        self.assertEqual(self.data["591"], {"by": "101"})
        self.successResultOf(self.data.stored())
        self.assertEqual(self.again(), dict(self.data))
        with self.data.change() as rows:
            self.assertEqual(sorted(rows), ["591", "592"])
            del rows["591"]
            self.assertEqual((list(rows), len(rows), "591" in rows), (["592"], 1, False))
        self.successResultOf(self.data.stored())
        self.assertEqual(list(self.again()), ["592"])
        self.assertRaises(KeyError, lambda: self.data["591"])

    def test_whole(self) -> None:
        """All of a change holds, or none of it."""
        for wrong in (object(), float("nan"), None, "x" * 70_000):
            with self.assertRaises(ValueError), self.data.change() as rows:
                rows["good"] = 1
                rows["bad"] = wrong
        for key in ("", "a\nb", "x" * 256):
            with self.assertRaises(ValueError), self.data.change() as rows:
                rows["good"] = 1
                rows[key] = 1
        with self.assertRaises(KeyError), self.data.change() as rows:
            rows["good"] = 1
            del rows["none"]
        with self.assertRaises(ValueError), self.data.change() as rows:
            for number in range(10_001):
                rows[str(number)] = number
        self.assertEqual((dict(self.data), self.again()), ({}, {}))

    def test_copies(self) -> None:
        """Nobody changes a row but by a commit."""
        value = [1]
        with self.data.change() as rows:
            rows["a"] = value
        value.append(2)
        self.data["a"].append(3)
        self.assertEqual(self.data["a"], [1])

    def test_apart(self) -> None:
        """One plugin does not see the rows of another."""
        with self.data.change() as rows:
            rows["a"] = 1
        self.assertEqual(dict(Data("queue", self.rows)), {})

    def test_forgotten(self) -> None:
        """Nothing is left of a plugin that is forgotten."""
        with self.data.change() as rows:
            rows["a"] = 1
            rows["b"] = 2
        self.assertEqual(self.rows.forget("park"), 2)
        self.successResultOf(self.data.stored())
        self.assertEqual((dict(self.data), self.again()), ({}, {}))
        self.assertEqual(named(Watch).name, "watch")
