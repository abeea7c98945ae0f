"""A restart without loss, on sockets: under calls of SIPp, and with a new process that does not start."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.load import CALLEE, HOST, Killable, registered
from tests.interop.processes import LIMIT, TIMEOUT
from tests.interop.programs import need
from tests.interop.restarts import play

OPTIONS = (
    b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKwaits\r\n"
    b"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: waits\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def ask_to_come_again(service: Killable, systemd: socket.socket) -> list[int]:
    """End a service as systemd does in order to start it anew; the descriptors that it leaves."""
    os.kill(service.pid, signal.SIGUSR2)
    while True:
        said, descriptors, _, _ = socket.recv_fds(systemd, 1000, 16)
        if said.startswith(b"FDSTORE=1"):
            service.wait()
            return list(descriptors)


SILENCE = 4.0
"""Seconds without an answer in which no phone gives up (RFC 3261: it sends after 0.5, 1, 2 s again)."""


class RestartTests(TestCase):
    """C{make restarts} does it twenty times under 30 calls a second."""

    timeout = TIMEOUT

    def directory(self) -> Path:
        """Where everything is."""
        path = Path(self.mktemp()).resolve()
        path.mkdir()
        return path

    @inlineCallbacks
    def test_under_calls(self) -> Any:
        """No call fails, no registration is lost, and the silence is a fraction of a second."""
        need("sipp")
        found = yield deferToThread(play, self.directory(), 2, 10, 2.0)
        self.assertEqual((found.failed, found.lost), (0, []), f"{found}\n{found.unhappy}")
        self.assertLess(max(found.silences), SILENCE)

    @inlineCallbacks
    def test_systemd(self) -> Any:
        """What systemd ends in order to start it anew leaves its sockets with it, and what waits in them."""
        directory = self.directory()
        short = TemporaryDirectory()  # as the names of sockets have to be
        self.addCleanup(short.cleanup)
        path = f"{short.name}/notify"
        os.environ["NOTIFY_SOCKET"] = path
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")

        def work() -> None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
                systemd.bind(path)
                systemd.settimeout(LIMIT)
                service = Killable(directory)
                try:
                    found = ask_to_come_again(service, systemd)
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
                        phone.settimeout(LIMIT)
                        phone.connect(("127.0.0.1", service.port))
                        phone.send(OPTIONS)
                        service.start(found)
                        self.assertTrue(phone.recv(1000).startswith(b"SIP/2.0 200 "))
                finally:
                    service.end()

        yield deferToThread(work)

    @inlineCallbacks
    def test_store_fails(self) -> Any:
        """
        While the database is locked no process can take over: the old one goes on, and answers.

        It fails before we have left it, or when we have, and the new process cannot open it.
        """

        def lives(service: Killable, phone: socket.socket) -> None:
            phone.send(OPTIONS)
            self.assertTrue(phone.recv(1000).startswith(b"SIP/2.0 200 "))
            self.assertEqual(service.ask("/status")["calls"], 0)

        def work() -> None:
            directory = self.directory()
            service = Killable(directory, database=f'database = "sqlite:///{directory}/b2bua.db"')
            try:
                with (
                    closing(sqlite3.connect(directory / "b2bua.db", isolation_level=None)) as other,
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
                ):
                    phone.settimeout(LIMIT)
                    phone.connect((HOST, service.port))
                    for user in ("", CALLEE):
                        if user:
                            registered(service.port, user)
                        other.execute("BEGIN EXCLUSIVE")
                        found = service.restart()
                        self.assertEqual(found["pid"], None)
                        lives(service, phone)
                        other.execute("COMMIT")
                        lives(service, phone)
                    self.assertEqual(service.restart()["problem"], "")
                    lives(service, phone)
            finally:
                service.end()

        yield deferToThread(work)

    @inlineCallbacks
    def test_does_not_start(self) -> Any:
        """A new process that finds its configuration bad leaves the old one serving; mended it takes over."""

        def work() -> None:
            service = Killable(self.directory())
            try:
                good, first = service.config.read_text(), service.pid
                service.config.write_text(good + "[calls]\nsurvives = true\n")
                found = service.restart()
                self.assertEqual(found["pid"], None)
                self.assertIn("did not start", found["problem"])
                service.config.write_text(good)
                found = service.restart()
                self.assertEqual(found["problem"], "")
                self.assertNotEqual(found["pid"], first)
                self.assertEqual(service.ask("/status")["calls"], 0)
            finally:
                service.end()

        yield deferToThread(work)
