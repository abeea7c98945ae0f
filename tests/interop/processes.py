"""Programs that run beside a test: started, listened to, and ended by their process id."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

reactor: Any = _reactor
LIMIT = 60.0
"""Seconds that anything in these tests may take; reached only when it fails."""
TIMEOUT = 300
"""Seconds that a whole test may take; it waits for many things, and this is reached only when it fails."""

FIRST_PORT, LAST_PORT = 10_000, 15_999
"""Ports that the system gives nobody by itself, and the service not for media."""
ROW = 200
"""So many of them a process of tests has at a time."""
ROWS = 3
"""So many rows it has at the most: what it was given last may not be in use yet."""


def free_port(count: int = 1) -> int:
    """
    The first of so many ports in a row that nobody uses, for UDP nor for TCP.

    None is given twice in a row, nor to another process of tests: so nobody else
    takes a port between now and when a program opens it.

    @param count: how many; of several the first is an even one, as RTP wants it (RFC 3550 section 11).
    """
    return _ports.take(count)


class _Ports:
    """The ports of this process: rows of them, whose first port is held as long as they are its own."""

    def __init__(self) -> None:
        """Have none yet."""
        self._lock = Lock()
        self._rows: list[socket.socket] = []
        self._at = os.getpid()
        self._next = self._end = 0

    def take(self, count: int) -> int:
        """The first of so many that are free; from any thread."""
        with self._lock:
            for _ in range(LAST_PORT - FIRST_PORT):
                first = self._next + (count > 1 and self._next % 2)
                if first + count > self._end:
                    self._have_row()
                    continue
                self._next = first + count
                if all(map(_is_free, range(first, first + count))):
                    return first
        raise Ended(f"no {count} free ports between {FIRST_PORT} and {LAST_PORT}")

    def _have_row(self) -> None:
        """Go on with another row that nobody has; if everyone is somebody's, with any."""
        for _ in range(FIRST_PORT, LAST_PORT, ROW):
            self._at += 1
            first = FIRST_PORT + self._at * ROW % (LAST_PORT + 1 - FIRST_PORT)
            self._next, self._end = first + 1, first + ROW
            held = socket.socket()
            try:
                held.bind(("127.0.0.1", first))
            except OSError:
                held.close()
                continue
            self._rows.append(held)
            if len(self._rows) > ROWS:
                self._rows.pop(0).close()
            return


def _is_free(port: int) -> bool:
    """Does nobody use it?"""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as one:
            try:
                one.bind(("", port))
            except OSError:
                return False
    return True


_ports = _Ports()


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
