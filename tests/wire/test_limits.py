"""How much is taken from a peer, and what it may cost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import process_time
from weakref import ref

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import SIPError
from b2bua.wire.careful import salvaged_fields
from b2bua.wire.digest import Challenge, Credentials
from b2bua.wire.fields import CSeq, Info, Reason, Replaces, RetryAfter, Via, WarningText, parse_date
from b2bua.wire.grammar import has_bare_nul, one_text, parse_params, quote, split_list, unescape, unquote
from b2bua.wire.multipart import parse_multipart
from b2bua.wire.names import NameAddr
from b2bua.wire.parser import LIMITS, Malformed, MessageLimits, parse
from b2bua.wire.sdp import Sdp, replace_origin
from b2bua.wire.sipfrag import parse_sipfrag
from b2bua.wire.stream import Framer
from b2bua.wire.uri import Uri
from tests.wire.samples import BYE, INVITE


def padded(line: str, times: int = 1) -> bytes:
    """A BYE with more header fields."""
    return BYE.replace(b"Content-Length", (line + "\r\n").encode() * times + b"Content-Length")


class LimitTests(SynchronousTestCase):
    """The limits of L{MessageLimits} and the status for what is beyond them."""

    def refused(
        self, data: bytes, code: int, limits: MessageLimits = LIMITS, *, answerable: bool = True
    ) -> None:
        """It is refused with C{code}."""
        error = self.assertRaises(Malformed, parse, data, limits)
        self.assertEqual((error.code, error.salvage is not None), (code, answerable))

    def test_defaults(self) -> None:
        """64 KiB, 32 KiB of head, 256 fields, 8 KiB of field, 64 Via, 64 Route."""
        self.assertEqual(MessageLimits(), MessageLimits(65536, 32768, 256, 8192, 64, 64))

    def test_head(self) -> None:
        """A longer head is answered with 513 (RFC 3261 section 21.5.7)."""
        parse(padded("Foo: " + "x" * 8000, 3))
        self.refused(padded("Foo: " + "x" * 8000, 5), 513)

    def test_head_without_end(self) -> None:
        """A head that does not end is too long at some point, and malformed before."""
        self.refused(BYE.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 40000), 513)
        self.refused(BYE[:-2], 400)

    def test_body(self) -> None:
        """A message that is too long for its body is answered with 413 (section 21.4.11)."""
        parse(INVITE + b"x" * (65536 - len(INVITE)))
        self.refused(INVITE + b"x" * (65537 - len(INVITE)), 413)

    def test_request_uri(self) -> None:
        """Too long a Request-URI is answered with 414 (section 21.4.12)."""
        self.refused(BYE.replace(b"sip:192.0.2.1:5060", b"sip:" + b"x" * 9000), 414)
        self.refused(BYE.replace(b"sip:192.0.2.1:5060", b"sip:" + b"x" * 33000), 414, answerable=False)

    def test_fields(self) -> None:
        """Too many fields are answered with 513."""
        parse(padded("Foo: y", 240))
        self.refused(padded("Foo: y", 250), 513)

    def test_field(self) -> None:
        """So is too long a field, folded or not."""
        parse(padded("Foo: " + "x" * 8100))
        self.refused(padded("Foo: " + "x" * 8200), 513)
        self.refused(padded("Foo: x" + "\r\n  xxxxxxxx" * 1000), 513)

    def test_vias(self) -> None:
        """So are too many Via, on many lines or on one."""
        line = "Via: SIP/2.0/UDP a;branch=z9hG4bKa"
        self.assertEqual(len(parse(padded(line, 63)).vias), 64)
        self.refused(padded(line, 64), 513)
        one = "SIP/2.0/UDP a," * 63
        parse(BYE.replace(b"Via: ", b"Via: " + one.encode()))
        self.refused(BYE.replace(b"Via: ", b"Via: SIP/2.0/UDP b," + one.encode()), 513)

    def test_routes(self) -> None:
        """So are too many Route or Record-Route."""
        self.assertEqual(len(parse(padded("Route: <sip:a;lr>", 63)).routes), 64)
        self.refused(padded("Route: <sip:a;lr>", 64), 513)
        message = parse(padded("Record-Route: " + "<sip:a;lr>," * 64 + "<sip:b>"))
        error = self.assertRaises(SIPError, lambda: message.record_routes)
        self.assertEqual(error.code, 513)

    def test_settings(self) -> None:
        """The limits are settings."""
        self.refused(BYE, 413, MessageLimits(message=len(BYE) - 1))
        self.refused(BYE, 513, MessageLimits(head=100, field=90))
        self.refused(BYE, 513, MessageLimits(fields=3))
        self.refused(BYE, 513, MessageLimits(field=50))
        self.refused(padded("Via: SIP/2.0/UDP a"), 513, MessageLimits(vias=1))
        two = parse(padded("Route: <sip:a>"), MessageLimits(routes=2))
        self.assertEqual(len(two.routes), 2)
        self.refused(padded("Route: <sip:a>"), 513, MessageLimits(routes=1))

    def test_many_bytes(self) -> None:
        """What is beyond the limits is not looked at: ten megabytes cost what one does."""
        small, large = b"\r" * 10**6, b"\r" * 10**7
        self.assertLess(cost(lambda: refuse(large)), cost(lambda: refuse(small)) * 3 + 0.001)


def refuse(data: bytes) -> None:
    """Parse what cannot be parsed."""
    try:
        parse(data)
    except Malformed:
        return
    raise AssertionError("It was parsed")


def cost(call: Callable[[], object]) -> float:
    """The CPU time of a call, at its best of three."""
    best = float("inf")
    for _ in range(3):
        start = process_time()
        call()
        best = min(best, process_time() - start)
    return best


OPEN = MessageLimits(*[1 << 30] * 6)

# Texts of a given length that make careless grammars slow.
WORST: dict[str, Callable[[int], str]] = {
    "quotes": lambda n: '"' * n,
    "an unclosed quote": lambda n: '"' + "a" * n,
    "unclosed quotes in a list": lambda n: 'a,"' * (n // 3),
    "backslashes": lambda n: "\\" * n,
    "backslashes in quotes": lambda n: '"' + "\\" * n + '"',
    "quoted pairs": lambda n: '"' + '\\"' * (n // 2),
    "brackets": lambda n: "<" * n,
    "closing brackets": lambda n: ">" * n,
    "pairs of brackets": lambda n: "<>" * (n // 2),
    "commas": lambda n: "," * n,
    "elements": lambda n: "a," * (n // 2),
    "addresses": lambda n: "<sip:a@b>," * (n // 10),
    "semicolons": lambda n: ";" * n,
    "parameters": lambda n: "<sip:a@b>" + ";a" * (n // 2),
    "valued parameters": lambda n: "<sip:a@b>" + ";a=b" * (n // 4) + "\\",
    "quoted parameters": lambda n: "<sip:a@b>" + ';a="b"' * (n // 6) + '"',
    "parameters and blanks": lambda n: "SIP/2.0/UDP h" + " ; a = b" * (n // 8) + ' "',
    "blanks": lambda n: " " * n,
    "blanks between letters": lambda n: "a " * (n // 2),
    "blanks before nothing": lambda n: "a:" + " " * n + "\x01",
    "tabs and blanks": lambda n: " \t" * (n // 2),
    "colons": lambda n: "sip:" + ":" * n,
    "at-signs": lambda n: "sip:" + "@" * n,
    "dots": lambda n: "sip:" + "." * n + "\x01",
    "question marks": lambda n: "sip:a?" + "?" * n,
    "ampersands": lambda n: "sip:a?" + "a&" * (n // 2),
    "percent signs": lambda n: "sip:" + "%" * n + "@h",
    "escapes": lambda n: "sip:" + "%ff" * (n // 3) + "@h",
    "digits": lambda n: "9" * n,
    "digits and a method": lambda n: "9" * n + " INVITE",
    "slashes": lambda n: "SIP" + " / " * (n // 3),
    "equals signs": lambda n: "Digest " + "=" * n,
    "auth parameters": lambda n: "Digest " + "a=b," * (n // 4),
    "auth blanks": lambda n: "Digest a" + " " * n + "!",
    "parentheses": lambda n: "1 (" + "(" * n,
    "folds": lambda n: "a" + "\r\n " * (n // 3),
    "wide folds": lambda n: "a" + ("\r\n" + " " * 400) * (n // 402),
    "breaks": lambda n: "\r\n" * (n // 2),
    "returns": lambda n: "\r" * n,
    "feeds": lambda n: "\n" * n,
    "short lines": lambda n: "a:b\r\n" * (n // 5),
    "media": lambda n: "v=0\r\no=- 1 1 IN IP4 h\r\n" + "m=audio 1 RTP/AVP 0\r\n" * min(n // 21, 60),
    "attributes": lambda n: "v=0\r\no=- 1 1 IN IP4 h\r\n" + "a=x\r\n" * min(n // 5, 2000),
    "boundaries": lambda n: "\r\n--b" * (n // 5),
    "boundary and blanks": lambda n: "--b" + " " * n + "x",
    "dashes": lambda n: "-" * n,
    "letters beyond ASCII": lambda n: "ü" * (n // 2),
    "bytes that are no UTF-8": lambda n: "\udcff" * n,
}


def raw(text: str) -> bytes:
    """The text as a peer sends it."""
    return text.encode("utf-8", "surrogateescape")


def feed_in_pieces(data: bytes) -> None:
    """Feed a framer with a stream in small pieces."""
    framer = Framer(OPEN)
    for at in range(0, len(data), 64):
        framer.feed(data[at : at + 64])


# Whatever reads text of a peer.
READERS: dict[str, Callable[[str], object]] = {
    "parse": lambda text: parse(raw(text), OPEN),
    "parse a field": lambda text: parse(BYE.replace(b"C", b"Foo: " + raw(text) + b"\r\nC", 1), OPEN),
    "parse To": lambda text: parse(BYE.replace(b"To: ", b"To: " + raw(text)), OPEN),
    "parse Via": lambda text: parse(BYE.replace(b"Via: ", b"Via: " + raw(text)), OPEN),
    "parse the URI": lambda text: parse(BYE.replace(b"sip:192", raw(text)), OPEN),
    "salvage": lambda text: salvaged_fields(raw(text), 1 << 30),
    "NUL": lambda text: has_bare_nul(f"{text}\0"),
    "Uri": Uri.parse,
    "NameAddr": NameAddr.parse,
    "Via": Via.parse,
    "CSeq": CSeq.parse,
    "Replaces": Replaces.parse,
    "Reason": Reason.parse,
    "Retry-After": RetryAfter.parse,
    "Warning": WarningText.parse,
    "Alert-Info": Info.parse,
    "Date": parse_date,
    "list": split_list,
    "parameters": parse_params,
    "quote": quote,
    "unquote": unquote,
    "unescape": unescape,
    "challenge": Challenge.parse,
    "credentials": Credentials.parse,
    "SDP": lambda text: Sdp.parse(raw(text)),
    "o= line": lambda text: replace_origin(raw(text), b"o=x"),
    "multipart": lambda text: parse_multipart("multipart/mixed;boundary=b", raw(text), OPEN),
    "multipart type": lambda text: parse_multipart(text, b"", OPEN),
    "sipfrag": lambda text: parse_sipfrag(raw(text), OPEN),
    "stream": lambda text: feed_in_pieces(raw(text)),
    "stream of a head": lambda text: feed_in_pieces(b"BYE sip:a SIP/2.0\r\nX: " + raw(text)),
}


def read(reader: Callable[[str], object], text: str, times: int) -> None:
    """Read a text several times, whether it is right or wrong."""
    for _ in range(times):
        with contextlib.suppress(SIPError):
            reader(text)


class Text(str):
    """A text of which one can see whether it is still there."""


class OneTextTests(SynchronousTestCase):
    """Texts of peers that are there once for all who keep them."""

    def test_same(self) -> None:
        """Equal texts are one object."""
        first, other = "".join(("<sip:102@", "pbx>")), "".join(("<sip:", "102@pbx>"))
        self.assertIs(one_text(first), one_text(other))

    def test_forgotten(self) -> None:
        """Of texts that nobody keeps only the last are known: a peer cannot fill the memory with others."""
        first = Text("<sip:102@pbx>;once")
        there = ref(first)
        one_text(first)
        del first
        self.assertIsNotNone(there())
        for number in range(2048):
            one_text(f"<sip:{number}@pbx>")
        self.assertIsNone(there())

    def test_long(self) -> None:
        """Long texts are not known at all."""
        long = Text("x" * 257)
        there = ref(long)
        self.assertIs(one_text(long), long)
        del long
        self.assertIsNone(there())


class LinearTests(SynchronousTestCase):
    """Reading costs time in proportion to length, whatever is read."""

    def test_flat(self) -> None:
        """
        From 1 KiB to 64 KiB the cost per byte does not grow.

        What is quadratic would grow to 64 times; eight times is for caches and
        for a busy machine.  Only CPU time counts, and who seems slow is
        measured again.
        """
        slow = []
        for reader_name, reader in READERS.items():
            for text_name, make in WORST.items():
                small, large = make(1024), make(65536)
                if len(large) < 4 * len(small):
                    continue
                for _ in range(4):
                    if (growth := self.growth(reader, small, large)) < 8:
                        break
                else:
                    slow.append(f"{reader_name} of {text_name}: {growth:.0f} times")
        self.assertEqual(slow, [])

    def growth(self, reader: Callable[[str], object], small: str, large: str) -> float:
        """By what factor the cost per byte grows."""
        few = cost(lambda: read(reader, small, 16)) / 16
        many = cost(lambda: read(reader, large, 1))
        return (many / len(large)) / max(few / len(small), 1e-9)
