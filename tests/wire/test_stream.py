"""Streams: RFC 3261 section 18.3, RFC 5626 section 3.5.1, RFC 7118 section 5."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.wire.parser import LIMITS, Malformed, MessageLimits, parse
from b2bua.wire.stream import PING, PONG, Broken, Framer, Unit, whole_frame
from tests.wire.samples import ALL, BYE, COMPACT, INVITE, OK, REGISTER

BLANK = b"\r\n\r\n"
STREAMS: dict[str, tuple[list[bytes], list[Unit]]] = {
    "one": ([BYE], [BYE]),
    "every sample": (list(ALL.values()), list(ALL.values())),
    "ping before, between and after": (
        [BLANK, INVITE, BLANK, BLANK, OK, BLANK],
        [PING, INVITE, PING, PING, OK, PING],
    ),
    "a blank line before a message": ([b"\r\n", BYE], [PONG, BYE]),
    "compact": ([COMPACT, REGISTER], [COMPACT, REGISTER]),
}


class FramerTests(SynchronousTestCase):
    """L{Framer}."""

    def test_every_split(self) -> None:
        """A stream may be cut anywhere into two segments."""
        for name, (pieces, units) in STREAMS.items():
            stream = b"".join(pieces)
            for at in range(len(stream) + 1):
                framer = Framer()
                self.assertEqual(framer.feed(stream[:at]) + framer.feed(stream[at:]), units, (name, at))
                self.assertEqual(framer.pending, 0)

    def test_byte_by_byte(self) -> None:
        """Or into single bytes."""
        for name, (pieces, units) in STREAMS.items():
            framer = Framer()
            got = [unit for byte in b"".join(pieces) for unit in framer.feed(bytes([byte]))]
            self.assertEqual(got, units, name)

    def test_every_split_of_a_stream_that_we_opened(self) -> None:
        """On a connection of ours each CRLF between messages is a pong."""
        stream = b"\r\n" + OK + b"\r\n\r\n" + BYE + b"\r\n"
        for at in range(len(stream) + 1):
            framer = Framer(opened=True)
            got = framer.feed(stream[:at]) + framer.feed(stream[at:])
            self.assertEqual(got, [PONG, OK, PONG, PONG, BYE, PONG], at)

    def test_pong_is_heard_at_once(self) -> None:
        """A pong waits for nothing (RFC 5626 section 4.4.1)."""
        self.assertEqual(Framer(opened=True).feed(b"\r\n"), [PONG])
        self.assertEqual(Framer().feed(b"\r\n"), [])

    def test_ready_before_the_next(self) -> None:
        """A message is given as soon as its last byte is there."""
        self.assertEqual(Framer().feed(INVITE), [INVITE])

    def test_binary_body(self) -> None:
        """A body that looks like messages and pings is a body."""
        body = BLANK + BYE + b"\0\xff"
        message = BYE.replace(b"Content-Length: 0", b"Content-Length: %d" % len(body)) + body
        self.assertEqual(Framer().feed(message + BYE), [message, BYE])

    def test_spellings_of_content_length(self) -> None:
        """Compact, spaced, folded, in any case."""
        for line in (
            b"l:2",
            b"L : 2",
            b"CONTENT-LENGTH\t: \t2 ",
            b"content-length:\r\n 2",
            b"Content-Length: 00002",
        ):
            message = BYE.replace(b"Content-Length: 0", line) + b"ab"
            self.assertEqual(Framer().feed(message), [message], line)
            self.assertEqual(parse(message).body, b"ab")

    def refused(
        self, data: bytes, code: int, limits: MessageLimits = LIMITS, *, answerable: bool = True
    ) -> Broken:
        """The stream is given up, and the request is answered with C{code}."""
        error: Broken = self.assertRaises(Broken, Framer(limits).feed, BYE + data)
        self.assertEqual((error.code, error.units), (code, [BYE]))
        self.assertEqual(error.salvage is not None, answerable)
        return error

    def test_no_content_length(self) -> None:
        """On a stream Content-Length is needed (section 18.3)."""
        self.refused(BYE.replace(b"Content-Length", b"X-Length"), 400)
        self.refused(BYE.replace(b"Content-Length", b"Subject: a\r\n Content-Length"), 400)

    def test_bad_content_length(self) -> None:
        """One that is no number, or given twice, gives up the stream (request smuggling)."""
        for value in (b"-1", b"x", b"", b"1, 1", b"+1", b"9" * 30, b"0x1", b"1 1"):
            self.refused(BYE.replace(b"Length: 0", b"Length: " + value), 400)
        self.refused(BYE.replace(b"Content-Length: 0", b"l: 0\r\nContent-Length: 0"), 400)

    def test_limits(self) -> None:
        """A head or a body that is too long gives up the stream before it is all there."""
        self.refused(BYE.replace(b"Length: 0", b"Length: 70000"), 413)
        self.refused(BYE.replace(b"\r\n\r\n", b"\r\nFoo: " + b"x" * 33000), 513)
        self.refused(BYE.replace(b"Content", b"Foo: " + b"x" * 33000 + b"\r\nContent"), 513)
        self.refused(b"x" * 33000, 414, answerable=False)

    def test_bounded(self) -> None:
        """No more is kept than a message may be long."""
        framer = Framer()
        with self.assertRaises(Malformed):
            for _ in range(10000):
                framer.feed(b"x" * 100)
                self.assertLess(framer.pending, LIMITS.head + 200)

    def test_line_ends_without_end(self) -> None:
        """What a phone missed in two hours is a run of pings; very many at once are none (RFC 5626 3.5.1)."""
        for opened in (False, True):
            self.assertEqual(len(Framer(opened=opened).feed(b"\r\n\r\n" * 255)) // (1 + opened), 255)
            error: Broken = self.assertRaises(Broken, Framer(opened=opened).feed, b"\r\n\r\n" * 16_000)
            self.assertEqual(error.units, [])


class FrameTests(SynchronousTestCase):
    """L{whole_frame}."""

    def test_message(self) -> None:
        """A frame is a message (RFC 7118 section 5)."""
        self.assertEqual(whole_frame(BYE), BYE)

    def test_content_length_is_optional(self) -> None:
        """Content-Length may be missing, since the frame has a length."""
        message = parse(INVITE.replace(b"Content-Length", b"X-Length"))
        self.assertEqual(message.body, parse(INVITE).body)

    def test_keep_alive(self) -> None:
        """Some send CRLFs as over TCP."""
        self.assertEqual([whole_frame(data) for data in (b"", b"\r\n", b"\r\n\r\n")], [None, PONG, PING])

    def test_limit(self) -> None:
        """A frame that is too long is refused with 513."""
        self.assertEqual(self.assertRaises(Malformed, whole_frame, b"x" * 65537).code, 513)
