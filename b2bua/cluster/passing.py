"""
Messages that come to the one process and belong to a call of another one.

Who does not know the dialog of a request, or the transaction of a response,
asks the other nodes one after the other, since only who has a call knows that
for sure; what none of them knows is a stranger's.  Nothing is asked for what
begins something new, so that a basic call costs nothing here.

What belongs to a call that is just on its way from one node to another, or to
a node that is not there, waits until it is; and so does everything while our
own lease is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from b2bua.errors import PeerError
from b2bua.handover.belonging import Word, knows, named, packed, unpacked
from b2bua.transactions.matching import COOKIE
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse

if TYPE_CHECKING:
    from b2bua.cluster.peer import Peer
    from b2bua.server import Server
    from b2bua.transactions.flow import Flow

WAITS = 32.0
"""Seconds that a message waits: after 64*T1 its sender has given up (RFC 3261 section 17.1.2.2)."""
MOST = 1000
"""So many messages wait; then the oldest are given up."""


class Waiting(NamedTuple):
    """A message that waits for its call."""

    since: float
    take: Callable[[], None]


class Passing:
    """Passes on what is not ours, and takes what the others pass on."""

    def __init__(
        self,
        server: Server,
        peers: Mapping[str, Peer],
        comes: Callable[[Request], bool],
        missing: Callable[[], bool],
        fetch: Callable[[Request, Flow, bytes], bool],
        doubtful: Callable[[], bool],
    ) -> None:
        """
        Pass nothing yet.

        @param peers: the other nodes that can be asked, by their names.
        @param comes: is a request for a call that is on its way to us?
        @param missing: is there a node that cannot be asked, whose call it may be?
        @param fetch: has a request of ours wait that needs a call of another node; does it?
        @param doubtful: may what is ours be another node's by now, so that nothing can be answered?
        """
        self._server = server
        self._peers = peers
        self._comes, self._missing, self._fetch = comes, missing, fetch
        self._doubtful = doubtful
        self._waiting: deque[Waiting] = deque()
        self._taken: dict[str, str] = {}
        """Which node has had a request, by its branch."""

    def begin(self) -> None:
        """Pass on from now on what is not ours."""
        self._server.runner.elsewhere = self._pass_on
        self._server.runner.broken = self._tell_broken

    def end(self) -> None:
        """Take everything for ours."""
        self._server.runner.elsewhere = self._server.runner.broken = None

    # ---- what comes here --------------------------------------------------

    def _pass_on(self, message: Request | Response, flow: Flow, data: bytes) -> bool:
        """Pass a message on that may be another node's; is it out of our hands?"""
        if self._doubtful():
            self._wait(lambda: self._server.runner.received(data, flow))
            return True
        if not _may_be_known(message):
            return False
        if isinstance(message, Request) and (peer := self._had_by(message)) is not None:
            peer.say({**packed(flow, data), "asked": []})
            return True
        if knows(self._server, message):
            return isinstance(message, Request) and self._fetch(message, flow, data)
        if (
            isinstance(message, Request)
            and message.method == "ACK"
            and self._server.runner.servers.has_refused(message, flow)
        ):
            return False  # of a challenge, of which nothing was kept
        return self._ask({**packed(flow, data), "asked": []}, message)

    def _ask(self, word: Word, message: Request | Response) -> bool:
        """Ask the next node; False if there is none, and none is missing."""
        flow, data = unpacked(word)
        if isinstance(message, Request) and self._comes(message):
            self._wait(lambda: self._server.runner.received(data, flow))
            return True
        for name, peer in self._peers.items():
            if name not in word["asked"]:
                self._note(message, name)
                peer.say(word)
                return True
        if isinstance(message, Request) and message.to_tag and self._missing():
            self._wait(lambda: self._server.runner.received(data, flow))
            return True
        return False

    def _had_by(self, request: Request) -> Peer | None:
        """
        The node that has had this very request: it comes once more, or is its CANCEL or ACK.

        The call may be ours since, but only that node can say its answer again (RFC 3261 section 17.2).
        """
        node = self._taken.get(request.branch)
        return None if node is None else self._peers.get(node)

    def _note(self, message: Request | Response, node: str) -> None:
        """A node has a message."""
        if isinstance(message, Request) and message.branch.startswith(COOKIE):
            self._taken[message.branch] = node
            if len(self._taken) > MOST:
                del self._taken[next(iter(self._taken))]

    def _forget(self, message: Request | Response) -> None:
        """The node that had a message has passed it on."""
        if isinstance(message, Request):
            self._taken.pop(message.branch, None)

    def came_back(self, word: Word, node: str) -> None:
        """A node does not know a message."""
        word = {**word, "say": "message", "asked": [*word["asked"], node]}
        flow, data = unpacked(word)
        message = parse(data, self._server.messages)
        self._forget(message)
        if knows(self._server, message):
            self._server.runner.received(data, flow)
        elif not self._ask(word, message):
            self._take_as_strange(data, flow)

    def _take_as_strange(self, data: bytes, flow: Flow) -> None:
        """Take a message that nobody knows."""
        runner = self._server.runner
        elsewhere, runner.elsewhere = runner.elsewhere, None
        try:
            runner.received(data, flow)
        finally:
            runner.elsewhere = elsewhere

    # ---- what the others pass on --------------------------------------------

    def passed(self, peer: Peer, word: Word) -> None:
        """A node passes a message on."""
        flow, data = unpacked(word)
        message = parse(data, self._server.messages)
        if knows(self._server, message):
            self._forget(message)
            self._server.runner.transport.admission.know(flow.remote[0])
            self._server.runner.received(data, flow)
        elif isinstance(message, Request) and self._comes(message):
            self._wait(lambda: self.passed(peer, word))
        else:
            peer.say({**word, "say": "back"})

    def send(self, word: Word) -> None:
        """Another node speaks by a socket of ours."""
        flow, data = unpacked(word)
        self._server.runner.transport.send(data, flow)

    def _tell_broken(self, flow: Flow, data: bytes | None) -> None:
        """A connection of ours is closed, or a peer cannot be reached: others may have calls by it."""
        if self._peers and self._server.runner.transport.wires.is_own(flow):
            word = {**packed(flow, data or b""), "say": "broken", "closed": data is None}
            for peer in self._peers.values():
                peer.say(word)

    def broken(self, word: Word) -> None:
        """The same of another node's."""
        flow, data = unpacked(word)
        if word["closed"]:
            self._server.runner.closed(flow)
        else:
            self._server.runner.unreachable(flow, data)

    # ---- what waits -------------------------------------------------------

    def _wait(self, take: Callable[[], None]) -> None:
        """Have a message wait."""
        self._waiting.append(Waiting(self._server.runner.now(), take))
        if len(self._waiting) > MOST:
            self._waiting.popleft()

    def release(self) -> None:
        """Something has changed: take anew what waits."""
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            one.take()

    def look(self) -> None:
        """Forget whose senders have given up."""
        now = self._server.runner.now()
        while self._waiting and now - self._waiting[0].since > WAITS:
            self._waiting.popleft()


def _may_be_known(message: Request | Response) -> bool:
    """Does a message belong to something that was begun before?"""
    if isinstance(message, Response):
        return True
    try:
        return bool(message.to_tag) or message.method == "CANCEL" or named(message) is not None
    except PeerError:
        return False
