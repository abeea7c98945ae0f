"""Whoever means ill, on real sockets: mutated messages, scanners, slow connections, floods."""

from __future__ import annotations

import random
import socket
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from b2bua.wire.message import Request, write
from b2bua.wire.parser import parse
from bench.messages import Caller
from bench.register import register
from tests.interop.honest import Watcher, options
from tests.interop.processes import LIMIT, TIMEOUT, Program, free_port, reactor
from tests.interop.programs import need
from tests.interop.service import PASSWORDS, PATIENT, Service
from tests.interop.test_flows import MEDIA, A, B, C, FlowCase
from tests.interop.yealink import HOST, brief

ROOT = Path(__file__).resolve().parent.parent.parent
NEAR = 4.0
"""Seconds within which an honest phone is answered while others do what they like, on a busy machine too."""


# svcrack takes qop="auth,auth-int" for no qop and breaks at the first challenge; like this it goes on.
# And when nobody answers any more, it is satisfied sooner.
SVCRACK = """
import socket, sys
sys.path.insert(0, sys.argv.pop(1))
from sipvicious.libs import svhelper
socket.socket.settimeout = lambda self, seconds, set=socket.socket.settimeout: set(self, min(seconds, 2))
answer = svhelper.challengeResponse
svhelper.challengeResponse = lambda auth, *more: answer({"noncecount": 1, **auth}, *more)
from sipvicious import svcrack
svcrack.main()
"""


class Telling(DatagramProtocol):
    """A server that asks 101 for a password, and does not know the others."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        request = parse(datagram)
        assert self.transport is not None
        if isinstance(request, Request) and request.method == "REGISTER":
            known = request.to.uri.user == "101"
            fields = [("WWW-Authenticate", 'Digest realm="r", nonce="n"')] if known else []
            answer = request.response(401 if known else 404, to_tag="t", fields=fields)
            self.transport.write(write(answer), addr)


class FuzzTests(TestCase):
    """A bounded part of C{python -m tests.interop.fuzz}."""

    timeout = TIMEOUT

    @inlineCallbacks
    def test_fuzz(self) -> Any:
        """Some hundred mutated messages and calls over UDP, TCP and TLS, always the same."""
        program = Program("fuzz")
        self.addCleanup(program.kill)
        command = [sys.executable, "-m", "tests.interop.fuzz", "--rounds", "4", "--seed", "7"]
        program.start(command, str(ROOT), {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})
        status = yield program.ended(TIMEOUT)
        self.assertEqual(status, 0, program.story())


class ScannerTests(TestCase):
    """SIPVicious (Debian's sipvicious), at our default settings."""

    timeout = TIMEOUT

    @inlineCallbacks
    def setUp(self) -> Any:  # type: ignore[override]  # trial waits for it
        """A service whose extension 101 has a password that is easy to guess."""
        self.scanner = need("svwar")
        self.service = Service(self.mktemp(), extensions={**PASSWORDS, "101": "77"})
        self.addCleanup(self.service.kill)
        yield self.service.start()

    def scan(self, name: str, *arguments: str, port: int = 0) -> Any:
        """Run one of its programs, against ours or another server; gives what it said."""
        program = Program(name)
        self.addCleanup(program.kill)
        command = [str(Path(self.scanner).with_name(name))]
        if name == "svcrack":
            command = ["/usr/bin/python3", "-c", SVCRACK, str(Path(self.scanner).resolve().parent)]
        # By itself it takes port 5060, where answers to anybody who names no port arrive.
        command += ["-P", str(free_port()), "-p", str(port or self.service.port), *arguments, HOST]
        there = self.mktemp_there()
        program.start(command, there, {"HOME": there, "PATH": "/usr/bin:/bin"})
        return program.ended(2 * LIMIT).addCallback(lambda _: "\n".join(program.lines))

    def mktemp_there(self) -> str:
        """Make a directory."""
        directory = Path(self.mktemp())
        directory.mkdir()
        return str(directory.resolve())

    @inlineCallbacks
    def test_no_extension_found(self) -> Any:
        """No way of asking tells an extension that exists from one that does not."""
        methods = ("REGISTER", "INVITE", "OPTIONS")
        scans = [self.scan("svwar", "-e95-110", "-m", method, "--force") for method in methods]
        for method, said in zip(methods, (yield gatherResults(scans)), strict=True):
            rows = [line for line in said.splitlines() if line.startswith("| 10")]
            self.assertEqual(rows, [], f"{method}: {said}")

    @inlineCallbacks
    def test_found_at_once(self) -> Any:
        """It does find an extension of a server that tells: so the test above can fail."""
        port = free_port()
        telling = reactor.listenUDP(port, Telling(), interface=HOST)
        self.addCleanup(telling.stopListening)
        said = yield self.scan("svwar", "-e95-110", "-m", "REGISTER", port=port)
        self.assertIn("| 101 ", said)

    @inlineCallbacks
    def test_no_password_guessed(self) -> Any:
        """Even an easy password is not found: after twenty wrong ones nobody answers the address."""
        yield deferToThread(self.honest)
        said = yield self.scan("svcrack", "-u101", "-r1-99", "-t", "0.02", "--maximumtime=5")
        self.assertNotIn("| 101", said)
        wrong = [line for line in self.service.program.lines if "authentication failed" in line]
        self.assertIn(len(wrong), range(20, 40), said)
        self.assertIn("authentication ignored: source=127.0.0.1", "\n".join(self.service.program.lines))
        # Nor is the phone locked out that knows it, from where it always was.
        yield deferToThread(self.honest)

    @inlineCallbacks
    def test_guessed_at_once(self) -> Any:
        """The program does find a password that is among its first guesses: so the test above can fail."""
        said = yield self.scan("svcrack", "-u101", "-r77-79", "-t", "0.02")
        self.assertIn("| 101       | 77", said)

    def honest(self) -> None:
        """The owner of 101 registers from where she is, which is not where they guess."""
        register(HOST, self.service.port, free_port(), "101", "77", source="127.0.0.2")


class SlowTests(TestCase):
    """Connections that take their time, or all there are."""

    timeout = TIMEOUT

    @inlineCallbacks
    def setUp(self) -> Any:  # type: ignore[override]  # trial waits for it
        """A service that waits for nobody longer than a second."""
        more = PATIENT + "hello = 1.0\nunfinished = 1.0\nconnections_per_host = 40\n"
        self.service = Service(self.mktemp(), more)
        self.addCleanup(self.service.kill)
        yield self.service.start()

    @inlineCallbacks
    def test_half_open(self) -> Any:
        """Silent and unfinished connections are closed; one address cannot take all of them."""
        yield deferToThread(self._half_open)
        status = yield self.service.ask("/status")
        self.assertGreaterEqual(status["connections_refused"], 40)  # 80, unless a second went by

    def _half_open(self) -> None:
        watcher = Watcher(self.service.port)
        streams = [socket.create_connection((HOST, self.service.port), LIMIT) for _ in range(120)]
        try:
            for number, stream in enumerate(streams):
                try:
                    if number % 3 == 1:
                        stream.sendall(b"INVITE sip:101@127.0.0.1 SIP/2.0\r\nVia: ")
                    elif number % 3 == 2:
                        stream.sendall(
                            options(HOST, 5060, self.service.port)[:-2] + b"Content-Length: 9\r\n\r\nabc"
                        )
                except OSError:
                    pass  # it was one too many
                watcher.ask()
            other = socket.create_connection((HOST, self.service.port), LIMIT, ("127.0.0.3", 0))
            other.sendall(options("127.0.0.3", 5060, self.service.port).replace(b"/UDP", b"/TCP"))
            assert other.recv(65536).startswith(b"SIP/2.0 200"), "another host got no answer"
            other.close()
            deadline = time.monotonic() + LIMIT
            for stream in streams:
                stream.settimeout(max(0.1, deadline - time.monotonic()))
                try:
                    while stream.recv(65536):
                        pass
                except ConnectionError:
                    pass
            assert watcher.slowest < NEAR, f"an honest phone waited {watcher.slowest:.1f} s"
        finally:
            watcher.close()
            for stream in streams:
                stream.close()


STOLEN = (
    "{method} sip:{user}@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{port};branch=z9hG4bK{method}{cseq}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:{user}@{host}>;tag={local}\r\nTo: <sip:x@{host}>;tag={remote}\r\n"
    "Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{user}@{source}:{port}>\r\n{more}"
    "Content-Length: 0\r\n\r\n"
)


class StolenTests(FlowCase):
    """Somebody at another address knows all identifiers of a call."""

    @inlineCallbacks
    def test_stolen(self) -> Any:
        """BYE, re-INVITE, UPDATE and REFER of either party are refused; the call goes on, nobody rings."""
        a, b, c = self.phone(A), self.phone(B), self.phone(C)
        b.stay(b.script().invited().ring().accept(MEDIA[B]).note("up").bye_comes())
        c.stay(c.script().invited())
        yield self.registered(b, c)
        a.start(a.script().invite(B, MEDIA[A]).response(180).response(200).ack().note("up").told("End").bye())
        yield a.reaches("up")
        yield b.reaches("up")
        (answer,), (invite,) = a.received("200 INVITE"), b.received("INVITE")
        (accepted,) = [m.message for m in b.messages if m.way == "sent" and brief(m.message) == "200 INVITE"]
        of_a = (A, answer.call_id, answer.from_.tag, answer.to.tag)
        of_b = (B, invite.call_id, accepted.to.tag, invite.from_.tag)
        for stolen in (of_a, of_b):
            codes = yield deferToThread(self.steal, *stolen)
            self.assertEqual(codes, [401] * 4, stolen)
        yield a.tell("End", "now")
        yield self.through(a, called=(b,))
        self.assertEqual(c.received("INVITE"), [])

    def steal(self, user: str, call_id: str, local: str, remote: str) -> list[int]:
        """Send requests as one party would; the statuses that they get."""
        codes = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mallory:
            mallory.bind(("127.0.0.66", 0))
            mallory.settimeout(LIMIT)
            source, port = mallory.getsockname()
            for cseq, method in enumerate(("REFER", "UPDATE", "INVITE", "BYE"), 900):
                more = f"Refer-To: <sip:{C}@{HOST}>\r\n" if method == "REFER" else ""
                request = STOLEN.format(
                    method=method, user=user, host=HOST, source=source, port=port, local=local, remote=remote,
                    call_id=call_id, cseq=cseq, more=more,
                )  # fmt: skip
                mallory.sendto(request.encode(), (HOST, self.service.port))
                codes.append(int(mallory.recv(65536).split()[1]))
        return codes


class FloodTests(FlowCase):
    """Very much from very many."""

    more = "[limits]\nlag = 2.0\n"

    @inlineCallbacks
    def test_flood(self) -> Any:
        """INVITE, REGISTER, OPTIONS and junk from 200 addresses: nothing rings, and calls go on."""
        a, b = self.phone(A), self.phone(B)
        b.stay(b.script().invited().ring().accept(MEDIA[B]).bye_comes())
        yield self.registered(b)
        slowest = yield deferToThread(self._flood, 4000)
        self.assertLess(slowest, NEAR)
        self.assertEqual(b.received("INVITE"), [])
        a.start(a.script().invite(B, MEDIA[A]).response(180).response(200).ack().pause(100).bye())
        yield self.through(a, called=(b,))
        self.assertNotIn("Traceback", "\n".join(self.service.program.lines))

    def _flood(self, count: int) -> float:
        """Send it, and ask as an honest phone meanwhile; how long did that wait?"""
        chance = random.Random(1)
        target = (HOST, self.service.port)
        watcher = Watcher(self.service.port)
        sources = []
        for number in range(200):
            source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            source.bind((f"127.0.1.{number + 1}", 0))
            sources.append(source)
        try:
            for number in range(count):
                source = chance.choice(sources)
                host, port = source.getsockname()
                kind = number % 4
                if kind == 3:
                    message = chance.randbytes(chance.randrange(5, 1200))
                else:
                    caller = Caller(host, port, f"{HOST}:{target[1]}", chance.choice((B, "nobody")), HOST)
                    message = caller.invite(number)
                    if kind:
                        method = (b"INVITE", b"REGISTER", b"OPTIONS")[kind]
                        message = message.replace(b"INVITE", method)
                source.sendto(message, target)
                if number % 200 == 0:
                    watcher.ask()
            watcher.ask()
        finally:
            watcher.close()
            for source in sources:
                source.close()
        return watcher.slowest
