"""Servers of one world that share a store and speak with each other; each can be stopped and killed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from b2bua.cluster.cluster import Cluster, Link
from b2bua.store.memory import MemoryStore
from b2bua.testing.served import HOP, HOST, Served, overlay, plain
from b2bua.testing.stopping import StoppingClock, StoppingRunner

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.handover.belonging import Word
    from b2bua.net.runner import Runner
    from b2bua.store.ports import NodeRow
    from b2bua.testing.surroundings import Surroundings


class Node(Served):
    """A server that is one of several."""

    cluster: Cluster

    def __init__(
        self,
        world: Surroundings,
        document: dict[str, Any],
        features: Sequence[object] | str | None,
        nodes: dict[str, Node],
        host: str = HOST,
        store: MemoryStore | None = None,
    ) -> None:
        """
        Start it.

        @param nodes: all of them, by their names.
        @param store: it names the node.
        """
        assert store is not None
        self.name = store.node
        self.alive = True
        self._nodes = nodes
        self.store = store
        self._clock = StoppingClock(world.clock)
        self._lines: list[Line] = []
        nodes[self.name] = self
        super().__init__(world, document, features, host, store)

    def clock_of_process(self) -> StoppingClock:
        """One that can be stopped."""
        return self._clock

    def told_by_wires(self) -> Runner:
        """Who hears what comes, as soon as the process goes on."""
        return cast("Runner", StoppingRunner(self.server.runner, self._clock))

    def _start(self) -> None:
        """Start a process, which is one of the nodes."""
        super()._start()
        self.cluster = Cluster(self.server, self.store.nodes, self.name, self._connect, self.crash)
        Deferred.fromCoroutine(self.cluster.join(self.name)).addErrback(Failure.raiseException)
        self.cluster.begin()

    def another(self, name: str, host: str) -> Node:
        """One more, with the same configuration."""
        store = MemoryStore(name, self.store)
        document = copy.deepcopy(self.document)
        overlay(
            document, {"server": {"listen": [f"sip:{host}:5060;transport={way}" for way in ("udp", "tcp")]}}
        )
        return Node(self.world, document, self._things, self._nodes, host, store)

    # What happens to it

    def halt(self) -> None:
        """Stop the process (SIGSTOP)."""
        self._clock.stop()

    def go_on(self) -> None:
        """Let it go on (SIGCONT)."""
        self._clock.go_on()

    def crash(self) -> None:
        """End the process as kill -9 does."""
        self._end()
        self.crashed()

    def _end(self) -> None:
        """End it without a word."""
        self.alive = False
        self.datagrams.close()
        self.streams.close()
        self.server.runner.close()
        for line in list(self._lines):
            line.cut()

    def start_again(self) -> None:
        """Start it again, after a crash or when another one had taken its calls."""
        self.alive = True
        self._clock = StoppingClock(self.world.clock)
        self.restart()

    def remains(self) -> dict[str, int]:
        """Count what is left; in a process that has ended nothing is."""
        return super().remains() if self.alive else {}

    # Links

    def _connect(self, row: NodeRow) -> None:
        """Connect to another node, unless that one does it."""
        other = self._nodes[row.place]
        if not other.alive:
            self.cluster.refused(row.node)
        elif self.name < row.node:
            Line(self, other)

    def run(self, step: Any) -> None:
        """Have something happen in the process, when it is not stopped."""
        self._clock.run(lambda: step() if self.alive else None)

    def join_line(self, line: Line) -> None:
        """There is a connection."""
        self._lines.append(line)

    def leave_line(self, line: Line) -> None:
        """It is closed."""
        self._lines.remove(line)

    # Orders

    def move(self, call: Call, to: str) -> list[str]:
        """Move a call; what is said about it, and whether it is done, comes into the list that is given."""
        said: list[str] = []
        moved = Deferred.fromCoroutine(self.cluster.move(call, to))
        moved.addCallbacks(lambda _: said.append("moved"), lambda why: said.append(why.getErrorMessage()))
        return said


class Line:
    """A connection between two nodes: words take a moment, and arrive in their order."""

    def __init__(self, one: Node, other: Node) -> None:
        """Connect them."""
        self._ends = (one, other)
        self._links: dict[Node, Link] = {}
        self._open = True
        for end in self._ends:
            end.join_line(self)
        for here, there in (self._ends, self._ends[::-1]):
            here.run(lambda here=here, there=there: self._begin(here, there))

    def _begin(self, here: Node, there: Node) -> None:
        """A process notices that there is a connection."""
        if self._open:
            self._links[here] = here.cluster.linked(lambda word: self._say(there, word))

    def _say(self, to: Node, word: Word) -> None:
        """Say something to one of the ends."""
        word = plain(word)
        to.world.clock.callLater(HOP, lambda: to.run(lambda: self._arrive(to, word)))

    def _arrive(self, to: Node, word: Word) -> None:
        """A word has arrived."""
        link = self._links.get(to)
        if link is not None:
            link.hear(word)

    def cut(self) -> None:
        """It is closed, since one of the two has ended: the other one hears so."""
        if self._open:
            self._open = False
            for end in self._ends:
                end.leave_line(self)
                end.world.clock.callLater(HOP, lambda end=end: end.run(lambda: self._lost(end)))

    def _lost(self, end: Node) -> None:
        """A process notices that the connection is closed."""
        link = self._links.pop(end, None)
        if link is not None:
            link.lost()
