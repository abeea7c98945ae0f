"""What a leg writes: its Contact, and what features edit in it."""

from __future__ import annotations

from b2bua.legs.context import Draft
from b2bua.legs.leg import Leg
from b2bua.legs.words import Answered, Ringing
from b2bua.transactions.flow import Flow
from b2bua.wire.message import Request, Response
from tests.legs.layer import ANSWER, PHONE, FakeServer, LegCase


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


class EditTests(LegCase):
    """Features may edit each message of a leg before it leaves."""

    def setUp(self) -> None:
        """Add, replace and remove something in each."""
        super().setUp()
        self.seen: list[str] = []
        self.context.write_edit = self.edit

    def edit(self, leg: Leg, draft: Draft) -> None:
        """Edit one message."""
        message = draft.message
        self.seen.append(message.method if isinstance(message, Request) else str(message.code))
        draft.add("X-Leg", leg.id)
        draft.replace("user-agent", "edited")
        draft.remove("k")
        self.assertEqual(draft.get("x-leg"), leg.id)

    def test_request(self) -> None:
        """A request is edited, whatever it is."""
        leg = self.outgoing()
        invite = self.client
        invite.answer(200, ANSWER)
        leg.hang_up()
        self.assertEqual(self.seen, ["INVITE", "ACK", "BYE"])
        for request in (invite.request, self.layer.acks[0], self.client.request):
            self.assertEqual(request.get("X-Leg"), leg.id)
            self.assertEqual(request.all("User-Agent"), ["edited"])
            self.assertEqual(request.supported, frozenset())

    def test_response(self) -> None:
        """So is a response."""
        leg = self.incoming()
        leg.say(Ringing())
        leg.say(Answered(ANSWER))
        self.acknowledge(leg)
        server = self.gets(leg, "BYE")
        self.assertEqual(self.seen, ["180", "200", "200"])
        self.assertEqual(server.last.get("X-Leg"), leg.id)

    def test_untouched(self) -> None:
        """A draft that nobody changes is the message itself."""
        response = Response(200, "OK", (("Call-ID", "c"),))
        draft = Draft(response)
        self.assertEqual(draft.get("i"), "c")
        self.assertIsNone(draft.get("Subject"))
        self.assertIs(draft.finish(), response)
