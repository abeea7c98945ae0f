"""
This process as one of several that share a store.

Each of them is a node, with registrations, subscriptions and calls of its own.
They speak with each other by links, and find each other by the store.  A call
can be moved from one to another, and the calls of a node that is dead are taken
by who notices first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from b2bua.cluster.distant import DistantWires
from b2bua.cluster.fetching import Fetching
from b2bua.cluster.lease import DEAD, LOOK, Lease
from b2bua.cluster.locations import Locations
from b2bua.cluster.moving import CannotMove, Moving, why_not
from b2bua.cluster.passing import Passing
from b2bua.cluster.peer import VERSION, Peer, hello
from b2bua.cluster.showing import Showing
from b2bua.plural import counted
from b2bua.store.ports import Fenced, StoreError

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.clock import ITimer
    from b2bua.handover.belonging import Say, Word
    from b2bua.server import Server
    from b2bua.store.ports import INodes, NodeRow

RENEWS = 3
"""So many looks are between two beats in the store."""


class Link:
    """One connection to another node: what it says before it has said who it is, and from then on."""

    def __init__(self, cluster: Cluster, say: Say) -> None:
        """Say who we are."""
        self._cluster = cluster
        self._say = say
        self.peer: Peer | None = None
        say(hello(cluster.server, cluster.node, cluster.number))

    def hear(self, word: Word) -> None:
        """The other end says something."""
        if word["say"] == "hello" and word.get("version") != VERSION:
            self._cluster.log.error("node {node} is of another version; no call is moved", node=word["node"])
        elif word["say"] == "hello":
            self.peer = self._cluster.met(Peer(word, self._say))
        elif word["say"] == "fenced":
            self._cluster.look_up()
        elif self.peer is not None:
            self._cluster.hear(self.peer, word)

    def lost(self) -> None:
        """There is no other end any more."""
        if self.peer is not None:
            self._cluster.lost(self.peer)
            self.peer = None


class Cluster:
    """The nodes, as this one sees them."""

    log = Logger()

    def __init__(
        self,
        server: Server,
        nodes: INodes,
        node: str,
        connect: Callable[[NodeRow], None],
        fenced: Callable[[], None],
    ) -> None:
        """
        Be alone.

        @param connect: opens a link to a node, see L{linked}, or says that it is L{refused}.
        @param fenced: told when another node has taken what was ours: the process is to end without a word.
        """
        self.server = server
        self.node = node
        self.number = 0
        """Our fencing number."""
        self.peers: dict[str, Peer] = {}
        """The nodes that can be spoken with."""
        self._nodes = nodes
        self._connect, self._fenced = connect, fenced
        self._rows: dict[str, NodeRow] = {}
        """The other nodes that the store knows to run."""
        self._silent: dict[str, int] = {}
        """For how many looks they have given no sign of life."""
        self._asking = False
        self._looks = 0
        self._timer: ITimer | None = None
        self.lease = Lease(server.runner.now)
        self._showing = Showing(server, self.peers)
        self.moving = Moving(server, nodes, node, self.peers, self._showing)
        self._distant = DistantWires(server)
        self._locations = Locations(server, self.peers)
        self._fetching = Fetching(server, self.peers, self.moving)
        self._passing = Passing(
            server, self.peers, self.moving.comes, self._is_missing, self._fetching.wants, self.lease.is_over
        )

    # ---- the beginning and the end ------------------------------------------

    async def join(self, place: str) -> None:
        """
        Be one of the nodes from now on: what is ours is so for sure, and can be read.

        @param place: where the others reach us.
        @raise StoreError: the store fails.
        """
        self.number = await self._nodes.join(place)
        self.lease.stored(self.server.runner.now())

    def begin(self) -> None:
        """Speak with the others."""
        self.server.runner.transport.silent = self.lease.is_over
        self._locations.begin()
        self._passing.begin()
        self._look()

    def leave(self) -> Deferred[None]:
        """Be none of them any more, in order."""
        self.stop()
        return self._nodes.leave()

    def stop(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.moving.stop()
        self._passing.end()
        self._locations.end()
        self.server.runner.transport.silent = None

    # ---- the others -------------------------------------------------------

    def linked(self, say: Say) -> Link:
        """There is a connection to another node, by which it can be told something."""
        return Link(self, say)

    def met(self, peer: Peer) -> Peer | None:
        """A node has said who it is; None if it is not that any more."""
        row = self._rows.get(peer.node)
        if row is not None and row.number > peer.number:
            peer.say({"say": "fenced"})
            return None
        before = self.peers.get(peer.node)
        if before is not None:
            self.lost(before)
        self.log.info("node {node} is there", node=peer.node)
        self.peers[peer.node] = peer
        self._silent[peer.node] = 0
        self.lease.heard(peer.node, self.server.runner.now())
        self._distant.there(peer)
        self._locations.introduce(peer)
        self._showing.introduce(peer)
        self._passing.release()
        return peer

    def lost(self, peer: Peer) -> None:
        """The link to a node is lost."""
        if self.peers.get(peer.node) is peer:
            del self.peers[peer.node]
            self.log.warn("node {node} has gone", node=peer.node)
            self._distant.gone(peer)
            self._locations.gone(peer.node)
            self.moving.lost(peer.node)
            self._fetching.lost(peer.node)

    def refused(self, node: str) -> None:
        """Nobody listens at the place of a node: it is dead, or has not started again yet."""
        self.lease.forget(node)

    def hear(self, peer: Peer, word: Word) -> None:
        """A node says something."""
        self._silent[peer.node] = 0
        match word["say"]:
            case "alive":
                peer.say({"say": "seen", "at": word["at"]})
            case "seen":
                self.lease.heard(peer.node, word["at"])
            case "message":
                self._passing.passed(peer, word)
            case "back":
                self._passing.came_back(word, peer.node)
            case "send":
                self._passing.send(word)
            case "broken":
                self._passing.broken(word)
            case "bound":
                self._locations.heard(peer.node, word)
            case "fetch":
                self._fetching.asked(peer, word)
            case "fetched":
                self._fetching.answered(word)
            case "state":
                self._showing.heard(peer.node, word)
            case "shows":
                self._showing.asked(peer, word)
            case "over":
                self._showing.over(peer.node, word["call"])
            case "call":
                self.moving.offered(peer, word)
            case "taken":
                self.moving.was_taken(word["id"])
                self._passing.release()
            case "refused":
                self.moving.was_refused(word["id"], f"node {peer.node} could not take it", word["number"])

    def missing(self) -> list[str]:
        """The nodes that run, as far as the store knows, and cannot be spoken with."""
        return [name for name in self._rows if name not in self.peers]

    def _is_missing(self) -> bool:
        """Is there one?"""
        return bool(self.missing())

    def need_ways(self) -> None:
        """Reach by sockets of ours whom another node has reached, as long as that is not there."""
        for call in self.server.core.calls.going.values():
            for leg in call.legs:
                if leg.flow is not None:
                    self._distant.need(leg.flow.transport, leg.flow.local)

    # ---- signs of life ------------------------------------------------------

    def _look(self) -> None:
        """Give a sign of life, and look for those of the others."""
        self._timer = self.server.runner.start(LOOK, self._look)
        self.lease.look()
        self._looks += 1
        for peer in self.peers.values():
            peer.say({"say": "alive", "at": self.server.runner.now()})
        if self.lease.doubtful or self._looks % RENEWS == 1:
            self.look_up()
        for name, row in list(self._rows.items()):
            self._silent[name] = self._silent.get(name, 0) + 1
            if name not in self.peers:
                self._connect(row)
            if self._silent[name] >= DEAD and not self.lease.is_over():
                self._silent[name] = 0
                self._run(self._take(row))
        self._passing.look()

    def look_up(self) -> None:
        """Ask the store who lives, and whether we do."""
        if not self._asking:
            self._run(self._renew())

    async def _renew(self) -> None:
        """Renew our lease in the store, and see the others."""
        begun = self.server.runner.now()
        self._asking = True
        try:
            rows = await self._nodes.renew()
        except Fenced:
            self.log.error("another node has taken the calls of this one, which ends without a word")
            self.lease.until = begun
            self._drop()
            return
        except StoreError:
            return  # the journal says so
        finally:
            self._asking = False
        was_over = self.lease.is_over()
        self.lease.stored(begun)
        self._see(rows, begun)
        if was_over:
            self._passing.release()

    def _see(self, rows: Sequence[NodeRow], begun: float) -> None:
        """Compare with what was there before."""
        there = {row.node: row for row in rows if row.node != self.node and row.place}
        for name in self._rows.keys() - there.keys():
            self.lease.forget(name)
            self._locations.forget(name)
            self._showing.forget(name)
        for name, row in there.items():
            self.lease.seen(name, begun)
            if self._rows.get(name) != row:
                self._silent[name] = 0
        self._rows = there
        if not self._is_missing():
            self._passing.release()

    async def _take(self, row: NodeRow) -> None:
        """Take the calls of a node that is dead, or has been stopped for too long."""
        try:
            found = await self._nodes.take_node(row)
        except StoreError:
            return
        self._rows.pop(row.node, None)
        if found is None:
            return
        peer = self.peers.get(row.node)
        if peer is not None:
            peer.say({"say": "fenced"})
            self.lost(peer)
        self.lease.forget(row.node)
        self._locations.gone(row.node)
        assert self.server.persistence is not None
        runner = self.server.runner
        recovered = self.server.persistence.inherit(found, runner.wall() - DEAD * LOOK)
        self._showing.forget(row.node)
        self.need_ways()
        self.log.warn(
            "node {node} shows no sign of life: {calls} of it taken", node=row.node,
            calls=counted(recovered.restored, "call"),
        )  # fmt: skip
        self._passing.release()

    def _drop(self) -> None:
        """Another node has what was ours: forget all of it, and end."""
        kept, calls = self.server.persistence, self.server.core.calls
        assert kept is not None
        for call in list(calls.going.values()):
            kept.let_go(call)
        kept.journal.forget_calls()
        self._fenced()

    def _run(self, work: Any) -> None:
        """Have something done; what fails in it is a bug of ours."""
        Deferred.fromCoroutine(work).addErrback(
            lambda failure: self.log.failure("the cluster broke", failure)
        )

    # ---- orders -----------------------------------------------------------

    async def move(self, call: Call, node: str) -> None:
        """
        Move a call to another node.

        @raise CannotMove: it cannot be moved; nothing has changed then.
        """
        if node == self.node:
            raise CannotMove(f"call {call.id} is at node {node} already")
        if node not in self._rows and node not in self.peers:
            others = ", ".join(sorted({*self._rows, *self.peers})) or "none"
            raise CannotMove(f"no node {node} runs on this database; others that do: {others}")
        if node not in self.peers:
            raise CannotMove(f"node {node} does not answer")
        if why := why_not(call):
            raise CannotMove(why)
        await self.moving.move(call, node)
