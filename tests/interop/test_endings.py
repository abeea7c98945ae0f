"""What a connection leaves behind when it ends: nothing that the collector would have to find."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.threads import deferToThread

from b2bua.net.tls import Credentials
from b2bua.wire.message import write
from tests.interop.certificates import Authority
from tests.interop.peers import PeerCase, answer_ok, later
from tests.interop.processes import LIMIT
from tests.transactions.messages import request

HALF = b"OPTIONS sip:x SIP/2.0\r\nSubject: " + b"x" * 20_000
SHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)
OURS = ("b2bua.", "twisted.", "OpenSSL.", "wsproto.", "h11.", "zope.")
TRANSPORTS = ("TCP", "TLS", "WS", "WSS")


def frame(payload: bytes, size: int | None = None) -> bytes:
    """A frame of a WebSocket as a client sends it (RFC 6455 section 5.2), perhaps of more than there is."""
    return b"\x82\xfe" + (size or len(payload)).to_bytes(2, "big") + bytes(4) + payload


class Client:
    """A connection by hand, in a thread of its own."""

    def __init__(self, transport: str, port: int) -> None:
        """Connect, with TLS and the handshake of WebSocket where they belong."""
        self.transport = transport
        self.bare = self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)

    def shake_hands(self) -> None:
        """Get as far as the first message."""
        if self.transport in ("TLS", "WSS"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.bare = self.socket = context.wrap_socket(self.bare)
        if self.transport in ("WS", "WSS"):
            self.socket.sendall(SHAKE)
            self.socket.recv(4096)

    def say(self, message: bytes, *, half: bool = False) -> None:
        """Send a message, or the beginning of one."""
        if self.transport in ("WS", "WSS"):
            message = frame(message, 2 * len(message) if half else None)
        self.socket.sendall(message)

    def silent(self) -> None:
        """End before anything was said."""

    def greeted(self) -> None:
        """End after the handshakes."""
        self.shake_hands()

    def half(self) -> None:
        """End within a message."""
        self.shake_hands()
        self.say(HALF, half=True)

    def garbage(self) -> None:
        """Say what is neither SIP nor TLS nor a WebSocket, and be closed."""
        self.bare.sendall(b"\0 garbage\r\n\r\n" * 30)
        with contextlib.suppress(OSError):
            self.bare.recv(4096)

    def garbage_after_all(self) -> None:
        """Say it after the handshakes."""
        self.shake_hands()
        self.socket.sendall(b"\xff garbage\r\n\r\n" * 30)
        with contextlib.suppress(OSError):
            self.socket.recv(4096)

    def message(self) -> None:
        """End after a message and its answer."""
        self.shake_hands()
        self.say(write(request("OPTIONS")))
        self.socket.recv(4096)

    def reset(self) -> None:
        """End with RST."""
        self.shake_hands()
        self.bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def in_order(self) -> None:
        """End as TLS wants it (RFC 8446 section 6.1)."""
        self.shake_hands()
        if isinstance(self.socket, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.bare = self.socket = self.socket.unwrap()


ENDINGS = (
    Client.silent,
    Client.greeted,
    Client.half,
    Client.garbage,
    Client.garbage_after_all,
    Client.message,
    Client.reset,
    Client.in_order,
)


class EndingTests(PeerCase):
    """
    Connections of each kind that end in each way, with the collector switched off.

    Connections can be opened without credentials; what each of them left to the
    collector would fill the memory of a server that has no quiet moment.
    """

    def setUp(self) -> None:
        """A peer that listens, and one that connects to it."""
        directory = Path(self.mktemp())
        directory.mkdir()
        authority = Authority(directory)
        files = authority.files("server", "127.0.0.1")
        self.bob = self.peer("127.0.0.1", *TRANSPORTS, credentials=Credentials(*files, authority.file))
        self.alice = self.peer("127.0.0.1", "TCP", "TLS", credentials=Credentials(*files, authority.file))
        gc.collect()
        gc.freeze()
        gc.disable()
        self.addCleanup(gc.enable)
        self.addCleanup(gc.unfreeze)

    async def settled(self) -> None:
        """Wait until all connections are gone, and forget what the tests themselves remember."""
        while self.bob.runner.transport.connections.taken or self.alice.runner.transport.connections.taken:
            await later(0.005)
        await later(0.01)
        for peer in (self.alice, self.bob):
            peer.user.__init__()  # type: ignore[misc]
            peer.user.answer = answer_ok
            peer.runner.servers.clear()
            peer.runner.clients.clear()

    def left(self) -> Counter[str]:
        """Count what only the collector can free, by its kind."""
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        kinds = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.garbage)
        gc.garbage.clear()
        return Counter({kind: count for kind, count in kinds.items() if kind.startswith(OURS)})

    def test_left_can_fail(self) -> None:
        """A connection that refers to itself would be found."""
        connection: Any = self.bob.wires["TCP"].accept(IPv4Address("TCP", "127.0.0.1", 5062))
        connection.circle = connection
        self.bob.runner.transport.connections.give_back("127.0.0.1")
        del connection
        self.assertEqual(self.left()["b2bua.net.connection.Connection"], 1)

    async def test_opened_by_peers(self) -> None:
        """Whatever the peer does with it, of a connection that it opened nothing is left."""

        def play(transport: str, ending: Callable[[Client], None]) -> None:
            client = Client(transport, self.bob.port(transport))
            try:
                ending(client)
            finally:
                client.socket.close()
                client.bare.close()

        for transport in TRANSPORTS:
            for ending in ENDINGS:
                await deferToThread(play, transport, ending)
                await self.settled()
                self.assertEqual(self.left(), Counter(), f"{transport}, {ending.__name__}")

    async def test_opened_by_us(self) -> None:
        """Nor of one that we opened, whoever closes it."""
        for transport in ("TCP", "TLS"):
            for closer in (self.bob, self.alice):
                await self.asked(transport, self.bob.port(transport), True)
                for connection in list(closer.wires[transport]._connections.values()):
                    connection.lose()
                    del connection
                await self.settled()
                self.assertEqual(self.left(), Counter(), f"{transport}, closed by {closer}")

    async def test_refused(self) -> None:
        """Of one that did not come about Twisted leaves a small thing, without buffers; we leave nothing."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        for transport in ("TCP", "TLS"):
            await self.asked(transport, port, False)
            await self.settled()
            self.assertLessEqual(self.left().keys(), {"twisted.internet.tcp.Client"}, transport)

    async def asked(self, transport: str, port: int, answers: bool) -> None:
        """Have Alice ask somebody over a connection of hers; does it come about?"""
        answer = await self.ask(self.alice, f"sip:127.0.0.1:{port};transport={transport.lower()}")
        self.assertEqual(answer.local, not answers)
