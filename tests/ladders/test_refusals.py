"""Requests that want of us what we cannot (RFC 3261 section 8.2), and what is known of those calls."""

from __future__ import annotations

from b2bua import capabilities, hookimpl
from b2bua.calls import Call, CallRecord, Leg
from b2bua.testing import LadderTestCase, World, by_hand
from b2bua.testing.phone import Phone
from b2bua.wire.message import Request, Response


class RefusalTests(LadderTestCase):
    """Requests outside of dialogs: the same checks for all of them."""

    def ask(self, phone: Phone, method: str, uri: str = "", body: bytes = b"", **fields: str) -> Response:
        """Send a request; its final response."""
        head = [
            ("Via", phone.via()),
            ("Max-Forwards", "70"),
            ("From", f"<{phone.aor}>;tag={phone.token()}"),
            ("To", "<sip:pbx.example.com>"),
            ("Call-ID", phone.token()),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<{phone.contact}>"),
            *((name.replace("_", "-"), value) for name, value in fields.items()),
        ]
        heard: list[Response | None] = []
        phone.ask(Request(method, uri or "sip:pbx.example.com", head, body), heard.append)
        self.world.run(1)
        response = heard[-1]
        assert response is not None
        return response

    def test_extension(self) -> None:
        """420 names what is not understood, whatever the request (section 8.2.2.3)."""
        [alice] = self.phones("alice")
        for method in ("OPTIONS", "INVITE", "REFER", "REGISTER"):
            response = self.ask(alice, method, Require="gin, gruu", Refer_To="<sip:bob@pbx.example.com>")
            self.assertEqual((response.code, response.get("Unsupported")), (420, "gin, gruu"), method)
        self.quiet()

    def test_path_is_for_registrations(self) -> None:
        """Path may be required of a registrar (RFC 3327); in an INVITE it means nothing: 420, and no call."""
        [alice] = self.phones("alice")
        self.assertEqual(self.ask(alice, "REGISTER", Require="path").code, 401)
        self.assertEqual(self.ask(alice, "INVITE", Require="path").code, 420)
        assert self.world.served is not None
        self.assertEqual(self.world.served.records, [])
        self.quiet()

    def test_scheme(self) -> None:
        """416 for a scheme that we do not know (section 8.2.2.1)."""
        [alice] = self.phones("alice")
        for method in ("OPTIONS", "INVITE", "REFER", "REGISTER"):
            for uri in ("nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002"):
                self.assertEqual(self.ask(alice, method, uri).code, 416, method)
        self.quiet()

    def test_body(self) -> None:
        """415 names what is understood (section 8.2.3, RFC 5621 section 5)."""
        [alice] = self.phones("alice")
        for method in ("OPTIONS", "INVITE", "REFER", "REGISTER"):
            response = self.ask(alice, method, body=b"hello", Content_Type="text/plain")
            self.assertEqual((response.code, response.get("Accept")), (415, "application/sdp"), method)
            response = self.ask(
                alice, method, body=b"v=0", Content_Type="application/sdp", Content_Encoding="gzip"
            )
            self.assertEqual((response.code, response.get("Accept-Encoding")), (415, "identity"), method)
        self.quiet()

    def test_method(self) -> None:
        """405 for all methods but those that its Allow names (section 8.2.1)."""
        [alice] = self.phones("alice")
        response = self.ask(alice, "PAINT")
        self.assertEqual(response.code, 405)
        for method in {*capabilities.INSIDE, *capabilities.OUTSIDE, "REGISTER", "PAINT"} - {
            "ACK",
            "CANCEL",
        }:
            refused = self.ask(alice, method).code == 405
            self.assertEqual(refused, method not in response.allow, method)
        self.quiet()

    def test_said_is_done(self) -> None:
        """What our Supported names may be required of us (section 20.37)."""
        [alice] = self.phones("alice")
        said = self.ask(alice, "OPTIONS").supported
        self.assertEqual(said, capabilities.OPTION_TAGS | capabilities.REGISTRATION)
        for tag in capabilities.OPTION_TAGS:
            self.assertEqual(self.ask(alice, "OPTIONS", Require=tag).code, 200, tag)
        for name in (
            capabilities.SUPPORTED,
            capabilities.SUPPORTED_INVITE,
            capabilities.SUPPORTED_UNRELIABLE,
        ):
            self.assertLessEqual(set(name[1].split(", ")), capabilities.OPTION_TAGS)
        self.quiet()


class ByeTests(LadderTestCase):
    """A BYE that wants more than to hang up (sections 8.2, 15.1.2)."""

    def setUp(self) -> None:
        """Have a call."""
        super().setUp()
        self.alice, self.bob = self.phones("alice", "bob")
        self.connect(self.alice, self.bob)

    def test_required(self) -> None:
        """What is not understood is required of it: 420 with its names, and the call goes on (8.2.2.3)."""
        heard: list[Response | None] = []
        bye = self.alice.session.compose("BYE", [("Require", "gin, gruu")])
        self.alice.ask(bye, heard.append)
        self.bob.gets_nothing()
        [response] = heard
        assert response is not None
        self.assertEqual((response.code, response.get("Unsupported")), (420, "gin, gruu"))
        self.disconnect(self.alice, self.bob)
        self.quiet()

    def test_passed_by_proxies(self) -> None:
        """Its 200 has each Via in its place and no Record-Route: it makes no dialog (8.2.6.2)."""
        others = "SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.7"
        self.alice.sends("BYE", fields=[("Record-Route", "<sip:192.0.2.9;lr>"), ("v", others)])
        response = self.alice.gets(200)
        vias = response.values("Via")
        self.assertEqual((len(vias), vias[2]), (3, "SIP/2.0/UDP 192.0.2.7"))
        self.assertIn("received=", vias[0])
        self.assertNotIn("Record-Route", response.first)
        self.bob.gets("BYE")
        self.bob.answers(200)
        self.quiet()


class Listener:
    """A feature that writes down which calls it is told of."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self.told: list[str] = []

    @hookimpl
    def call_started(self, call: Call) -> None:
        """Write it down."""
        self.told.append("started")

    @hookimpl
    def call_ended(self, call: Call, record: CallRecord) -> None:
        """Write it down."""
        self.told.append("ended")

    @hookimpl
    def leg_ended(self, call: Call, leg: Leg) -> None:
        """Write it down."""
        self.told.append("leg ended")


class BadInviteTests(LadderTestCase):
    """An INVITE that begins no call."""

    def make_world(self) -> World:
        """Make a world with a feature that listens."""
        self.listener = Listener()
        return World(features=[self.listener])

    def test_record(self) -> None:
        """A call that was refused with 400 is recorded so, and features are told of neither begin nor end."""
        alice, _ = self.phones("alice", "bob")
        for contact in ("tel:+4930123", "sip:["):
            self.patch(Phone, "contact", contact)
            alice.sends("INVITE", to="bob")
            alice.gets(400)
        assert self.world.served is not None
        self.assertEqual([record.status for record in self.world.served.records], [400, 400])
        self.assertEqual(self.listener.told, [])
        self.quiet()


class ControlTests(LadderTestCase):
    """Characters that speak to terminals and displays."""

    def make_world(self) -> World:
        """Make a world with a carrier."""
        table = {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "trusted": True}
        return World(settings={"trunks": {"carrier": {**table, "options_seconds": 0.0}}})

    def test_control_characters(self) -> None:
        """ESC and BEL in a name or a subject do not reach the other phone, nor the record."""
        [bob] = self.phones("bob")
        carrier = self.world.trunk("carrier", by_hand(), host="198.51.100.7", display="E\x1b[31mve\x07")
        carrier.sends("INVITE", to="bob", fields=(("Subject", "a\x1b[31mb\x07c"),))
        invite = bob.gets("INVITE")
        self.assertEqual((invite.from_.display_text.strip(), invite.get("Subject")), ('"E[31mve"', "a[31mbc"))
        bob.answers(486)
        carrier.gets(486)
        assert self.world.served is not None
        self.assertEqual([record.name for record in self.world.served.records], ["E[31mve"])
        self.quiet()


class PhraseTests(LadderTestCase):
    """A phone that writes phrases in Latin-1."""

    def test_call(self) -> None:
        """Its 180 and its 603 are heard; what the caller gets of the phrase is UTF-8 (sections 7.2, 25.1)."""
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180, reason="\udce7a sonne")
        alice.gets(180)
        bob.answers(603, reason="Refus\udce9")
        answer = alice.gets(603)
        assert isinstance(answer, Response)
        self.assertEqual(answer.reason, "Refus\N{REPLACEMENT CHARACTER}")
        self.quiet()
