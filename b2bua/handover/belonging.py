"""
Which of two processes a message belongs to.

The new process reads all that comes.  What it knows nothing of, and what only the
old one can know (a response, a request within a dialog, or one more copy of a
request that came before), goes to the old one; what that one does not know
either comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from b2bua.errors import PeerError
from b2bua.transactions.flow import Flow
from b2bua.transactions.matching import COOKIE, server_key
from b2bua.wire.message import Request, Response
from b2bua.wire.parser import parse

if TYPE_CHECKING:
    from b2bua.server import Server

Word: TypeAlias = dict[str, Any]
"""What one process says to the other: plain values, the kind of it by C{say}."""
Say: TypeAlias = Callable[[Word], None]


def knows(server: Server, message: Request | Response) -> bool:
    """Does a message belong to a transaction or a dialog of this process?"""
    runner = server.runner
    if isinstance(message, Response):
        return runner.clients.has(message) or server.core.inheriting(message) is not None
    method = message.method
    if server_key(message, "INVITE" if method == "ACK" else method) in runner.servers:
        return True
    if method == "CANCEL" and server_key(message, "INVITE") in runner.servers:
        return True
    if message.to_tag:
        return server.core.owner(message) is not None
    about = named(message)
    return about is not None and server.context.dialogs.find_replaced(*about) is not None


def is_new(server: Server, message: Request | Response) -> bool:
    """Does a message begin something that this process knows nothing of?"""
    return isinstance(message, Request) and not message.to_tag and not knows(server, message)


def named(request: Request) -> tuple[str, str, str] | None:
    """The dialog that a request outside of dialogs is about: Call-ID, To tag, From tag."""
    try:
        about = request.replaces or request.join
        dialog = request.target_dialog
    except PeerError:
        return None
    if about is not None:
        return about.call_id, about.to_tag, about.from_tag
    return None if dialog is None else (dialog.call_id, dialog.local_tag, dialog.remote_tag)


class Relay:
    """Passes messages to the other process, and takes those that it passes."""

    def __init__(self, server: Server, say: Say, branches: Iterable[str] = ()) -> None:
        """
        Pass nothing yet.

        @param branches: those of the requests that the other process had when it left.
        """
        self._server = server
        self._say = say
        self._branches = set(branches)
        """Those of the requests that the other process has had."""
        self._otherwise = server.runner.elsewhere
        """Passes on what does not belong to that process either."""

    def begin(self) -> None:
        """Pass on from now on what belongs to the other process."""
        self._otherwise = self._server.runner.elsewhere
        self._server.runner.elsewhere = self._pass_on

    def end(self) -> None:
        """There is no other process any more; who passes messages on since, for a next one say, goes on."""
        if self._server.runner.elsewhere in (self._pass_on, self._leave):
            self._server.runner.elsewhere = self._otherwise

    def _pass_on(self, message: Request | Response, flow: Flow, data: bytes) -> bool:
        """
        Pass on what is not ours; on our connections the other process could not answer.

        Who begins something new has not asked the other process.  What comes once more in a
        call that was handed over is for who has answered it (RFC 3261 section 17.2.2).
        """
        if not self._comes_again(message) and knows(self._server, message):
            return False
        if flow.connection or not self._may_have_begun(message):
            return self._otherwise is not None and self._otherwise(message, flow, data)
        if isinstance(message, Request) and message.branch.startswith(COOKIE):
            self._branches.add(message.branch)
        self._say(packed(flow, data))
        return True

    def _comes_again(self, message: Request | Response) -> bool:
        """Has the other process had this very request, and perhaps answered it?"""
        return isinstance(message, Request) and message.branch in self._branches

    def _may_have_begun(self, message: Request | Response) -> bool:
        """Could the other process know of it?"""
        if isinstance(message, Response) or message.to_tag:
            return True
        return message.branch in self._branches or named(message) is not None

    def stay(self) -> None:
        """
        Leave to the other process what comes in its dialogs on connections that stay here.

        It answers by a connection of its own (RFC 3261 section 18.2.2).
        """
        self._server.runner.elsewhere = self._leave

    def _leave(self, message: Request | Response, flow: Flow, data: bytes) -> bool:
        """Pass on a request within a dialog that is not ours any more."""
        if not flow.connection or isinstance(message, Response) or not message.to_tag:
            return False
        if knows(self._server, message):
            return False
        self._say({**packed(flow, data), "say": "left"})
        return True

    def left(self, word: Word) -> None:
        """Take a request from a connection that the other process has, as if that were closed by now."""
        flow, data = unpacked(word)
        gone = flow._replace(connection=-flow.connection)
        self._server.context.connections.lose(gone)
        self._server.runner.received(data, gone)

    def passed(self, word: Word) -> None:
        """Take a message that the other process has passed on; it comes back if we do not know it."""
        flow, data = unpacked(word)
        if knows(self._server, parse(data, self._server.messages)):
            self._server.runner.received(data, flow)
        else:
            self._say({**word, "say": "back"})

    def came_back(self, word: Word) -> None:
        """Take a message that nobody knows, as any stranger's."""
        elsewhere, self._server.runner.elsewhere = self._server.runner.elsewhere, self._otherwise
        try:
            flow, data = unpacked(word)
            message = parse(data, self._server.messages)
            if isinstance(message, Request):
                self._branches.discard(message.branch)
            self._server.runner.received(data, flow)
        finally:
            self._server.runner.elsewhere = elsewhere


def packed(flow: Flow, data: bytes) -> Word:
    """A message as a word."""
    return {"say": "message", "flow": list(flow), "data": data.decode("latin-1")}


def unpacked(word: Word) -> tuple[Flow, bytes]:
    """The flow and the bytes of a message, from L{packed}."""
    transport, local, remote, connection = word["flow"]
    return Flow(transport, tuple(local), tuple(remote), connection), word["data"].encode("latin-1")
