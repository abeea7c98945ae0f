"""An honest phone that asks a service whether it is there, while others do what they like."""

from __future__ import annotations

import socket
import time

from b2bua.wire.parser import parse
from tests.interop.processes import LIMIT

HOST = "127.0.0.1"
FIRST, LONGEST = 0.5, 4.0
"""Seconds until a request is sent again, at first and in the end: T1 and T2 (RFC 3261 section 17.1.2.1)."""


def options(source: str, port: int, target: int) -> bytes:
    """An OPTIONS of an honest phone."""
    now = time.time_ns()
    return (
        f"OPTIONS sip:{HOST}:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{port};branch=z9hG4bK{now}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:x@{source}>;tag=1\r\nTo: <sip:{HOST}>\r\nCall-ID: {now}\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Watcher:
    """Asks now and then, and notes how long it waits."""

    def __init__(self, target: int, source: str = "127.0.0.2", patience: float = LIMIT) -> None:
        """
        Open its socket.

        @param patience: seconds within which it has to be answered.
        """
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._source = source
        self._target = target
        self._patience = patience
        self.slowest = 0.0

    def ask(self) -> None:
        """
        Ask once, as often as it takes: where others send very much, a datagram may find no place.

        @raise AssertionError: if there is no answer, or a bad one.
        """
        began = time.monotonic()
        message = options(self._source, self._socket.getsockname()[1], self._target)
        answer = self._answer(message, began + self._patience)
        assert answer.startswith(b"SIP/2.0 200"), answer
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _answer(self, message: bytes, end: float) -> bytes:
        """The answer to a request, and none to what was asked before."""
        branch, interval = parse(message).via.branch, FIRST
        while (now := time.monotonic()) < end:
            self._socket.sendto(message, (HOST, self._target))
            again, interval = min(now + interval, end), min(2 * interval, LONGEST)
            while (left := again - time.monotonic()) > 0:
                self._socket.settimeout(left)
                try:
                    answer = self._socket.recv(65536)
                except TimeoutError:
                    break
                if parse(answer).via.branch == branch:
                    return answer
        raise AssertionError(f"no answer within {self._patience} s")

    def close(self) -> None:
        """Close its socket."""
        self._socket.close()
