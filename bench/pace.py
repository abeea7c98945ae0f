"""
A caller and a callee of our own, that see when an INVITE leaves and when it arrives.

SIPp keeps no common clock of both ends.  Here one process is both: the time a
request was sent is noted, and the kernel notes when the other one arrived, so
neither waits for us to look.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass

from bench.messages import Callee, Caller
from bench.servers import CALLEE, HOST

SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
PATIENCE = 3.0
"""Seconds of silence after which what has not come is taken for lost."""


@dataclass(frozen=True, slots=True)
class Passing:
    """How long it took to pass INVITEs on, in seconds, sorted."""

    wanted: int
    done: int
    seconds: tuple[float, ...]

    def at(self, part: float) -> float:
        """A quantile."""
        if not self.seconds:
            return float("nan")
        return self.seconds[min(len(self.seconds) - 1, int(part * len(self.seconds)))]


class Pair:
    """Both ends of many calls."""

    def __init__(self, server: int, callee: int) -> None:
        """
        Open the sockets.

        @param callee: the port at which the server looks for the callee.
        """
        self._server = (HOST, server)
        self._alice, self._bob = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._alice.bind((HOST, 0))
        self._bob.bind((HOST, callee))
        for one in (self._alice, self._bob):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._bob.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        port = self._alice.getsockname()[1]
        self._caller = Caller(HOST, port, f"{HOST}:{server}", CALLEE, HOST)
        self._callee = Callee(HOST, callee, CALLEE)
        self._number = 0
        self._sent: dict[bytes, float] = {}
        self._passed: list[float] = []
        self._done = 0

    def close(self) -> None:
        """Close the sockets."""
        self._alice.close()
        self._bob.close()

    def run(self, rate: float, count: int) -> Passing:
        """Make calls at an even rate."""
        self._passed, self._done = [], 0
        self._sent.clear()
        began, started, silent = time.monotonic(), 0, 0.0
        while self._done < count and silent < PATIENCE:
            due = began + started / rate - time.monotonic() if started < count else 0.5
            if due <= 0:
                self._call()
                started += 1
                continue
            ready, _, _ = select.select([self._alice, self._bob], [], [], due)
            silent = 0.0 if ready else silent + due
            if self._bob in ready:
                self._hear_bob()
            if self._alice in ready:
                self._hear_alice()
        return Passing(count, self._done, tuple(sorted(self._passed)))

    def _call(self) -> None:
        """Begin a call; the Subject tells the callee which one it is."""
        self._number += 1
        name = b"%d" % self._number
        invite = self._caller.invite(self._number)
        invite = invite.replace(b"Max-Forwards:", b"Subject: " + name + b"\r\nMax-Forwards:", 1)
        self._sent[name] = time.time()
        self._alice.sendto(invite, self._server)

    def _hear_bob(self) -> None:
        """Answer as the callee."""
        data, ancillary, _, _ = self._bob.recvmsg(65536, 64)
        send, server = self._bob.sendto, self._server
        if data.startswith(b"INVITE"):
            name = data.partition(b"\r\nSubject: ")[2].partition(b"\r\n")[0]
            sent = self._sent.pop(name, None)
            if sent is not None and ancillary:
                seconds, nano = _TIMESPEC.unpack(ancillary[0][2][: _TIMESPEC.size])
                self._passed.append(seconds + nano * 1e-9 - sent)
            for response in self._callee.ring(data):
                send(response, server)
        elif data.startswith(b"BYE"):
            send(self._callee.answer(data, b"200 OK"), server)

    def _hear_alice(self) -> None:
        """Go on as the caller."""
        data = self._alice.recv(65536)
        if not data.startswith(b"SIP/2.0 200"):
            return
        if b" BYE\r\n" in data:
            self._done += 1
            return
        number = int(data.partition(b"Call-ID: 0_")[2].partition(b"@")[0])
        for method in ("ACK", "BYE"):
            self._alice.sendto(self._caller.later(method, number, data), self._server)
