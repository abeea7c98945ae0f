"""Header fields with structure, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.fields import (
    CSeq,
    Event,
    Info,
    Join,
    RAck,
    Reason,
    Replaces,
    RetryAfter,
    SessionExpires,
    SubscriptionState,
    TargetDialog,
    Via,
    WarningText,
    parse_date,
    write_date,
)
from b2bua.wire.grammar import parse_params, quote, split_list, unquote, without_controls


class FieldTests(SynchronousTestCase):
    """What the tests below share."""

    def refused(self, parse: Callable[[str], object], texts: Iterable[str]) -> None:
        """Every one of C{texts} is refused with 400 and a section."""
        for text in texts:
            error = self.assertRaises(PeerError, parse, text)
            self.assertEqual(error.code, 400, text)
            self.assertIn("RFC", error.section)


class GrammarTests(FieldTests):
    """Lists, parameters, quotes."""

    def test_split(self) -> None:
        """Commas in quotes and brackets do not separate (section 7.3.1)."""
        for text, parts in (
            ("", []),
            ("a", ["a"]),
            ("a,b , c", ["a", "b", "c"]),
            (",a,,b,", ["a", "b"]),
            ('"a, b" <sip:a,b@c>;x="d, e", <sip:f>', ['"a, b" <sip:a,b@c>;x="d, e"', "<sip:f>"]),
            ('"\\",", b', ['"\\","', "b"]),
            ('"<", ">"', ['"<"', '">"']),
        ):
            self.assertEqual(split_list(text), parts, text)

    def test_unbalanced(self) -> None:
        """A list whose quotes or brackets do not close is refused."""
        self.refused(split_list, ['"a, b', "<a, b", 'a, "', 'x,"\\"', "a,<"])

    def test_params(self) -> None:
        """Names, values, quoted values, and none (generic-param)."""
        self.assertEqual(
            parse_params(' ; a ; b = 1;c="x;\\"y";d=[::1];e='),
            (("a", None), ("b", "1"), ("c", 'x;"y'), ("d", "[::1]"), ("e", "")),
        )
        self.refused(parse_params, [";", ";=1", ";a b", ';a="', ";a=1,", "a=1", ';a="x"y', ";a=<b>"])

    def test_quotes(self) -> None:
        """Quoting and unquoting are each other's inverse."""
        for text in ("", "plain", 'with "quotes"', "back\\slash", "tab\t", "ünï"):
            self.assertEqual(unquote(quote(text)), text)
        self.assertEqual(unquote('"'), '"')


class ControlTests(FieldTests):
    """L{without_controls}."""

    def test_left_out(self) -> None:
        """Control characters go (section 25.1, CTL), but for TAB; with the backslash of their quoted-pair."""
        for text, left in (
            ("plain\t\\", "plain\t\\"),
            ("a\x1b[31mb\x07", "a[31mb"),
            ('"a\\\0"', '"a"'),
            ('"a\\\0\\"b"', '"a\\"b"'),
            ('"a\\\\\x07"', '"a\\\\"'),
            ("\x85\u00e9\\\x7f", "\u00e9"),
        ):
            self.assertEqual(without_controls(text), left, text)


class ViaTests(FieldTests):
    """Via (section 20.42)."""

    def test_parts(self) -> None:
        """Transport, sent-by and parameters."""
        via = Via.parse("SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7;rport;ttl=16")
        self.assertEqual((via.transport, via.host, via.port), ("UDP", "erlang.bell-telephone.com", 5060))
        self.assertEqual((via.branch, via.rport, via.ttl), ("z9hG4bK87asdks7", "", "16"))
        self.assertEqual((via.received, via.maddr), (None, None))
        self.assertEqual(via.sent_by, "erlang.bell-telephone.com:5060")

    def test_spacing(self) -> None:
        """White space may stand around slashes, colon, semicolons and equals signs."""
        via = Via.parse('SIP / 2.0 / tcp  first.example.com: 4000;ttl=16 ;maddr = 224.2.0.1 ;branch="z"')
        self.assertEqual((via.transport, via.host, via.port), ("TCP", "first.example.com", 4000))
        self.assertEqual((via.ttl, via.maddr, via.branch), ("16", "224.2.0.1", "z"))

    def test_ipv6(self) -> None:
        """sent-by may be an IPv6 reference, received a bare address."""
        via = Via.parse("SIP/2.0/TLS [2001:db8::9:1]:5061;received=2001:db8::9:255;branch=z9hG4bKas3")
        self.assertEqual((via.host, via.port, via.received), ("[2001:db8::9:1]", 5061, "2001:db8::9:255"))

    def test_long_host(self) -> None:
        """A long name is one name, its port counts, and a response has it as it came (section 18.2)."""
        host = ".".join(["gateway-of-the-building"] * 10)
        via = Via.parse(f"SIP/2.0/UDP {host}:5070;branch=z9hG4bKa;rport")
        self.assertEqual((via.host, via.port, via.branch, via.rport), (host, 5070, "z9hG4bKa", ""))
        seen = Via.parse(str(via.seen_from("192.0.2.1", 9988)))
        self.assertEqual((seen.sent_by, seen.rport, seen.received), (f"{host}:5070", "9988", "192.0.2.1"))

    def test_branch_in_any_place(self) -> None:
        """The branch is found first, last, in capitals, or is empty."""
        for tail, branch in (
            (";branch=a", "a"),
            (";x;branch=a;y=z", "a"),
            (";BRANCH=a", "a"),
            (";xbranch=no", ""),
            (";branch", ""),
            ("", ""),
            (';x=";branch=no"', ""),
            (';x=";branch=no";branch=yes', "yes"),
        ):
            self.assertEqual(Via.parse(f"SIP/2.0/UDP h{tail}").branch, branch, tail)

    def test_fill_in(self) -> None:
        """Received and rport are filled in where they are asked for (RFC 3581 section 4)."""
        via = Via.parse("SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff")
        self.assertEqual(
            str(via.with_params(received="192.0.2.1", rport="9988")),
            "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1",
        )

    def test_seen_from(self) -> None:
        """Where a request came from stands in its Via, the port if asked for (18.2.1, RFC 3581 section 4)."""
        for tail in (
            ";rport;branch=z9hG4bK1",
            ";branch=z9hG4bK1;rport",
            ";RPORT;branch=z9hG4bK1",
            ";rport=1;branch=z9hG4bK1",
            ";rport;received=192.0.2.7",
            ";rport;rport",
        ):
            via = Via.parse(f"SIP/2.0/UDP 10.1.1.1{tail}")
            long = via.with_params(received="192.0.2.1", rport="9988")
            seen = via.seen_from("192.0.2.1", 9988)
            self.assertEqual(seen.params, Via.parse(str(seen)).params)
            self.assertEqual(
                (seen.received, seen.rport, seen.branch, seen.host, len(seen.params)),
                ("192.0.2.1", "9988", via.branch, "10.1.1.1", len(long.params)),
                tail,
            )

    def test_port_not_asked_for(self) -> None:
        """Without rport only another host is noted; what looks like it, or stands in quotes, is none."""
        for tail in (";branch=z9hG4bK1", ";xrport;rportx", ';x=";rport;y"'):
            via = Via.parse(f"SIP/2.0/UDP 10.1.1.1{tail}")
            self.assertEqual(str(via.seen_from("192.0.2.1", 9988)), f"{via};received=192.0.2.1")
            self.assertIs(via.seen_from("10.1.1.1", 9988), via)
        v6 = Via.parse("SIP/2.0/UDP [2001:DB8::1];branch=z9hG4bK1")
        self.assertIs(v6.seen_from("2001:db8::1", 9988), v6)

    def test_any_parameter(self) -> None:
        """Other parameters are found too, in any case; the value shows itself."""
        via = Via.parse("SIP/2.0/TCP h;Alias;oc=50")
        self.assertEqual((via.param("alias"), via.param("oc"), via.param("keep")), ("", "50", None))
        self.assertEqual(repr(via), "Via('SIP/2.0/TCP h;Alias;oc=50')")
        self.assertEqual(len({via, Via.parse(str(via))}), 1)
        self.assertNotEqual(via, "SIP/2.0/TCP h;Alias;oc=50")

    def test_built(self) -> None:
        """One of our own is the same as one that was read."""
        via = Via.make("UDP", "192.0.2.1", 5060, (("branch", "z9hG4bK1"), ("rport", None)))
        self.assertEqual(str(via), "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport")
        self.assertEqual(Via.parse(str(via)), via)
        self.assertEqual(Via.parse(str(via)).params, via.params)
        self.assertRaises(UsageError, Via.make, "UDP", "h", None, (("x", "\r\n"),))

    def test_malformed(self) -> None:
        """What is no Via is refused."""
        self.refused(
            Via.parse,
            [
                "",
                "SIP/2.0/UDP",
                "SIP/2.0 UDP h",
                "SIP/3.0/UDP h",
                "HTTP/2.0/UDP h",
                "SIP/2.0/UDP h:",
                "SIP/2.0/UDP h:x",
                "SIP/2.0/UDP h:65536",
                "SIP/2.0/UDP h:999999",
                "SIP/2.0/UDP [::1",
                "SIP/2.0/UDP h;a b",
                "SIP/2.0/UDP h,SIP/2.0/UDP i",
                'SIP/2.0/UDP h;a="',
                "SIP/2.0/UDP h x",
                "SIP/2.0/U DP h",
            ],
        )


class SequenceTests(FieldTests):
    """CSeq and RAck."""

    def test_cseq(self) -> None:
        """A number and a method, whose case counts (section 20.16)."""
        self.assertEqual(CSeq.parse("4711 INVITE"), (4711, "INVITE"))
        self.assertEqual(CSeq.parse("  0009 \t NewMethod "), (9, "NewMethod"))
        self.assertEqual(CSeq.parse("1 invite").method, "invite")
        self.assertEqual(str(CSeq(2, "BYE")), "2 BYE")

    def test_cseq_range(self) -> None:
        """The number is below 2**31 (section 8.1.1.5)."""
        self.assertEqual(CSeq.parse("2147483647 INVITE").number, 2**31 - 1)
        self.refused(CSeq.parse, ["2147483648 INVITE", "36893488147419103232 INVITE", "9" * 5000 + " INVITE"])

    def test_cseq_malformed(self) -> None:
        """What is no CSeq is refused; digits of other scripts are no digits."""
        self.refused(
            CSeq.parse,
            ["", "1", "INVITE", "-1 INVITE", "+1 INVITE", "1INVITE", "1 IN VITE", "٣ INVITE", "1 "],
        )

    def test_rack(self) -> None:
        """RSeq, CSeq and method (RFC 3262 section 7.2)."""
        self.assertEqual(RAck.parse("776656 1 INVITE"), (776656, 1, "INVITE"))
        self.assertEqual(str(RAck(1, 2, "INVITE")), "1 2 INVITE")
        self.refused(
            RAck.parse, ["", "1 INVITE", "1 2", "1 4294967296 INVITE", "-1 2 INVITE", "1 2 3 INVITE"]
        )


class DialogTests(FieldTests):
    """Replaces, Join, Target-Dialog."""

    def test_replaces(self) -> None:
        """The examples of RFC 3891 section 6.1."""
        for text, early in (
            ("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", False),
            ("12adf2f34456gs5;to-tag=12345;from-tag=54321", False),
            ("87134@171.161.34.23;to-tag=24796;from-tag=0;early-only", True),
        ):
            self.assertEqual(Replaces.parse(text).early_only, early)
            self.assertEqual(Replaces.parse(str(Replaces.parse(text))), Replaces.parse(text))
        first = Replaces.parse("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff")
        self.assertEqual(
            (first.call_id, first.to_tag, first.from_tag), ("98732@sip.example.com", "ff87ff", "r33th4x0r")
        )

    def test_tags_once(self) -> None:
        """There is exactly one of each tag (RFC 3891 section 6.1)."""
        self.refused(
            Replaces.parse,
            ["", "a", "a;to-tag=1", "a;from-tag=1", "a;to-tag=1;to-tag=2;from-tag=3", ";to-tag=1;from-tag=2"],
        )

    def test_join(self) -> None:
        """The same for Join (RFC 3911 section 7.1)."""
        self.assertEqual(Join.parse("a@b;from-tag=f;to-tag=t"), Join("a@b", "t", "f"))
        self.assertEqual(str(Join("a@b", "t", "f")), "a@b;to-tag=t;from-tag=f")
        self.refused(Join.parse, ["a@b", "a@b;to-tag=1"])

    def test_target_dialog(self) -> None:
        """Local and remote tag (RFC 4538 section 7)."""
        text = "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544"
        self.assertEqual(str(TargetDialog.parse(text)), text)
        self.refused(TargetDialog.parse, ["a", "a;local-tag=1"])

    def test_injection(self) -> None:
        """Tags from elsewhere cannot end the line."""
        self.assertRaises(UsageError, str, Replaces("a", "b\r\nX: y", "c"))
        self.assertRaises(UsageError, str, TargetDialog("a\n", "b", "c"))


class EventTests(FieldTests):
    """RFC 6665 section 8.2."""

    def test_event(self) -> None:
        """The package, its id and further parameters."""
        event = Event.parse("dialog;id=7;sla;x=y")
        self.assertEqual(
            (event.package, event.id, event.param("x"), event.param("sla")), ("dialog", "7", "y", "")
        )
        self.assertEqual(str(event), "dialog;id=7;sla;x=y")
        self.assertEqual(str(Event("refer", "12")), "refer;id=12")
        self.assertEqual(Event.parse("presence.winfo").package, "presence.winfo")
        self.refused(Event.parse, ["", ";id=1", "a b", "<a>"])

    def test_state(self) -> None:
        """State and reason regardless of case, with their numbers."""
        state = SubscriptionState.parse("Terminated;reason=NoResource;retry-after=5")
        self.assertEqual((state.state, state.reason, state.retry_after), ("terminated", "noresource", 5))
        active = SubscriptionState.parse("active;expires=3600")
        self.assertEqual(active.expires, 3600)
        for text in (
            "active;expires=3600",
            "terminated;reason=timeout",
            "pending",
            "terminated;retry-after=9",
        ):
            self.assertEqual(str(SubscriptionState.parse(text)), text)
        self.refused(
            SubscriptionState.parse, ["", "active;expires=x", "active;expires=-1", "a;retry-after=1.5"]
        )


class NumberTests(FieldTests):
    """Seconds and the like."""

    def test_session_expires(self) -> None:
        """Seconds and who refreshes (RFC 4028 section 4)."""
        self.assertEqual(SessionExpires.parse("4000;refresher=UAC"), SessionExpires(4000, "uac"))
        self.assertEqual(SessionExpires.parse("90"), SessionExpires(90))
        self.assertEqual(str(SessionExpires(90, "uas")), "90;refresher=uas")
        self.assertEqual(str(SessionExpires(90)), "90")
        self.refused(
            SessionExpires.parse, ["", "x", "-1", "90 s", "90;refresher=me", "4294967296", "1" * 100]
        )

    def test_retry_after(self) -> None:
        """A comment is skipped (section 20.33)."""
        self.assertEqual(RetryAfter.parse("120 (I'm in a meeting)").seconds, 120)
        self.assertEqual(RetryAfter.parse("18000;duration=3600").params, (("duration", "3600"),))
        self.refused(RetryAfter.parse, ["", "soon", "1 (", "-5"])

    def test_date(self) -> None:
        """A date is RFC 1123's and always in GMT (section 20.17)."""
        self.assertEqual(
            parse_date("Sat, 13 Nov 2010 23:29:00 GMT"), datetime(2010, 11, 13, 23, 29, tzinfo=UTC)
        )
        self.refused(
            parse_date,
            [
                "",
                "Fri, 01 Jan 2010 16:00:00 EST",
                "Sat, 13 Xyz 2010 23:29:00 GMT",
                "Sat, 13 anF 2010 23:29:00 GMT",
                "Sat, 32 Nov 2010 23:29:00 GMT",
                "Sat, 13 Nov 2010 25:29:00 GMT",
                "13 Nov 2010 23:29:00 GMT",
            ],
        )

    def test_write_date(self) -> None:
        """Another zone is turned into GMT."""
        there = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
        self.assertEqual(write_date(there), "Wed, 31 Dec 2025 23:30:00 GMT")


class ReasonTests(FieldTests):
    """Why something was done."""

    def test_reason(self) -> None:
        """The example of RFC 3326 section 2."""
        reason = Reason.parse('SIP ;cause=200 ;text="Call completed elsewhere"')
        self.assertEqual(reason, Reason("SIP", 200, "Call completed elsewhere"))
        self.assertEqual(str(reason), 'SIP;cause=200;text="Call completed elsewhere"')
        self.assertEqual(str(Reason.parse("Q.850;cause=16;x=1")), "Q.850;cause=16;x=1")
        self.assertEqual(str(Reason("Preemption", text='say "x"')), 'Preemption;text="say \\"x\\""')
        self.refused(Reason.parse, ["", ";cause=1", "SIP;cause=x", "SIP;cause=10000", 'SIP;text="'])
        self.assertRaises(UsageError, str, Reason("SIP", 200, "a\r\nX: y"))

    def test_warning(self) -> None:
        """Code, agent and text (section 20.43)."""
        text = '307 isi.edu "Session parameter \\"foo\\" not understood"'
        warning = WarningText.parse(text)
        self.assertEqual((warning.code, warning.agent), (307, "isi.edu"))
        self.assertEqual(warning.text, 'Session parameter "foo" not understood')
        self.assertEqual(str(warning), text)
        self.refused(WarningText.parse, ["", '30 a "b"', "307 a b", '307 "b"', '307 a "b'])

    def test_info(self) -> None:
        """Alert-Info and Call-Info (sections 20.4 and 20.9)."""
        info = Info.parse("<http://www.example.com/alice/photo.jpg> ;purpose=icon")
        self.assertEqual(
            (info.uri, info.param("purpose")), ("http://www.example.com/alice/photo.jpg", "icon")
        )
        self.assertEqual(Info.parse("<sip:h>;answer-after=0").param("answer-after"), "0")
        self.refused(Info.parse, ["", "Bellcore-dr1", "<a", "<a>b", "<a>;"])
