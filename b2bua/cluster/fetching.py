"""
Two calls of one person, of which one is at another node: they have to be at one before they can be joined.

A REFER that names another dialog (RFC 3891, RFC 5589 section 7) waits until the
call of that one is here.  If it cannot be moved, since it rings say, ours goes
there, and the REFER with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from b2bua.cluster.moving import CannotMove, Moving
from b2bua.errors import PeerError
from b2bua.transactions.matching import server_key
from b2bua.wire.dialog_ids import Replaces
from b2bua.wire.message import Request

if TYPE_CHECKING:
    from b2bua.cluster.peer import Peer
    from b2bua.handover.belonging import Word
    from b2bua.server import Server
    from b2bua.transactions.flow import Flow

Named: TypeAlias = tuple[str, str, str]
"""Call-ID, To tag and From tag, as Replaces has them."""


class Fetching:
    """Brings the two calls together."""

    def __init__(self, server: Server, peers: Mapping[str, Peer], moving: Moving) -> None:
        """Wait for none."""
        self._server = server
        self._peers = peers
        self._moving = moving
        self._waiting: set[str] = set()
        """The branches of REFERs that wait."""
        self._asked: dict[int, tuple[str, Deferred[str]]] = {}
        """Who was asked, and who waits for the answer."""
        self._last = 0
        self._done = ""
        """The branch of the REFER that is gone on with."""

    def wants(self, message: Request, flow: Flow, data: bytes) -> bool:
        """Have a REFER wait whose other call is not here; does it?"""
        if message.method != "REFER" or not message.to_tag or not self._peers:
            return False
        if message.branch == self._done:
            return False
        if message.branch in self._waiting:
            return True  # it has come again
        named = self._named(message)
        if named is None:
            return False
        work = Deferred.fromCoroutine(self._fetch(message, named))
        work.addErrback(lambda failure: self._moving.log.failure("a call could not be fetched", failure))
        work.addCallback(lambda _: self._go_on(message.branch, data, flow))
        return True

    def _named(self, refer: Request) -> Named | None:
        """The dialog that a REFER of one of our dialogs names, if it is not one of ours."""
        server = self._server
        if server_key(refer, "REFER") in server.runner.servers or server.core.owner(refer) is None:
            return None
        try:
            target = refer.refer_to
            text = None if target is None or not target.uri.is_sip else target.uri.header("Replaces")
            replaces = None if text is None else Replaces.parse(text)
        except PeerError:
            return None
        if replaces is None:
            return None
        named = replaces.call_id, replaces.to_tag, replaces.from_tag
        return None if server.context.dialogs.find_replaced(*named) is not None else named

    async def _fetch(self, refer: Request, named: Named) -> None:
        """Bring the two calls to one node, if another one has that call."""
        branch = refer.via.branch
        self._waiting.add(branch)
        try:
            for node in list(self._peers):
                found = await self._ask(node, named)
                if found == "elsewhere":
                    continue
                if found == "stays":
                    await self._go_there(refer, node)
                break
        finally:
            self._waiting.discard(branch)

    def _go_on(self, branch: str, data: bytes, flow: Flow) -> None:
        """Go on with the REFER, wherever the two calls are by now: it is answered in any case."""
        self._done = branch
        self._server.runner.received(data, flow)
        self._done = ""

    async def _go_there(self, refer: Request, node: str) -> None:
        """Have our call moved to where the other one is."""
        leg = self._server.context.dialogs.find(refer)
        if leg is not None and leg.call is not None:
            try:
                await self._moving.move(leg.call, node)
            except CannotMove as error:
                leg.call.story.note("the other call is at node {}: {}", node, str(error))

    def _ask(self, node: str, named: Named) -> Deferred[str]:
        """Ask a node for a call."""
        self._last += 1
        done: Deferred[str] = Deferred()
        peer = self._peers.get(node)
        if peer is None:
            done.callback("elsewhere")
            return done
        self._asked[self._last] = (node, done)
        peer.say({"say": "fetch", "number": self._last, "dialog": list(named)})
        return done

    def answered(self, word: Word) -> None:
        """A node has said what became of it."""
        _, done = self._asked.pop(word["number"], ("", None))
        if done is not None:
            done.callback(word["found"])

    def lost(self, node: str) -> None:
        """A node is gone: it answers no more."""
        for number, (asked, done) in list(self._asked.items()):
            if asked == node:
                del self._asked[number]
                done.callback("elsewhere")

    def asked(self, peer: Peer, word: Word) -> None:
        """A node asks for a call of ours."""

        def failed(failure: Failure) -> str:
            self._moving.log.failure("a call could not be given", failure)
            return "elsewhere"

        work = Deferred.fromCoroutine(self._give(peer, word)).addErrback(failed)
        work.addCallback(lambda found: peer.say({"say": "fetched", "number": word["number"], "found": found}))

    async def _give(self, peer: Peer, word: Word) -> str:
        """Move it there, if we have it, and say where it is."""
        call_id, to_tag, from_tag = word["dialog"]
        leg = self._server.context.dialogs.find_replaced(call_id, to_tag, from_tag)
        if leg is None or leg.call is None:
            return "elsewhere"
        try:
            await self._moving.move(leg.call, peer.node)
        except CannotMove:
            return "stays"
        return "here"
