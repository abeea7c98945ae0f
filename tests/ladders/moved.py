"""What ladders of calls that are moved between two servers share."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.calls.call import Call
from b2bua.calls.records.record import CallRecord
from b2bua.store.memory import MemoryStore
from b2bua.testing import World
from b2bua.testing.nodes import Node
from tests.ladders.transfers import FEATURES, TransferTestCase

A, B = "192.0.2.1", "192.0.2.2"


class MovedCase(TransferTestCase):
    """Two nodes; the phones are registered with node a."""

    features: ClassVar[list[Any]] = []
    settings: ClassVar[dict[str, Any]] = {}

    def make_world(self) -> World:
        """A world with two servers."""
        self.store = MemoryStore("a")
        features = [*FEATURES, *self.features]
        world = World(settings=self.settings, features=features, store=self.store, several=True, relays=True)
        self.a = world.nodes["a"]
        self.b = world.node("b", B)
        return world

    def tearDown(self) -> None:
        """No call has two owners, and none has more than one record."""
        found = self.records()
        self.assertEqual(len({record.id for record in found}), len(found))

    def call_at(self, node: Node) -> Call:
        """The one call that a node has."""
        found = list(node.server.core.calls.going.values())
        self.insist(len(found) == 1, f"node {node.name} has {found}")
        return found[0]

    def owners(self) -> list[str]:
        """The nodes that have a call."""
        return [name for name, node in self.world.nodes.items() if node.server.core.calls.going]

    def move(self, here: Node, there: Node) -> None:
        """Move the call, and see that only one has it."""
        said = here.move(self.call_at(here), there.name)
        self.world.run(0.1)
        self.assertEqual(said, ["moved"])
        self.assertEqual(self.owners(), [there.name])

    def begin_to_move(self) -> list[str]:
        """Have node a move its call to node b; give what is said of that, as soon as it is over."""
        return self.a.move(self.call_at(self.a), "b")

    def bob_holds(self) -> None:
        """Bob is heard and hears nobody, as he wants it, whoever has the call."""
        self.insist(self.world.talking() == {("bob", "alice")}, "no hold")

    def some_miss_something(self) -> None:
        """The call is settled; from now on a phone may miss what a server owes it."""
        self.world.run(3)
        self.world.network.harmed = True

    def move_over(self) -> None:
        """Move the call to the other node."""
        here, there = (self.a, self.b) if self.owners() == ["a"] else (self.b, self.a)
        self.move(here, there)

    def arrives_at(self, host: str) -> None:
        """What the phones send arrives there from now on."""
        for agent in self.world.agents:
            agent.next_hop = (host, 5060)

    def records(self) -> list[CallRecord]:
        """What the store has of calls."""
        self.world.run(1)
        return list(self.successResultOf(self.store.find_records()))
