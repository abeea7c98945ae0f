"""RFC 3263, with a zone in memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSQueryTimeoutError
from twisted.trial.unittest import SynchronousTestCase

from b2bua.net.dns import DnsLocator
from b2bua.net.hosts import HostsFile
from b2bua.net.locate import Hop
from b2bua.wire.uri import Uri
from tests.net.zone import Zone

BOTH = frozenset((one, six) for one in ("UDP", "TCP", "TLS") for six in (False, True))
V4 = frozenset((one, False) for one in ("UDP", "TCP", "TLS"))


class Case(SynchronousTestCase):
    """A locator and its zone."""

    def setUp(self) -> None:
        """The zone is empty, and so is the hosts file."""
        self.clock = Clock()
        self.zone = Zone()
        self.hosts = Path(self.mktemp())
        self.hosts.write_text("")
        self.locator = DnsLocator(
            self.zone, self.clock.seconds, Random(1), HostsFile(self.clock.seconds, str(self.hosts))
        )

    def hops(self, uri: str, supported: Any = V4) -> list[tuple[str, str, int]]:
        """Find the servers of a URI."""
        return [hop[:3] for hop in self.found(uri, supported)]

    def found(self, uri: str, supported: Any = V4) -> list[Hop]:
        """Find them with the domain to be proven."""
        found = self.locator.locate(Uri.parse(uri), supported)
        return self.successResultOf(found) if isinstance(found, Deferred) else found


class LocatorTests(Case):
    """The order of questions (RFC 3263 section 4)."""

    def test_numeric(self) -> None:
        """A numeric host is used without a look-up: UDP, for sips TLS (section 4.1)."""
        self.assertEqual(self.hops("sip:192.0.2.1"), [("UDP", "192.0.2.1", 5060)])
        self.assertEqual(self.hops("sip:192.0.2.1:5080"), [("UDP", "192.0.2.1", 5080)])
        self.assertEqual(self.hops("sips:[2001:db8::1]"), [("TLS", "2001:db8::1", 5061)])
        self.assertEqual(self.hops("sip:192.0.2.1;transport=tcp"), [("TCP", "192.0.2.1", 5060)])
        self.assertEqual(self.hops("sips:192.0.2.1;transport=tcp"), [("TLS", "192.0.2.1", 5061)])
        self.assertEqual(self.hops("sip:192.0.2.1;transport=ws"), [("WS", "192.0.2.1", 80)])
        self.assertEqual(self.zone.asked, [])

    def test_no_udp(self) -> None:
        """Without a wire for UDP it is TCP."""
        self.assertEqual(self.hops("sip:192.0.2.1", {("TCP", False)}), [("TCP", "192.0.2.1", 5060)])

    def test_maddr(self) -> None:
        """The maddr is looked for instead of the host (section 4)."""
        self.assertEqual(self.hops("sip:example.com;maddr=192.0.2.7"), [("UDP", "192.0.2.7", 5060)])

    def test_port(self) -> None:
        """With a port there is no question but for addresses (section 4.2)."""
        self.zone.host("example.com", "192.0.2.1", "192.0.2.2")
        self.assertEqual(
            self.hops("sip:example.com:5070"), [("UDP", "192.0.2.1", 5070), ("UDP", "192.0.2.2", 5070)]
        )
        self.assertEqual(self.zone.asked, [("example.com", "A")])

    def test_naptr(self) -> None:
        """NAPTR chooses the transport by order, among those we have (section 4.1)."""
        self.zone.naptr(
            "example.com",
            (100, 50, "SIP+D2U", "_sip._udp.example.com"),
            (90, 50, "SIP+D2T", "_sip._tcp.elsewhere.example"),
            (10, 50, "SIP+D2S", "_sip._sctp.example.com"),
            (50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
        )
        self.zone.srv("_sip._tcp.elsewhere.example", (0, 0, 5090, "one.example"))
        self.zone.srv("_sips._tcp.example.com", (0, 0, 5091, "two.example"))
        self.zone.host("one.example", "192.0.2.1")
        self.zone.host("two.example", "192.0.2.2")
        self.assertEqual(self.found("sip:example.com"), [Hop("TLS", "192.0.2.2", 5091, "example.com")])
        plain = {("UDP", False), ("TCP", False)}
        self.assertEqual(self.hops("sip:example.com", plain), [("TCP", "192.0.2.1", 5090)])
        self.assertEqual(self.hops("sips:example.com"), [("TLS", "192.0.2.2", 5091)])

    def test_srv(self) -> None:
        """Without NAPTR, SRV is asked for each transport that we have (section 4.1)."""
        self.zone.srv("_sip._tcp.example.com", (0, 0, 5080, "one.example"))
        self.zone.host("one.example", "192.0.2.1")
        self.assertEqual(self.hops("sip:example.com"), [("TCP", "192.0.2.1", 5080)])
        self.assertEqual(
            self.zone.asked,
            [
                ("example.com", "NAPTR"),
                ("_sip._udp.example.com", "SRV"),
                ("_sip._tcp.example.com", "SRV"),
                ("one.example", "A"),
            ],
        )

    def test_explicit(self) -> None:
        """With a transport there is no NAPTR; TLS and sips ask for _sips (section 4.2)."""
        self.zone.srv("_sips._tcp.example.com", (0, 0, 5071, "one.example"))
        self.zone.host("one.example", "192.0.2.1")
        self.assertEqual(self.hops("sip:example.com;transport=tls"), [("TLS", "192.0.2.1", 5071)])
        self.assertEqual(self.hops("sips:example.com;transport=tcp"), [("TLS", "192.0.2.1", 5071)])
        self.assertNotIn(("example.com", "NAPTR"), self.zone.asked)

    def test_addresses(self) -> None:
        """Without SRV it is the addresses of the domain, and the default port (section 4.2)."""
        self.zone.host("example.com", "192.0.2.1", "2001:db8::1")
        self.assertEqual(
            self.hops("sip:example.com", BOTH), [("UDP", "192.0.2.1", 5060), ("UDP", "2001:db8::1", 5060)]
        )
        self.assertEqual(self.hops("sips:example.com"), [("TLS", "192.0.2.1", 5061)])

    def test_nothing(self) -> None:
        """A name that nobody knows has no servers."""
        self.assertEqual(self.hops("sip:example.com"), [])

    def test_unreachable(self) -> None:
        """Servers without addresses, or a service that is said not to be there, are an end (RFC 2782)."""
        self.zone.host("example.com", "192.0.2.1")
        self.zone.srv("_sip._udp.example.com", (0, 0, 0, ""))
        self.assertEqual(self.hops("sip:example.com;transport=udp"), [])

    def test_priority(self) -> None:
        """Servers are tried by priority; each with all of its addresses (section 4.3)."""
        self.zone.srv("_sip._udp.example.com", (20, 0, 5062, "two.example"), (10, 0, 5061, "one.example"))
        self.zone.host("one.example", "192.0.2.1", "192.0.2.11")
        self.zone.host("two.example", "192.0.2.2")
        self.assertEqual(
            self.hops("sip:example.com"),
            [("UDP", "192.0.2.1", 5061), ("UDP", "192.0.2.11", 5061), ("UDP", "192.0.2.2", 5062)],
        )

    def test_weight(self) -> None:
        """Among equals the first is drawn by weight (RFC 2782)."""
        self.zone.srv("_sip._udp.example.com", (0, 3, 1, "one.example"), (0, 1, 2, "two.example"))
        self.zone.host("one.example", "192.0.2.1")
        self.zone.host("two.example", "192.0.2.2")
        drawn = Counter(self.hops("sip:example.com")[0][2] for _ in range(1000))
        self.assertGreater(drawn[1], 700)
        self.assertGreater(drawn[2], 180)
        self.assertEqual(len(self.hops("sip:example.com")), 2)

    def test_bounded(self) -> None:
        """However many servers and addresses a zone has, twenty are tried at most."""
        self.zone.srv("_sip._udp.example.com", *[(at, 0, 5060, f"h{at}.example") for at in range(3)])
        for at in range(3):
            self.zone.host(f"h{at}.example", *[f"192.0.{at}.{number}" for number in range(1, 15)])
        self.assertEqual(len(self.hops("sip:example.com")), 20)
        self.zone.host("many.example", *[f"192.0.9.{number}" for number in range(1, 40)])
        self.assertEqual(len(self.hops("sip:many.example:5060")), 20)

    def test_hosts(self) -> None:
        """/etc/hosts is honoured, and changes to it are seen."""
        self.hosts.write_text("# local\n192.0.2.9 pbx.example Trunk.Example # both\n::1 trunk.example\n")
        self.assertEqual(self.hops("sip:trunk.example", V4), [("UDP", "192.0.2.9", 5060)])
        self.assertEqual(len(self.hops("sip:trunk.example", BOTH)), 2)
        self.assertEqual(self.zone.asked, [])
        self.hosts.write_text("192.0.2.8 trunk.example\n")
        self.clock.advance(6)
        self.assertEqual(self.hops("sip:trunk.example"), [("UDP", "192.0.2.8", 5060)])
        self.hosts.unlink()
        self.clock.advance(6)
        self.assertEqual(self.hops("sip:trunk.example"), [])


class CacheTests(Case):
    """What is remembered."""

    def test_ttl(self) -> None:
        """An answer is asked for again when its TTL is over, and not before."""
        self.zone.host("example.com", "192.0.2.1")
        for _ in range(3):
            self.hops("sip:example.com:5060")
        self.clock.advance(59)
        self.hops("sip:example.com:5060")
        self.assertEqual(len(self.zone.asked), 1)
        self.clock.advance(2)
        self.hops("sip:example.com:5060")
        self.assertEqual(len(self.zone.asked), 2)

    def test_nothing(self) -> None:
        """That there is no such name is remembered too (RFC 2308)."""
        for _ in range(3):
            self.hops("sip:example.com:5060")
        self.assertEqual(len(self.zone.asked), 1)

    def test_once(self) -> None:
        """What is being asked is not asked again."""
        self.zone.host("example.com", "192.0.2.1")
        self.zone.held = []
        found: list[Any] = [self.locator.locate(Uri.parse("sip:example.com:5060"), V4) for _ in range(3)]
        self.assertEqual(len(self.zone.asked), 1)
        for waiting in self.zone.held:
            waiting.callback(None)
        for one in found:
            self.assertEqual(len(self.successResultOf(one)), 1)

    def test_silence(self) -> None:
        """A server that does not answer means no servers, for five seconds."""
        asked: list[Any] = []

        def query(question: Any, timeout: Any) -> Deferred[Any]:
            asked.append(question)
            return fail(DNSQueryTimeoutError(question))

        self.zone.query = query  # type: ignore[assignment,method-assign]
        self.assertEqual(self.hops("sip:example.com:5060"), [])
        self.assertEqual(self.hops("sip:example.com:5060"), [])
        self.clock.advance(5)
        self.assertEqual(self.hops("sip:example.com:5060"), [])
        self.assertEqual(len(asked), 2)

    def test_silence_about_services(self) -> None:
        """An SRV question without an answer is not "no SRV": the host itself is not called (RFC 3263 4.2)."""
        self.zone.host("example.com", "192.0.2.1")
        ask = self.zone.query
        silent = {dns.SRV}

        def query(question: Any, timeout: Any = None) -> Deferred[Any]:
            if question.type in silent:
                return fail(DNSQueryTimeoutError(question))
            return ask(question, timeout)

        self.zone.query = query  # type: ignore[assignment,method-assign]
        self.assertEqual(self.hops("sip:example.com"), [])
        silent.clear()
        self.clock.advance(5)
        self.assertEqual(self.hops("sip:example.com"), [("UDP", "192.0.2.1", 5060)])
        # A home router that does not know NAPTR is one that says nothing about it.
        self.clock.advance(10_000)
        silent.add(dns.NAPTR)
        self.assertEqual(self.hops("sip:example.com"), [("UDP", "192.0.2.1", 5060)])

    def test_invalid(self) -> None:
        """Nobody is asked about names that end in "invalid" (RFC 6761 section 6.4)."""
        for name in ("anonymous.invalid", "INVALID", "a.b.invalid."):
            self.assertEqual(self.hops(f"sip:x@{name}"), [])
        self.assertEqual(self.zone.asked, [])

    def test_additional(self) -> None:
        """Addresses that come along with SRV records are used."""
        self.zone.srv("_sip._udp.example.com", (0, 0, 5060, "one.example"))
        self.zone.additional = [
            dns.RRHeader(b"one.example", dns.A, dns.IN, 60, dns.Record_A("192.0.2.1")),
            dns.RRHeader(b"bank.example", dns.A, dns.IN, 60, dns.Record_A("192.0.2.66")),
        ]
        self.assertEqual(self.hops("sip:example.com;transport=udp"), [("UDP", "192.0.2.1", 5060)])
        # What nobody asked for is not believed.
        self.assertEqual(self.hops("sip:bank.example:5060"), [])
