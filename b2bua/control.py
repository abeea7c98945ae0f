"""
The local socket by which the C{b2bua} command reaches the running service.

A line is a question, C{{"do": "status"}} with more keys as it needs them; the
answer is a line too, C{{"value": ...}} or C{{"error": "..."}}.  Who may connect is
for the permissions of the socket's file to say.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

LONGEST = 65_536
"""Bytes of a question at most."""
CONNECTIONS = 32
"""So many may ask at once."""

Answer = Callable[..., Any]
"""What answers a question: called with its keys; may be a coroutine."""


class Refused(Exception):
    """A question cannot be answered; the text is one line for people."""


class Control(LineOnlyReceiver):
    """One who asks."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST
    factory: ControlFactory
    log = Logger()

    def connectionMade(self) -> None:
        """Somebody is there."""
        self.factory.connections += 1
        if self.factory.connections > CONNECTIONS:
            self._send({"error": "too many ask at once"})
            self._leave()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Somebody has gone."""
        self.factory.connections -= 1

    def lineReceived(self, line: bytes) -> None:
        """Answer a question."""
        ensureDeferred(self._answer(line)).addErrback(
            lambda failure: self.log.failure("an answer could not be given", failure)
        )

    def lineLengthExceeded(self, line: bytes) -> None:
        """Nobody has that much to ask."""
        self._send({"error": f"a question has {LONGEST} bytes at most"})
        self._leave()

    async def _answer(self, line: bytes) -> None:
        """Find who answers, and send what it says."""
        try:
            self._send({"value": await self.factory.ask(line)})
        except Refused as error:
            self._send({"error": str(error)})
        except Exception:  # noqa: BLE001  # a bug in an answer must not end the service
            self.log.failure("a question could not be answered", Failure(), question=line[:200])
            self._send({"error": "an error of ours; it is in the log"})

    def _send(self, value: Mapping[str, Any]) -> None:
        """Send a line."""
        if self.transport is not None:
            self.sendLine(json.dumps(value, default=str).encode())

    def _leave(self) -> None:
        """Close it."""
        if self.transport is not None:
            self.transport.loseConnection()


class ControlFactory(Factory):
    """Those who ask, and what is answered."""

    protocol = Control  # type: ignore[assignment]  # Twisted takes a class here
    noisy = False

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        """Know the answers."""
        self.connections = 0
        self._answers = answers

    async def ask(self, line: bytes) -> Any:
        """
        Answer a question.

        @raise Refused: if there is no answer to it.
        """
        try:
            question = json.loads(line)
        except ValueError:
            raise Refused("a question is a line of JSON") from None
        if not isinstance(question, dict) or not isinstance(question.get("do"), str):
            raise Refused('a question is an object with the key "do"')
        answer = self._answers.get(question.pop("do"))
        if answer is None:
            raise Refused(f"what can be asked is {', '.join(sorted(self._answers))}")
        try:
            value = answer(**question)
        except TypeError as error:
            # Keys that the question does not have; a bug of ours would say so too.
            raise Refused(f"that cannot be asked like this: {error}") from None
        return await value if isinstance(value, Awaitable | Deferred) else value


def listen(reactor: Any, path: str, mode: int, answers: Mapping[str, Answer]) -> IListeningPort:
    """
    Open the socket.

    One that a crash has left behind is removed; nobody listens to it.
    """
    if _left_behind(path):
        os.unlink(path)
    # Until the permissions are set nobody but us may connect.
    before = os.umask(0o177)
    try:
        port: IListeningPort = reactor.listenUNIX(path, ControlFactory(answers), mode=mode)
    finally:
        os.umask(before)
    return port


def _left_behind(path: str) -> bool:
    """Is there a socket that nobody listens to?"""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
