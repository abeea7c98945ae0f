"""WebSocket and secure WebSocket on the loopback interface, spoken to by a client of wsproto."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Protocol
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from b2bua.net.tls import Credentials
from b2bua.net.websocket import WebSocketFraming
from b2bua.wire.message import write
from b2bua.wire.parser import LIMITS, parse
from tests.interop.certificates import Authority
from tests.interop.peers import PeerCase, later
from tests.transactions.messages import request


class Browser(Protocol):
    """The other end, with what happened to it."""

    def __init__(self, subprotocols: list[str]) -> None:
        """Begin without a connection."""
        self.events: list[Any] = []
        self.ended: Deferred[None] = Deferred()
        self.socket = WSConnection(ConnectionType.CLIENT)
        self._subprotocols = subprotocols
        self._waiting: list[tuple[type, Deferred[Any]]] = []

    def connectionMade(self) -> None:
        """Shake hands."""
        self.say(Request(host="pbx.example.com", target="/", subprotocols=self._subprotocols))

    def say(self, event: Any) -> None:
        """Send an event."""
        transport: Any = self.transport
        transport.write(self.socket.send(event))

    def dataReceived(self, data: bytes) -> None:
        """Keep the events."""
        self.socket.receive_data(data)
        for event in self.socket.events():
            self.events.append(event)
            for kind, done in list(self._waiting):
                if isinstance(event, kind):
                    self._waiting.remove((kind, done))
                    done.callback(event)

    def next(self, kind: type) -> Deferred[Any]:
        """Wait for the next event of a kind."""
        done: Deferred[Any] = Deferred()
        self._waiting.append((kind, done))
        return done

    def abort(self) -> None:
        """End it, if it has not ended."""
        transport: Any = self.transport
        if not self.ended.called:
            transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        """Tell the test."""
        self.ended.callback(None)


class Plain(Browser):
    """Speaks HTTP only."""

    def connectionMade(self) -> None:
        """Ask for a page."""
        transport: Any = self.transport
        transport.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        """Whatever the answer is."""


class Dial(ClientFactory):
    """Connects a browser."""

    noisy = False

    def __init__(self, browser: Browser) -> None:
        """Take it."""
        self.browser = browser

    def buildProtocol(self, addr: Any) -> Browser:
        """Give it."""
        return self.browser


class WebSocketTests(PeerCase):
    """RFC 7118."""

    transport, host = "WS", "127.0.0.1"

    def setUp(self) -> None:
        """A server listens."""
        directory = Path(self.mktemp())
        directory.mkdir()
        self.authority = Authority(directory)
        credentials = Credentials(*self.authority.files("pbx", "pbx.example.com"), self.authority.file)
        self.bob = self.peer(self.host, "WS", "WSS", credentials=credentials)

    async def browser(self, *subprotocols: str) -> Browser:
        """Connect a browser."""
        browser = Browser(list(subprotocols))
        anything: Any = reactor
        arguments = self.host, self.bob.port(self.transport), Dial(browser)
        if self.transport == "WSS":
            with open(self.authority.file, "rb") as file:
                trust = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(file.read())])
            options = ssl.optionsForClientTLS("pbx.example.com", trustRoot=trust)
            anything.connectSSL(*arguments, options)
        else:
            anything.connectTCP(*arguments)
        self.addCleanup(browser.abort)
        if subprotocols == ("sip",):
            accepted = await browser.next(AcceptConnection)
            self.assertEqual(accepted.subprotocol, "sip")
        return browser

    def register(self, branch: str = "z9hG4bKr") -> bytes:
        """What a browser's phone says."""
        via = f"SIP/2.0/{self.transport} df7jal23ls0d.invalid;branch={branch}"
        return write(request("REGISTER", via=via))

    async def test_message(self) -> None:
        """Text and binary messages carry one SIP message each, fragmented or not (section 5)."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data=self.register().decode()))
        answer = parse((await browser.next(TextMessage)).data.encode())
        self.assertEqual(answer.via.received, self.host)
        other = self.register("z9hG4bKs").replace(b"call-1", b"call-2")
        browser.say(BytesMessage(data=other[:30], message_finished=False))
        browser.say(BytesMessage(data=other[30:]))
        await browser.next(TextMessage)
        self.assertEqual([r.method for r in self.bob.user.requests], ["REGISTER", "REGISTER"])
        self.assertEqual(self.bob.user.servers[0].flow.transport, self.transport)

    async def test_no_length(self) -> None:
        """Content-Length may be missing (section 5)."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data=self.register().replace(b"Content-Length: 0\r\n", b"").decode()))
        await browser.next(TextMessage)

    async def test_backwards(self) -> None:
        """A request to the browser goes down the connection it opened."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data=self.register().decode()))
        await browser.next(TextMessage)
        flow = self.bob.user.servers[0].flow
        answered = self.ask(self.bob, flow, more=(("Subject", "Grüße"),))
        came: Any = parse((await browser.next(TextMessage)).data.encode())
        self.assertEqual((came.method, came.via.transport), ("OPTIONS", self.transport))
        browser.say(BytesMessage(data=write(came.response(200, to_tag="y"))))
        self.assertEqual((await answered).code, 200)
        self.assertEqual(self.bob.wires[self.transport].flow_to(flow.remote, ""), flow)

    async def test_keep_alive(self) -> None:
        """CRLF and WebSocket pings are answered (section 6)."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data="\r\n\r\n"))
        self.assertEqual((await browser.next(TextMessage)).data, "\r\n")
        browser.say(Ping(payload=b"there?"))
        self.assertEqual((await browser.next(Pong)).payload, b"there?")

    async def test_only_keep_alives(self) -> None:
        """Pings, pongs and empty frames without end are counted, and then the connection is closed."""
        for frame in (Ping(), Pong(), TextMessage(data="", message_finished=False), TextMessage(data="")):
            self.setUp()
            browser = await self.browser("sip")
            for _ in range(1200):
                browser.say(frame)
            await browser.ended
            self.assertLess(self.bob.runner.transport.counts.keep_alives, 1200)

    async def test_subprotocol(self) -> None:
        """Who does not speak SIP is refused (section 4.1)."""
        browser = await self.browser("chat")
        self.assertEqual((await browser.next(RejectConnection)).status_code, 400)
        await browser.ended

    async def test_no_websocket(self) -> None:
        """What is no WebSocket is refused."""
        anything: Any = reactor
        browser = Plain([])
        anything.connectTCP(self.host, self.bob.port("WS"), Dial(browser))
        await browser.ended

    async def test_too_big(self) -> None:
        """A message that is too long ends the connection with 1009."""
        browser = await self.browser("sip")
        for _ in range(8):
            browser.say(TextMessage(data="x" * 10_000, message_finished=False))
        self.assertEqual((await browser.next(CloseConnection)).code, 1009)
        await browser.ended

    async def test_nothing_said(self) -> None:
        """Fragments of nothing cost nothing; the rest is waited for as ever."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data=self.register().decode(), message_finished=False))
        for _ in range(200):
            browser.say(TextMessage(data="", message_finished=False))
        browser.say(TextMessage(data=""))
        await browser.next(TextMessage)
        framing = WebSocketFraming(LIMITS)
        client = WSConnection(ConnectionType.CLIENT)
        asked = client.send(Request(host="pbx.example.com", target="/", subprotocols=["sip"]))
        self.assertEqual(framing.feed(asked), [])
        client.receive_data(framing.replies())
        list(client.events())
        for _ in range(1000):
            framing.feed(client.send(BytesMessage(data=b"", message_finished=False)))
            self.assertEqual(framing.idle(), 1)
        self.assertEqual((framing.pending, framing._parts), (0, []))

    async def test_never_reads(self) -> None:
        """A browser that never reads costs bounded memory, and its connection."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data=self.register().decode()))
        await browser.next(TextMessage)
        browser.transport.pauseProducing()  # type: ignore[union-attr]
        wire, flow = self.bob.wires[self.transport], self.bob.user.servers[0].flow
        sent = 0
        while len(wire) and sent < 1000:
            wire.send(write(request(more=(("X", "x" * 30_000),))), flow)
            sent += 1
            await later(0)
        self.assertLess(sent, 1000)

    async def test_half_a_message(self) -> None:
        """Whoever does not end a message in time is turned out."""
        bob = self.peer(self.host, "WS", unfinished=0.1)
        browser = Browser(["sip"])
        anything: Any = reactor
        anything.connectTCP(self.host, bob.port("WS"), Dial(browser))
        await browser.next(AcceptConnection)
        browser.say(TextMessage(data="REGISTER ", message_finished=False))
        await browser.ended

    async def test_close(self) -> None:
        """A close is answered, and the user learns that the flow is gone."""
        browser = await self.browser("sip")
        browser.say(TextMessage(data=self.register().decode()))
        await browser.next(TextMessage)
        browser.say(CloseConnection(code=1001))
        await browser.next(CloseConnection)
        await browser.ended
        while not self.bob.user.lost:
            await later(0.01)
        self.assertEqual(self.bob.user.lost, [self.bob.user.servers[0].flow])
        self.assertEqual(self.bob.runner.transport.counts.malformed, 0)


class SecureWebSocketTests(WebSocketTests):
    """The same over TLS."""

    transport = "WSS"


class WebSocket6Tests(WebSocketTests):
    """The same over IPv6."""

    host = "::1"


class SecureWebSocket6Tests(SecureWebSocketTests):
    """And both."""

    host = "::1"
