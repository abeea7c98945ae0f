"""Messages as values: reading, looking up, changing, answering, writing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.fields import CSeq, Event, SessionExpires, Via
from b2bua.wire.message import REASONS, Message, Request, Response, write, write_plain, written
from b2bua.wire.parser import parse
from tests.wire.samples import ALL, BYE, COMPACT, FORWARDED, INVITE, OK, REGISTER, SDP


def request(data: bytes) -> Request:
    """Parse what is known to be a request."""
    message = parse(data)
    assert isinstance(message, Request)
    return message


class ReadTests(SynchronousTestCase):
    """What parse makes of bytes."""

    def test_request(self) -> None:
        """A request has a method and a Request-URI (section 7.1)."""
        invite = request(INVITE)
        self.assertEqual((invite.method, invite.uri), ("INVITE", "sip:1002@pbx.example.com"))
        self.assertEqual(invite.request_uri.user, "1002")
        self.assertEqual(invite.body, SDP)
        self.assertEqual(len(invite.fields), 14)
        self.assertEqual(invite.fields[3], ("Call-ID", "0_1234567890@10.0.0.5"))

    def test_response(self) -> None:
        """A response has a code and a reason phrase (section 7.2)."""
        ok = parse(OK)
        assert isinstance(ok, Response)
        self.assertEqual((ok.code, ok.reason), (200, "OK"))
        self.assertEqual((ok.provisional, ok.success, ok.final, ok.local), (False, True, True, False))
        self.assertEqual(
            [Response(code, "").final for code in (100, 199, 200, 699)], [False, False, True, True]
        )
        self.assertFalse(Response(300, "").success)

    def test_every_sample_is_written_as_read(self) -> None:
        """Fields keep their order, their names and their values."""
        for name, data in ALL.items():
            message = parse(data)
            self.assertEqual(parse(write(message)), message, name)
        for data in (INVITE, OK, BYE):
            self.assertEqual(write(parse(data)), data)

    def test_order(self) -> None:
        """Fields stay in order, compact names stay compact."""
        self.assertEqual([name for name, _ in parse(COMPACT).fields][:4], ["v", "v", "f", "t"])

    def test_folding(self) -> None:
        """A folded field reads as if it were on one line (section 7.3.1)."""
        register = parse(REGISTER)
        self.assertEqual(
            register.get("Authorization"),
            'Digest username="bob", realm="atlanta.example.com", nonce="ea9c8e88df84f1cec4341ae6cbe5a359", '
            'opaque="", uri="sips:pbx.example.com", response="dfe56131d1958046689d83306477ecc"',
        )
        self.assertEqual(len(register.contacts), 2)

    def test_equality(self) -> None:
        """Messages are equal if their content is."""
        self.assertEqual(parse(INVITE), parse(INVITE))
        self.assertEqual(hash(parse(INVITE)), hash(parse(INVITE)))
        self.assertNotEqual(parse(INVITE), parse(INVITE.replace(b"3812345", b"3812346")))
        self.assertNotEqual(parse(INVITE), parse(BYE))
        self.assertNotEqual(parse(INVITE), "INVITE")

    def test_shown(self) -> None:
        """A message shows itself in one line."""
        self.assertIn("INVITE sip:1002@pbx.example.com", repr(parse(INVITE)))
        self.assertIn("200 OK", repr(parse(OK)))


class LookupTests(SynchronousTestCase):
    """Finding fields."""

    def test_compact(self) -> None:
        """A compact or oddly written name is found by its canonical one (section 7.3.3)."""
        notify = parse(COMPACT)
        self.assertEqual(notify.get("Call-ID"), "compact-1@example.com")
        self.assertEqual(notify.get("CSeq"), "8775 NOTIFY")
        self.assertEqual(notify.get("Subscription-State"), "active;expires=599")
        self.assertEqual(notify.content_type, "message/sipfrag")
        self.assertEqual(notify.session_expires, SessionExpires(90, "uac"))
        self.assertEqual(notify.event, Event("dialog", "7", (("id", "7"),)))

    def test_unknown(self) -> None:
        """A field that no RFC knows is found in any case, with its value untouched."""
        for name in ("X-Unknown-Field", "x-unknown-field", "X-UNKNOWN-FIELD"):
            self.assertEqual(parse(COMPACT).get(name), 'kept as it is;  whatever, "it" is')
            self.assertEqual(len(parse(COMPACT).all(name)), 1)
        self.assertIsNone(parse(COMPACT).get("X-Other"))
        self.assertEqual(parse(COMPACT).all("X-Other"), [])

    def test_lines_and_values(self) -> None:
        """Lines are as received, values are taken apart."""
        notify = parse(COMPACT)
        self.assertEqual(len(notify.all("Via")), 2)
        self.assertEqual(len(notify.values("Via")), 3)
        self.assertEqual(notify.values("Supported"), ["replaces", "timer"])
        self.assertEqual(notify.values("Route"), [])

    def test_mixed_spelling(self) -> None:
        """Long and short forms of a field in one message are one list (section 7.3.3)."""
        data = BYE.replace(b"Via:", b"v: SIP/2.0/UDP a;branch=1\r\nVia:")
        data = data.replace(b"From:", b"VIA: SIP/2.0/UDP c;branch=3\r\nFrom:")
        self.assertEqual([via.host for via in parse(data).vias], ["a", "10.0.0.6", "c"])
        self.assertEqual(parse(data).via.host, "a")


class ViewTests(SynchronousTestCase):
    """Typed views."""

    def test_basic(self) -> None:
        """What matching needs."""
        invite = parse(INVITE)
        self.assertEqual((invite.via.branch, invite.via.rport), ("z9hG4bK1234567890", ""))
        self.assertEqual(invite.vias, (invite.via,))
        self.assertEqual((invite.from_.tag, invite.from_.display, invite.to.tag), ("3812345", "Alice", ""))
        self.assertEqual(invite.call_id, "0_1234567890@10.0.0.5")
        self.assertEqual(invite.cseq, CSeq(1, "INVITE"))
        self.assertEqual(invite.max_forwards, 70)
        self.assertEqual([str(item) for item in invite.contacts], ["<sip:1001@10.0.0.5:5060>"])
        self.assertTrue(invite.routes[0].uri.lr)
        self.assertEqual(invite.supported, frozenset(["replaces"]))
        self.assertIn("REFER", invite.allow)
        self.assertIn("talk", invite.allow_events)
        self.assertEqual(invite.content_type, "application/sdp")

    def test_everything(self) -> None:
        """The rest of what a server reads."""
        m = parse(FORWARDED)
        self.assertEqual(
            [item.uri_text for item in m.record_routes],
            ["sip:p2.example.net;lr", "sip:p1.example.net;lr;ftag=x", "sip:p0.example.net;lr"],
        )
        self.assertEqual(
            (m.max_breadth, m.max_forwards, m.expires, m.min_se, m.rseq), (60, 68, 180, 90, 988789)
        )
        self.assertEqual([item.display for item in m.asserted], ["Cullen Jennings", ""])
        self.assertEqual(len(m.preferred), 1)
        self.assertEqual(m.remote_party[0].param("screen"), "yes")
        self.assertEqual([item.param("reason") for item in m.diversions], ["user-busy", "no-answer"])
        self.assertEqual([item.param("index") for item in m.history], ["1", "1.1"])
        self.assertEqual(m.history[1].uri.header("Reason"), "SIP;cause=302")
        self.assertEqual(m.privacy, frozenset(["id", "critical"]))
        self.assertEqual(m.require, frozenset(["timer"]))
        assert m.replaces and m.target_dialog and m.refer_to and m.referred_by and m.reply_to and m.date
        self.assertTrue(m.replaces.early_only)
        self.assertEqual(m.target_dialog.remote_tag, "6544")
        self.assertEqual(m.refer_to.uri.header("Replaces"), "a@b;to-tag=1;from-tag=2")
        self.assertEqual(m.referred_by.param("cid"), "20398823.2UWQFN309shb3@example.com")
        self.assertEqual(m.reply_to.display, "Bob")
        self.assertEqual([item.cause for item in m.reasons], [302, 16])
        self.assertEqual(m.alert_info[0].param("info"), "alert-autoanswer")
        self.assertEqual(m.call_info[0].param("answer-after"), "0")
        self.assertEqual([item.code for item in m.warning], [370, 399])
        self.assertEqual((m.retry_after, m.date.year, m.content_disposition), (18000, 2010, "session"))
        self.assertEqual(m.rack, (776656, 1, "INVITE"))

    def test_absent(self) -> None:
        """What is absent reads as None or as empty."""
        bye = parse(BYE)
        for name in [
            "expires",
            "max_breadth",
            "min_expires",
            "min_se",
            "rseq",
            "retry_after",
            "reply_to",
            "refer_to",
            "referred_by",
            "replaces",
            "join",
            "target_dialog",
            "rack",
            "session_expires",
            "event",
            "subscription_state",
            "date",
            "accept",
            "authentication_info",
        ]:
            self.assertIsNone(getattr(bye, name), name)
        for name in [
            "record_routes",
            "paths",
            "service_routes",
            "asserted",
            "preferred",
            "remote_party",
            "diversions",
            "history",
            "privacy",
            "supported",
            "require",
            "proxy_require",
            "unsupported",
            "allow",
            "allow_events",
            "content_type",
            "content_disposition",
            "content_encoding",
            "reasons",
            "warning",
            "alert_info",
            "call_info",
            "challenges",
            "proxy_challenges",
            "credentials",
            "proxy_credentials",
        ]:
            self.assertEqual(len(getattr(bye, name)), 0, name)

    def test_malformed(self) -> None:
        """What is malformed raises when it is asked for, each time, and not before."""
        for field, view in (
            ("Contact: <sip:a", "contacts"),
            ("Contact: *\r\nContact: <sip:a@b>", "contacts"),
            ("Contact: <sip:a@b>\r\nContact: *", "contacts"),
            ("Max-Forwards: 256", "max_forwards"),
            ("Replaces: a", "replaces"),
            ("Replaces: a;to-tag=1;from-tag=2\r\nReplaces: b;to-tag=1;from-tag=2", "replaces"),
            ("Route: sip:a@b, <", "routes"),
            ('Require: "a, b', "require"),
            ("Authorization: Digest x", "credentials"),
        ):
            data = BYE.replace(b"Contact: <sip:1002@10.0.0.6:5060>\r\n", b"")
            data = data.replace(b"Route: <sip:192.0.2.1;lr>\r\nMax-Forwards: 70\r\n", b"")
            message = parse(data.replace(b"Content-Length", field.encode() + b"\r\nContent-Length"))
            for _ in range(2):
                error = self.assertRaises(PeerError, getattr, message, view)
                self.assertEqual(error.code, 400, field)

    def test_malformed_and_not_needed(self) -> None:
        """What can be done without reads as absent when it is malformed (section 8.2.2)."""
        for field, view in (
            ("Date: yesterday", "date"),
            ("Expires: soon", "expires"),
            ("Max-Breadth: -1", "max_breadth"),
            ("Min-Expires: @", "min_expires"),
            ("Min-SE: abc", "min_se"),
            ("Referred-By: <", "referred_by"),
            ("Reply-To: @", "reply_to"),
            ("Retry-After: Fri, 01 Jan 2010 16:00:00 GMT", "retry_after"),
            ("Retry-After: 4294967296", "retry_after"),
            ("RSeq: x", "rseq"),
            ("Session-Expires: x", "session_expires"),
            ("Session-Expires: 90;refresher=me", "session_expires"),
            ("Subscription-State: ;", "subscription_state"),
        ):
            message = parse(BYE.replace(b"Content-Length", field.encode() + b"\r\nContent-Length"))
            self.assertIsNone(getattr(message, view), field)

    def test_malformed_in_a_list(self) -> None:
        """Of a list that can be done without the values are taken that can be read."""
        for field, view, left in (
            ("P-Asserted-Identity: @, <sip:a@b>", "asserted", ["<sip:a@b>"]),
            ("Diversion: <sip:a@b>, <", "diversions", []),
            ("Reason: ;\r\nReason: SIP;cause=200", "reasons", ["SIP;cause=200"]),
            ('Supported: timer\r\nSupported: "a, b', "supported", ["timer"]),
        ):
            message = parse(BYE.replace(b"Content-Length", field.encode() + b"\r\nContent-Length"))
            self.assertEqual([str(one) for one in getattr(message, view)], left, field)

    def test_twice_and_not_needed(self) -> None:
        """Of two where there may be one the first is taken, if it can be done without (section 8.2.2)."""
        message = parse(BYE.replace(b"Content-Length", b"Expires: 5\r\nExpires: 6\r\nContent-Length"))
        self.assertEqual(message.expires, 5)

    def test_star(self) -> None:
        """Contact may be an asterisk (section 10.2.2)."""
        message = parse(REGISTER.replace(b"Contact: ", b"Contact: *\r\nX-Old: "))
        self.assertTrue(message.star_contact)
        self.assertEqual(message.contacts, ())
        self.assertFalse(parse(REGISTER).star_contact)

    def test_accept(self) -> None:
        """An empty Accept accepts nothing, a missing one is another thing (section 20.1)."""
        self.assertEqual(Request("OPTIONS", "sip:a", [("Accept", "")]).accept, ())
        self.assertEqual(
            Request("OPTIONS", "sip:a", [("Accept", "application/sdp;level=1, Text / Plain")]).accept,
            ("application/sdp", "text/plain"),
        )

    def test_remembered(self) -> None:
        """A view is parsed once."""
        message = parse(FORWARDED)
        self.assertIs(message.history, message.history)

    def test_missing_in_our_own(self) -> None:
        """A message that we are still building may lack what a parsed one has."""
        empty = Request("INVITE", "sip:a")
        for name in ("via", "from_", "to", "call_id", "cseq"):
            self.assertRaises(PeerError, getattr, empty, name)


class ChangeTests(SynchronousTestCase):
    """Changed copies."""

    def test_with_fields(self) -> None:
        """Fields go and come; the original stays."""
        invite = parse(INVITE)
        changed = invite.with_fields(
            remove=["allow", "v"], add=[("X-A", "1")], prepend=[("Via", "SIP/2.0/UDP new;branch=z9hG4bKn")]
        )
        self.assertEqual(changed.via.host, "new")
        self.assertEqual((changed.get("X-A"), changed.get("Allow")), ("1", None))
        self.assertEqual(changed.body, SDP)
        self.assertIsInstance(changed, Request)
        self.assertEqual(invite, parse(INVITE))

    def test_with_body(self) -> None:
        """A new body brings its type, and takes what described the old one."""
        changed = parse(INVITE).with_body(b"x", "text/plain")
        self.assertEqual((changed.content_type, changed.body), ("text/plain", b"x"))
        self.assertEqual(parse(INVITE).with_body(b"").content_type, "")
        self.assertEqual(parse(write(changed)).get("Content-Length"), "1")

    def test_with_uri(self) -> None:
        """A request can go elsewhere."""
        self.assertEqual(request(INVITE).with_uri("sip:x@y").start_line(), "INVITE sip:x@y SIP/2.0")

    def test_came_by(self) -> None:
        """Another topmost Via leaves those below it, wherever it stood."""
        for data, count in ((INVITE, 1), (COMPACT, 3), (INVITE, 1)):
            changed = request(data)
            changed.came_by(Via.parse("SIP/2.0/UDP new;branch=z9hG4bKn"))
            again = parse(write(changed))
            self.assertEqual([via.host for via in again.vias][1:], [via.host for via in parse(data).vias][1:])
            self.assertEqual((again.via.host, changed.via.host, len(again.vias)), ("new", "new", count))
            self.assertEqual(changed.get("Via"), again.get("Via"))
            self.assertEqual(changed.first, again.first)
        odd = Request("OPTIONS", "sip:a", [("vIA", "SIP/2.0/UDP a"), *request(BYE).fields[1:]])
        odd.came_by(Via.make("UDP", "b"))
        self.assertEqual(odd.vias[0].host, "b")

    def test_response(self) -> None:
        """A changed response stays what it was."""
        timeout = Response(408, "Request Timeout").made_up()
        self.assertTrue(timeout.with_fields(add=[("A", "b")]).local)


class AnswerTests(SynchronousTestCase):
    """Responses to requests (section 8.2.6)."""

    def test_copied(self) -> None:
        """Via, From, To, Call-ID and CSeq are the request's; To gets a tag."""
        invite = request(FORWARDED)
        answer = invite.response(486, to_tag="t1")
        self.assertEqual(answer.reason, "Busy Here")
        for name in ("Via", "From", "Call-ID", "CSeq"):
            self.assertEqual(answer.all(name), invite.all(name))
        self.assertEqual(answer.get("To"), "<tel:+4930123456>;tag=t1")
        self.assertEqual(len(answer.fields), 5)

    def test_tag_is_kept(self) -> None:
        """A To that has a tag keeps it."""
        self.assertEqual(request(BYE).response(200, to_tag="new").to.tag, "a6c85cf")

    def test_uri_parameter_is_no_tag(self) -> None:
        """A tag inside the brackets or in the display name is none."""
        for to in ("<sip:a@b;tag=no>", '"x;tag=no" <sip:a@b>', "<sip:a@b>;x=y"):
            message = Request("INVITE", "sip:a", [("To", to)])
            self.assertEqual(message.response(180, to_tag="yes").to.tag, "yes")

    def test_hundred(self) -> None:
        """A 100 has no tag of ours, but the Timestamp (section 8.2.6.1)."""
        invite = request(INVITE).with_fields(add=[("Timestamp", "54")])
        trying = invite.response(100, to_tag="t1")
        self.assertEqual((trying.to.tag, trying.get("Timestamp")), ("", "54"))
        self.assertIsNone(invite.response(180, to_tag="t1").get("Timestamp"))

    def test_trying_written(self) -> None:
        """It is written the same in one go, whatever the request looks like."""
        invite = request(INVITE)
        more = [("Timestamp", "54"), ("Subject", "ü"), ("Record-Route", "<sip:p.example.com;lr>")]
        for like in (invite, invite.with_fields(add=more), invite.with_fields(add=[("v", "SIP/2.0/UDP b")])):
            parsed = request(write(like))
            self.assertEqual(write_plain(parsed, 100), write(parsed.response(100)))

    def test_plain(self) -> None:
        """An answer that says nothing of its own is written at once, and is the same as any other."""
        bye = request(BYE)
        for more in ((), [("Subject", "ü")], [("v", "SIP/2.0/UDP b")]):
            like = bye.with_fields(add=more)
            parsed = request(write(like))
            self.assertEqual(write_plain(parsed, 200), write(parsed.response(200)))

    def test_record_route(self) -> None:
        """Record-Route is copied into what may make a dialog (section 12.1.1)."""
        invite = request(FORWARDED)
        for code, count in ((100, 0), (180, 2), (200, 2), (302, 0), (486, 0)):
            self.assertEqual(len(invite.response(code, to_tag="t").all("Record-Route")), count, code)

    def test_compact(self) -> None:
        """A request in compact form is answered too, whatever its spelling."""
        for data in (COMPACT, COMPACT.replace(b"\r\nf:", b"\r\nfROm:").replace(b"\r\nt:", b"\r\ntO:")):
            answer = request(data).response(200, to_tag="x")
            self.assertEqual(len(answer.vias), 3)
            self.assertEqual((answer.from_.tag, answer.to.tag), ("98asjd8", "1234"))
            self.assertEqual(answer.cseq.method, "NOTIFY")

    def test_more(self) -> None:
        """Further fields and a body follow."""
        answer = request(INVITE).response(
            200, "Fine", to_tag="t", fields=[("Content-Type", "x/y")], body=b"z"
        )
        self.assertEqual((answer.reason, answer.content_type, answer.body), ("Fine", "x/y", b"z"))

    def test_reasons(self) -> None:
        """Each code has a phrase, at least that of its class (section 8.1.3.2)."""
        self.assertEqual(request(INVITE).response(491).reason, "Request Pending")
        self.assertEqual(request(INVITE).response(499).reason, REASONS[400])
        self.assertEqual(request(INVITE).response(199).reason, "Early Dialog Terminated")


class WriteTests(SynchronousTestCase):
    """What write makes of messages."""

    def test_content_length(self) -> None:
        """Content-Length is right, in its place or at the end, in any spelling."""
        for name in ("Content-Length", "l", "L", "content-length", "CONTENT-LENGTH"):
            message = Request("A", "sip:a", [("X", "1"), (name, "99"), ("Y", "2")], b"four")
            self.assertEqual(
                write(message), f"A sip:a SIP/2.0\r\nX: 1\r\n{name}: 4\r\nY: 2\r\n\r\nfour".encode()
            )
        self.assertEqual(write(Request("A", "sip:a")), b"A sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n")

    def test_utf8(self) -> None:
        """Text is UTF-8 (section 7); other bytes go out as they came in."""
        message = parse(INVITE.replace(b'"Alice"', '"Jürgen"'.encode()))
        self.assertEqual(message.from_.display, "Jürgen")
        self.assertIn('"Jürgen"'.encode(), write(message))
        odd = INVITE.replace(b'"Alice"', b'"J\xfcrgen"')
        self.assertEqual(write(parse(odd)), odd)

    def test_injection(self) -> None:
        """Whatever would begin a line of its own is refused, wherever it stands."""
        for bad in ("a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0", "a\r\n\r\nbody"):
            for message in (
                Request("INVITE", f"sip:{bad}"),
                Request("INVITE", "sip:a", [("Subject", bad)]),
                Request("INVITE", "sip:a", [(bad, "x")]),
                Request(bad, "sip:a"),
                Response(200, bad),
                parse(INVITE).with_fields(add=[("Subject", bad)]),
            ):
                self.assertRaises(UsageError, write, message)
            # What is written at once is refused at once.
            self.assertRaises(UsageError, request(INVITE).response, 200, to_tag=bad)
            self.assertRaises(UsageError, request(INVITE).response, 200, fields=[("Subject", bad)])
            self.assertRaises(UsageError, written, "BYE", f"sip:{bad}", "", 0)
            self.assertRaises(UsageError, written, "BYE", "sip:a", f"Subject: {bad}\n", 1)

    def test_written_at_once(self) -> None:
        """What is written at once has the fields that it was written with, and is written as any other."""
        said = "Subject: a: b\nRoute: <sip:p;lr>\nRoute: <sip:q;lr>\nEmpty: \n"
        fields = (("Subject", "a: b"), ("Route", "<sip:p;lr>"), ("Route", "<sip:q;lr>"), ("Empty", ""))
        for body in (b"", b"x\r\n\r\ny"):
            at_once, plain = written("BYE", "sip:a", said, 4, body), Request("BYE", "sip:a", fields, body)
            self.assertEqual(write(at_once), write(plain))
            self.assertEqual((at_once.fields, at_once.body), (fields, body))
            more = [("Max-Forwards", "70")]
            self.assertEqual(write(at_once.with_fields(add=more)), write(plain.with_fields(add=more)))
            answer = request(INVITE).response(486, "", to_tag="x", fields=fields, body=body)
            self.assertEqual(write(answer), write(Response(486, "Busy Here", answer.fields, body)))
            self.assertEqual(answer.fields[-4:], fields)
            self.assertEqual(write(answer.made_up()), write(answer))

    def test_nul_in_a_quoted_pair(self) -> None:
        """NUL may stand in a quoted-pair, and only there (section 25.1)."""
        self.assertIn(b"\\\0", write(Request("A", "sip:a", [("From", '"\\\0" <sip:a@b>')])))
        for bare in ("\0", "\\\\\0", "\\\\\\\\\0"):  # behind a pair there is no backslash left for it
            with self.assertRaises(UsageError):
                write(Request("A", "sip:a", [("From", f'"{bare}" <sip:a@b>')]))

    def test_every_method_and_code(self) -> None:
        """Start-lines are written as they are read."""
        self.assertEqual(Response(200, "").start_line(), "SIP/2.0 200 ")
        self.assertEqual(Request("X-Y", "sip:a").start_line(), "X-Y sip:a SIP/2.0")
        self.assertEqual(Message([("A", "b")]).fields, (("A", "b"),))

    def test_fragment(self) -> None:
        """What has no start-line is a value like others."""
        fragment = Message([("A", "b")], b"c")
        self.assertEqual(fragment.with_fields(add=[("D", "e")]), Message([("A", "b"), ("D", "e")], b"c"))
        self.assertNotEqual(fragment, Message([("A", "b")]))
