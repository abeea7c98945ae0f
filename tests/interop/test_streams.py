"""TCP and TLS on the loopback interface."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.ssl import CertificateOptions

from b2bua.net.tls import Credentials
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Response, write
from b2bua.wire.uri import Uri
from tests.interop.certificates import Authority
from tests.interop.peers import Peer, PeerCase, later
from tests.transactions.messages import request


class Raw(Protocol):
    """A connection that the test writes bytes to."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self.got = b""
        self.ended: Deferred[None] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[bytes]]] = []

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.got += data
        for mark, done in list(self._waiting):
            if mark in self.got:
                self._waiting.remove((mark, done))
                done.callback(self.got)

    def connectionLost(self, reason: Any = None) -> None:
        """Tell the test."""
        self.ended.callback(None)

    def until(self, mark: bytes) -> Deferred[bytes]:
        """Wait until something has come."""
        done: Deferred[bytes] = Deferred()
        self._waiting.append((mark, done))
        self.dataReceived(b"")
        return done

    def write(self, data: bytes) -> None:
        """Send bytes."""
        transport: Any = self.transport
        transport.write(data)


def connect(host: str, port: int) -> Deferred[Raw]:
    """Open a connection by hand."""
    made: Deferred[Raw] = Deferred()

    class Made(ClientFactory):
        noisy = False

        def buildProtocol(self, addr: Any) -> Raw:
            raw = Raw()
            clock: Any = reactor
            clock.callLater(0, made.callback, raw)
            return raw

    anything: Any = reactor
    anything.connectTCP(host, port, Made())
    return made


class TcpTests(PeerCase):
    """Two runners over TCP."""

    host, name, wildcard = "127.0.0.1", "127.0.0.1", "0.0.0.0"

    def uri(self, peer: Peer) -> str:
        """Where a peer is."""
        return f"sip:{self.name}:{peer.port('TCP')};transport=tcp"

    async def test_answer(self) -> None:
        """A connection is opened, and the next request goes down the same one (RFC 5923)."""
        alice, bob = self.peer(self.host, "TCP"), self.peer(self.host, "TCP")
        for _ in range(3):
            answer = await self.ask(alice, self.uri(bob))
            self.assertEqual((answer.code, answer.local), (200, False))
        self.assertEqual((len(alice.wires["TCP"]), len(bob.wires["TCP"])), (1, 1))
        self.assertEqual(answer.via.port, alice.port("TCP"))

    async def test_backwards(self) -> None:
        """A request to a contact that registered over a connection goes down that connection."""
        alice, bob = self.peer(self.wildcard, "TCP"), self.peer(self.wildcard, "TCP")
        await self.ask(alice, self.uri(bob), "REGISTER")
        answer = await self.ask(bob, bob.user.servers[0].flow)
        self.assertEqual(answer.code, 200)
        self.assertEqual(alice.user.requests[0].method, "OPTIONS")
        self.assertEqual(len(bob.wires["TCP"]), 1)
        self.assertEqual(bob.user.servers[0].flow.local, (self.host, bob.port("TCP")))

    async def test_refused(self) -> None:
        """Nobody listens: the user hears a 503 at once, and the flow stays dead."""
        alice = self.peer(self.host, "TCP")
        with socket.create_server((self.host, 0), family=_family(self.host)) as taken:
            port = taken.getsockname()[1]
        answer = await self.ask(alice, f"sip:{self.name}:{port};transport=tcp")
        self.assertEqual((answer.code, answer.local), (503, True))
        self.assertEqual(len(alice.wires["TCP"]), 0)

    async def test_gone_another_way(self) -> None:
        """What waits for its connection while the peer is found elsewhere does not come by that later."""
        alice, there = self.peer(self.host, "TCP"), self.peer(self.host, "TCP")
        for elsewhere, code in (("TCP", 200), ("TLS", 503)):
            bob, heard = self.peer(self.host, "TCP"), list[Response]()
            await self.ask(there, self.uri(alice), "REGISTER")
            client = alice.runner.request(
                lambda flow, via: request("OPTIONS", via=via), Uri.parse(self.uri(bob)), heard.append
            )
            client.move(alice.user.servers[-1].flow._replace(transport=elsewhere))
            while not heard or not len(bob.wires["TCP"]):
                await later(0.01)
            await later(0.1)
            self.assertEqual((bob.user.requests, [one.code for one in heard]), ([], [code]))
            self.assertEqual(len(bob.wires["TCP"]), 1)  # what goes there next uses the connection

    async def test_closed(self) -> None:
        """The end of a connection fails what was under way on it, at once."""
        alice, bob = self.peer(self.host, "TCP"), self.peer(self.host, "TCP")
        bob.user.answer = lambda message, server: bob.wires["TCP"].close()
        answer = await self.ask(alice, self.uri(bob), "INVITE")
        self.assertEqual((answer.code, answer.local), (503, True))
        while not alice.user.lost:
            await later(0.01)
        self.assertEqual(len(alice.user.lost), 1)
        # A flow whose connection is gone leads nowhere.
        answer = await self.ask(alice, alice.user.lost[0])
        self.assertEqual((answer.code, answer.local), (503, True))

    async def test_closed_unused(self) -> None:
        """Of a connection that carried nothing but keep-alives nobody has to be told."""
        bob = self.peer(self.host, "TCP")
        for said, told in ((b"", 0), (b"\r\n\r\n", 0), (write(request("OPTIONS")), 1)):
            raw = await connect(self.host, bob.port("TCP"))
            if said:
                raw.write(said)
                await raw.until(b"\r\n")
            raw.transport.loseConnection()  # type: ignore[union-attr]
            await raw.ended
            while bob.runner.transport.connections.taken:
                await later(0.01)
            self.assertEqual(len(bob.user.lost), told)

    async def test_answer_elsewhere(self) -> None:
        """An answer whose connection is gone goes to the port of the sent-by (section 18.2.2)."""
        bob = self.peer(self.host, "TCP")
        servers: list[Any] = []
        bob.user.answer = lambda message, server: servers.append(server)
        back = self.peer(self.host, "TCP")
        raw = await connect(self.host, bob.port("TCP"))
        via = f"SIP/2.0/TCP {self.name}:{back.port('TCP')};branch=z9hG4bKx"
        raw.write(write(request("OPTIONS", via=via)))
        while not servers:
            await later(0.01)
        raw.transport.loseConnection()  # type: ignore[union-attr]
        await raw.ended
        while bob.runner.transport.connections.taken:
            await later(0.01)
        servers[0].respond(servers[0].request.response(200, to_tag="x"))
        while not back.runner.transport.counts.stray:
            await later(0.01)
        self.assertEqual(back.runner.transport.counts.stray, 1)

    async def test_pieces(self) -> None:
        """Messages may come byte by byte, or several at once with pings between (section 18.3)."""
        bob = self.peer(self.host, "TCP")
        raw = await connect(self.host, bob.port("TCP"))
        one = write(request("OPTIONS"))
        for at in range(len(one)):
            raw.write(one[at : at + 1])
        await raw.until(b"\r\n\r\n")
        other = write(request("INFO", via="SIP/2.0/TCP pc;branch=z9hG4bKb"))
        last = write(request("INFO", via="SIP/2.0/TCP pc;branch=z9hG4bKc", cseq=2))
        raw.write(other + b"\r\n\r\n" + last)
        await raw.until(b"CSeq: 2 INFO")
        self.assertEqual([r.method for r in bob.user.requests], ["OPTIONS", "INFO", "INFO"])
        self.assertIn(b"\r\n\r\n\r\nSIP/2.0", raw.got)  # the pong

    async def test_broken(self) -> None:
        """What cannot be framed is answered if possible, and ends the connection."""
        bob = self.peer(self.host, "TCP")
        raw = await connect(self.host, bob.port("TCP"))
        head = write(request("OPTIONS")).replace(b"Content-Length: 0", b"Content-Length: x")
        raw.write(head)
        await raw.ended
        self.assertIn(b"SIP/2.0 400", raw.got)

    async def test_hello(self) -> None:
        """A connection that brings no message is closed after a while."""
        bob = self.peer(self.host, "TCP", hello=0.05)
        raw = await connect(self.host, bob.port("TCP"))
        await raw.ended

    async def test_slow_sender(self) -> None:
        """So is one whose message does not end, however busily it sends."""
        bob = self.peer(self.host, "TCP", unfinished=0.1)
        raw = await connect(self.host, bob.port("TCP"))
        raw.write(write(request("OPTIONS")) + b"INVITE sip:a@b SIP/2.0\r\n")
        await raw.until(b"200 OK")
        for _ in range(20):
            raw.write(b"X: x\r\n")
            await later(0.02)
        await raw.ended

    async def test_single_line_end(self) -> None:
        """A single CRLF, which some phones send as keep-alive, is no message that does not end."""
        bob = self.peer(self.host, "TCP", unfinished=0.05)
        raw = await connect(self.host, bob.port("TCP"))
        raw.write(write(request("OPTIONS")) + b"\r\n")
        await raw.until(b"200 OK")
        await later(0.2)
        self.assertFalse(raw.ended.called)

    async def test_only_keep_alives(self) -> None:
        """Pings of a host are counted over all its connections, known or not; who sends more is closed."""
        bob = self.peer(self.host, "TCP", rate=0.01, burst=20)
        bob.runner.transport.admission.know(self.host)
        raws = [await connect(self.host, bob.port("TCP")) for _ in range(3)]
        for _ in range(7):
            for raw in raws:
                raw.write(b"\r\n\r\n")
            await later(0.01)
        await DeferredList([raw.ended for raw in raws], fireOnOneCallback=True)
        self.assertLessEqual(bob.runner.transport.counts.keep_alives, 21)
        await self.ask(self.peer(self.host, "TCP"), self.uri(bob))  # what is no keep-alive is served

    async def test_halves(self) -> None:
        """Of many that leave half a message behind those that began first are closed, and others served."""
        bob = self.peer(self.host, "TCP", halves=100_000)
        raws = []
        for _ in range(10):
            raws.append(await connect(self.host, bob.port("TCP")))
            raws[-1].write(b"OPTIONS sip:x SIP/2.0\r\nSubject: " + b"x" * 20_000)
            await later(0.01)
        while sum(raw.ended.called for raw in raws) < 6:
            await later(0.01)
        self.assertEqual([raw.ended.called for raw in raws], [True] * 6 + [False] * 4)
        self.assertLessEqual(bob.runner.transport.halves.bytes, 100_000)
        self.assertEqual((await self.ask(self.peer(self.host, "TCP"), self.uri(bob))).code, 200)
        for raw in raws:
            raw.transport.loseConnection()  # type: ignore[union-attr]
        await DeferredList([raw.ended for raw in raws])
        while bob.runner.transport.halves.bytes:
            await later(0.01)

    async def test_idle(self) -> None:
        """So is one that is silent for long; whatever is heard keeps it."""
        bob = self.peer(self.host, "TCP", idle=1.5)
        raw = await connect(self.host, bob.port("TCP"))
        raw.write(write(request("OPTIONS")))
        for _ in range(8):
            await later(0.25)
            self.assertFalse(raw.ended.called)
            raw.write(b"\r\n\r\n")
        await raw.ended

    async def test_never_reads(self) -> None:
        """A peer that never reads costs bounded memory, and its connection."""
        bob = self.peer(self.host, "TCP", buffered=100_000)
        raw = await connect(self.host, bob.port("TCP"))
        raw.transport.pauseProducing()  # type: ignore[union-attr]
        raw.write(write(request("OPTIONS")))
        while not bob.user.servers:
            await later(0.01)
        flow = bob.user.servers[0].flow
        sent = 0
        while len(bob.wires["TCP"]) and sent < 1000:
            bob.wires["TCP"].send(write(request(more=(("X", "x" * 30_000),))), flow)
            sent += 1
            await later(0)
        self.assertLess(sent, 1000)
        raw.transport.abortConnection()  # type: ignore[union-attr]
        await raw.ended

    async def test_too_many(self) -> None:
        """There are only so many connections from one address, whatever they are for."""
        directory = Path(self.mktemp())
        directory.mkdir()
        certificate = Authority(directory).files("bob", "bob.example")
        kinds = ("TCP", "TLS", "WS", "WSS")
        for transport in kinds:
            bob = self.peer(self.host, *kinds, credentials=Credentials(*certificate), connections_per_host=2)
            raws = [await connect(self.host, bob.port(one)) for one in ("TCP", transport, transport)]
            await raws[2].ended
            self.assertEqual(
                (bob.runner.transport.connections.taken, bob.runner.transport.connections.refused), (2, 1)
            )
            raws[0].transport.loseConnection()  # type: ignore[union-attr]
            await raws[0].ended
            while bob.runner.transport.connections.taken > 1:
                await later(0.01)
            raw = await connect(self.host, bob.port(transport))
            await later(0.02)
            self.assertFalse(raw.ended.called)

    async def test_too_fast(self) -> None:
        """A connection from somebody unknown counts like a message: it may cost a handshake."""
        bob = self.peer(self.host, "TCP", rate=0.01, burst=3)
        raws = [await connect(self.host, bob.port("TCP")) for _ in range(4)]
        await raws[3].ended
        self.assertEqual(
            (bob.runner.transport.connections.taken, bob.runner.transport.admission.refused), (3, 1)
        )

    async def test_places(self) -> None:
        """Connections that we open take places too, and all give them back."""
        alice, bob = self.peer(self.host, "TCP", connections=1), self.peer(self.host, "TCP")
        with socket.create_server((self.host, 0), family=_family(self.host)) as taken:
            port = taken.getsockname()[1]
        for _ in range(2):
            answer = await self.ask(alice, f"sip:{self.name}:{port};transport=tcp")
            self.assertEqual((answer.code, alice.runner.transport.connections.taken), (503, 0))
        self.assertEqual((await self.ask(alice, self.uri(bob))).code, 200)
        self.assertEqual(
            (alice.runner.transport.connections.taken, bob.runner.transport.connections.taken), (1, 1)
        )
        raw = await connect(self.host, alice.port("TCP"))
        await raw.ended
        bob.wires["TCP"].close()
        while alice.runner.transport.connections.taken or bob.runner.transport.connections.taken:
            await later(0.01)

    async def test_large(self) -> None:
        """A request of more than 1300 bytes goes by TCP (section 18.1.1)."""
        alice, bob = self.peer(self.host, "UDP", "TCP"), self.peer(self.host, "TCP")
        answer = await self.ask(alice, f"sip:{self.name}:{bob.port('TCP')}", more=(("X", "x" * 2000),))
        self.assertEqual((answer.code, answer.via.transport), (200, "TCP"))

    async def test_large_back(self) -> None:
        """Without TCP there, it goes by UDP after all (section 18.1.1), and so does the next."""
        alice, bob = self.peer(self.host, "UDP", "TCP"), self.peer(self.host, "UDP")
        target = f"sip:{self.name}:{bob.port('UDP')}"
        for number in range(2):
            answer = await self.ask(alice, target, cseq=number, more=(("X", "x" * 2000),))
            self.assertEqual((answer.code, answer.via.transport), (200, "UDP"))


class Tcp6Tests(TcpTests):
    """The same over IPv6."""

    host, name, wildcard = "::1", "[::1]", "::"


class TlsTests(PeerCase):
    """Two runners over TLS."""

    host, name = "127.0.0.1", "127.0.0.1"

    def setUp(self) -> None:
        """There is an authority."""
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(self.directory)

    def credentials(self, *names: str, verify: bool = True) -> Credentials:
        """Make a certificate."""
        certificate, key = self.authority.files(f"peer-{len(names)}-{names[0][:4].strip(':')}", *names)
        return Credentials(certificate, key, self.authority.file, verify=verify)

    def pair(self, *names: str, verify: bool = True) -> tuple[Peer, Peer]:
        """Make a client, and a server with a certificate for some names."""
        known = {"example.com": [self.host]}
        alice = self.peer(
            self.host, "TLS", credentials=self.credentials("alice.example", verify=verify), names=known
        )
        bob = self.peer(self.host, "TLS", credentials=self.credentials(*names))
        return alice, bob

    async def ask_domain(self, *names: str, verify: bool = True) -> tuple[int, bool]:
        """Ask example.com, whose server has a certificate for some names."""
        alice, bob = self.pair(*names, verify=verify)
        answer = await self.ask(alice, f"sips:example.com:{bob.port('TLS')}")
        self.assertEqual(len(bob.user.requests), 0 if answer.local else 1)
        return answer.code, answer.local

    async def test_domain(self) -> None:
        """A server proves its domain by a DNS name (RFC 5922 section 7.1)."""
        self.assertEqual(await self.ask_domain("Example.com", "other.example"), (200, False))

    async def test_uri(self) -> None:
        """Or by a sip URI, and then DNS names do not count."""
        self.assertEqual(await self.ask_domain("sip:example.com"), (200, False))

    async def test_uri_first(self) -> None:
        """With a sip URI for another domain the DNS name is of no use."""
        self.assertEqual(await self.ask_domain("sip:other.example", "example.com"), (503, True))

    async def test_wildcard(self) -> None:
        """A wildcard matches nothing (section 7.2)."""
        self.assertEqual(await self.ask_domain("*.com"), (503, True))

    async def test_user(self) -> None:
        """A sip URI with a user is no domain."""
        self.assertEqual(await self.ask_domain("sip:alice@example.com"), (503, True))

    async def test_other(self) -> None:
        """A server that cannot prove its domain is told nothing (section 7.3)."""
        self.assertEqual(await self.ask_domain("other.example"), (503, True))

    async def test_unverified(self) -> None:
        """Unless that is switched off."""
        self.assertEqual(await self.ask_domain("other.example", verify=False), (200, False))

    async def test_stranger(self) -> None:
        """A certificate of an unknown authority proves nothing."""
        alice, _ = self.pair("example.com")
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        certificate, key = Authority(elsewhere).files("example", "example.com")
        mallory = self.peer(self.host, "TLS", credentials=Credentials(certificate, key))
        answer = await self.ask(alice, f"sips:example.com:{mallory.port('TLS')}")
        self.assertEqual((answer.code, answer.local), (503, True))

    async def test_backwards(self) -> None:
        """A phone without a certificate is reached by the connection it opened."""
        alice, bob = self.pair("example.com")
        await self.ask(alice, f"sips:example.com:{bob.port('TLS')}", "REGISTER")
        answer = await self.ask(bob, bob.user.servers[0].flow)
        self.assertEqual((answer.code, answer.via.transport), (200, "TLS"))
        self.assertEqual((len(alice.wires["TLS"]), len(bob.wires["TLS"])), (1, 1))

    async def test_reuse(self) -> None:
        """A connection serves the domain that was proven on it only (RFC 5922 section 7.3)."""
        alice, bob = self.pair("example.com", self.host)
        target = f"sips:example.com:{bob.port('TLS')}"
        for uri in (target, target, f"sips:{self.name}:{bob.port('TLS')}"):
            self.assertEqual((await self.ask(alice, uri)).code, 200)
        self.assertEqual(len(bob.wires["TLS"]), 2)

    async def test_no_handshake(self) -> None:
        """Who never finishes the handshake is turned out."""
        credentials = self.credentials("example.com")
        bob = self.peer(self.host, "TLS", credentials=credentials, hello=0.05)
        raw = await connect(self.host, bob.port("TLS"))
        await raw.ended

    async def secure(self, bob: Peer) -> Raw:
        """Connect by hand."""
        made: Deferred[Raw] = Deferred()

        class Made(ClientFactory):
            noisy = False

            def buildProtocol(self, addr: Any) -> Raw:
                clock: Any = reactor
                raw = Raw()
                clock.callLater(0.05, made.callback, raw)
                return raw

        anything: Any = reactor
        anything.connectSSL(self.host, bob.port("TLS"), Made(), CertificateOptions(verify=False))
        return await made

    async def test_slow_sender(self) -> None:
        """Who never ends a message is turned out behind TLS as well."""
        bob = self.peer(self.host, "TLS", credentials=self.credentials("example.com"), unfinished=0.1)
        raw = await self.secure(bob)
        raw.write(b"INVITE sip:a@b SIP/2.0\r\n")
        for _ in range(20):
            raw.write(b"X: x\r\n")
            await later(0.02)
        await raw.ended

    async def test_never_reads(self) -> None:
        """So is who never reads, at the cost of bounded memory."""
        bob = self.peer(self.host, "TLS", credentials=self.credentials("example.com"), buffered=100_000)
        raw = await self.secure(bob)
        raw.write(write(request("OPTIONS")))
        await raw.until(b"200 OK")
        raw.transport.pauseProducing()  # type: ignore[union-attr]
        flow, sent = bob.user.servers[0].flow, 0
        while len(bob.wires["TLS"]) and sent < 1000:
            bob.wires["TLS"].send(write(request(more=(("X", "x" * 30_000),))), flow)
            sent += 1
            await later(0)
        self.assertLess(sent, 1000)
        raw.transport.abortConnection()  # type: ignore[union-attr]
        await raw.ended

    async def test_plain(self) -> None:
        """Who speaks no TLS is turned out without a trace in the log."""
        _, bob = self.pair("example.com")
        raw = await connect(self.host, bob.port("TLS"))
        raw.write(write(request("OPTIONS")))
        await raw.ended
        self.assertEqual(bob.user.requests, [])

    def test_bad_files(self) -> None:
        """Files that do not fit together are refused when they are read."""
        one, _ = self.authority.files("one", "one.example")
        _, other = self.authority.files("two", "two.example")
        self.assertRaises(ValueError, Credentials, one, other)
        self.assertRaises(OSError, Credentials, "/nowhere", other)

    def test_flow(self) -> None:
        """The transport of the flow is TLS."""
        alice, _ = self.pair("example.com")
        flow = alice.wires["TLS"].flow_to(("127.0.0.1", 5061), "example.com")
        assert flow is not None
        self.assertEqual(flow, Flow("TLS", alice.wires["TLS"].local, ("127.0.0.1", 5061), flow.connection))


class Tls6Tests(TlsTests):
    """The same over IPv6."""

    host, name = "::1", "[::1]"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
