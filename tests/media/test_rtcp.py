"""Reports of an endpoint of ours."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.rtcp import BYE, EPOCH, RECEIVER, SENDER, SOURCE, Reports, place
from b2bua.wire.sdp import Media


def packets(data: bytes) -> list[tuple[int, int, bytes]]:
    """The packets of a compound one: type, count, what follows."""
    found = []
    while data:
        first, kind, words = struct.unpack_from("!BBH", data)
        assert first >> 6 == 2
        found.append((kind, first & 0x1F, data[4 : 4 + 4 * words]))
        data = data[4 + 4 * words :]
    return found


class ReportsTests(SynchronousTestCase):
    """L{Reports}."""

    def setUp(self) -> None:
        """Nothing was said."""
        self.reports = Reports("0123456789abcdef", lambda: 0.5)

    def hears(self, *numbers: int) -> None:
        """Let packets of the party come."""
        for number in numbers:
            self.reports.reception.take(number, number * 160, 66, number * 0.02, 8000)

    def report(self, now: float = 10.0, *, bye: bool = False) -> list[tuple[int, int, bytes]]:
        """Report."""
        return packets(self.reports.report(7, 1600, now, 1_700_000_000.5, bye=bye))

    def test_sender(self) -> None:
        """Who has sent says how much, and what time it is (section 6.4.1); else it is a receiver."""
        self.reports.sent(160)
        self.reports.sent(160)
        (kind, count, body), source = self.report()
        self.assertEqual((kind, count, source[0]), (SENDER, 0, SOURCE))
        seconds = 1_700_000_000 + EPOCH
        self.assertEqual(struct.unpack("!6I", body), (7, seconds, 2**31, 1600, 2, 320))
        (kind, count, body), _ = self.report()
        self.assertEqual((kind, count, body), (RECEIVER, 0, b"\0\0\0\7"))

    def test_name(self) -> None:
        """Each compound packet names us (section 6.5.1), filled up with zeros to whole words."""
        for name in ("a", "ab", "abc", "abcd"):
            _, (_, count, body) = packets(Reports(name, lambda: 0.5).report(7, 0, 0.0, 0.0))
            self.assertEqual(count, 1)
            self.assertEqual(body[:6], struct.pack("!IBB", 7, 1, len(name)))
            self.assertEqual(body[6:].rstrip(b"\0").decode(), name)
            self.assertTrue(body.endswith(b"\0"))

    def test_heard(self) -> None:
        """What is lost is said of the time since the last report, and of all (section A.3)."""
        self.hears(1, 2, 3, 5, 6, 8, 9, 10)
        (_, count, body), _ = self.report()
        ssrc, lost, highest, _, last, delay = struct.unpack("!6I", body[4:])
        self.assertEqual((count, ssrc, lost >> 24, lost & 0xFFFFFF, highest), (1, 66, 51, 2, 10))
        self.assertEqual((last, delay), (0, 0))
        self.hears(11, 12)
        (_, _, body), _ = self.report()
        self.assertEqual(struct.unpack("!I", body[8:12])[0], 2)

    def test_more_than_was_sent(self) -> None:
        """Packets that come twice make the loss negative, and no fraction."""
        self.hears(1, 2, 2, 2)
        (_, _, body), _ = self.report()
        self.assertEqual(struct.unpack("!I", body[8:12])[0], 0xFFFFFE)

    def test_round_trip(self) -> None:
        """A party finds out how long the way is by the time of its own report, and how long it lay here."""
        self.hears(1)
        theirs = struct.pack("!BBH6I", 0x80, SENDER, 6, 66, 0x11112222, 0x33334444, 0, 0, 0)
        self.assertTrue(self.reports.hear(theirs, 8.0))
        (_, _, body), _ = self.report(10.0)
        self.assertEqual(struct.unpack("!II", body[-8:]), (0x22223333, 2 * 65536))

    def test_bye(self) -> None:
        """The last one says so (section 6.6)."""
        self.assertEqual(self.report(bye=True)[-1], (BYE, 1, b"\0\0\0\7"))

    def test_times(self) -> None:
        """The first is due after half of five seconds, by chance more or less (section 6.3.1)."""
        self.assertFalse(self.reports.is_due(100.0))
        self.assertFalse(self.reports.is_due(102.0))
        self.assertTrue(self.reports.is_due(102.1))
        self.assertFalse(self.reports.is_due(106.0))
        self.assertTrue(self.reports.is_due(106.3))

    @given(st.binary(max_size=60))
    def test_rubbish(self, data: bytes) -> None:
        """What is no report is not taken for one, whatever it is."""
        looks = len(data) >= 8 and data[0] >> 6 == 2 and 200 <= data[1] <= 207
        self.assertLessEqual(self.reports.hear(data, 0.0), looks)

    def test_place(self) -> None:
        """RTCP goes to the next port, or to the one that is named (RFC 3605)."""
        for line, found in (("", 4001), ("a=rtcp:53020", 53020), ("a=rtcp:0", 4001), ("a=rtcp:x", 4001)):
            lines = ("m=audio 4000 RTP/AVP 0", *filter(None, [line]))
            self.assertEqual(place(Media.of(lines, None, "192.0.2.8"), "192.0.2.8"), ("192.0.2.8", found))
