"""RFC 3263 against a DNS server on the loopback interface."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.server import DNSServerFactory

from b2bua.net.dns import DnsLocator
from b2bua.net.hosts import HostsFile
from tests.interop.peers import Peer, PeerCase
from tests.net.zone import Zone


class DnsTests(PeerCase):
    """A request finds its server by name."""

    def setUp(self) -> None:
        """A DNS server runs."""
        self.zone = Zone()
        self.factory = DNSServerFactory(clients=[self.zone])
        self.factory.noisy = False
        anything: Any = reactor
        self.port = anything.listenUDP(0, dns.DNSDatagramProtocol(self.factory), interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    def named(self, *transports: str) -> Peer:
        """Make a peer that asks the server."""
        peer = self.peer("127.0.0.1", *transports)
        resolver = Resolver(servers=[("127.0.0.1", self.port.getHost().port)], reactor=reactor)
        now = peer.runner.now
        peer.runner.locator = DnsLocator(resolver, now, Random(1), HostsFile(now, self.mktemp()))
        return peer

    async def test_chain(self) -> None:
        """NAPTR leads to SRV, SRV to an address, and the first server that lives answers."""
        alice, bob = self.named("UDP", "TCP"), self.peer("127.0.0.1", "TCP")
        self.zone.naptr("example.com", (10, 10, "SIP+D2T", "_sip._tcp.example.com"))
        self.zone.srv(
            "_sip._tcp.example.com",
            (10, 0, 9, "dead.example.com"),
            (20, 0, bob.port("TCP"), "live.example.com"),
        )
        self.zone.host("dead.example.com", "127.0.0.1")
        self.zone.host("live.example.com", "127.0.0.1")
        answer = await self.ask(alice, "sip:example.com")
        self.assertEqual((answer.code, answer.via.transport), (200, "TCP"))
        asked = len(self.zone.asked)
        answer = await self.ask(alice, "sip:example.com", cseq=2)
        self.assertEqual((answer.code, len(self.zone.asked)), (200, asked))

    async def test_nobody(self) -> None:
        """A name that does not exist is a 503."""
        alice = self.named("UDP")
        answer = await self.ask(alice, "sip:nobody.example")
        self.assertEqual((answer.code, answer.local), (503, True))
