"""The names and addresses that are ours."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication.domain import PLACES_MAX, Domain
from b2bua.transactions.flow import Flow
from b2bua.wire.uri import Uri


class DomainTests(SynchronousTestCase):
    """L{Domain.covers}."""

    def setUp(self) -> None:
        """A domain whose server listens on one address, and on all of IPv6."""
        self.domain = Domain("PBX.example.com", ["[2001:DB8::9]"], [("192.0.2.1", 5060), ("::", 5061)])

    def covers(self, uri: str, flow: Flow | None = None) -> bool:
        """Is it ours?"""
        return self.domain.covers(Uri.parse(uri), flow)

    def test_names(self) -> None:
        """The domain and its aliases, whatever the port."""
        for uri in ("sip:a@pbx.example.com", "sips:a@PBX.EXAMPLE.COM:9", "sip:a@[2001:db8::9]"):
            self.assertTrue(self.covers(uri), uri)
        self.assertFalse(self.covers("sip:a@example.com"))

    def test_listening(self) -> None:
        """An address that we listen on, with its port: another port may be another server's."""
        for uri in ("sip:a@192.0.2.1", "sip:a@192.0.2.1:5060;transport=tcp"):
            self.assertTrue(self.covers(uri), uri)
        for uri in ("sip:a@192.0.2.1:5080", "sips:a@192.0.2.1", "sip:a@192.0.2.2", "sips:a@[::]:1"):
            self.assertFalse(self.covers(uri), uri)

    def test_learned(self) -> None:
        """Of a wildcard, the address that somebody has both named and reached."""
        flow = Flow("TLS", ("2001:db8::1", 5061), ("2001:db8::2", 1234))
        self.assertFalse(self.covers("sips:a@[2001:db8::1]"))
        self.assertFalse(self.covers("sips:a@[2001:db8::7]", flow))
        self.assertTrue(self.covers("sips:a@[2001:db8::1]:9999", flow))
        self.assertFalse(self.covers("sips:a@[2001:db8::1]"))
        self.assertTrue(self.covers("sips:a@[2001:DB8::1]", flow))
        self.assertTrue(self.covers("sips:a@[2001:db8::1]"))
        self.assertTrue(self.covers("sip:a@[2001:db8::1]:5061;transport=tls"))
        self.assertFalse(self.covers("sip:a@[2001:db8::1]"))

    def test_bounded(self) -> None:
        """Whoever reaches many addresses of a host does not fill its memory."""
        for n in range(PLACES_MAX + 10):
            host = f"2001:db8::{n:x}"
            self.assertTrue(self.covers(f"sip:a@[{host}]", Flow("UDP", (host, 5060), ("::1", 1))))
        self.assertFalse(self.covers(f"sip:a@[{host}]"))
