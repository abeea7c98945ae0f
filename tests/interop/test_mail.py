"""Mails to a server on real sockets."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import ssl
from twisted.internet.tcp import Client, Connection
from twisted.mail.smtp import SMTPConnectError
from twisted.trial.unittest import TestCase

from b2bua.net.securable import SecurableConnections
from b2bua_plugins._mailbox_mail import send_by_twisted
from tests.interop.certificates import Authority
from tests.interop.peers import later
from tests.interop.postbox import Postbox
from tests.interop.processes import TIMEOUT, reactor


class StartTlsTests(TestCase):
    """A server that has STARTTLS (RFC 3207), and a reactor that has none of its own."""

    timeout = TIMEOUT

    def setUp(self) -> None:
        """Believe one authority only."""
        place = Path(self.mktemp())
        place.mkdir()
        self.authority = Authority(place)
        trust = ssl.Certificate.loadPEM(Path(self.authority.file).read_bytes())
        believing = partial(ssl.optionsForClientTLS, trustRoot=ssl.trustRootFromCertificates([trust]))
        self.patch(ssl, "optionsForClientTLS", believing)
        self.patch(Client, "startTLS", None)
        self.addCleanup(self.all_closed)

    async def all_closed(self) -> None:
        """Wait for the ends of connections."""
        while any(isinstance(one, Connection) for one in reactor.getReaders()):
            await later(0.01)

    async def send(self, authority: Authority) -> tuple[Postbox, Any]:
        """Send a mail to a server whose certificate is signed by this one."""
        certificate, key = authority.files("localhost", "localhost")
        postbox = Postbox(ssl.DefaultOpenSSLContextFactory(key, certificate))
        port = reactor.listenTCP(0, postbox, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        what = (
            "localhost",
            "box@example.com",
            ["bob@example.com"],
            b"Subject: A message\r\n\r\nlong " * 2000,
        )
        connections = SecurableConnections(reactor)
        return postbox, await send_by_twisted(*what, port=port.getHost().port, reactor=connections)

    async def test_secured(self) -> None:
        """The mail goes through TLS, and all of it arrives."""
        postbox, (taken, _) = await self.send(self.authority)
        self.assertEqual((taken, postbox.to, postbox.secured), (1, ["bob@example.com"], [True]))
        [letter] = postbox.letters
        self.assertEqual(
            (letter["Subject"], len(str(letter.get_payload()).split("long"))), ("A message", 2001)
        )

    async def test_somebody_else(self) -> None:
        """A server that does not prove who it is gets nothing (RFC 3207 section 4.1)."""
        place = Path(self.mktemp())
        place.mkdir()
        with self.assertRaises(SMTPConnectError):
            await self.send(Authority(place, "another"))
