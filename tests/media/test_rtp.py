"""Packets of RTP and telephone events."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.rtp import Events, Packet, later

WORD, HALF = st.integers(0, 2**32 - 1), st.integers(0, 65535)


class PacketTests(SynchronousTestCase):
    """RFC 3550 section 5.1."""

    @given(st.integers(0, 63), HALF, WORD, WORD, st.binary(max_size=400), st.booleans())
    def test_round_trip(self, kind: int, seq: int, at: int, ssrc: int, payload: bytes, marker: bool) -> None:
        """What is written is read as it was."""
        packet = Packet(kind, seq, at, ssrc, payload, marker)
        self.assertEqual(Packet.parse(bytes(packet)), packet)

    @given(st.binary(max_size=64))
    def test_rubbish(self, data: bytes) -> None:
        """Whatever comes, nothing is raised."""
        packet = Packet.parse(data)
        self.assertTrue(packet is None or len(packet.payload) <= len(data))

    def test_csrc_extension_and_padding(self) -> None:
        """Contributors, an extension and padding are passed over (sections 5.1 and 5.3.1)."""
        head = bytes([0x80 | 0x20 | 0x10 | 2, 8]) + struct.pack("!HII", 7, 160, 9)
        data = head + bytes(8) + struct.pack("!HH", 0xBEDE, 1) + bytes(4) + b"voice" + b"\0\0\3"
        self.assertEqual(Packet.parse(data), Packet(8, 7, 160, 9, b"voice"))

    def test_others(self) -> None:
        """STUN, RTCP and half a header are no packets (RFC 5761 section 4)."""
        rtcp = bytes([0x80, 200]) + bytes(26)
        for data in (b"", b"\x80\x08", b"\0\1" + bytes(18), rtcp):
            self.assertIsNone(Packet.parse(data))

    def test_order(self) -> None:
        """Numbers go round (section A.1)."""
        self.assertTrue(later(2, 65_535))
        self.assertFalse(later(65_535, 2))
        self.assertFalse(later(5, 5))


class EventTests(SynchronousTestCase):
    """RFC 4733."""

    def test_once(self) -> None:
        """A key is sent in many packets with one timestamp, and counts once (section 2.5.1.4)."""
        events = Events()
        pressed = [
            events.read(Packet(101, seq, at, 1, bytes([key, 10, 0, 160])))
            for seq, at, key in ((1, 0, 5), (2, 0, 5), (3, 0, 5), (4, 900, 11), (5, 900, 11), (6, 1800, 5))
        ]
        self.assertEqual(pressed, ["5", "", "", "#", "", "5"])

    def test_no_key(self) -> None:
        """Other events, a flash hook say, and half ones are no keys."""
        events = Events()
        self.assertEqual(events.read(Packet(101, 1, 0, 1, bytes([16, 0, 0, 0]))), "")
        self.assertEqual(events.read(Packet(101, 2, 9, 1, b"\1")), "")
