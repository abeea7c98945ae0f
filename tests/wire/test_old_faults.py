"""
Faults that the SIP module of Twisted has kept since RFC 2543, and that are none here.

twisted#2197, #2220, #3583, #3670: reported, some with patches, and open for
fifteen years and more.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire.message import write
from b2bua.wire.parser import Malformed, parse
from b2bua.wire.via import Via
from tests.wire.samples import INVITE, crlf

MESSAGE = """
MESSAGE sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw
Max-Forwards: 70
To: <sip:bob@example.com>
From: <sip:alice@example.net>;tag=93942939o2
Call-ID: old.0ha0isndaksdjweiafasdk3
CSeq: 8 MESSAGE
Content-Length: @LENGTH@
"""


class OldFaultsTests(SynchronousTestCase):
    """One test for each kind of fault."""

    def test_cut_off(self) -> None:
        """twisted#2197: a datagram that ends before its body does is answered with 400, not an exception."""
        whole = crlf(MESSAGE, "twelve bytes")
        self.assertEqual(parse(whole).body, b"twelve bytes")
        for missing in (1, 11, 12):
            error: Malformed = self.assertRaises(Malformed, parse, whole[:-missing])
            assert error.salvage is not None
            self.assertEqual((error.code, error.salvage.call_id), (400, "old.0ha0isndaksdjweiafasdk3"))
        for end in range(len(INVITE)):
            try:
                parse(INVITE[:end])
            except Malformed:
                continue
            self.fail(f"the first {end} bytes of a message are none")

    def test_cut_off_response(self) -> None:
        """twisted#2197: a response that was cut off is dropped: nobody can be answered."""
        ok = crlf(MESSAGE.replace("MESSAGE sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK"), "twelve bytes")
        error: Malformed = self.assertRaises(Malformed, parse, ok[:-1])
        self.assertIsNone(error.salvage)

    def test_unknown_parameter_of_via(self) -> None:
        """twisted#2220: parameters of Via that nobody knows are kept, with a value or without."""
        text = 'SIP/2.0/UDP 192.0.2.1:5060;alias;keep=30;x-new="a;b";branch=z9hG4bK1;rport'
        via = Via.parse(text)
        self.assertEqual((via.branch, via.param("alias"), via.param("keep")), ("z9hG4bK1", "", "30"))
        self.assertEqual(str(via), text)

    def test_parameter_of_one(self) -> None:
        """twisted#2220: a parameter whose value is 1 is not one without a value."""
        via = Via.parse("SIP/2.0/UDP localhost;ttl=1;maddr=224.2.0.1")
        self.assertEqual((via.param("ttl"), str(via)), ("1", "SIP/2.0/UDP localhost;ttl=1;maddr=224.2.0.1"))
        self.assertIn(";ttl=1", str(via.with_params(received="192.0.2.1")))

    def test_folded(self) -> None:
        """twisted#2220, #3583: a field may go on in the next lines (RFC 3261 section 7.3.1)."""
        folded = MESSAGE.replace(
            "To: <sip:bob", "Subject: I know you're there,\n\tpick up\n  the phone\nTo:\n <sip:bob"
        )
        message = parse(crlf(folded, "x"))
        self.assertEqual(message.get("Subject"), "I know you're there, pick up the phone")
        self.assertEqual(message.to.uri.user, "bob")
        self.assertEqual(parse(write(message)), message)

    def test_as_of_rfc_3261(self) -> None:
        """twisted#3583: what RFC 3261 added: lr, rport, parameters of any name, several in a line."""
        added = (
            "Via: SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK2;rport, SIP/2.0/WSS x.invalid;branch=z9hG\n"
            "Route: <sips:p1.example.com;lr>, <sip:p2.example.com;lr;x>\n"
            'Contact: "A, B" <sip:a@example.com;ob?X=1>;+sip.instance="<urn:uuid:1>";reg-id=1, <tel:+1>;q=0.5'
        )
        message = parse(
            crlf(MESSAGE.replace("Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw", added))
        )
        self.assertEqual(
            (message.via.host, message.via.port, message.via.param("rport")), ("[2001:db8::1]", 5061, "")
        )
        self.assertEqual([route.uri.param("lr") for route in message.routes], ["", ""])
        self.assertEqual([contact.display for contact in message.contacts], ["A, B", ""])
        self.assertEqual(message.contacts[0].param("+sip.instance"), "<urn:uuid:1>")
        self.assertEqual(message.contacts[1].uri.scheme, "tel")
