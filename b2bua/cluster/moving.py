"""
A call changes hands: its owner writes it down and lets it go, and another node takes it.

Who has it is said by the store, where it is taken by one conditional update, so
that there is one owner whatever fails in the meantime.  Between the two nobody
says anything for it; what comes for it waits.  A node that cannot take it has
said nothing for it, and its former owner takes it back in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.records.record import CallRecord
from b2bua.calls.restoring.as_json import as_json
from b2bua.calls.restoring.snapshot import is_movable
from b2bua.handover.belonging import Word, named
from b2bua.legs.snapshot import read_alias
from b2bua.store.ports import Fenced, StoreError
from b2bua.transactions.flow import Flow

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.cluster.peer import Peer
    from b2bua.cluster.showing import Showing
    from b2bua.dialogs.dialog import DialogKey
    from b2bua.persistence import Persistence
    from b2bua.server import Server
    from b2bua.store.ports import INodes
    from b2bua.wire.message import Request

PATIENCE = 2.0
"""Seconds that a call has to become settled."""
AGAIN = 0.2
"""Seconds until it is looked at again, and until a store that fails is asked again."""


SOON = 0.01
"""Seconds until it is looked again whether a call has arrived, while nobody is answered."""


class CannotMove(Exception):
    """A call cannot be moved; the text is one line for people."""


class Given(NamedTuple):
    """A call that was let go, until its new owner has it."""

    to: str
    number: int
    word: Word
    """What its new owner is told."""
    keys: frozenset[DialogKey]
    done: Deferred[None]


class Moving:
    """Gives calls away, and takes them."""

    log = Logger()

    def __init__(
        self, server: Server, nodes: INodes, node: str, peers: Mapping[str, Peer], showing: Showing
    ) -> None:
        """
        Be able to.

        @param node: our own name.
        @param peers: the nodes that can be spoken with.
        @param showing: told of calls that change hands.
        """
        self._showing = showing
        assert server.persistence is not None
        self._server = server
        self._kept: Persistence = server.persistence
        self._nodes = nodes
        self._node = node
        self._peers = peers
        self._given: dict[str, Given] = {}
        self._coming: dict[str, frozenset[DialogKey]] = {}
        """The dialogs of calls that are on their way to us."""
        self._leaving = self._stopped = False

    # ---- the end ------------------------------------------------------------

    async def finish(self) -> None:
        """Begin no more, and wait for what is on its way, but not for long."""
        self._leaving = True
        await self._wait(lambda: bool(self._given or self._coming))

    async def arrive(self) -> None:
        """Wait for what is on its way to us, for which the store only is asked, but not for long."""
        await self._wait(lambda: bool(self._coming))

    def go_on(self) -> None:
        """This process stays: calls can be moved again."""
        self._leaving = False

    async def _wait(self, goes_on: Callable[[], bool]) -> None:
        """Wait as long as that is so, but not for long."""
        until = self._server.runner.now() + PATIENCE
        while goes_on() and self._server.runner.now() < until:
            await self._pause(SOON)

    def stop(self) -> None:
        """
        This process ends, or another one takes its place.

        Whose a call on its way is says the store: ours is found there by the next process of this node.
        """
        self._stopped = True
        given, self._given = self._given, {}
        for id, one in given.items():
            one.done.errback(
                CannotMove(f"call {id} was on its way to node {one.to} as this process left; see who has it")
            )

    # ---- giving -----------------------------------------------------------

    async def move(self, call: Call, to: str) -> None:
        """
        Have another node go on with a call.

        @raise CannotMove: it cannot, and nothing has changed.
        """
        number = await self._written(call)
        if self._leaving:
            raise CannotMove(f"this process is leaving call {call.id} to another one; try again")
        peer = self._peers.get(to)
        if peer is None:
            raise CannotMove(f"node {to} has just gone; the call stays here")
        self._showing.given(call, to)
        text, record = self._kept.give(call)
        word = {"say": "call", "id": call.id, "number": number, "text": text, "record": record}
        given = Given(to, number, word, _dialogs(word), Deferred())
        self._given[call.id] = given
        peer.say(given.word)
        await given.done

    async def _written(self, call: Call) -> int:
        """Wait until a call is settled and written as it is, and say how often it has changed hands."""
        journal, layer = self._kept.journal, self._server.runner
        until = layer.now() + PATIENCE
        while True:
            if why := why_not(call):
                raise CannotMove(why)
            if is_movable(call):
                self._kept.finish_call(call)
                try:
                    await journal.flush()
                    number = await self._nodes.number_of(call.id)
                except StoreError as error:
                    raise CannotMove(f"the database fails, so that no call can be moved: {error}") from None
                # Since then nothing may have happened, up to the moment at which it is let go.
                untouched = call.id not in journal.unwritten_calls() and self._kept.is_finished(call)
                if not call.over and untouched and number is not None:
                    return number
            if layer.now() >= until:
                raise CannotMove(f"call {call.id} is not settled: something is under way in it; try again")
            await self._pause()

    def _pause(self, seconds: float = AGAIN) -> Deferred[None]:
        """Wait for a moment."""
        done: Deferred[None] = Deferred()
        self._server.runner.start(seconds, lambda: done.callback(None))
        return done

    def was_taken(self, id: str) -> None:
        """Its new owner has it."""
        given = self._given.pop(id, None)
        if given is not None:
            given.done.callback(None)

    def was_refused(self, id: str, why: str, number: int | None = None) -> None:
        """
        It could not be taken: go on with it.

        @param number: under which the other node has it in the store, and cannot go on with it.
        """
        if id in self._given:
            Deferred.fromCoroutine(self._take_back(id, why, number)).addErrback(self._broke)

    def lost(self, node: str) -> None:
        """A node is gone: which of the calls that were on their way to it does it have?"""
        for id, given in list(self._given.items()):
            if given.to == node:
                self.was_refused(id, f"node {node} has gone")

    async def _take_back(self, id: str, why: str, number: int | None) -> None:
        """Go on with a call that was let go, unless its new owner has it."""
        given = self._given[id]
        owner, number = (self._node, given.number) if number is None else (given.to, number)
        ours = await self._own(id, owner, number, given.word["text"])
        if self._given.pop(id, None) is None:
            return  # the new owner was faster
        if ours:
            if not self._go_on(given.word, self._kept.adopt):
                self.log.error("call {call} cannot be gone on with: what was written cannot be read", call=id)
            given.done.errback(CannotMove(f"{why}; the call stays here"))
        else:
            given.done.callback(None)

    # ---- taking -----------------------------------------------------------

    def offered(self, peer: Peer, word: Word) -> None:
        """A node has let a call go for us to go on with."""
        Deferred.fromCoroutine(self._take(peer, word)).addErrback(self._broke)

    async def _take(self, peer: Peer, word: Word) -> None:
        """Become its owner, and go on with it."""
        id, text = word["id"], _as_ours(word["text"], self._kept.start)
        word = {**word, "text": text}
        self._coming[id] = _dialogs(word)
        answer: Word = {"say": "refused", "id": id, "number": None}
        try:
            if await self._own(id, peer.node, word["number"], text):
                if self._go_on(word, self._kept.receive):
                    answer = {"say": "taken", "id": id}
                else:
                    self.log.error(
                        "call {call} cannot be read here; node {node} has it back", call=id, node=peer.node
                    )
                    answer["number"] = word["number"] + 1
        finally:
            del self._coming[id]
        peer.say(answer)

    async def _own(self, id: str, former: str, number: int, text: str) -> bool:
        """Take a call from its former owner, if nobody else has; as often as the store has to be asked."""
        while not self._stopped:
            try:
                return await self._nodes.take_call(id, former, number, text)
            except Fenced:
                return False
            except StoreError as error:
                self.log.warn("whose call {call} is cannot be found out: {why}", call=id, why=str(error))
            await self._pause()
        return False

    def _go_on(self, word: Word, adopt: Callable[[str, str, CallRecord], bool]) -> bool:
        """Go on with a call that is ours; False if what was written of it cannot be read."""
        id, text = word["id"], word["text"]
        if not adopt(id, text, CallRecord.from_plain(word["record"])):
            return False
        call = self._server.core.calls.going[id]
        for leg, plain in zip(call.legs, json.loads(text)["legs"], strict=True):
            way = plain["flow"]
            if way is not None and way[3]:  # a connection of the process that had it
                leg.channel.take_flow(Flow(way[0], tuple(way[1]), tuple(way[2]), way[3]))
            if leg.flow is not None:
                self._server.runner.transport.admission.know(leg.flow.remote[0])
        self._showing.taken(call)
        return True

    def comes(self, request: Request) -> bool:
        """Is a request for a call that changes hands, or about one, which nobody speaks for at present?"""
        given = [one.keys for one in self._given.values() if one.to not in self._peers]
        moving = [*self._coming.values(), *given]
        if not moving:
            return False
        meant = {(request.call_id, request.to_tag, request.from_tag)}
        if (about := named(request)) is not None:
            call_id, to_tag, from_tag = about
            meant |= {about, (call_id, from_tag, to_tag)}
        return any(not meant.isdisjoint(keys) for keys in moving)

    def _broke(self, failure: Any) -> None:
        """A bug of ours."""
        self.log.failure("a call could not be moved", failure)


def why_not(call: Call) -> str:
    """Why a call cannot be moved at all, for people; empty if it can as soon as nothing is under way."""
    only = "only a call of two who talk can be moved"
    if call.over:
        return f"call {call.id} is over"
    if any(isinstance(call.listener(leg), Conversation) or leg.music is not None for leg in call.legs):
        return f"a party of call {call.id} hears a voice of this node, which cannot be moved; {only}"
    if call.relay is not None and call.relay.relay is not None:
        return f"the media of call {call.id} pass through this node; {only}"
    if call.waiting:
        return f"call {call.id} is parked or in a queue of this node; {only}"
    if call.record.answered is None:
        return f"call {call.id} is not answered yet; {only}"
    return ""


def _dialogs(word: Word) -> frozenset[DialogKey]:
    """The dialogs of a call, as requests name them."""
    legs = json.loads(word["text"])["legs"]
    own = [(one["call_id"], one["local_tag"], one["remote_tag"]) for one in (leg["dialog"] for leg in legs)]
    return frozenset([*own, *filter(None, map(read_alias, legs))])


def _as_ours(text: str, start: int) -> str:
    """What another node has written, as a process of this node does: the starts of each are counted apart."""
    return as_json({**json.loads(text), "start": start})
