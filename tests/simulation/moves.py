"""
Random worlds in which two servers share a store, and calls are moved between them.

Each call has one owner and one record; phones notice nothing of it, wherever they are
registered and whichever server they send to (see L{b2bua.testing.chance}).

    python -m tests.simulation.moves --seeds 1000
"""

from __future__ import annotations

import sys

from b2bua.cluster.lease import DEAD, TERM
from b2bua.store.memory import MemoryStore
from b2bua.testing.chance import Play, main
from b2bua.testing.deeds import Scene
from b2bua.testing.nodes import Node
from b2bua.testing.phone import Phone
from b2bua.testing.served import HOST
from b2bua.testing.session import Session
from b2bua.testing.world import World
from tests.simulation.crashes import FEATURES, CrashPlay, badly_kept

SECOND = "192.0.2.2"
"""The address of the second server."""


class MovePlay(Play):
    """A world with two servers."""

    def __init__(self, seed: int, features: object = None) -> None:
        """Draw the world; some phones are registered with the second server."""
        super().__init__(seed, features or FEATURES)
        self.deeds += [move] * 8
        if not self.faults:
            # On a bad network a request that is lost may be on its way when its phone turns.
            self.deeds += [turn] * 2
            for phone in self.phones:
                if self.random.random() < 0.4:
                    turn(self, phone)
        self.moved: list[list[str]] = []
        """What came of each move."""

    def make_world(self, seed: int, features: object) -> World:
        """Two servers that share a store."""
        self.store = MemoryStore("a")
        world = World(seed, self.settings(), features, store=self.store, several=True)  # type: ignore[arg-type]  # handed through
        world.node("b", SECOND)
        return world

    @property
    def nodes(self) -> list[Node]:
        """The servers."""
        return list(self.world.nodes.values())

    def move(self) -> None:
        """Have any call moved, and perhaps others before that is done."""
        calls = [(node, call) for node in self.nodes for call in node.server.core.calls.going.values()]
        if not calls:
            return
        node, call = self.random.choice(calls)
        self.moved.append(node.move(call, next(other.name for other in self.nodes if other is not node)))
        self.alone()

    def alone(self) -> None:
        """No call has two owners."""
        a, b = (set(node.server.core.calls.going) for node in self.nodes)
        if a & b:
            raise self.world.failure(f"the calls {a & b} have two owners")

    def agree(self) -> None:
        """Look whose calls are, too."""
        self.alone()
        super().agree()

    def stands(self, session: Session) -> bool:
        """Does a server know the dialog of a session?"""
        return any(
            node.server.context.dialogs.find_replaced(session.call_id, session.remote_tag, session.local_tag)
            is not None
            for node in self.nodes
        )

    def records(self) -> None:
        """Each call has one record, which has an end."""
        self.world.run(1)
        for node in self.nodes:
            if problem := badly_kept(node.store):
                raise self.world.failure(problem)


class DeathPlay(MovePlay, CrashPlay):
    """A world in which the servers are stopped and killed as well, for less or more than their leases."""

    def crash(self) -> None:
        """Kill a server, or stop it for a while; it comes back before its calls are taken, or after."""
        node = self.random.choice(self.nodes)
        self.crashes.append(self.world.clock.seconds())
        self.world.network.harmed = True  # phones miss what the server owed them
        if self.random.random() < 0.5:
            node.halt()
            node.crashed()  # another one may go on, which does not know the last of it
            self.world.run(self.random.choice([0.1, 2.0, TERM + 2, DEAD + 4]))
            node.go_on()
            self.world.run(self.random.choice([0.0, 2.0]))
        else:
            node.crash()
            self.world.run(self.random.choice([0.0, 2.0, 5.0, DEAD + 4]))
        if not node.alive:
            node.start_again()


def move(play: Scene) -> None:
    """Have a call moved."""
    assert isinstance(play, MovePlay)
    play.move()


def turn(play: Scene, phone: Phone | None = None) -> None:
    """Have a phone send to the other server from now on, within its calls too, and register there."""
    phone = phone or play.phone()
    if phone is not None and not phone.gone and phone.transport == "UDP" and phone.next_hop is not None:
        hosts = (HOST, SECOND)
        phone.next_hop = (hosts[phone.next_hop[0] == HOST], 5060)
        phone.register()


if __name__ == "__main__":
    sys.exit(main(kind=MovePlay, prog="python -m tests.simulation.moves"))
