"""Programs that run beside a test: started, listened to, and ended by their process id."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

reactor: Any = _reactor
LIMIT = 30.0
"""Seconds that anything in these tests may take; reached only when it fails."""


FIRST_PORT, PORTS = 10_000, 6_000
"""Ports that the system gives nobody by itself, and the service not for media."""
_next_port = os.getpid() % 60 * 100


def free_port(count: int = 1) -> int:
    """
    The first of so many ports in a row that nobody uses, for UDP nor for TCP.

    Each process of tests begins somewhere else, and none gives the same ones twice in
    a row: so nobody else takes a port between now and when a program opens it.

    @param count: how many; of several the first is an even one, as RTP wants it (RFC 3550 section 11).
    """
    global _next_port
    for _ in range(PORTS):
        first = FIRST_PORT + _next_port % PORTS
        first += count > 1 and first % 2
        _next_port = first + count - FIRST_PORT
        if all(map(_is_free, range(first, first + count))):
            return first
    raise Ended(f"no {count} free ports from {FIRST_PORT} on")


def _is_free(port: int) -> bool:
    """Does nobody use it?"""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as one:
            try:
                one.bind(("", port))
            except OSError:
                return False
    return True


class Ended(Exception):
    """A program has ended before what was waited for; the text is what it said last."""


class Program(ProcessProtocol):
    """A program that runs; its lines are kept and can be waited for."""

    def __init__(self, name: str) -> None:
        """Give it a name for messages."""
        self.name = name
        self.lines: list[str] = []
        self.status: int | None = None
        """Its exit status, or minus the signal that ended it; None while it runs."""
        self._rest = ""
        self._waiting: list[tuple[Callable[[str], bool], Deferred[str]]] = []
        self._gone: list[Deferred[int]] = []

    def start(
        self, command: Sequence[str], directory: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it."""
        reactor.spawnProcess(self, command[0], list(command), env=environment, path=directory)

    def outReceived(self, data: bytes) -> None:
        """Keep what it says."""
        *lines, self._rest = (self._rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            self.lines.append(line)
            for entry in list(self._waiting):
                if entry[0](line):
                    self._waiting.remove(entry)
                    entry[1].callback(line)

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        """It is over: nobody waits in vain."""
        value: Any = reason.value
        self.status = -value.signal if value.signal else value.exitCode
        if self._rest:
            self.lines.append(self._rest)
        waiting, self._waiting = self._waiting, []
        for _, deferred in waiting:
            deferred.errback(Ended(self.story()))
        gone, self._gone = self._gone, []
        for ended in gone:
            ended.callback(self.status)

    def story(self) -> str:
        """What it said last."""
        return f"{self.name} (status {self.status}) said:\n" + "\n".join(self.lines[-400:])

    def says(self, text: str, *, after: int = 0, limit: float = LIMIT) -> Deferred[str]:
        """
        Wait for a line with C{text} in it.

        @param after: how many of the lines already there do not count.
        """
        for line in self.lines[after:]:
            if text in line:
                return succeed(line)
        if self.status is not None:
            return fail(Ended(self.story()))
        deferred: Deferred[str] = Deferred()
        self._waiting.append((lambda line: text in line, deferred))
        return self._limited(deferred, f"a line with {text!r}", limit)

    def ended(self, limit: float = LIMIT) -> Deferred[int]:
        """Wait for its end; gives its exit status."""
        if self.status is not None:
            return succeed(self.status)
        deferred: Deferred[int] = Deferred()
        self._gone.append(deferred)
        return self._limited(deferred, "its end", limit)

    def signal(self, name: str | int) -> None:
        """Send it a signal, C{TERM} say, or one of those that have no name here."""
        assert self.transport is not None
        self.transport.signalProcess(name)

    def kill(self) -> Deferred[int]:
        """End it, whatever it does."""
        try:
            if self.status is None and self.transport is not None:
                self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass  # its end is on the way to us
        return self.ended()

    def _limited(self, deferred: Deferred[Any], what: str, limit: float) -> Deferred[Any]:
        def late(failure: Failure) -> Failure:
            failure.trap(TimeoutError)
            raise Ended(f"waited {limit} s for {what}; {self.story()}")

        deferred.addTimeout(limit, reactor)
        return deferred.addErrback(late)
