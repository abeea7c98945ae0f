"""
The tricks of SIP parsing, with the classification that the RFC asks for.

After RFC 4475 (the section is named with each), and what else phones and
attackers have been seen to do.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire.message import Message, Request, Response, write
from b2bua.wire.multipart import leaves, session_of
from b2bua.wire.parser import Malformed, parse
from b2bua.wire.refusals import check_content, check_required, check_scheme
from tests.wire.samples import BYE, INVITE, SDP, crlf

HEAD = """
OPTIONS sip:user@example.com SIP/2.0
To: sip:j.user@example.com
From: sip:caller@example.net;tag=93942939o2
Max-Forwards: 70
Call-ID: trick.0ha0isndaksdjweiafasdk3
CSeq: 8 OPTIONS
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw
Content-Length: 0
"""


UNUSUAL = (
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    "@example.com"
)


def changed(old: str, new: str, text: str = HEAD) -> bytes:
    """The plain OPTIONS with something replaced."""
    assert old in text, old
    return crlf(text.replace(old, new))


class TrickTests(SynchronousTestCase):
    """What the tests below share."""

    def accepted(self, data: bytes) -> Message:
        """It is a message, and it can be written and read again."""
        message = parse(data)
        again = parse(write(message))
        self.assertEqual(again.with_body(b""), message.with_body(b""))
        self.assertEqual(again.body, message.body)
        return message

    def refused(self, data: bytes, code: int = 400, *, answerable: bool = True) -> Malformed:
        """It is refused with C{code}, and can be answered with it if it is a request."""
        error: Malformed = self.assertRaises(Malformed, parse, data)
        self.assertEqual(error.code, code)
        self.assertEqual(error.salvage is not None, answerable)
        if error.salvage is not None:
            answer = error.salvage.response(code, to_tag="t")
            self.assertEqual(len(answer.all("Via")), len(error.salvage.all("Via")))
            self.assertTrue(write(answer).startswith(b"SIP/2.0 %d " % code))
        return error


class ValidTests(TrickTests):
    """Valid, however strange (RFC 4475 section 3.1.1)."""

    def test_tortuous_invite(self) -> None:
        """3.1.1.1: folding, odd spacing, compact forms and unknown fields everywhere."""
        message = self.accepted(
            crlf(
                r"""
INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 0
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33
"""
            )
        )
        self.assertEqual((message.to.tag, message.from_.tag), ("1918181833n", "98asjd8"))
        self.assertEqual(message.from_.display, 'J Rosenberg \\"')
        self.assertEqual((message.max_forwards, message.cseq), (68, (9, "INVITE")))
        self.assertEqual(
            [v.host for v in message.vias], ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
        )
        self.assertEqual([v.transport for v in message.vias], ["UDP", "TCP", "UDP"])
        self.assertEqual(message.vias[2].branch, "z9hG4bK30239")
        self.assertEqual(message.get("Subject"), "")
        self.assertEqual(message.get("NewFangledHeader"), "newfangled value continued newfangled value")
        self.assertEqual(message.get("UnknownHeaderWithUnusualValue"), ";;,,;;,;")
        self.assertEqual(message.routes[0].uri.param("unknownwith"), "value")
        self.assertEqual(message.contacts[0].param("q"), "0.33")
        self.assertEqual(message.contacts[0].param("newparam"), "newvalue")

    def test_wide_range_of_characters(self) -> None:
        """3.1.1.2: every character that a token, a user or a quoted string may hold."""
        token = "!interesting-Method0123456789_*+`.%indeed'~"
        message = self.accepted(
            crlf(
                f"""
{token} {UNUSUAL} SIP/2.0
Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>
From: {token}~' <sip:mundane@example.com>;tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/"][?}}{{
CSeq: 139122385 {token}
Max-Forwards: 255
extensionHeader-!.%*+_`'~:\ufeff\u5927\u505c\u96fb
Content-Length: 0
"""
            )
        )
        assert isinstance(message, Request)
        self.assertEqual((message.method, message.cseq.method), (token, token))
        self.assertEqual(message.to.display, "BEL: NUL: DEL:")  # as it is shown
        self.assertIn("BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f", message.to.display_text)
        self.assertEqual(message.to.uri.host, "example.com")
        self.assertEqual(message.from_.tag, "_token~1'+`*%!-.")
        self.assertEqual(message.max_forwards, 255)

    def test_escapes_in_uris(self) -> None:
        """3.1.1.3: escapes are kept as they are, and compared unescaped."""
        message = self.accepted(changed("sip:user@example.com", "sip:sips%3Auser%40example.com@example.net"))
        assert isinstance(message, Request)
        self.assertEqual(message.request_uri.user_unescaped, "sips:user@example.com")
        self.assertEqual(message.uri, "sip:sips%3Auser%40example.com@example.net")

    def test_escaped_nulls(self) -> None:
        """3.1.1.4: %00 is a character of the user, not the end of anything."""
        message = self.accepted(changed("sip:j.user@example.com", "sip:null-%00-null@example.com"))
        self.assertEqual(message.to.uri.user_unescaped, "null-\0-null")
        self.assertEqual(message.get("To"), "sip:null-%00-null@example.com")

    def test_percent_that_is_no_escape(self) -> None:
        """3.1.1.5: in a method or a field name a percent sign is a percent sign."""
        data = changed("OPTIONS", "RE%47IST%45R").replace(b"Max-F", b"%46rom: x\r\nMax-F")
        message = self.accepted(data)
        assert isinstance(message, Request)
        self.assertEqual(message.method, "RE%47IST%45R")
        self.assertEqual(message.from_.tag, "93942939o2")

    def test_no_space_before_bracket(self) -> None:
        """3.1.1.6: a quoted display name may touch its URI."""
        message = self.accepted(
            changed("From: sip:caller@example.net", 'From: "caller"<sip:caller@example.net>')
        )
        self.assertEqual((message.from_.display, message.from_.tag), ("caller", "93942939o2"))

    def test_long_values(self) -> None:
        """3.1.1.7: values may be long, within our limits."""
        long = "long" * 100
        data = changed(
            "From: sip:caller@example.net", f'From: "{long}" <sip:{long}@example.net>;unknown="{long}"'
        )
        data = data.replace(b"Call-ID: ", b"Call-ID: " + b"really" * 50)
        data = data.replace(b"Via:", b"Via: SIP/2.0/TCP sip33.example.com\r\n" * 33 + b"Via:")
        message = self.accepted(data)
        self.assertEqual(len(message.vias), 34)
        self.assertEqual(message.from_.uri.user, long)

    def test_two_requests_in_a_datagram(self) -> None:
        """3.1.1.8: what follows the announced body of a datagram is ignored."""
        message = self.accepted(changed("x", "x", HEAD) + INVITE)
        self.assertEqual((message.body, message.cseq.method), (b"", "OPTIONS"))

    def test_semicolons_in_the_user(self) -> None:
        """3.1.1.9: parameters of the user part are the user's."""
        message = self.accepted(changed("sip:user@", "sip:user;par=u%40example.net@"))
        assert isinstance(message, Request)
        self.assertEqual(message.request_uri.user, "user;par=u%40example.net")

    def test_unknown_transports(self) -> None:
        """3.1.1.10: any token may name a transport."""
        data = changed(
            "Via: SIP/2.0/UDP host1",
            "Via: SIP/2.0/UNKNOWN t5;branch=z9hG4bK5\nVia: SIP/2.0/SCTP t4\nVia: SIP/2.0/UDP host1",
        )
        self.assertEqual([v.transport for v in self.accepted(data).vias], ["UNKNOWN", "SCTP", "UDP"])

    def test_multipart_with_binary(self) -> None:
        """3.1.1.11: a body is bytes, whatever is in them."""
        binary = bytes(range(256)) + b"\r\n\r\n\0\r\n--not-it"
        body = (
            b"preamble\r\n--7a9cbec02ceef655\r\nContent-Type: application/sdp\r\n\r\n"
            + SDP
            + b"\r\n--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n"
            + b"Content-Transfer-Encoding: binary\r\n\r\n"
            + binary
            + b"\r\n--7a9cbec02ceef655--\r\n"
        )
        data = changed("Content-Length: 0", "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655")
        message = self.accepted(data + body)
        self.assertEqual([part.body for part in leaves(message)], [SDP, binary])
        self.assertEqual(session_of(message), SDP)

    def test_reason_phrase(self) -> None:
        """3.1.1.12: a reason phrase is UTF-8."""
        phrase = "= 2**3 * 5**2 но сто девяносто девять - простое"
        ok = self.accepted(
            crlf(HEAD.replace("OPTIONS sip:user@example.com SIP/2.0", f"SIP/2.0 200 {phrase}"))
        )
        assert isinstance(ok, Response)
        self.assertEqual(ok.reason, phrase)

    def test_empty_reason_phrase(self) -> None:
        """3.1.1.13: a reason phrase may be empty; some leave out its space too."""
        for line in ("SIP/2.0 100 ", "SIP/2.0 100"):
            trying = self.accepted(crlf(HEAD.replace("OPTIONS sip:user@example.com SIP/2.0", line)))
            assert isinstance(trying, Response)
            self.assertEqual((trying.code, trying.reason), (100, ""))

    def test_rfc_2543(self) -> None:
        """3.4.1: a client of RFC 2543 sends no branch and no tag."""
        message = self.accepted(crlf(HEAD.replace(";tag=93942939o2", "").replace(";branch=z9hG4bKkdjuw", "")))
        self.assertEqual((message.via.branch, message.from_.tag), ("", ""))

    def test_zero_max_forwards(self) -> None:
        """3.3.11: Max-Forwards 0 is well-formed; what to do is for the server."""
        self.assertEqual(self.accepted(changed("Max-Forwards: 70", "Max-Forwards: 0")).max_forwards, 0)

    def test_parameter_without_brackets(self) -> None:
        """3.3.12 and 3.3.13: ;unknownparam is the field's without brackets, the URI's within."""
        bare = self.accepted(changed("Max-F", "Contact: sip:a@b;unknownparam\nMax-F"))
        self.assertEqual(
            (bare.contacts[0].params, bare.contacts[0].uri.params), ((("unknownparam", None),), ())
        )
        inside = self.accepted(changed("Max-F", "Contact: <sip:a@b;unknownparam>\nMax-F"))
        self.assertEqual(inside.contacts[0].uri.params, (("unknownparam", None),))

    def test_escaped_header_in_uri(self) -> None:
        """3.3.14: a URI in a Contact may have headers."""
        message = self.accepted(changed("Max-F", "Contact: <sip:a@b?Route=%3Csip:sip.example.com%3E>\nMax-F"))
        self.assertEqual(message.contacts[0].uri.header("Route"), "<sip:sip.example.com>")

    def test_leading_blank_lines(self) -> None:
        """Blank lines before the start-line are ignored (RFC 3261 section 7.5)."""
        self.assertEqual(parse(b"\r\n\r\n" + BYE), parse(BYE))

    def test_version_in_lower_case(self) -> None:
        """The version is compared regardless of case (RFC 3261 section 7.1)."""
        self.accepted(changed("com SIP/2.0", "com sip/2.0"))

    def test_no_content_length_in_a_datagram(self) -> None:
        """Without Content-Length the body goes to the end of the datagram (RFC 3261 18.3)."""
        self.assertEqual(self.accepted(changed("Content-Length: 0", "X: y") + b"body").body, b"body")

    def test_body_that_looks_like_a_head(self) -> None:
        """Blank lines and header fields in a body belong to it."""
        body = b"\r\n\r\nVia: x\r\n\r\n"
        self.assertEqual(self.accepted(changed("Content-Length: 0", f"l: {len(body)}") + body).body, body)

    def test_tab_and_many_spaces(self) -> None:
        """White space around colon and value is not the value's (RFC 3261 7.3.1)."""
        message = self.accepted(changed("Max-Forwards: 70", "Max-Forwards \t :  \t 70 \t "))
        self.assertEqual(message.max_forwards, 70)

    def test_empty_values(self) -> None:
        """A field may be empty; a colon may touch its value."""
        message = self.accepted(changed("Max-Forwards: 70", "Subject:\nSupported:\nX-A:b"))
        self.assertEqual(
            (message.get("Subject"), message.supported, message.get("X-A")), ("", frozenset(), "b")
        )

    def test_not_utf8_where_it_does_no_harm(self) -> None:
        """Bytes that are no UTF-8 pass in a display name or an unknown field, unchanged."""
        data = changed("Max-F", "X-A: \udcff\udcfe\nSubject: caf\udce9\nMax-F")
        self.assertIn(b"X-A: \xff\xfe\r\nSubject: caf\xe9\r\n", write(self.accepted(data)))

    def test_nul_in_a_parameter(self) -> None:
        """A quoted-pair may stand for NUL (section 25.1): it is read, and what is made of it has none."""
        parameter = ';x="a\\\0b"'
        data = changed("Max-Forwards: 70", f"Contact: <sip:j@h>{parameter}\nMax-Forwards: 70").decode()
        for line in ("branch=z9hG4bKkdjuw", "tag=93942939o2", "To: sip:j.user@example.com"):
            data = data.replace(line, line + parameter)
        message = self.accepted(data.encode())
        for address in (message.from_, message.to, message.contacts[0]):
            self.assertEqual(address.param("x"), "ab")
            self.assertIn(";x=ab", str(address.with_params(y="z")))
        self.assertEqual(str(message.via)[-5:], ";x=ab")

    def test_phrase_that_is_no_utf8(self) -> None:
        """A response counts though its phrase is no UTF-8; what we read is (RFC 3261 sections 7.2, 25.1)."""
        for start in ("SIP/2.0 486 Occup\udce9", "sip/2.0 486 Occup\udce9"):
            message = self.accepted(changed("OPTIONS sip:user@example.com SIP/2.0", start))
            assert isinstance(message, Response)
            self.assertEqual((message.code, message.reason), (486, "Occup\N{REPLACEMENT CHARACTER}"))
            self.assertEqual(message.cseq, (8, "OPTIONS"))
        accents = changed("OPTIONS sip:user@example.com SIP/2.0", "SIP/2.0 486 Occup\u00e9")
        self.assertIn("Occup\u00e9\r\n".encode(), write(self.accepted(accents)))
        self.refused(
            changed("OPTIONS sip:user@example.com SIP/2.0", "SIP/2.0 486 a\0\udce9"), answerable=False
        )

    def test_request_line_that_is_no_utf8(self) -> None:
        """A Request-URI has no such bytes: 400, and not silence (sections 7.1, 8.2.6, 25.1)."""
        self.refused(changed("sip:user@", "sip:us\udce9r@"))


class InvalidTests(TrickTests):
    """Not valid (RFC 4475 section 3.1.2)."""

    def test_extraneous_separators(self) -> None:
        """3.1.2.1: commas and semicolons with nothing between them."""
        data = changed("Max-F", 'Contact: "Joe" <sip:joe@example.org>;;;;\nMax-F')
        self.assertRaises(PeerError, lambda: parse(data).contacts)
        self.refused(changed("Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw", "Via: ,,,"))
        self.refused(changed("From: sip:caller@example.net;", "From: sip:caller@example.net;;"))

    def test_content_length_larger_than_message(self) -> None:
        """3.1.2.2: a body that was cut off (RFC 3261 section 18.3)."""
        self.refused(changed("Content-Length: 0", "Content-Length: 9999"))

    def test_content_length_smaller_than_body(self) -> None:
        """What is beyond Content-Length in a datagram is dropped (RFC 3261 section 18.3)."""
        self.assertEqual(parse(changed("Content-Length: 0", "Content-Length: 2") + b"four").body, b"fo")

    def test_negative_content_length(self) -> None:
        """3.1.2.3: a number has no sign."""
        self.refused(changed("Content-Length: 0", "Content-Length: -999"))

    def test_strange_content_length(self) -> None:
        """Nor is it a fraction, hexadecimal, a list, of another script or endless."""
        for value in ("+1", "0x0", "1e3", "0.0", "", "0 0", "0, 0", "٠", "0" * 400, "9" * 5000):
            self.refused(changed("Content-Length: 0", f"Content-Length: {value}"))

    def test_scalars_too_large(self) -> None:
        """3.1.2.4: CSeq beyond 2**31 makes the request bad, Max-Forwards and Expires are too."""
        self.refused(changed("CSeq: 8", "CSeq: 36893488147419103232"))
        self.assertRaises(
            PeerError, getattr, parse(changed("Max-Forwards: 70", "Max-Forwards: 300")), "max_forwards"
        )
        self.assertIsNone(parse(changed("Max-Forwards: 70", "Expires: 10000000000")).expires)
        contact = parse(changed("Max-F", "Contact: <sip:a@b>;expires=280297596632815\nMax-F")).contacts[0]
        self.assertEqual(contact.param("expires"), "280297596632815")

    def test_scalars_too_large_in_a_response(self) -> None:
        """3.1.2.5: such a response is dropped."""
        text = HEAD.replace("OPTIONS sip:user@example.com SIP/2.0", "SIP/2.0 503 Service Unavailable")
        self.refused(changed("CSeq: 8", "CSeq: 9292394834772304023312", text), answerable=False)

    def test_unterminated_quote(self) -> None:
        """3.1.2.6: a display name that does not end."""
        error = self.refused(
            changed("To: sip:j.user@example.com", 'To: "Mr. J. User <sip:j.user@example.com>')
        )
        self.assertIn("20.10", error.section)

    def test_brackets_around_the_request_uri(self) -> None:
        """3.1.2.7: a Request-URI has no brackets (RFC 3261 section 7.1)."""
        self.refused(changed("sip:user@example.com", "<sip:user@example.com>"))

    def test_space_in_the_request_uri(self) -> None:
        """3.1.2.8: nor white space."""
        self.refused(changed("sip:user@example.com", "sip:user@example.com; lr"))

    def test_several_spaces_in_the_request_line(self) -> None:
        """3.1.2.9: exactly one space separates (RFC 3261 section 7.1)."""
        self.refused(changed("OPTIONS sip", "OPTIONS  sip"))
        self.refused(changed("com SIP", "com  SIP"))
        self.refused(changed("com SIP", "com\tSIP"))

    def test_space_at_the_end_of_the_request_line(self) -> None:
        """3.1.2.10: and none follows the version."""
        self.refused(changed("com SIP/2.0", "com SIP/2.0  "))

    def test_headers_in_the_request_uri(self) -> None:
        """3.1.2.11: they may be ignored: L{Uri.bare} leaves them out."""
        message = parse(changed("sip:user@example.com", "sip:user@example.com?Route=%3Csip:example.com%3E"))
        assert isinstance(message, Request)
        self.assertEqual(str(message.request_uri.bare()), "sip:user@example.com")

    def test_time_zone(self) -> None:
        """3.1.2.12: a Date in another zone than GMT; the rest of the message is good."""
        message = parse(changed("Max-F", "Date: Fri, 01 Jan 2010 16:00:00 EST\nMax-F"))
        self.assertIsNone(message.date)
        self.assertEqual(message.max_forwards, 70)

    def test_headers_without_brackets(self) -> None:
        """3.1.2.13: a Contact with a question mark but no brackets."""
        message = parse(
            changed("Max-F", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\nMax-F")
        )
        self.assertRaises(PeerError, lambda: message.contacts)

    def test_spaces_in_addr_spec(self) -> None:
        """3.1.2.14: white space between the brackets and within the URI."""
        self.refused(
            changed("To: sip:j.user@example.com", 'To: "Watson, Thomas" < sip:t.wat son@example.org >')
        )

    def test_display_name_of_other_characters(self) -> None:
        """3.1.2.15: without quotes a display name is tokens; we let pass all but a comma."""
        self.refused(changed("From: sip:caller@example.net", "From: Bell, Alexander <sip:a@example.com>"))
        message = parse(changed("From: sip:caller@example.net", "From: O'Neill (home) <sip:a@example.com>"))
        self.assertEqual(message.from_.display, "O'Neill (home)")

    def test_unknown_version(self) -> None:
        """3.1.2.16: another version than 2.0 is answered with 505 (RFC 3261 section 21.5.6)."""
        for version in ("SIP/7.0", "SIP/1.0", "sip/3.0", "SIP/2.00"):
            self.refused(changed("com SIP/2.0", f"com {version}"), 505)

    def test_method_differs_from_cseq(self) -> None:
        """3.1.2.17 and 3.1.2.18: CSeq names the method of the request (RFC 3261 8.1.1.5)."""
        self.refused(changed("CSeq: 8 OPTIONS", "CSeq: 8 INVITE"))
        self.refused(changed("CSeq: 8 OPTIONS", "CSeq: 8 options"))
        self.refused(crlf(HEAD.replace("OPTIONS sip", "NEWMETHOD sip")))

    def test_overlarge_response_code(self) -> None:
        """3.1.2.19: a status has three digits, 100 to 699."""
        for code in ("4294967301", "99", "000", "700", "1e2", "-200", "20"):
            text = HEAD.replace("OPTIONS sip:user@example.com SIP/2.0", f"SIP/2.0 {code} better not break")
            self.refused(crlf(text), answerable=False)


class SemanticTests(TrickTests):
    """Well-formed but wrong (RFC 4475 sections 3.2 and 3.3)."""

    def test_cookie_alone(self) -> None:
        """3.2.1: a branch that is nothing but the magic cookie is well-formed."""
        self.assertEqual(self.accepted(changed("z9hG4bKkdjuw", "z9hG4bK")).via.branch, "z9hG4bK")

    def test_missing_fields(self) -> None:
        """3.3.1: without From, To, Call-ID, CSeq or Via there is no request, nor an answer."""
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            self.refused(changed(f"\n{name}:", f"\nX-{name}:"), answerable=False)

    def test_unknown_scheme(self) -> None:
        """3.3.2 and 3.3.3: a scheme that we do not know is answered with 416."""
        for uri in ("nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002"):
            message = parse(changed("sip:user@example.com", uri))
            assert isinstance(message, Request)
            self.assertEqual(self.assertRaises(PeerError, check_scheme, message).code, 416)

    def test_unknown_scheme_in_to(self) -> None:
        """3.3.4: in To and From any scheme will do."""
        data = changed("To: sip:j.user@example.com", "To: <isbn:2983792873>").replace(
            b"sip:caller@example.net", b"<http://www.example.com>"
        )
        self.assertEqual(self.accepted(data).to.uri.scheme, "isbn")

    def test_unknown_extensions(self) -> None:
        """3.3.5: what is required but unknown is answered with 420 and Unsupported."""
        message = parse(changed("Max-F", "Require: nothingSupportsThis, timer\nRequire: norThis\nMax-F"))
        assert isinstance(message, Request)
        error = self.assertRaises(PeerError, check_required, message, {"timer"})
        self.assertEqual(
            (error.code, error.fields), (420, (("Unsupported", "nothingSupportsThis, norThis"),))
        )

    def test_unknown_content(self) -> None:
        """3.3.6: a body of an unknown type is answered with 415 and Accept."""
        message = parse(changed("Content-Length: 0", "Content-Type: application/unknownformat") + b"<audio/>")
        assert isinstance(message, Request)
        error = self.assertRaises(PeerError, check_content, message, {"application/sdp"})
        self.assertEqual((error.code, error.fields), (415, (("Accept", "application/sdp"),)))

    def test_unknown_authorization_scheme(self) -> None:
        """3.3.7: credentials of an unknown scheme are as good as none."""
        message = self.accepted(
            changed("Max-F", 'Authorization: NoOneKnowsThisScheme opaque-data="here"\nMax-F')
        )
        self.assertEqual(message.credentials, ())

    def test_repeated_single_fields(self) -> None:
        """3.3.8: fields that are single may not come twice, in any spelling."""
        for name, value in (
            ("From", "sip:other@example.net;tag=1"),
            ("f", "sip:other@example.net;tag=1"),
            ("To", "sip:other@example.net"),
            ("CALL-ID", "other"),
            ("i", "other"),
            ("CSeq", "9 OPTIONS"),
            ("Max-Forwards", "5"),
        ):
            self.refused(changed("Via:", f"{name}: {value}\nVia:"))

    def test_repeated_content_length(self) -> None:
        """3.3.9: two lengths are none, even if they agree (request smuggling)."""
        for line in ("Content-Length: 5", "Content-Length: 0", "l: 0", "CONTENT-length : 0"):
            self.refused(changed("Via:", f"{line}\nVia:"))

    def test_broadcast_via(self) -> None:
        """3.3.10: a response whose Via names a broadcast address is well-formed."""
        text = HEAD.replace("OPTIONS sip:user@example.com SIP/2.0", "SIP/2.0 200 OK")
        message = self.accepted(changed("host1.example.com", "255.255.255.255", text))
        self.assertEqual(message.via.host, "255.255.255.255")

    def test_asks_for_a_body_we_lack(self) -> None:
        """3.3.15: what a peer accepts is known before we answer (406)."""
        self.assertEqual(
            self.accepted(changed("Max-F", "Accept: text/nobody\nMax-F")).accept, ("text/nobody",)
        )


class AttackTests(TrickTests):
    """What is sent to do harm."""

    def test_lone_line_feed(self) -> None:
        """A lone LF ends no line, and what others might take for a field is refused."""
        self.refused(changed("Max-Forwards: 70", "Subject: a@LF@X-Evil: 1").replace(b"@LF@", b"\n"))

    def test_lone_carriage_return(self) -> None:
        """Nor does a lone CR."""
        self.refused(changed("Max-Forwards: 70", "Subject: a@CR@X-Evil: 1").replace(b"@CR@", b"\r"))
        self.refused(changed("Max-Forwards: 70", "Subject: a@CR@").replace(b"@CR@", b"\r"))

    def test_line_feeds_only(self) -> None:
        """A message whose lines end in LF alone has no end of its head."""
        self.refused(BYE.replace(b"\r\n", b"\n"))

    def test_nul(self) -> None:
        """NUL stands only in a quoted-pair (RFC 3261 section 25.1)."""
        self.refused(changed("Max-Forwards: 70", "Subject: a@N@b").replace(b"@N@", b"\0"))
        self.refused(changed("sip:user@", "sip:us@N@er@").replace(b"@N@", b"\0"))
        for value in ("a\\@N@b", '"a" \\@N@', '"a\\\\" \\@N@', '"a" "\\@N@', '"a\\\\@N@"', '"@N@"'):
            self.refused(changed("Max-Forwards: 70", f"Subject: {value}").replace(b"@N@", b"\0"))
        for value in ('"\\@N@"', 'a "b" "\\\\\\@N@" c', '"\\"\\@N@"'):
            self.accepted(changed("Max-F", f"Subject: {value}\nMax-F").replace(b"@N@", b"\0"))

    def test_not_utf8_where_it_matters(self) -> None:
        """What messages are matched by must be text."""
        for old, new in (("Call-ID: t", "Call-ID: \udcff"), ("host1", "\udcff"), ("user@", "\udcff@")):
            self.refused(changed(old, new))

    def test_space_in_call_id(self) -> None:
        """Call-ID is one word (RFC 3261 section 20.8)."""
        self.refused(changed("Call-ID: trick", "Call-ID: two words"))
        self.refused(changed("Call-ID: trick.0ha0isndaksdjweiafasdk3", "Call-ID:"))

    def test_no_field_name(self) -> None:
        """A line without a colon or a name is no header field."""
        for line in ("just text", ": value", "na me: value", "näme: value", "(x): value", "<x>: y"):
            self.refused(changed("Max-Forwards: 70", line))

    def test_folded_first_line(self) -> None:
        """The first field line cannot be a continuation."""
        self.refused(changed("To: sip", " To: sip"), answerable=False)

    def test_folded_name(self) -> None:
        """White space may be folded before the colon, too."""
        self.assertEqual(parse(changed("Max-Forwards: 70", "Max-Forwards\n : 70")).max_forwards, 70)

    def test_continuation_of_blanks(self) -> None:
        """A continuation that is nothing but blanks adds nothing."""
        self.assertEqual(parse(changed("Max-Forwards: 70", "Max-Forwards: 70\n \n\t")).max_forwards, 70)

    def test_hidden_content_length(self) -> None:
        """A Content-Length in a continuation is text of the field that it continues."""
        message = parse(changed("Max-Forwards: 70", "Subject: a\n Content-Length: 5"))
        self.assertEqual((message.get("Subject"), message.body), ("a Content-Length: 5", b""))

    def test_unclosed_everything(self) -> None:
        """Quotes and brackets that do not close are refused."""
        for value in ('"', '"\\"', "<", '"a" <sip:a', '<sip:a@b>;x="', "<sip:a@b"):
            self.refused(changed("To: sip:j.user@example.com", f"To: {value}"))

    def test_ack_is_never_answered(self) -> None:
        """There is no response to an ACK, not even to a bad one (RFC 3261 section 17)."""
        text = HEAD.replace("OPTIONS", "ACK").replace("CSeq: 8", "CSeq: x")
        self.refused(crlf(text), answerable=False)
        for method in ("A(CK", "ACK@", " ACK"):
            text = HEAD.replace("OPTIONS sip", f"{method} sip").replace("8 OPTIONS", "8 ACK")
            self.refused(crlf(text), answerable=False)

    def test_method_is_no_token(self) -> None:
        """Such a request is malformed, and answered (section 21.4.1)."""
        for method in (
            "OPT(IONS",
            "OPTIONS@",
            "\N{LATIN SMALL LETTER O WITH DIAERESIS}",
            '"OPTIONS"',
            "{}",
            " OPTIONS",
        ):
            for cseq in ("8 OPTIONS", f"8 {method}"):
                text = HEAD.replace("OPTIONS sip", f"{method} sip").replace("8 OPTIONS", cseq)
                self.refused(crlf(text))
        for line in ("OPT(IONS sip:user@example.com HTTP/1.1", "OPT(IONS SIP/2.0", "(", ""):
            self.refused(changed("OPTIONS sip:user@example.com SIP/2.0", line), answerable=False)

    def test_junk(self) -> None:
        """What is no SIP at all is refused without an answer."""
        for junk in (
            b"",
            b"\r\n",
            b"\r\n\r\n",
            b"\0\0\0\0",
            b"\x16\x03\x01" * 50,
            b"GET / HTTP/1.1\r\n\r\n",
            b"a" * 999,
        ):
            self.refused(junk, answerable=False)

    def test_http(self) -> None:
        """A request of HTTP with all of our fields is still no SIP."""
        self.refused(changed("com SIP/2.0", "com HTTP/1.1"))

    def test_salvage_is_clean(self) -> None:
        """The answer to a bad request repeats no line break that it held."""
        error = self.refused(
            changed("sip:caller@example.net;", "sip:caller@example.net@CR@X-Evil: 1@CR@;").replace(
                b"@CR@", b"\r"
            )
        )
        assert error.salvage is not None
        self.assertNotIn(b"Evil", write(error.salvage.response(400)))
