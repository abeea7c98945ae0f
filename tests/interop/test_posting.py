"""Requests of ours to a program elsewhere, on real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from b2bua.admin import posting
from b2bua.admin.posting import Datagrams, Posting
from tests.interop.processes import TIMEOUT, free_port, reactor


class Receiver(Resource):
    """Takes what is sent, and answers as the path says."""

    isLeaf = True

    def __init__(self) -> None:
        """Have nothing."""
        super().__init__()
        self.taken: list[tuple[bytes, str | None, int]] = []

    def render_POST(self, request: Any) -> Any:
        """Take it."""
        said = request.content.read()
        self.taken.append((said, request.getHeader("Webhook-Id"), request.getClientAddress().port))
        kind = request.path.strip(b"/")
        if kind == b"silent":
            return NOT_DONE_YET
        if kind == b"endless":
            request.notifyFinish().addErrback(lambda _: None)
            request.write(b"x" * 1_000_000)
            return NOT_DONE_YET
        if kind == b"elsewhere":
            request.setHeader("Location", "/204")
        request.setResponseCode({b"elsewhere": 302}.get(kind) or int(kind))
        return b"thanks"


class PostingTests(TestCase):
    """L{Posting}."""

    timeout = TIMEOUT

    def setUp(self) -> None:
        """Somebody who listens."""
        self.receiver = Receiver()
        self.site = Site(self.receiver)
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.posting = Posting(reactor)
        self.addCleanup(self.close)

    async def close(self) -> None:
        """End all of it."""
        await self.posting.close()
        await self.port.stopListening()
        for channel in list(getattr(self.site, "_channels", ())):
            channel.transport.abortConnection()
        done: Deferred[None] = Deferred()
        reactor.callLater(0.05, done.callback, None)
        await done

    def url(self, path: str) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port.getHost().port}/{path}"

    async def test_sent(self) -> None:
        """Body and fields arrive, the status comes back, and a connection serves for the next one."""
        for status in (200, 204, 500):
            self.assertEqual(await self.posting(self.url(str(status)), {"Webhook-Id": "7"}, b"{}"), status)
        self.assertEqual([(body, id) for body, id, _ in self.receiver.taken], [(b"{}", "7")] * 3)
        self.assertEqual(len({port for _, _, port in self.receiver.taken}), 1)

    async def test_not_followed(self) -> None:
        """Nobody is followed elsewhere."""
        self.assertEqual(await self.posting(self.url("elsewhere"), {}, b"{}"), 302)
        self.assertEqual(len(self.receiver.taken), 1)

    async def test_silent(self) -> None:
        """Who does not answer is not waited for."""
        self.patch(posting, "SECONDS", 0.5)
        with self.assertRaises(Exception):  # noqa: B017  # the library has several for it
            await self.posting(self.url("silent"), {}, b"{}")

    async def test_endless(self) -> None:
        """An answer without an end is cut; its status counts."""
        self.assertEqual(await self.posting(self.url("endless"), {}, b"{}"), 200)

    async def test_refused(self) -> None:
        """Where nobody listens it fails."""
        with self.assertRaises(ConnectionRefusedError):
            await self.posting(f"http://127.0.0.1:{free_port()}/", {}, b"{}")


class Heard(DatagramProtocol):
    """Hears one datagram."""

    def __init__(self) -> None:
        """Wait for it."""
        self.heard: Deferred[bytes] = Deferred()

    def datagramReceived(self, data: bytes, address: object) -> None:
        """It comes."""
        self.heard.callback(data)


class DatagramsTests(TestCase):
    """L{Datagrams}."""

    timeout = TIMEOUT

    async def test_sent(self) -> None:
        """One arrives; one to where nobody listens does no harm."""
        datagrams, heard = Datagrams(reactor), Heard()
        self.addCleanup(datagrams.close)
        port = reactor.listenUDP(0, heard, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        datagrams(b"lost", ("127.0.0.1", free_port()))
        datagrams(b"HEP3", ("127.0.0.1", port.getHost().port))
        self.assertEqual(await heard.heard, b"HEP3")
