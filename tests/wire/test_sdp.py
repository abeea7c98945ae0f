"""Session descriptions: RFC 8866, RFC 3264, and hold as in RFC 2543."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError, UsageError
from b2bua.wire.sdp import Media, Origin, Sdp, origin_of, replace_origin, without_origin
from tests.wire.samples import SDP

VIDEO = (
    b"v=0\r\no=jdoe 3724394400 3724394405 IN IP6 2001:db8::1\r\ns=Call to John Smith\r\n"
    b"i=SDP Offer #1\r\nu=http://www.jdoe.example.com/home.html\r\ne=Jane Doe <jane@jdoe.example.com>\r\n"
    b"p=+1 617 555-6011\r\nc=IN IP6 2001:db8::2\r\nb=CT:512\r\nt=0 0\r\na=sendonly\r\n"
    b"m=audio 49170/2 RTP/AVP 0 8\r\ni=sound\r\na=inactive\r\n"
    b"m=audio 0 RTP/AVP 0\r\n"
    b"m=video 51372 RTP/SAVP 99 97\r\nc=IN IP4 233.252.0.2/127/3\r\na=rtpmap:99 h263-1998/90000\r\n"
    b"a=rtpmap:97 VP8/90000\r\na=fmtp:97 x=1\r\na=rtcp-fb:97 nack\r\na=rtcp-fb:* ccm fir\r\n"
)


class ReadTests(SynchronousTestCase):
    """Descriptions as values."""

    def test_parts(self) -> None:
        """The lines that a server looks at."""
        sdp = Sdp.parse(SDP)
        self.assertEqual(sdp.origin, Origin("-", "20000", 20000, "IN", "IP4", "10.0.0.5"))
        self.assertEqual(
            (sdp.name, sdp.connection, sdp.direction, sdp.held), ("SDP data", "10.0.0.5", "sendrecv", False)
        )
        audio = sdp.media[0]
        self.assertEqual((audio.kind, audio.port, audio.proto), ("audio", 11780, "RTP/AVP"))
        self.assertEqual(audio.formats, ("0", "8", "18", "9", "101"))
        self.assertEqual(audio.codecs["101"], "telephone-event/8000")
        self.assertEqual(audio.attributes("ptime"), ["20"])
        self.assertEqual((audio.connection, audio.direction, audio.rejected), ("10.0.0.5", "sendrecv", False))

    def test_written_as_read(self) -> None:
        """Bytes go out as they came in, whatever ends their lines."""
        for body in (
            SDP,
            VIDEO,
            SDP.replace(b"\r\n", b"\n"),
            SDP[:-2],
            SDP + b"\r\n",
            SDP.replace(b"SDP data", b"\xff"),
        ):
            self.assertEqual(bytes(Sdp.parse(body)), body)

    def test_inherited(self) -> None:
        """Direction and address of the session hold for media without their own (sections 5.7, 6.7)."""
        one, two, three = Sdp.parse(VIDEO).media
        self.assertEqual([m.direction for m in (one, two, three)], ["inactive", "sendonly", "sendonly"])
        self.assertEqual(
            [m.connection for m in (one, two, three)], ["2001:db8::2", "2001:db8::2", "233.252.0.2"]
        )
        self.assertEqual([m.rejected for m in (one, two, three)], [False, True, False])

    def test_hold(self) -> None:
        """Hold is known in both notations (RFC 3264 section 8.4, RFC 2543 section B.5)."""
        for old, new, held in (
            (b"a=sendrecv", b"a=sendonly", True),
            (b"a=sendrecv", b"a=inactive", True),
            (b"a=sendrecv", b"a=recvonly", False),
            (b"a=sendrecv\r\n", b"", False),
            (b"c=IN IP4 10.0.0.5", b"c=IN IP4 0.0.0.0", True),
            (b"c=IN IP4 10.0.0.5", b"c=IN IP6 ::", True),
        ):
            self.assertEqual(Sdp.parse(SDP.replace(old, new)).held, held, new)

    def test_refused_media_do_not_count(self) -> None:
        """A stream with port 0 says nothing about hold or direction."""
        body = SDP.replace(b"m=audio 11780", b"m=video 0 RTP/AVP 99\r\na=inactive\r\nm=audio 11780")
        self.assertEqual((Sdp.parse(body).held, Sdp.parse(body).direction), (False, "sendrecv"))
        ended = Sdp.parse(SDP.replace(b"m=audio 11780", b"m=audio 0"))
        self.assertFalse(ended.held)

    def test_malformed(self) -> None:
        """What is no description is refused with 400."""
        for body in (
            b"",
            b"\r\n",
            b"v=1\r\n",
            b"hello",
            SDP.replace(b"o=", b"x="),
            SDP.replace(b"s=", b"s "),
            SDP.replace(b"s=SDP data", b""),
            SDP.replace(b"SDP data", b"a\0b"),
            SDP.replace(b"11780", b"65536"),
            SDP.replace(b"11780", b"-1"),
            SDP.replace(b"11780", b"x"),
            SDP.replace(b"11780", b"2/x"),
            SDP.replace(b" RTP/AVP 0 8 18 9 101", b""),
        ):
            self.assertEqual(self.assertRaises(PeerError, Sdp.parse, body).code, 400, body)
        for line in (b"o=- 1 x IN IP4 h", b"o=- 1", b"o=" + b"1 " * 9):
            sdp = Sdp.parse(replace_origin(SDP, line))
            self.assertRaises(PeerError, lambda sdp=sdp: sdp.origin)
        self.assertRaises(PeerError, Sdp.parse, SDP.replace(b"c=IN IP4 10.0.0.5", b"c=IN"))
        self.assertRaises(PeerError, Sdp.parse, SDP + b"c=IN IP4\r\n")  # that of a stream as well

    def test_limits(self) -> None:
        """Lines and media are counted."""
        self.assertEqual(self.assertRaises(PeerError, Sdp.parse, SDP + b"a=x\r\n" * 2048).code, 413)
        self.assertEqual(self.assertRaises(PeerError, Sdp.parse, SDP + b"m=a 1 b c\r\n" * 64).code, 413)


class ChangeTests(SynchronousTestCase):
    """Changed copies: nothing but the line in question is another."""

    def differs(self, sdp: Sdp, old: bytes, new: bytes, body: bytes = SDP) -> None:
        """Only C{old} has become C{new}."""
        assert old in body
        self.assertEqual(bytes(sdp), body.replace(old, new))
        self.assertEqual(bytes(Sdp.parse(bytes(sdp))), bytes(sdp))

    def test_origin(self) -> None:
        """Another o= line, or the next version of it (RFC 3264 section 8)."""
        sdp = Sdp.parse(SDP)
        self.differs(
            sdp.with_origin(Origin("pbx", "1", 7)),
            b"o=- 20000 20000 IN IP4 10.0.0.5",
            b"o=pbx 1 7 IN IP4 0.0.0.0",
        )
        self.differs(sdp.with_origin(sdp.origin.next_version()), b"20000 20000", b"20000 20001")

    def test_direction(self) -> None:
        """The direction is replaced where it is stated, else added."""
        sdp = Sdp.parse(SDP)
        self.differs(sdp.with_direction("sendonly"), b"a=sendrecv", b"a=sendonly")
        silent = SDP.replace(b"a=sendrecv\r\n", b"")
        self.assertEqual(bytes(Sdp.parse(silent).with_direction("inactive")), silent + b"a=inactive\r\n")
        self.assertRaises(ValueError, sdp.with_direction, "both")

    def test_port(self) -> None:
        """The port, keeping the number of ports."""
        sdp = Sdp.parse(VIDEO)
        audio = sdp.media[0].with_port(4000)
        self.differs(sdp.with_media([audio, *sdp.media[1:]]), b"49170/2", b"4000/2", VIDEO)

    def test_reject(self) -> None:
        """A refused stream keeps its place with port 0 (RFC 3264 section 6)."""
        refused = Sdp.parse(SDP).media[0].rejected_copy()
        self.assertEqual(refused.lines, ("m=audio 0 RTP/AVP 0 8 18 9 101",))
        self.assertTrue(refused.rejected)

    def test_formats(self) -> None:
        """A format goes with its attributes."""
        video = Sdp.parse(VIDEO).media[2].with_formats(["99"])
        self.assertEqual(
            video.lines,
            (
                "m=video 51372 RTP/SAVP 99",
                "c=IN IP4 233.252.0.2/127/3",
                "a=rtpmap:99 h263-1998/90000",
                "a=rtcp-fb:* ccm fir",
            ),
        )

    def test_connection(self) -> None:
        """c= is replaced, or put where section 5 wants it."""
        sdp = Sdp.parse(VIDEO)
        self.differs(
            sdp.with_media([*sdp.media[:2], sdp.media[2].with_connection("192.0.2.9")]),
            b"c=IN IP4 233.252.0.2/127/3",
            b"c=IN IP4 192.0.2.9",
            VIDEO,
        )
        self.differs(
            sdp.with_media([sdp.media[0].with_connection("2001:db8::9"), *sdp.media[1:]]),
            b"i=sound\r\n",
            b"i=sound\r\nc=IN IP6 2001:db8::9\r\n",
            VIDEO,
        )

    def test_session(self) -> None:
        """What changes for the session changes for its media."""
        sdp = Sdp.parse(VIDEO)
        changed = sdp.with_session(sdp.session.with_direction("recvonly").with_connection("192.0.2.1"))
        self.assertEqual([m.direction for m in changed.media], ["inactive", "recvonly", "recvonly"])
        self.assertEqual(changed.media[0].connection, "192.0.2.1")
        self.assertEqual(
            [m.direction for m in Sdp.parse(bytes(changed)).media], [m.direction for m in changed.media]
        )

    def test_attributes(self) -> None:
        """Attributes come and go."""
        audio = Sdp.parse(SDP).media[0]
        self.assertEqual(audio.with_attribute("ptime", "30").attributes("ptime"), ["30"])
        self.assertEqual(audio.with_attribute("x").attributes("x"), [""])
        self.assertEqual(audio.without_attribute("rtpmap").codecs, {})
        self.assertIsInstance(audio.with_attribute("x"), Media)

    def test_injection(self) -> None:
        """No line can be smuggled in."""
        audio = Sdp.parse(SDP).media[0]
        for bad in ("x\r\na=y", "x\n", "x\r"):
            self.assertRaises(UsageError, audio.with_attribute, "tool", bad)
            self.assertRaises(UsageError, audio.with_connection, bad)
            self.assertRaises(UsageError, audio.with_formats, [bad])
            self.assertRaises(UsageError, str, Origin(bad, "1", 1))


class OriginTests(SynchronousTestCase):
    """The o= line alone, without parsing the rest."""

    def test_replace(self) -> None:
        """Only the o= line of the description is another."""
        self.assertEqual(
            replace_origin(SDP, b"o=x \\1"), SDP.replace(b"o=- 20000 20000 IN IP4 10.0.0.5", b"o=x \\1")
        )
        self.assertEqual(replace_origin(b"v=0\r\n", b"o=x"), b"v=0\r\n")
        self.assertEqual(replace_origin(b"v=0\no=a\ns=o=b\n", b"o=x"), b"v=0\no=x\ns=o=b\n")

    def test_compare(self) -> None:
        """Two bodies can be compared but for their o= lines."""
        self.assertEqual(without_origin(SDP), without_origin(replace_origin(SDP, b"o=a b")))
        self.assertNotEqual(without_origin(SDP), without_origin(SDP.replace(b"11780", b"11782")))

    def test_read(self) -> None:
        """The line can be read alone."""
        self.assertEqual(origin_of(SDP), Sdp.parse(SDP).origin)
        self.assertEqual(Origin.parse(str(Sdp.parse(SDP).origin)).line, b"o=- 20000 20000 IN IP4 10.0.0.5")
        self.assertIsNone(origin_of(b"v=0\r\n"))
