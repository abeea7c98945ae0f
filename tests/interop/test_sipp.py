"""
SIPp calls us, and is called, over UDP, TCP and TLS.

Debian's SIPp has no TLS of its own, so it speaks TCP to stunnel, and stunnel
TLS to us.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from b2bua.net.tls import Credentials
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response
from b2bua.wire.uri import Uri
from bench.servers import is_open
from tests.interop.certificates import Authority
from tests.interop.peers import Peer, PeerCase, later
from tests.interop.processes import TIMEOUT, Program, free_port
from tests.interop.programs import need
from tests.transactions.messages import request

HOST = "127.0.0.1"
CALLS = 20


class SippCase(PeerCase):
    """SIPp on one side, a runner on the other."""

    timeout = TIMEOUT

    def setUp(self) -> None:
        """There is SIPp, and a certificate."""
        self.sipp = need("sipp")
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(self.directory)
        self.files = [str(Path(name).resolve()) for name in self.authority.files("pbx", HOST)]

    def credentials(self) -> Credentials:
        """What TLS needs."""
        return Credentials(self.files[0], self.files[1], self.authority.file)

    def program(self, name: str, *command: str) -> Program:
        """Run a program that ends with the test."""
        program = Program(name)
        program.start(command, str(self.directory))
        self.addCleanup(program.kill)
        return program

    def run_sipp(self, *options: str, port: int) -> Program:
        """Run SIPp."""
        common = (
            "-i",
            HOST,
            "-p",
            str(port),
            "-nostdin",
            "-m",
            str(CALLS),
            "-timeout",
            "60",
            "-timeout_error",
        )
        return self.program("sipp", self.sipp, "-max_socket", "500", *options, *common)

    async def tunnel(self, accept: int, connect: int, *, client: bool) -> Program:
        """Run stunnel from one port to the other; one of them speaks TLS."""
        lines = ["foreground = yes", "debug = notice", "pid =", "[sip]", f"accept = {HOST}:{accept}"]
        lines.append(f"connect = {HOST}:{connect}")
        if client:
            authority = str(Path(self.authority.file).resolve())
            lines += ["client = yes", f"CAfile = {authority}", "verifyChain = yes", f"checkIP = {HOST}"]
        else:
            lines += [f"cert = {self.files[0]}", f"key = {self.files[1]}"]
        file = self.directory / "stunnel.conf"
        file.write_text("\n".join(lines) + "\n")
        program = self.program("stunnel", need("stunnel"), str(file.resolve()))
        await program.says("Configuration successful")
        await self.until_open(program, accept, "tcp")
        return program

    async def until_open(self, program: Program, port: int, transport: str) -> None:
        """Wait until a program has opened its port."""
        while not is_open(port, transport):
            self.assertIs(program.status, None, program.story())
            await later(0.02)


class SippCallsTests(SippCase):
    """The scenario C{uac}: INVITE, 100, 180, 200, ACK, BYE, 200."""

    def callee(self, transport: str) -> Peer:
        """Answer calls."""
        bob = self.peer(HOST, transport, credentials=self.credentials(), rate=1e6, burst=1_000_000)

        def answer(message: Request, server: Any) -> None:
            if message.method == "INVITE":
                server.respond(message.response(180, to_tag="b"))
                contact = ("Contact", f"<sip:bob@{bob.runner.contact_host(server.flow)}>")
                server.respond(message.response(200, to_tag="b", fields=[contact]))
            else:
                server.respond(message.response(200, to_tag="b"))

        bob.user.answer = answer
        return bob

    async def calls(self, transport: str, option: str, *, tunnelled: bool = False) -> None:
        """Have SIPp make calls; every one must be complete."""
        bob = self.callee(transport)
        port = bob.port(transport)
        if tunnelled:
            accept = free_port()
            await self.tunnel(accept, port, client=True)
            port = accept
        target = f"{HOST}:{port}"
        sipp = self.run_sipp("-sn", "uac", "-r", "100", "-d", "20", "-t", option, target, port=free_port())
        self.assertEqual(await sipp.ended(), 0, sipp.story())
        methods = [message.method for message in bob.user.requests]
        self.assertEqual((methods.count("INVITE"), methods.count("BYE")), (CALLS, CALLS))
        self.assertEqual(len(bob.user.acks), CALLS)
        self.assertEqual(bob.runner.transport.counts.malformed, 0)

    async def test_udp(self) -> None:
        """Over UDP."""
        await self.calls("UDP", "u1")

    async def test_tcp(self) -> None:
        """Over one TCP connection."""
        await self.calls("TCP", "t1")

    async def test_tcp_each(self) -> None:
        """Over a TCP connection for each call."""
        await self.calls("TCP", "tn")

    async def test_tls(self) -> None:
        """Over one TLS connection."""
        await self.calls("TLS", "t1", tunnelled=True)

    async def test_tls_each(self) -> None:
        """Over a TLS connection for each call."""
        await self.calls("TLS", "tn", tunnelled=True)


class SippCalledTests(SippCase):
    """The scenario C{uas}."""

    async def calls(self, transport: str, option: str, *, tunnelled: bool = False) -> None:
        """Call SIPp; every call must be complete."""
        alice = self.peer(HOST, transport, credentials=self.credentials())
        port = free_port()
        sipp = self.run_sipp("-sn", "uas", "-t", option, port=port)
        await self.until_open(sipp, port, "udp" if transport == "UDP" else "tcp")
        if tunnelled:
            accept = free_port()
            await self.tunnel(accept, port, client=False)
            port = accept
        scheme = f";transport={transport.lower()}"
        target = Uri.parse(f"sip:{HOST}:{port}{scheme}")
        for number in range(CALLS):
            await self.call(alice, target, number)
        self.assertEqual(await sipp.ended(), 0, sipp.story())
        self.assertEqual(alice.runner.transport.counts.stray, 0)

    async def call(self, alice: Peer, target: Uri, number: int) -> None:
        """Make a call and end it."""
        codes: list[int] = []
        final: Deferred[Response] = Deferred()

        def hear(response: Response) -> None:
            codes.append(response.code)
            if response.code >= 200 and not final.called:
                final.callback(response)

        def write(method: str, cseq: int, to: str = "<sip:bob@example.com>") -> Any:
            def written(flow: Flow, via: str) -> Request:
                call_id = ("Call-ID", f"call-{number}")
                contact = ("Contact", f"<sip:alice@{alice.runner.contact_host(flow)}>")
                message = request(method, via=via, cseq=cseq, to=to)
                return message.with_fields(remove=["Call-ID"], add=[call_id, contact])

            return written

        alice.runner.request(write("INVITE", 1), target, hear)
        answer = await final
        to = answer.get("To") or ""
        alice.runner.acknowledge(write("ACK", 1, to), target)
        final = Deferred()
        alice.runner.request(write("BYE", 2, to), target, hear)
        self.assertEqual((await final).code, 200)
        # A response is sent again when the INVITE was, on a busy machine, but a 180 never after the 200.
        self.assertEqual([code for code, _ in groupby(codes)], [180, 200])

    async def test_udp(self) -> None:
        """Over UDP."""
        await self.calls("UDP", "u1")

    async def test_tcp(self) -> None:
        """Over one TCP connection."""
        await self.calls("TCP", "t1")

    async def test_tls(self) -> None:
        """Over one TLS connection."""
        await self.calls("TLS", "t1", tunnelled=True)
