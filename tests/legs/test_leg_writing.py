"""What a leg writes: its Contact."""

from __future__ import annotations

from b2bua.legs.leg import Leg
from b2bua.legs.words import Ringing
from b2bua.transactions.flow import Flow
from tests.legs.layer import PHONE, FakeServer, LegCase


class ContactTests(LegCase):
    """Where the peer reaches us."""

    def test_transport(self) -> None:
        """Any transport but UDP is named."""
        for transport, params in (("UDP", ""), ("TCP", ";transport=tcp"), ("TLS", ";transport=tls")):
            with self.subTest(transport=transport):
                leg = self.incoming(flow=Flow(transport, PHONE.local, PHONE.remote, 4))
                leg.say(Ringing())
                self.assertEqual(self.server.last.get("Contact"), f"<sip:102@192.0.2.1:5060{params}>")

    def test_secure(self) -> None:
        """A peer whose Contact is sips gets one from us (RFC 3261 section 12.1.1)."""
        tls = Flow("TLS", PHONE.local, PHONE.remote, 4)
        contact = ("Contact", "<sips:alice@198.51.100.7>")
        request = self.invite().with_fields(remove=("Contact",), add=(contact,))
        self.server = FakeServer(request, tls)
        leg = Leg.received(self.context, self.server.request, self.server, self.party(), self.hear)
        leg.begin()
        leg.say(Ringing())
        self.assertEqual(self.server.last.get("Contact"), "<sips:102@192.0.2.1:5060;transport=tls>")

    def test_new_flow(self) -> None:
        """When the peer comes by another flow, our Contact follows (RFC 3261 section 8.1.1.8)."""
        leg = self.established()
        moved = Flow("TCP", ("192.0.2.1", 5062), PHONE.remote, 9)
        server = self.gets(leg, "UPDATE", flow=moved)
        self.assertEqual(server.last.get("Contact"), "<sip:102@192.0.2.1:5062;transport=tcp>")
