"""One party at our ear."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.endpoint import FLOOD, Endpoint
from b2bua.media.g711 import PCMA, PCMU, level
from b2bua.media.latch import STRANGE_SECONDS
from b2bua.media.negotiation import Agreed
from b2bua.media.ports import Happened
from b2bua.media.rtcp import Reports
from b2bua.media.rtp import FRAME, RATE, Packet
from b2bua.media.sounds import Sound
from tests.media.tones import tone

PHONE = ("192.0.2.8", 4000)
NAT = ("203.0.113.5", 61_000)


class EndpointTests(SynchronousTestCase):
    """L{Endpoint}."""

    def setUp(self) -> None:
        """Talk to a phone."""
        agreed = Agreed(PCMA, 8, 101, *PHONE, sends=True, hears=True)
        self.endpoint = Endpoint(agreed, 7, 65_534, 2**32 - 160, NAT[0])
        self.happened: list[Happened] = []

    def ticks(self, count: int) -> list[Packet]:
        """Let time pass, and give the packets that are sent."""
        sent = []
        for _ in range(count):
            data, happened = self.endpoint.tick()
            self.happened += happened
            if data is not None:
                packet = Packet.parse(data)
                assert packet is not None
                sent.append(packet)
        return sent

    def speaks(self, pcm: bytes, source: tuple[str, int] = PHONE) -> None:
        """Let somebody speak, a frame a turn."""
        for number in range(len(pcm) // (2 * FRAME)):
            frame = PCMA.encode(pcm[number * 2 * FRAME : (number + 1) * 2 * FRAME])
            packet = Packet(8, number, number * FRAME, 9, frame)
            self.happened += self.endpoint.receive(bytes(packet), source)
            self.ticks(1)

    def key(self, digit: int, at: int, source: tuple[str, int] = PHONE) -> None:
        """Let a key be pressed."""
        packet = Packet(101, at & 0xFFFF, at, 9, bytes([digit, 10, 0, 160]))
        self.happened += self.endpoint.receive(bytes(packet), source)

    def test_plays(self) -> None:
        """A sound leaves in frames of 20 ms whose numbers and times go round; its end is told."""
        self.endpoint.play(Sound(tone(0.06)))
        sent = self.ticks(5)
        self.assertEqual([packet.seq for packet in sent], [65_535, 0, 1])
        self.assertEqual([packet.timestamp for packet in sent], [0, 160, 320])
        self.assertEqual([packet.marker for packet in sent], [True, False, False])
        self.assertEqual(self.happened, [Happened("played")])
        self.assertGreater(level(PCMA.decode(sent[1].payload)), 4000)

    def test_repeats(self) -> None:
        """Music begins again when it is over."""
        self.endpoint.play(Sound(tone(0.04)), repeat=True)
        self.assertEqual((len(self.ticks(50)), self.happened), (50, []))

    def test_held(self) -> None:
        """Who has put us on hold is sent nothing, and what is played goes on in time."""
        self.endpoint.agree(self.endpoint.agreed._replace(sends=False))
        self.endpoint.play(Sound(tone(0.06)))
        self.assertEqual((self.ticks(5), self.happened), ([], [Happened("played")]))

    def test_behind_a_nat(self) -> None:
        """Packets go where the party's come from (RFC 4961), not where its description says."""
        self.assertEqual(self.endpoint.target, PHONE)
        self.speaks(tone(0.02), source=NAT)
        self.assertEqual(self.endpoint.target, NAT)

    def test_nobody_else(self) -> None:
        """Who came first is listened to, and nobody else."""
        self.speaks(tone(0.02))
        self.key(5, 10_000, source=("198.51.100.66", 1))
        self.assertEqual((self.happened, self.endpoint.target), ([], PHONE))

    def test_stranger_first(self) -> None:
        """Who is not where the party is, is not heard though it comes first: nobody takes a call over."""
        self.key(5, 10_000, source=("198.51.100.66", 1))
        self.assertEqual((self.happened, self.endpoint.target), ([], PHONE))
        self.speaks(tone(0.02), source=NAT)
        self.assertEqual(self.endpoint.target, NAT)

    def test_description_lies(self) -> None:
        """A host of which we have only been told is sent to for five seconds; when it speaks, on and on."""
        self.endpoint.play(Sound(tone(1.0)), repeat=True)
        self.assertAlmostEqual(len(self.ticks(500)) * 0.02, STRANGE_SECONDS, places=1)
        self.speaks(tone(0.02))
        self.assertEqual(len(self.ticks(100)), 100)

    def test_not_one_host(self) -> None:
        """A description that names a group, everybody, or no address at all has nothing sent there."""
        for host in ("224.0.0.1", "255.255.255.255", "example.com", "0.0.0.0"):
            endpoint = Endpoint(self.endpoint.agreed._replace(host=host), 7, 1, 1, NAT[0])
            endpoint.play(Sound(tone(1.0)))
            self.assertIsNone(endpoint.tick()[0], host)
            endpoint.receive(bytes(Packet(8, 1, 160, 9, bytes(160))), NAT)
            self.assertIsNotNone(endpoint.tick()[0], host)

    def test_ipv6(self) -> None:
        """An address of IPv6 is the same however the party writes it."""
        agreed = self.endpoint.agreed._replace(host="2001:DB8:0::8")
        self.endpoint = Endpoint(agreed, 7, 1, 1, "2001:db8::9")
        self.key(5, 10_000, source=("2001:db8::8", 4000))
        self.assertEqual(self.happened, [Happened("digit", "5")])

    def test_codec_changes(self) -> None:
        """A party that agrees on another codec in the middle is heard on, and hears that one."""
        self.endpoint.record(60)
        self.endpoint.play(Sound(tone(2.0)), repeat=True)
        self.speaks(tone(0.5))
        self.endpoint.agree(self.endpoint.agreed._replace(codec=PCMU, payload_type=0))
        for number in range(25, 50):
            packet = Packet(0, number, number * FRAME, 9, PCMU.encode(tone(0.02)))
            self.endpoint.receive(bytes(packet), PHONE)
            (sent,) = self.ticks(1)
            self.assertEqual(sent.payload_type, 0)
            self.assertGreater(level(PCMU.decode(sent.payload)), 4000)
        heard = self.endpoint.recorded()
        quiet = sum(level(heard[at : at + 160]) < 1000 for at in range(1600, len(heard) - 1600, 160))
        self.assertEqual(quiet, 0)

    def test_clock_changes(self) -> None:
        """Timestamps that count otherwise from now on are those of another source (RFC 7160 section 4.1)."""
        self.endpoint.play(Sound(tone(2.0)))
        (before,) = self.ticks(1)
        self.endpoint.agree(self.endpoint.agreed._replace(codec=PCMA._replace(clock=48_000)))
        first, second = self.ticks(2)
        self.assertNotEqual(first.ssrc, before.ssrc)
        self.assertEqual((second.timestamp - first.timestamp) & 0xFFFFFFFF, 960)

    def test_flood(self) -> None:
        """What comes much too fast is not looked at, and keeps nothing."""
        self.endpoint.record(60)
        for number in range(100_000):
            self.endpoint.receive(bytes(Packet(8, number & 0xFFFF, number * FRAME, 9, b"x" * 160)), PHONE)
        self.ticks(1)
        self.assertLessEqual(len(self.endpoint._channel), 2 * FLOOD)
        self.assertEqual(self.endpoint.receive(b"\x80" * 2000, PHONE), [])

    def test_lengths_of_packets(self) -> None:
        """Packets of 10, 30, 40 and 60 ms are heard as those of 20 (RFC 3551 section 4.2)."""
        for ms in (10, 30, 40, 60, 35):
            self.setUp()
            self.endpoint.record(60)
            pcm, size = tone(1.2), 2 * 8 * ms
            sent = 0
            for tick in range(60):
                while sent * ms <= tick * 20 and sent * size < len(pcm):
                    payload = PCMA.encode(pcm[sent * size : (sent + 1) * size])
                    packet = Packet(8, sent, 1000 + sent * 8 * ms, 9, payload)
                    self.endpoint.receive(bytes(packet), PHONE)
                    sent += 1
                self.ticks(1)
            heard = self.endpoint.recorded()
            quiet = sum(level(heard[at : at + 160]) < 1000 for at in range(1600, len(heard) - 1600, 160))
            self.assertLessEqual(quiet, 0 if ms != 35 else 40, ms)
            self.assertGreater(len(heard) / 2 / RATE, 1.0)

    def test_keys(self) -> None:
        """A key is told once."""
        self.key(5, 10_000)
        self.key(5, 10_000)
        self.key(11, 20_000)
        self.assertEqual(self.happened, [Happened("digit", "5"), Happened("digit", "#")])

    def test_records_until_silence(self) -> None:
        """A recording ends with silence, which is not in it."""
        self.endpoint.record(60, silence=0.5)
        self.speaks(tone(1.0))
        self.ticks(40)
        self.assertIn(Happened("recorded", "silence"), self.happened)
        self.assertLess(abs(len(self.endpoint.recorded()) / 2 / RATE - 1.0), 0.3)

    def test_records_until_full(self) -> None:
        """...or when it is full."""
        self.endpoint.record(0.2)
        self.ticks(10)
        self.assertEqual(self.happened, [Happened("recorded", "full")])

    def test_records_until_key(self) -> None:
        """...or by a key that ends it."""
        self.endpoint.record(60, keys="#")
        self.key(1, 100)
        self.key(11, 2000)
        self.assertEqual(self.happened[-1], Happened("recorded", "key"))

    def test_nobody(self) -> None:
        """Where packets are due and none come, nobody is there any more; it is told once."""
        self.ticks(int(30 / 0.02) + 200)
        self.assertEqual(self.happened, [Happened("nobody")])

    def test_reports(self) -> None:
        """Reports go where the party's RTCP is, every five seconds; what it reports is a sign of life."""
        agreed = self.endpoint.agreed._replace(control=("192.0.2.8", 4001))
        self.endpoint = Endpoint(agreed, 7, 1, 1, NAT[0], reports=Reports("x", lambda: 0.5))
        self.endpoint.play(Sound(tone(1.0)), repeat=True)
        came = 0
        for tick in range(int(60 / 0.02)):
            self.ticks(1)
            report = self.endpoint.report(0.0)
            if report is not None:
                came += 1
                self.assertEqual(report[1], ("192.0.2.8", 4001) if tick < 10 / 0.02 else (NAT[0], 61_001))
            if tick % 500 == 499:
                receiver = struct.pack("!BBHI", 0x80, 201, 1, 9)
                self.endpoint.hear_report(receiver, ("198.51.100.66", 1))
                self.endpoint.hear_report(receiver, (NAT[0], 61_001))
        self.assertEqual((came, self.happened), (15, []))
        self.ticks(int(31 / 0.02))
        self.assertEqual(self.happened, [Happened("nobody")])

    def test_nobody_is_waited_for(self) -> None:
        """...but where that is set off."""
        self.endpoint = Endpoint(self.endpoint.agreed, 7, 1, 1, silent_seconds=0)
        self.ticks(int(60 / 0.02))
        self.assertEqual(self.happened, [])

    def test_unknown_payload(self) -> None:
        """What was not agreed is not listened to."""
        packet = Packet(96, 1, 1, 66, b"x" * 160)
        self.assertEqual(self.endpoint.receive(bytes(packet), NAT), [])
        self.assertEqual(self.endpoint.target, PHONE)
