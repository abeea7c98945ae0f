"""Addresses in header fields: RFC 3261 sections 20.10 and 25.1."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.names import NameAddr, name_addrs, parse_again
from b2bua.wire.uri import Uri


class ParseTests(SynchronousTestCase):
    """name-addr and addr-spec."""

    def test_forms(self) -> None:
        """The forms of section 20 (display name, URI, parameters)."""
        for text, display, uri, params in (
            ("<sip:a@b>", "", "sip:a@b", ()),
            ("<sip:a@b>;tag=x", "", "sip:a@b", (("tag", "x"),)),
            (
                '"A. G. Bell" <sip:agb@bell.com> ;tag=a48s',
                "A. G. Bell",
                "sip:agb@bell.com",
                (("tag", "a48s"),),
            ),
            ("Anonymous <sip:c8@h>;tag=hyh8", "Anonymous", "sip:c8@h", (("tag", "hyh8"),)),
            ("Mr. Watson <sip:w@h>", "Mr. Watson", "sip:w@h", ()),
            ("sip:+1212@server.com;tag=887s", "", "sip:+1212@server.com", (("tag", "887s"),)),
            ('"<sip:joe@big.org>"<sip:joe@really.org>', "<sip:joe@big.org>", "sip:joe@really.org", ()),
            ('"a \\"quoted\\" \\\\ name" <sip:a@b>', 'a "quoted" \\ name', "sip:a@b", ()),
            ('"" <sip:a@b>', "", "sip:a@b", ()),
            ('<tel:+1>;a;b="c;d,e"', "", "tel:+1", (("a", None), ("b", "c;d,e"))),
            ("  <sip:a@b> ; tag = x ", "", "sip:a@b", (("tag", "x"),)),
            ("<urn:service:sos>", "", "urn:service:sos", ()),
        ):
            address = NameAddr.parse(text)
            self.assertEqual((address.display, address.uri_text, address.params), (display, uri, params))
            self.assertEqual(str(address), text)

    def test_semicolon_rule(self) -> None:
        """Without brackets, parameters belong to the header field (section 20)."""
        self.assertEqual(NameAddr.parse("sip:a@b;transport=tcp").uri.params, ())
        self.assertEqual(NameAddr.parse("sip:a@b;transport=tcp").param("transport"), "tcp")
        bound = NameAddr.parse("<sip:a@b;transport=tcp>;q=1")
        self.assertEqual(bound.uri.param("transport"), "tcp")
        self.assertIsNone(bound.param("transport"))

    def test_question_mark_wants_brackets(self) -> None:
        """A URI with headers must stand in brackets (section 20, RFC 4475 section 3.1.2.13)."""
        error = self.assertRaises(
            PeerError, NameAddr.parse, "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        )
        self.assertEqual(error.code, 400)

    def test_tag(self) -> None:
        """The tag is found in any place and case, and is empty without one."""
        self.assertEqual(NameAddr.parse("<sip:a@b>;tag=1").tag, "1")
        self.assertEqual(NameAddr.parse("<sip:a@b>;x=y;TAG=1;z").tag, "1")
        self.assertEqual(NameAddr.parse("<sip:a@b;tag=no>").tag, "")
        self.assertEqual(NameAddr.parse('"x;tag=no" <sip:a@b>').tag, "")

    def test_one_tag(self) -> None:
        """A tag is given once, and is not empty (sections 7.3.1 and 19.3)."""
        for tail in (";tag=a;tag=b", ";tag=;tag=b", ";x;tag", ";tag=", ";tag=a;TAG=a"):
            for form in ("<sip:a@b>", "sip:a@b"):
                self.assertRaises(PeerError, NameAddr.parse, form + tail)

    def test_malformed(self) -> None:
        """What is no address is refused with 400."""
        for text in (
            "",
            "*",
            "alice",
            "<>",
            "<sip:a@b",
            "sip:a@b>",
            '"unclosed <sip:a@b>',
            '"a" sip:a@b',
            "<sip:a@b> trailing",
            "<sip:a@b>;",
            "<sip:a@b>;=x",
            '<sip:a@b>;x="unclosed',
            "<sip:a@b>,<sip:c@d>",
            "Bell, Alexander <sip:agb@example.com>",
            "<sip: a@b>",
            "<sip:a@ b>",
            "<sip:a@b>;a b",
        ):
            error = self.assertRaises(PeerError, NameAddr.parse, text)
            self.assertEqual(error.code, 400, text)

    def test_the_uri_is_parsed_on_demand(self) -> None:
        """A URI that is none is noticed when it is asked for."""
        address = NameAddr.parse("<nonsense>")
        self.assertRaises(PeerError, lambda: address.uri)

    def test_not_utf8(self) -> None:
        """Bytes that are no UTF-8 are shown as such, but go on unchanged."""
        text = b'"J\xfcrgen" <sip:j@h>'.decode("utf-8", "surrogateescape")
        self.assertEqual(NameAddr.parse(text).display, "J�rgen")
        self.assertEqual(str(NameAddr.parse(text)), text)


class MakeTests(SynchronousTestCase):
    """Addresses of our own making."""

    def test_quoting(self) -> None:
        """A display name is quoted, with quotes and backslashes escaped."""
        address = NameAddr.make('Say "hi" \\o/', "sip:a@b", [("tag", "x"), ("lr", None), ("y", "a b")])
        self.assertEqual(str(address), '"Say \\"hi\\" \\\\o/" <sip:a@b>;tag=x;lr;y="a b"')
        again = NameAddr.parse(str(address))
        self.assertEqual((again.display, again.tag, again.param("y")), ('Say "hi" \\o/', "x", "a b"))

    def test_plain(self) -> None:
        """Without a display name there is none, and brackets always."""
        self.assertEqual(str(NameAddr.make("", Uri.parse("sip:a@b;lr"))), "<sip:a@b;lr>")

    def test_injection(self) -> None:
        """Line breaks and NUL are refused wherever they could be smuggled in."""
        for bad in ("\r\nX: y", "\n", "\r", "\0"):
            self.assertRaises(UsageError, NameAddr.make, f"a{bad}b", "sip:a@b")
            self.assertRaises(UsageError, NameAddr.make, "", f"sip:a@b{bad}")
            self.assertRaises(UsageError, NameAddr.make, "", "sip:a@b", [("tag", bad)])
            self.assertRaises(UsageError, NameAddr.make, "", "sip:a@b", [(bad, "x")])
        self.assertRaises(UsageError, NameAddr.make, "", "sip:a@b>;x=<")

    def test_changes(self) -> None:
        """Parameters are set, replaced and taken away."""
        address = NameAddr.parse('"A" <sip:a@b>;expires=5;q=0.5')
        self.assertEqual(str(address.with_params(expires="7", x=None)), '"A" <sip:a@b>;q=0.5;expires=7;x')
        self.assertEqual(str(address.without("Q")), '"A" <sip:a@b>;expires=5')

    def test_tagged(self) -> None:
        """A tag goes behind whatever there is, in both forms."""
        for text in ("<sip:a@b>", "sip:a@b", '"x" <sip:a@b>;p=q'):
            tagged = NameAddr.parse(text).tagged("t1")
            self.assertEqual((str(tagged), tagged.tag), (f"{text};tag=t1", "t1"))
            self.assertEqual(NameAddr.parse(str(tagged)).params, tagged.params)

    def test_cached(self) -> None:
        """Addresses that come again are parsed once, unless they are long."""
        self.assertIs(parse_again("<sip:again@b>"), parse_again("<sip:again@b>"))
        long = "<sip:" + "a" * 600 + "@b>"
        self.assertIsNot(parse_again(long), parse_again(long))
        self.assertEqual(name_addrs["A", "sip:a@b"], '"A" <sip:a@b>')
        self.assertEqual(repr(parse_again("<sip:a@b>")), "NameAddr('<sip:a@b>')")

    def test_equality(self) -> None:
        """Addresses are equal if they are written the same."""
        self.assertEqual(NameAddr.parse("<sip:a@b>"), NameAddr.make("", "sip:a@b"))
        self.assertNotEqual(NameAddr.parse("<sip:a@b>"), NameAddr.parse("sip:a@b"))
        self.assertEqual(len({NameAddr.parse("<sip:a@b>"), NameAddr.make("", "sip:a@b")}), 1)
