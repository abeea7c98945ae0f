"""A database that hangs, under a service that has to go on."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from b2bua.wire.digest import Challenge, answer
from b2bua.wire.message import Response
from b2bua.wire.parser import parse
from tests.interop.processes import LIMIT, TIMEOUT
from tests.interop.service import PASSWORDS, Service
from tests.store.postgresql import server

REGISTER = (
    "REGISTER sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{cseq}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:101@{host}>;tag=a\r\nTo: <sip:101@{host}>\r\n"
    "Call-ID: one@phone\r\nCSeq: {cseq} REGISTER\r\n"
    "Contact: <sip:101@{host}:{port}>\r\n{more}Content-Length: 0\r\n\r\n"
)


def everybody(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


class HangingTests(TestCase):
    """PostgreSQL stopped by SIGSTOP: its sockets live, and it never answers."""

    timeout = TIMEOUT

    @inlineCallbacks
    def test_hangs(self) -> Any:
        """A REGISTER hears 500 after some seconds, the status says it, and SIGTERM ends the service."""
        url = server()
        service = Service(self.mktemp(), server=f'database = "{url}"\nnode = "hanging"')
        self.addCleanup(service.kill)
        yield service.start()
        stopped = everybody(self.postmaster(url))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            code, waited = yield deferToThread(self.register, service)
            self.assertEqual(code, 500)
            self.assertLess(waited, 30)  # who has sent it gives up at 32 s (RFC 3261 section 17.1.2.2)
            status = yield service.ask("/status")
            self.assertEqual(status["store"]["failing"], "it does not answer")
            code, waited = yield deferToThread(self.register, service, 10)
            self.assertEqual(code, 200)
            self.assertLess(waited, 10)
            began = time.monotonic()
            yield service.stop()
            self.assertLess(time.monotonic() - began, 30)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def postmaster(self, url: str) -> int:
        """The process that listens there."""
        port = int(url.rpartition("/")[0].rpartition(":")[2])
        for directory in Path("/tmp").glob("b2bua-postgresql-*/data/postmaster.pid"):
            lines = directory.read_text().splitlines()
            if lines[3] == str(port):
                return int(lines[0])
        raise AssertionError(f"no PostgreSQL on port {port}")

    def register(self, service: Service, cseq: int = 1) -> tuple[int, float]:
        """Register as a phone does; give the final answer, and how long it took."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind((service.host, 0))
            phone.connect((service.host, service.port))
            phone.settimeout(LIMIT)

            def ask(number: int, more: str = "") -> Response:
                port = phone.getsockname()[1]
                phone.send(REGISTER.format(host=service.host, port=port, cseq=number, more=more).encode())
                while True:
                    found = parse(phone.recv(65536))
                    assert isinstance(found, Response)
                    if found.code >= 200:
                        return found

            asked = ask(cseq)
            (challenge, *_) = Challenge.parse_all(asked.all("WWW-Authenticate"))
            given = answer(
                challenge,
                "101",
                "REGISTER",
                f"sip:{service.host}",
                password=PASSWORDS["101"],
                cnonce="c",
                count=1,
            )
            began = time.monotonic()
            return ask(cseq + 1, f"Authorization: {given}\r\n").code, time.monotonic() - began
