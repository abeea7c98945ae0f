"""Bodies other than SDP: RFC 5621, RFC 2046, RFC 3420; and what is refused in them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.message import Message, Request, Response, write
from b2bua.wire.multipart import leaves, parse_multipart, session_of, unsupported_parts, write_multipart
from b2bua.wire.parser import parse
from b2bua.wire.refusals import Refusal, check_content, check_required, check_scheme, refuse
from b2bua.wire.sipfrag import parse_sipfrag, status_of, write_status
from tests.wire.samples import BYE, INVITE, SDP

LOCATION = b"<presence/>"


def mixed(*parts: tuple[list[tuple[str, str]], bytes], kind: str = "mixed") -> Message:
    """An INVITE with several parts."""
    content_type, body = write_multipart(parts, "b0undary", kind)
    return parse(INVITE).with_body(body, content_type)


class MultipartTests(SynchronousTestCase):
    """Several parts."""

    sdp = ([("Content-Type", "application/sdp")], SDP)
    pidf = ([("Content-Type", "application/pidf+xml"), ("Content-ID", "<a@b>")], LOCATION)

    def test_round(self) -> None:
        """What is put together can be taken apart (RFC 2046 section 5.1.1)."""
        content = parse_multipart(*write_multipart([self.sdp, self.pidf, ([], b"text")], "x"))
        self.assertEqual(content.kind, "mixed")
        self.assertEqual([part.body for part in content.parts], [SDP, LOCATION, b"text"])
        self.assertEqual(content.parts[1].get("Content-ID"), "<a@b>")

    def test_edges(self) -> None:
        """Preamble, epilogue, blanks after the boundary, empty parts, quoted boundary."""
        body = (
            b"pre\r\n--a b  \r\n\r\n\r\n--a b\r\nc: x/y\r\n\r\nz\r\n"
            b"--a b\r\nc: p/q\r\n--a b--\r\npost\r\n--a b\r\n"
        )
        parts = parse_multipart('Multipart/Mixed ; boundary="a b"', body).parts
        self.assertEqual(
            [(part.content_type, part.body) for part in parts], [("", b""), ("x/y", b"z"), ("p/q", b"")]
        )

    def test_bodies_with_boundaries_in_them(self) -> None:
        """A boundary counts only at the beginning of a line, and as a whole."""
        body = b"--b\r\n\r\nx--b\r\n--bb\r\n--b--x\r\n--b--"
        self.assertEqual(
            [part.body for part in parse_multipart("multipart/x;boundary=b", body).parts],
            [b"x--b\r\n--bb\r\n--b--x"],
        )

    def test_malformed(self) -> None:
        """What cannot be taken apart is refused with 400."""
        for content_type, body in (
            ("text/plain", b""),
            ("multipart", b""),
            ("multipart/mixed", b"--b--"),
            ("multipart/mixed;boundary=", b"--"),
            ('multipart/mixed;boundary="a ', b""),
            ('multipart/mixed;boundary="a "', b"--a --"),
            ("multipart/mixed;boundary=" + "b" * 71, b""),
            ("multipart/mixed;boundary=b", b""),
            ("multipart/mixed;boundary=b", b"--b\r\n\r\nx"),
            ("multipart/mixed;boundary=b", b"--b\r\nnot a field\r\n\r\nx\r\n--b--"),
        ):
            self.assertEqual(
                self.assertRaises(PeerError, parse_multipart, content_type, body).code, 400, content_type
            )

    def test_bounded(self) -> None:
        """Parts are counted, and so are parts within parts."""
        self.assertEqual(self.assertRaises(PeerError, leaves, mixed(*[([], b"x")] * 40)).code, 413)
        message = mixed(self.sdp)
        for at in range(5):
            kind = message.get("Content-Type") or ""
            content_type, body = write_multipart([([("Content-Type", kind)], message.body)], f"level{at}")
            message = message.with_body(body, content_type)
        self.assertRaises(PeerError, leaves, message)

    def test_session(self) -> None:
        """SDP is found alone, among others, and within others (RFC 5621 section 3)."""
        self.assertEqual(session_of(parse(INVITE)), SDP)
        self.assertEqual(session_of(mixed(self.pidf, self.sdp)), SDP)
        inner = write_multipart([self.sdp], "inner", "alternative")
        self.assertEqual(session_of(mixed(([("Content-Type", inner[0])], inner[1]))), SDP)
        self.assertIsNone(session_of(mixed(self.pidf)))
        self.assertIsNone(session_of(parse(BYE)))
        early = ([("Content-Type", "application/sdp"), ("Content-Disposition", "early-session")], b"v=0")
        self.assertEqual(session_of(mixed(early, self.sdp)), SDP)

    def test_handling(self) -> None:
        """What is optional may be passed over, what is required may not (RFC 5621 section 5)."""
        optional = ([*self.pidf[0], ("Content-Disposition", "render;handling=OPTIONAL")], LOCATION)
        required = ([*self.pidf[0], ("Content-Disposition", "render;handling=required")], LOCATION)
        self.assertEqual(unsupported_parts(mixed(self.sdp, optional), {"application/sdp"}), [])
        for part in (self.pidf, required):
            self.assertEqual(
                unsupported_parts(mixed(self.sdp, part), {"application/sdp"}), ["application/pidf+xml"]
            )

    def test_disposition(self) -> None:
        """Without Content-Disposition SDP is the session, and the rest is to be rendered (20.11)."""
        self.assertEqual(
            [part.disposition for part in leaves(mixed(self.sdp, self.pidf))], ["session", "render"]
        )

    def test_injection(self) -> None:
        """A boundary that is in a part, or a field that holds a line break, is refused."""
        self.assertRaises(ValueError, write_multipart, [([], b"--b")], "b")
        self.assertRaises(ValueError, write_multipart, [], "a b")
        self.assertRaises(UsageError, write_multipart, [([("X", "a\r\nb")], b"")], "b")


class SipfragTests(SynchronousTestCase):
    """message/sipfrag."""

    def test_status(self) -> None:
        """A NOTIFY tells a status (RFC 3515 section 2.4.5)."""
        for body, code in (
            (b"SIP/2.0 100 Trying\r\n", 100),
            (b"SIP/2.0 200 OK", 200),
            (b"SIP/2.0 603", 603),
            (b"SIP/2.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n", 503),
            (b"\r\nSIP/2.0 180 Ringing\r\n\r\n", 180),
        ):
            self.assertEqual(status_of(body), code, body)

    def test_fields(self) -> None:
        """A fragment may have header fields and a body, or no start-line (RFC 3420 section 2)."""
        fragment = parse_sipfrag(b"SIP/2.0 486 Busy\r\nContact: <sip:a@b>\r\nl: 1\r\n\r\nx")
        assert isinstance(fragment, Response)
        self.assertEqual((fragment.contacts[0].uri_text, fragment.body), ("sip:a@b", b"x"))
        bare = parse_sipfrag(b"From: Alice <sip:alice@atlanta.com>\r\nTo: Bob <sip:bob@biloxi.com>")
        self.assertEqual((bare.from_.display, bare.to.display), ("Alice", "Bob"))
        request = parse_sipfrag(b"INVITE sip:a@b SIP/2.0\r\n")
        assert isinstance(request, Request)
        self.assertEqual(request.method, "INVITE")

    def test_phrase_that_is_no_utf8(self) -> None:
        """The status counts, and the phrase can be shown (RFC 3261 section 7.2)."""
        fragment = parse_sipfrag(b"SIP/2.0 486 Occup\xe9\r\n")
        assert isinstance(fragment, Response)
        self.assertEqual((fragment.code, fragment.reason), (486, "Occup\N{REPLACEMENT CHARACTER}"))

    def test_no_status(self) -> None:
        """What holds no status is refused with 400."""
        for body in (
            b"",
            b"INVITE sip:a SIP/2.0\r\n",
            b"hello",
            b"SIP/2.0 20 x",
            b"SIP/3.0 200 OK",
            b"X: y\r\n",
        ):
            self.assertEqual(self.assertRaises(PeerError, status_of, body).code, 400, body)
        self.assertEqual(self.assertRaises(PeerError, parse_sipfrag, b"x" * 70000).code, 413)

    def test_write(self) -> None:
        """Our own, with the phrase of the RFC, and nothing smuggled in."""
        self.assertEqual(write_status(180), b"SIP/2.0 180 Ringing\r\n")
        self.assertEqual(write_status(486, "Nope", (("A", "b"),)), b"SIP/2.0 486 Nope\r\nA: b\r\n")
        self.assertRaises(UsageError, write_status, 200, "OK\r\nX: y")


class RefusalTests(SynchronousTestCase):
    """What a server looks at first (RFC 3261 section 8.2)."""

    def invite(self, **fields: str) -> Request:
        """An INVITE with more fields."""
        message = parse(INVITE).with_fields(add=[(k.replace("_", "-"), v) for k, v in fields.items()])
        assert isinstance(message, Request)
        return message

    def test_good(self) -> None:
        """A request that asks for nothing special passes."""
        invite = self.invite(Require="Timer, 100rel")
        check_scheme(invite)
        check_required(invite, {"timer", "100rel"})
        check_content(invite, {"application/sdp"})
        check_content(invite.with_body(b""), set())

    def test_ack_and_cancel(self) -> None:
        """Require in ACK and CANCEL is ignored (section 8.2.2.3)."""
        for method in ("ACK", "CANCEL"):
            check_required(Request(method, "sip:a", [("Require", "x")]), set())

    def test_answer(self) -> None:
        """The answer says what is wrong, with the fields that the RFC asks for."""
        invite = self.invite(Require="x-nothing")
        error = self.assertRaises(Refusal, check_required, invite, set())
        answer = refuse(invite, error, to_tag="t1", agent="pbx.example.com")
        self.assertEqual((answer.code, answer.reason, answer.to.tag), (420, "Bad Extension", "t1"))
        self.assertEqual(answer.unsupported, frozenset(["x-nothing"]))
        self.assertEqual(answer.warning[0].text, "Extensions we do not have (RFC 3261 8.2.2.3)")
        self.assertEqual(parse(write(answer)).unsupported, answer.unsupported)

    def test_plain_answer(self) -> None:
        """A malformed field is answered without a Warning if we say no name."""
        error = PeerError("Malformed CSeq", section="RFC 3261 20.16")
        self.assertIsNone(refuse(self.invite(), error, to_tag="t").get("Warning"))

    def test_coding(self) -> None:
        """A content coding that we lack is answered with 415 and Accept-Encoding (section 8.2.3)."""
        error = self.assertRaises(
            Refusal, check_content, self.invite(Content_Encoding="gzip"), {"application/sdp"}
        )
        self.assertEqual((error.code, error.fields), (415, (("Accept-Encoding", "identity"),)))
        check_content(self.invite(e="Identity"), {"application/sdp"})
