"""The grammar that the witness knows: what is right passes, what is nearly right does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing.field_grammar import KNOWN, is_request_uri, is_right
from b2bua.wire.registry import canonical

RIGHT = {
    "Accept": ["application/sdp", "application/*, */*;q=0.1", ""],
    "Alert-Info": ["<http://x.example/a.wav>;info=alert-autoanswer"],
    "Allow": ["INVITE, ACK,BYE", ""],
    "Authorization": [
        'Digest username="a", realm="x", nonce="1", uri="sip:x.example", response="0"',
        'Digest username="a", algorithm=SHA-256, cnonce="2", qop=auth, nc=00000001',
    ],
    "CSeq": ["1 INVITE"],
    "Call-ID": ["a@b", "a84b4c76e66710", "<x>{y}@[z]"],
    "Contact": [
        "*",
        "<sip:a@b.example>",
        'sip:a@192.0.2.1:5060;expires=5;+sip.instance="<urn:uuid:x>"',
        '"A, B" <sip:a@b>, <sip:c@d>;q=0.5',
    ],
    "Content-Type": ["application/sdp", 'multipart/mixed; boundary="x y"'],
    "Date": ["Sat, 13 Nov 2010 23:29:00 GMT"],
    "From": [
        '"A \\" B" <sip:a@b.example>;tag=1',
        "Two Words <sip:a@b.example>;tag=1",
        "sip:a@b.example;tag=1",
    ],
    "History-Info": ["<sip:a@b.example?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1"],
    "Reason": ['SIP;cause=200;text="Call completed elsewhere"', "Q.850;cause=16, SIP;cause=480"],
    "Retry-After": ["5", "18000;duration=3600", "120 (I'm in a meeting)"],
    "Route": ["<sip:p1.example.com;lr>,<sip:p2.example.com;lr>"],
    "Session-Expires": ["1800;refresher=uac"],
    "User-Agent": ["b2bua", "Yealink SIP-T46U 108.86.0.1", "x/1 (beta)"],
    "Via": [
        "SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.9;branch=z9hG4bK1",
        "SIP/2.0/TCP [2001:db8::1];received=2001:db8::9;branch=z9hG4bK1;alias",
    ],
    "WWW-Authenticate": ['Digest realm="x", nonce="1", qop="auth,auth-int", algorithm=MD5, stale=true'],
    "Warning": ['399 pbx.example.com "why not"'],
    "X-Anything": ["at all, \N{SNOWMAN}"],
}
WRONG = {
    "Allow": ["INVITE ACK", ","],
    "Authorization": ['Digest username=a, realm="x"', 'Digest username="a", qop="auth"', "Basic x"],
    "CSeq": ["1", "INVITE 1", "-1 INVITE"],
    "Call-ID": ["a b", "a@b@c", ""],
    "Contact": [
        "",
        "<sip:a@b.example",
        "<sip:a@b.example>;x=a/b",
        "sip:a@b.example?x=y",
        "<sip:a@b_c.example>",
    ],
    "Content-Length": ["", "-1", "1 2"],
    "Content-Type": ["sdp", "application/sdp;boundary=a b"],
    "Date": ["Sat, 13 Nov 2010 23:29:00 CET", "2010-11-13"],
    "From": ['"A" B <sip:a@b.example>', "A, B <sip:a@b.example>", '"A <sip:a@b.example>', "<sip:a;b@c d>"],
    "Path": ["sip:edge.example.com;lr"],
    "Privacy": ["id, user", ""],
    "Reason": ["SIP;cause=a b"],
    "Record-Route": ["sip:edge.example.com;lr"],
    "Retry-After": ["soon"],
    "Route": ["sip:edge.example.com;lr", "<sip:edge.example.com;lr", "<<sip:edge.example.com>>"],
    "Via": ["SIP/2.0/UDP", "SIP/2.0 192.0.2.1", "SIP/2.0/UDP 192.0.2.1;branch=a b"],
    "WWW-Authenticate": ["Digest realm=x", 'Digest realm="x", algorithm="MD5"'],
    "Warning": ["399 why"],
    "X-Anything": ["line\r\nbreak", "\0"],
}


class GrammarTests(SynchronousTestCase):
    """L{is_right}, field by field (RFC 3261 section 25.1)."""

    def test_right(self) -> None:
        """What the RFCs show passes."""
        for name, values in RIGHT.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.assertTrue(is_right(name, value))

    def test_wrong(self) -> None:
        """What is nearly right does not."""
        for name, values in WRONG.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.assertFalse(is_right(name, value))

    def test_spelling(self) -> None:
        """Every name is spelled as its RFC spells it, since it is looked up like that."""
        self.assertEqual([name for name in KNOWN if canonical(name) != name], [])

    def test_request_uri(self) -> None:
        """A Request-URI is a URI, with its escapes (section 19.1.1)."""
        for text in ("sip:a;b=c@x.example;lr", "tel:+1-555;x=y", "sips:x.example:5061", "sip:[2001:db8::1]"):
            self.assertTrue(is_request_uri(text), text)
        for text in (
            "sip:a#b@x.example",
            "<sip:x.example>",
            "sip:a b@x.example",
            "sip:",
            "sip:a%2@x.example",
        ):
            self.assertFalse(is_request_uri(text), text)
