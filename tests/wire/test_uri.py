"""URIs: RFC 3261 section 19.1 and RFC 3966."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.uri import Uri, escape_header, escape_user, telephone, telephone_user


class PartsTests(SynchronousTestCase):
    """What a URI is made of."""

    def test_everything(self) -> None:
        """A URI may have all of its parts at once (section 19.1.1)."""
        uri = Uri.parse("sip:alice:secret@atlanta.com:5070;transport=tcp;lr?subject=a%20b&priority=urgent")
        self.assertEqual(
            (uri.scheme, uri.user, uri.password, uri.host, uri.port),
            ("sip", "alice", "secret", "atlanta.com", 5070),
        )
        self.assertEqual(uri.params, (("transport", "tcp"), ("lr", None)))
        self.assertEqual(uri.header("Subject"), "a b")
        self.assertEqual(uri.header("Priority"), "urgent")
        self.assertIsNone(uri.header("Replaces"))
        self.assertTrue(uri.lr)

    def test_written_as_read(self) -> None:
        """What was read is written again character by character."""
        for text in (
            "sip:alice@atlanta.com",
            "sips:alice@atlanta.com:5061",
            "sip:gateway.com",
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            "sip:alice;day=tuesday@atlanta.com",
            "sip:[2001:db8::1]:5060;transport=udp",
            "sip:bob@host;maddr=239.255.255.1;ttl=15",
            "sip:a@b?Replaces=x%40y%3Bto-tag%3D1",
            "tel:+1-201-555-0123",
            "tel:7042;phone-context=example.com",
            "urn:service:sos",
            "http://www.example.com/a?b=c;d",
            "sip:sip%3Auser%40example.com@company.com;other-param=summit",
        ):
            self.assertEqual(str(Uri.parse(text)), text)

    def test_user_may_hold_anything(self) -> None:
        """Semicolons, question marks and slashes may stand in a user (RFC 4475 section 3.1.1.2)."""
        uri = Uri.parse(
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
            "@example.com"
        )
        self.assertEqual(uri.user, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
        self.assertEqual(uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        self.assertEqual(uri.host, "example.com")
        self.assertEqual(uri.params, ())

    def test_semicolon_in_user(self) -> None:
        """A semicolon before the @ belongs to the user (RFC 4475 section 3.1.1.13)."""
        uri = Uri.parse("sip:user;par=u%40example.net@example.com")
        self.assertEqual((uri.user, uri.host, uri.params), ("user;par=u%40example.net", "example.com", ()))

    def test_scheme_regardless_of_case(self) -> None:
        """The scheme is compared in lower case."""
        self.assertEqual(Uri.parse("SIPS:a@b").scheme, "sips")
        self.assertTrue(Uri.parse("sIpS:a@b").secure)

    def test_ipv6_reference(self) -> None:
        """An IPv6 address stands in brackets (section 25.1, IPv6reference)."""
        uri = Uri.parse("sip:a@[2001:db8::1]:5080")
        self.assertEqual((uri.host, uri.port), ("[2001:db8::1]", 5080))
        self.assertTrue(uri.is_numeric_host)

    def test_numeric_host(self) -> None:
        """Addresses are told from names (RFC 3263 section 4.2)."""
        self.assertTrue(Uri.parse("sip:192.0.2.1").is_numeric_host)
        for name in ("example.com", "1.2.3.4.example.com", "192.0.2", "4"):
            self.assertFalse(Uri.parse(f"sip:{name}").is_numeric_host, name)

    def test_text_for(self) -> None:
        """Who else is at the same place is written there, with all that stands behind the user."""
        for rest in ("192.0.2.1", "h.example:5070;transport=tcp;lr?X-A=b", "[2001:db8::1]:5060"):
            for before in ("", "alice@", "alice:secret@"):
                uri = Uri.parse(f"sip:{before}{rest}")
                password = ":secret" if ":" in before else ""
                self.assertEqual(uri.text_for("%23bob"), f"sip:%23bob{password}@{rest}")
                self.assertEqual(str(uri), f"sip:{before}{rest}")

    def test_parameters_without_value(self) -> None:
        """C{;lr}, C{;lr=} and no lr at all are three things."""
        self.assertEqual(Uri.parse("sip:h;lr").params, (("lr", None),))
        self.assertEqual(Uri.parse("sip:h;lr=").params, (("lr", ""),))
        self.assertEqual(Uri.parse("sip:h;LR").param("lr"), "")
        self.assertIsNone(Uri.parse("sip:h").param("lr"))

    def test_trailing_semicolon(self) -> None:
        """Empty parameters are passed over: some devices end a URI with a semicolon."""
        self.assertEqual(str(Uri.parse("sip:h;;lr;")), "sip:h;lr")

    def test_malformed(self) -> None:
        """What is no URI is refused with 400."""
        for text in (
            "",
            "sip",
            "sip:",
            "sip:@host",
            "sip:user@",
            "sip:user@host:",
            "sip:user@host:port",
            "sip:user@host:65536",
            "sip:user@host:123456",
            "sip:us er@host",
            "sip:user@ho st",
            "sip:user@host lr",
            "<sip:user@host>",
            'sip:us"er@host',
            "sip:user@[::1",
            "sip:user@host;a\tb",
            "sip:a@b\r\nX: y",
            "sip:a@b\0",
            "no scheme:a",
            "1tel:5",
            ":a",
            "tel",
        ):
            error = self.assertRaises(PeerError, Uri.parse, text)
            self.assertEqual(error.code, 400, text)

    def test_unknown_scheme(self) -> None:
        """Other absolute URIs are values too; whether they will do is for the server (416)."""
        uri = Uri.parse("nobodyKnowsThisScheme:totallyopaquecontent")
        self.assertEqual((uri.scheme, uri.opaque), ("nobodyknowsthisscheme", "totallyopaquecontent"))
        self.assertFalse(uri.is_sip)

    def test_long_uris_are_not_remembered(self) -> None:
        """Only short URIs are cached, so that the cache stays small."""
        text = "sip:" + "a" * 600 + "@host"
        self.assertIsNot(Uri.parse(text), Uri.parse(text))
        self.assertIs(Uri.parse("sip:cached@host"), Uri.parse("sip:cached@host"))


class EscapeTests(SynchronousTestCase):
    """Escaping (section 19.1.2)."""

    def test_user(self) -> None:
        """The user is shown without its escapes."""
        self.assertEqual(Uri.parse("sip:%23%2a7%32@h").user_unescaped, "#*72")
        self.assertEqual(Uri.parse("sip:j%C3%BCrgen@h").user_unescaped, "jürgen")

    def test_what_is_not_utf8_stays(self) -> None:
        """Escapes that are no UTF-8 stay, so that different users stay different."""
        self.assertEqual(Uri.parse("sip:%ff@h").user_unescaped, "%FF")
        self.assertNotEqual(Uri.parse("sip:%ff@h").aor, Uri.parse("sip:%fe@h").aor)

    def test_null(self) -> None:
        """An escaped NUL is a character like others (RFC 4475 section 3.1.1.4)."""
        uri = Uri.parse("sip:null-%00-null@example.com")
        self.assertEqual(uri.user_unescaped, "null-\0-null")
        self.assertEqual(str(uri), "sip:null-%00-null@example.com")

    def test_make(self) -> None:
        """Plain text becomes a user with all escaped that is not unreserved."""
        uri = Uri.make("#1 @home;x?<>\r\n", "example.com")
        self.assertEqual(str(uri), "sip:%231%20%40home%3Bx%3F%3C%3E%0D%0A@example.com")
        self.assertEqual(Uri.parse(str(uri)).user_unescaped, "#1 @home;x?<>\r\n")

    def test_make_without_user(self) -> None:
        """Without a user there is no @ either."""
        self.assertEqual(str(Uri.make("", "example.com", 5070)), "sip:example.com:5070")

    def test_plus_is_not_escaped(self) -> None:
        """A plus stays: C{%2B} is not equivalent to it (section 19.1.4)."""
        self.assertEqual(escape_user("+4930"), "+4930")

    def test_headers(self) -> None:
        """Headers of a URI are escaped and unescaped as a whole."""
        value = "a@b;to-tag=1;from-tag=2"
        uri = Uri.parse("sip:c@h").with_headers(("Replaces", value))
        self.assertEqual(str(uri), "sip:c@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2")
        self.assertEqual(Uri.parse(str(uri)).header("replaces"), value)
        self.assertEqual(escape_header("&="), "%26%3D")
        self.assertEqual(str(uri.bare()), "sip:c@h")

    def test_injection(self) -> None:
        """No part of a URI may hold what ends it or the line (header injection)."""
        for make in (
            lambda: Uri("sip", "a\r\nX: y", "h"),
            lambda: Uri("sip", "a@b", "h"),
            lambda: Uri("sip", "a", "h\r\n"),
            lambda: Uri("sip", "a", "h>"),
            lambda: Uri("sip", "a", "h", params=(("x", "y>z"),)),
            lambda: Uri("sip", "a", "h").with_params(x="a b"),
            lambda: Uri("sip", "a", "h", headers=(("X", "\n"),)),
        ):
            self.assertRaises(UsageError, make)


class ChangeTests(SynchronousTestCase):
    """Changed copies."""

    def test_with_params(self) -> None:
        """A parameter of the same name is replaced, whatever its case."""
        uri = Uri.parse("sip:a@b;Transport=tcp;lr")
        self.assertEqual(str(uri.with_params(transport="udp", ob=None)), "sip:a@b;lr;transport=udp;ob")

    def test_without(self) -> None:
        """Parameters can be left out."""
        self.assertEqual(str(Uri.parse("sip:a@b;Transport=tcp;lr").without("transport")), "sip:a@b;lr")


class AorTests(SynchronousTestCase):
    """The key of an address-of-record (section 10.3 step 5)."""

    def test_canonical(self) -> None:
        """Parameters and escapes go, the host is in lower case, the user is not."""
        self.assertEqual(Uri.parse("sips:%61Lice@Example.COM:5061;user=phone?x=y").aor, "aLice@example.com")

    def test_hash(self) -> None:
        """A phone may write # as %23; both are the same user."""
        self.assertEqual(Uri.parse("sip:%2372@h").aor, "#72@h")

    def test_without_user(self) -> None:
        """A host alone is the key of a host."""
        self.assertEqual(Uri.parse("sip:Example.com").aor, "example.com")

    def test_telephone(self) -> None:
        """A number is told from its separators and parameters (RFC 3966 3, 5.1.1); a name is left alone."""
        for user, number, params in (
            ("+1972-555.01(00)", "+19725550100", ""),
            ("+19725550100;npdi;rn=+19725550000", "+19725550100", ";npdi;rn=+19725550000"),
            ("911;phone-context=+1", "911", ";phone-context=+1"),
            ("*72#", "*72#", ""),
            ("bob-smith;x=1", "bob-smith;x=1", ""),
            ("face-1", "face-1", ""),
            ("-", "-", ""),
            (";1", ";1", ""),
            ("", "", ""),
        ):
            with self.subTest(user=user):
                self.assertEqual(telephone(user), (number, params))
        self.assertEqual(Uri.parse("tel:+1-972;rn=5").telephone, ("+1972", ";rn=5"))
        self.assertEqual(Uri.parse("sip:+1-972;rn=5@x.example").telephone, ("+1972", ";rn=5"))

    def test_telephone_user(self) -> None:
        """Written as a user part its semicolons are not escaped (19.1.4), what may not stand there is."""
        self.assertEqual(telephone_user("*7#", ";npdi;rn=+1 @:"), "*7%23;npdi;rn=+1%20%40%3A")

    def test_tel(self) -> None:
        """A telephone number goes without its visual separators (RFC 3966 section 5.1.1)."""
        self.assertEqual(Uri.parse("tel:+1-(201)-555.0123").aor, "tel:+12015550123")
        self.assertEqual(Uri.parse("tel:+1-201-555-0123").user_unescaped, "+12015550123")


SAME = (
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("sip:%2372@h", "sip:#72@h"),
    ("sip:a%7eb@h", "sip:a~b@h"),
    ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
    ("tel:7042;phone-context=Example.com", "tel:7042;PHONE-CONTEXT=example.com"),
)
DIFFERENT = (
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@h", "sips:a@h"),
    ("sip:h", "sip:a@h"),
    ("sip:a@h", "sip:a:@h"),
    ("sip:a@h;maddr=10.0.0.1", "sip:a@h"),
    ("sip:a@h;user=phone", "sip:a@h"),
    ("sip:a@h;ttl=1", "sip:a@h"),
    ("sip:a@h;method=INVITE", "sip:a@h"),
    ("sip:a%3Bb@h", "sip:a;b@h"),
    ("sip:%2B49@h", "sip:+49@h"),
    ("tel:7042", "tel:7042;phone-context=example.com"),
    ("tel:+1", "tel:+2"),
    ("urn:a:b", "urn:a:c"),
)


class EquivalenceTests(SynchronousTestCase):
    """Comparison (section 19.1.4, with its examples; RFC 3966 section 4)."""

    def test_same(self) -> None:
        """These are equivalent, whichever comes first."""
        for one, other in SAME:
            self.assertTrue(Uri.parse(one).equivalent(Uri.parse(other)), (one, other))
            self.assertTrue(Uri.parse(other).equivalent(Uri.parse(one)), (one, other))

    def test_different(self) -> None:
        """These are not, whichever comes first."""
        for one, other in DIFFERENT:
            self.assertFalse(Uri.parse(one).equivalent(Uri.parse(other)), (one, other))
            self.assertFalse(Uri.parse(other).equivalent(Uri.parse(one)), (one, other))

    def test_not_transitive(self) -> None:
        """Equivalence is not transitive, says the section."""
        plain, on, off = (
            Uri.parse(f"sip:carol@chicago.com{p}") for p in ("", ";security=on", ";security=off")
        )
        self.assertTrue(plain.equivalent(on) and plain.equivalent(off))
        self.assertFalse(on.equivalent(off))
