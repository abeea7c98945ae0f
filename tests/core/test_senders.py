"""Who sends a request, and who that is to others (RFC 3261 section 22, RFC 3325)."""

from __future__ import annotations

from b2bua.calls.identity import ANONYMOUS
from b2bua.core.senders import Sender, Senders
from b2bua.testing import LadderTestCase, World
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request
from tests.registrar.support import FakeServer

CARRIER = Flow("UDP", ("192.0.2.10", 5060), ("198.51.100.7", 5060))
TRUNKS = {
    "carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "trusted": True},
    "other": {"uri": "sip:198.51.100.8", "accept_from": ["198.51.100.8"]},
}


class SendersTests(LadderTestCase):
    """L{Senders}, of a server with two trunks, one of them trusted."""

    def make_world(self) -> World:
        """Make it."""
        return World(settings={"trunks": TRUNKS})

    def setUp(self) -> None:
        """Stand in front of it."""
        super().setUp()
        self.senders: Senders = self.world.served.server.core.senders

    def admit(self, *fields: tuple[str, str], host: str = "198.51.100.7", caller: str = "") -> Sender | None:
        """Let a request from a host be looked at."""
        head = [
            ("Via", f"SIP/2.0/UDP {host};branch=z9hG4bK1"),
            ("From", caller or "Ann <sip:+4930123@carrier.example>;tag=1"),
            ("To", "<sip:alice@pbx.example.com>"),
            ("Call-ID", "1"),
            ("CSeq", "1 INVITE"),
            *fields,
        ]
        request = Request("INVITE", "sip:alice@pbx.example.com", head)
        self.server = FakeServer(request, CARRIER._replace(remote=(host, 5060)))
        return self.senders.admit(request, self.server)

    def told(self, sender: Sender) -> tuple[str, str]:
        """Name and URI by which others hear of the sender."""
        _, identity = sender
        return identity.display, identity.uri

    def test_asserted(self) -> None:
        """A trunk that we trust says who calls in P-Asserted-Identity (RFC 3325 section 5)."""
        sender = self.admit(("P-Asserted-Identity", "Bea <sip:+4940456@carrier.example>"))
        assert sender is not None
        party, _ = sender
        self.assertEqual((party.kind, party.name), ("trunk", "carrier"))
        self.assertEqual(self.told(sender), ("Bea", "sip:+4940456@pbx.example.com"))

    def test_not_believed(self) -> None:
        """What another trunk asserts is not believed: its From says who calls."""
        asserted = ("P-Asserted-Identity", "Bea <sip:+4940456@carrier.example>")
        sender = self.admit(asserted, host="198.51.100.8")
        assert sender is not None
        self.assertEqual(self.told(sender), ("Ann", "sip:+4930123@pbx.example.com"))

    def test_private(self) -> None:
        """Who asks for it is named to nobody whom we do not trust (RFC 3325 section 7)."""
        for fields in (
            [("Privacy", "id")],
            [("Remote-Party-ID", "<sip:+4940456@carrier.example>;party=calling;privacy=full")],
        ):
            with self.subTest(fields):
                sender = self.admit(*fields)
                assert sender is not None
                _, identity = sender
                self.assertTrue(identity.private)

    def test_unreadable(self) -> None:
        """An assertion that cannot be read says nothing (RFC 3261 section 8.2.2)."""
        sender = self.admit(("P-Asserted-Identity", "<<"))
        assert sender is not None
        _, identity = sender
        self.assertEqual(identity.display, "Ann")

    def test_nobody(self) -> None:
        """From the anonymous address nobody calls (RFC 3323 section 4.1.1.3)."""
        sender = self.admit(caller="<sip:anonymous@anonymous.invalid>;tag=1")
        assert sender is not None
        _, identity = sender
        self.assertEqual(identity, ANONYMOUS)

    def test_stranger(self) -> None:
        """Anybody else is asked for a password."""
        self.assertIsNone(self.admit(host="203.0.113.5"))
        self.assertEqual(self.server.response.code, 401)
