"""Calls as captures of packets."""

from __future__ import annotations

import os
import random
from pathlib import Path

import dpkt
from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain import pcap
from b2bua.settings import SettingsError
from tests.explain.calls import forwarded, message, small

ETHERNET = b"\x00" * 12 + b"\x08\x00"
HERE, THERE = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 7])


class CaptureTests(SynchronousTestCase):
    """What is written can be read again; what others wrote, too."""

    def setUp(self) -> None:
        """Find a place."""
        self.path = Path(self.mktemp())

    def segment(self, seq: int, data: bytes) -> bytes:
        """Make an Ethernet frame with a piece of a TCP connection."""
        inner = dpkt.tcp.TCP(sport=5060, dport=5062, seq=seq, data=data)
        packet = dpkt.ip.IP(src=HERE, dst=THERE, p=dpkt.ip.IP_PROTO_TCP, data=inner)
        packet.len = len(packet)
        return ETHERNET + bytes(packet)

    def capture(self, *frames: bytes) -> None:
        """Write frames, a second apart."""
        with self.path.open("wb") as file:
            writer = dpkt.pcap.Writer(file)
            for at, frame in enumerate(frames):
                writer.writepkt(frame, at)

    def test_round_trip(self) -> None:
        """Every message of every leg is there, with its time and its ends."""
        call = forwarded()
        self.assertEqual(pcap.write(call, self.path), len(call.messages))
        found = list(pcap.read(self.path))
        self.assertEqual([one.raw for one in found], [one.raw for one in call.messages])
        for one, was in zip(found, call.messages, strict=True):
            ends = (was.local, was.remote) if was.outgoing else (was.remote, was.local)
            self.assertEqual((one.source, one.target), ends)
            self.assertAlmostEqual(one.at, was.at, places=5)

    def test_ipv6(self) -> None:
        """A message over IPv6 is a packet of IPv6."""
        six = message("BYE sip:a SIP/2.0", remote=("2001:db8::7", 5060), outgoing=True)
        six = six.model_copy(update={"local": ("2001:db8::1", 5060)})
        pcap.write(small().model_copy(update={"messages": (six,)}), self.path)
        (found,) = pcap.read(self.path)
        self.assertEqual((found.source[0], found.target[0]), ("2001:db8::1", "2001:db8::7"))

    def test_cut_off(self) -> None:
        """A capture that is cut off is read as far as it goes."""
        pcap.write(forwarded(), self.path)
        data = self.path.read_bytes()
        self.path.write_bytes(data[: len(data) // 2])
        found = list(pcap.read(self.path))
        self.assertGreater(len(found), 5)
        self.assertEqual([one.raw for one in found], [one.raw for one in forwarded().messages][: len(found)])

    def test_streams(self) -> None:
        """Over TCP, segments are put in order, repeated ones taken once, and messages cut out."""
        raw = message("OPTIONS sip:a SIP/2.0", more="Content-Length: 4\r\n").raw + b"body"
        both = raw + raw
        starts = list(range(0, len(both), 50))
        frames = [self.segment(1000 + start, both[start : start + 50]) for start in starts]
        first, rest = frames[0], frames[1:]
        random.Random(7).shuffle(rest)
        self.capture(first, *rest, rest[0], rest[-1])
        self.assertEqual([one.raw for one in pcap.read(self.path)], [raw, raw])

    def test_other_protocols(self) -> None:
        """What is not SIP is passed over: other protocols, media, half packets."""
        media = dpkt.udp.UDP(sport=4000, dport=4002, data=b"\x80\x08" + b"\x55" * 160)
        media.ulen = len(media)
        packet = dpkt.ip.IP(src=HERE, dst=THERE, p=dpkt.ip.IP_PROTO_UDP, data=media)
        packet.len = len(packet)
        arp = b"\x00" * 12 + b"\x08\x06" + b"\x00" * 28
        self.capture(
            ETHERNET + bytes(packet), arp, ETHERNET + b"\x45", b"", self.segment(1, b"GET / HTTP/1.1\r\n")
        )
        self.assertEqual(list(pcap.read(self.path)), [])

    def test_no_capture(self) -> None:
        """Another file is refused in one line."""
        self.path.write_text("hello, this is no capture of anything")
        error = self.assertRaises(SettingsError, lambda: list(pcap.read(self.path)))
        self.assertEqual(str(error), f"{self.path}: it is neither pcap nor pcapng")

    def test_link_type(self) -> None:
        """A link type that nobody reads is named with the remedy."""
        with self.path.open("wb") as file:
            dpkt.pcap.Writer(file, linktype=127)
        error = self.assertRaises(SettingsError, lambda: list(pcap.read(self.path)))
        self.assertIn("packets of link type 127 are not read; capture on Ethernet", str(error))

    def test_progress(self) -> None:
        """A large capture tells how far it is, to its end, cut off or not; a small one tells nothing."""
        told: list[tuple[int, int]] = []
        self.capture(*[self.segment(1, b"\x00" * 60_000)] * 250)
        pcap.write(forwarded(), small := Path(self.mktemp()))
        self.assertTrue(list(pcap.read(small, lambda *far: told.append(far))))
        self.assertEqual(told, [])
        for cut in (0, 100):
            told.clear()
            os.truncate(self.path, self.path.stat().st_size - cut)
            self.assertEqual(list(pcap.read(self.path, lambda *far: told.append(far))), [])
            self.assertEqual(told, [(4, 15), (8, 15), (12, 15), (15, 15)])
