"""The connection between two processes of one service: words in their order, as JSON."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from b2bua.handover.belonging import Word


class Channel(Int32StringReceiver):
    """Our end of it."""

    MAX_LENGTH = 256 * 1024 * 1024

    def __init__(self) -> None:
        """Be ready to be connected."""
        self._hear: Callable[[Word], None] | None = None
        self._unheard: list[Word] = []
        self.lost: Callable[[], None] = lambda: None
        """Told once when there is no other end any more."""
        self._waiting: dict[str, Deferred[Word]] = {}

    def hear_by(self, hear: Callable[[Word], None]) -> None:
        """
        Say who takes what nobody waits for, also what has come already.

        The other process does not wait until we listen: it reads as soon as it serves, and
        may have passed a message on before we know that it does.
        """
        self._hear = hear
        unheard, self._unheard = self._unheard, []
        for word in unheard:
            hear(word)

    def say(self, word: Word) -> None:
        """Say something; with nobody there it is lost."""
        if self.connected:
            self.sendString(json.dumps(word, separators=(",", ":")).encode())

    def stringReceived(self, string: bytes) -> None:
        """Take a word."""
        word: Word = json.loads(string)
        waiting = self._waiting.pop(word["say"], None)
        if waiting is not None:
            waiting.callback(word)
        elif self._hear is None:
            self._unheard.append(word)
        else:
            self._hear(word)

    def wait_for(self, kind: str) -> Deferred[Word]:
        """Wait for a word; it fails with C{ConnectionError} when the other end is gone."""
        if not self.connected:
            raise ConnectionError
        waiting: Deferred[Word] = Deferred()
        self._waiting[kind] = waiting
        return waiting

    def connectionLost(self, reason: Failure = ...) -> None:  # type: ignore[assignment]  # as Twisted has it
        """The other process has ended."""
        self.connected = 0
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            one.errback(ConnectionError("the other process has ended"))
        self.lost()

    def stand_still(self, kind: str, seconds: float) -> bool:
        """
        Do nothing at all until the other process has said a word, or has ended.

        @return: whether it has said it in time.
        """
        transport: Any = self.transport
        heard: list[Word] = []
        waiting = self.wait_for(kind)
        waiting.addCallbacks(heard.append, lambda failure: failure.trap(ConnectionError))
        until = time.monotonic() + seconds
        with socket.socket(fileno=os.dup(transport.fileno())) as wire:
            while not heard and self.connected and (left := until - time.monotonic()) > 0:
                unsent = [wire] if transport.dataBuffer or transport._tempDataBuffer else []
                readable, writable, _ = select.select([wire], unsent, [], left)
                if writable:
                    transport.doWrite()
                if readable:
                    data = wire.recv(65536)
                    if not data:
                        break
                    self.dataReceived(data)
        self._waiting.pop(kind, None)
        return bool(heard)


def connect(reactor: Any, end: socket.socket) -> Channel:
    """Speak by a socket that is connected."""
    factory = Factory()
    channel = Channel()
    factory.buildProtocol = lambda addr: channel  # type: ignore[method-assign]  # there is one connection only
    end.setblocking(False)
    reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
    end.close()
    return channel
