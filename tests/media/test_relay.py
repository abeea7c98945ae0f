"""The media of one call, passed on between its legs."""

from __future__ import annotations

import json
import struct

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.latch import STRANGE_SECONDS, Address
from b2bua.media.ports import NoRelay, RelayHappened, Towards
from b2bua.media.relay import Relay
from b2bua.media.relay_port import FLOOD, FLOOD_OTHERS, Port
from b2bua.media.rtp import Packet
from b2bua.media.stereo import Stereo
from b2bua.wire.sdp import Sdp

OURS = "192.0.2.1"
TOWARDS = Towards(OURS)
REPORT = struct.pack("!BBHI", 0x80, 201, 1, 7)
"""A receiver report of nothing (RFC 3550 section 6.4.2)."""


class Phone:
    """Someone with an address, at a leg of the same name."""

    def __init__(self, name: str, host: str, port: int = 4000) -> None:
        """Prepare."""
        self.name, self.host, self.port = name, host, port
        self.lines: tuple[str, ...] = ()
        self.proto = "RTP/AVP"
        self.direction = "sendrecv"

    @property
    def session(self) -> bytes:
        """Its description."""
        family = "IP6" if ":" in self.host else "IP4"
        lines = (
            "v=0", f"o=- 7 7 IN {family} {self.host}", "s=-", f"c=IN {family} {self.host}", "t=0 0",
            f"m=audio {self.port} {self.proto} 8 101", "a=rtpmap:101 telephone-event/8000",
            f"a={self.direction}", *self.lines,
        )  # fmt: skip
        return "".join(f"{line}\r\n" for line in lines).encode()

    @property
    def address(self) -> Address:
        """From where it speaks."""
        return self.host, self.port


class RelayTests(SynchronousTestCase):
    """L{Relay}."""

    def setUp(self) -> None:
        """Three phones, and a relay whose ports are numbers."""
        self.alice, self.bob, self.carol = (
            Phone("alice", "192.0.2.11"),
            Phone("bob", "192.0.2.12"),
            Phone("carol", "192.0.2.13"),
        )
        self.opened: dict[int, Port] = {}
        self.most = 100
        self.relay = Relay(self)
        self.now = 1000.0
        self.seq = 0

    # ---- what the relay asks for

    def open(self, ports: tuple[Port, ...], host: str, number: int) -> int:
        """Open ports from 20000 on."""
        first = number or next(n for n in range(20_000, 30_000, 2) if n not in self.opened)
        if first in self.opened or len(self.opened) + len(ports) > self.most:
            raise NoRelay("no free port")
        for at, port in enumerate(ports):
            self.opened[first + at] = port
        return first

    def close(self, port: Port) -> None:
        """Close one."""
        del self.opened[port.number]

    # ---- what is done to it

    def offers(self, by: Phone, to: Phone, towards: Towards = TOWARDS, peer: str = "") -> int:
        """Let an offer pass; the port that its party is told."""
        passed = self.relay.offer(by.name, to.name, by.session, towards, peer or by.host)
        return Sdp.parse(passed).media[0].port

    def answers(self, by: Phone, to: Phone, towards: Towards = TOWARDS, peer: str = "") -> int:
        """Let an answer pass."""
        passed = self.relay.answer(by.name, to.name, by.session, towards, peer or by.host)
        return Sdp.parse(passed).media[0].port

    def talk(self, one: Phone, other: Phone) -> tuple[int, int]:
        """Let two agree; the ports to which they send."""
        theirs = self.offers(one, other)
        return self.answers(other, one), theirs

    def says(self, source: Address, port: int, data: bytes = b"") -> tuple[int, Address] | None:
        """Let a packet come; from which port it goes where."""
        self.seq += 1
        data = data or bytes(Packet(8, self.seq, self.seq * 160, 7, b"\x55" * 160))
        way = self.opened[port].receive(data, source, self.now)
        return None if way is None else (way[0].number, way[1])

    # ---- the tests

    def test_two(self) -> None:
        """Each hears the other, from the port to which it sends itself (RFC 4961)."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.assertEqual(self.says(self.alice.address, to_alice), (to_bob, self.bob.address))
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, self.alice.address))

    def test_ports_are_even(self) -> None:
        """RTP has an even port, and RTCP the next one (RFC 3550 section 11)."""
        ports = self.talk(self.alice, self.bob)
        self.assertEqual([port % 2 for port in ports], [0, 0])
        self.assertEqual(len(self.opened), 4)

    def test_rtcp(self) -> None:
        """RTCP goes by the next port, or by the same one (RFC 5761); both pass."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        control = (self.alice.host, self.alice.port + 1)
        self.assertEqual(
            self.says(control, to_alice + 1, REPORT), (to_bob + 1, (self.bob.host, self.bob.port + 1))
        )
        self.assertEqual(self.says(self.alice.address, to_alice, REPORT), (to_bob, self.bob.address))

    def test_rubbish(self) -> None:
        """Neither STUN nor rubbish passes, nor RTP where RTCP goes."""
        to_alice, _ = self.talk(self.alice, self.bob)
        for data in (b"\0" * 20, b"x", b"\r\n\r\n", b"\x80" * 4, b"\x16\xfe\xfd" + b"x" * 20):
            self.assertIsNone(self.says(self.alice.address, to_alice, data))
        self.assertIsNone(self.says((self.alice.host, self.alice.port + 1), to_alice + 1))

    def test_no_calls_by_fax(self) -> None:
        """What is described as a fax at a carrier's SIP port gets no SIP from us: only faxes pass."""
        self.bob.lines = ("m=image 5060 udptl t38",)
        self.alice.lines = ("m=image 4004 udptl t38",)
        self.talk(self.alice, self.bob)
        fax = self.relay.legs["alice"].ports[1][0].number
        call = b"INVITE sip:+882@carrier.example.com %s\r\nVia: SIP/2.0/UDP 192.0.2.11\r\n\r\n"
        for version in (b"SIP/2.0", b"sip/2.0"):
            self.assertIsNone(self.says((self.alice.host, 4004), fax, call % version))
        self.assertIsNotNone(self.says((self.alice.host, 4004), fax, b"\0\1\1\0\0\0"))

    def test_behind_nat(self) -> None:
        """A phone behind NAT is heard from the host that it signals from, and gets what is said there."""
        self.offers(self.alice, self.bob, peer="203.0.113.5")
        to_alice = self.answers(self.bob, self.alice)
        nat = ("203.0.113.5", 61_000)
        self.assertIsNotNone(self.says(nat, to_alice))
        to_bob = self.relay.legs["bob"].ports[0][0].number
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, nat))

    def test_no_open_relay(self) -> None:
        """A stranger's packets go nowhere, and before the party's first one neither."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.assertIsNone(self.says(("198.51.100.66", 4000), to_alice))
        self.says(self.alice.address, to_alice)
        self.assertIsNone(self.says((self.alice.host, 9999), to_alice))
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, self.alice.address))

    def test_nobody_before_the_answer(self) -> None:
        """Nothing passes before there is an answer."""
        to_bob = self.offers(self.alice, self.bob)
        self.assertIsNone(self.says(self.bob.address, to_bob))
        self.assertIsNone(self.says(self.alice.address, to_bob))

    def test_description_lies(self) -> None:
        """A description that names another host has it sent to for five seconds, as it never speaks."""
        victim = Phone("alice", "198.51.100.99")
        self.offers(victim, self.bob, peer=self.alice.host)
        self.answers(self.bob, victim)
        to_bob = self.relay.legs["bob"].ports[0][0].number
        self.assertIsNotNone(self.says(self.bob.address, to_bob))
        self.now += STRANGE_SECONDS + 0.1
        self.assertIsNone(self.says(self.bob.address, to_bob))

    def test_circles(self) -> None:
        """Descriptions that name our own ports have no packets go round and round."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.alice.host, self.alice.port = OURS, to_alice
        self.bob.host, self.bob.port = OURS, to_bob
        self.talk(self.alice, self.bob)
        for source in ((OURS, to_alice), (OURS, to_bob)):
            self.assertIsNone(self.says(source, to_alice))
            self.assertIsNone(self.says(source, to_bob))

    def test_flood(self) -> None:
        """Of a flood so much passes as a phone can send; more of video."""
        self.alice.lines = self.bob.lines = ("m=video 5000 RTP/AVP 96",)
        to_alice, _ = self.talk(self.alice, self.bob)
        passed = [self.says(self.alice.address, to_alice) for _ in range(10_000)]
        self.assertEqual(sum(way is not None for way in passed), FLOOD)
        video = self.relay.legs["alice"].ports[1][0].number
        passed = [self.says((self.alice.host, 5000), video) for _ in range(10_000)]
        self.assertEqual(sum(way is not None for way in passed), FLOOD_OTHERS)
        self.now += 0.02
        self.assertIsNotNone(self.says(self.alice.address, to_alice))

    def test_families(self) -> None:
        """One by IPv4 and one by IPv6 hear each other."""
        self.bob.host = "2001:db8::12"
        to_bob = self.offers(self.alice, self.bob, Towards("2001:db8::1"))
        to_alice = self.answers(self.bob, self.alice)
        self.assertEqual(self.says(self.alice.address, to_alice), (to_bob, self.bob.address))
        self.assertEqual(self.opened[to_bob].host, "2001:db8::1")

    def test_forks(self) -> None:
        """Of several that answer an offer the caller hears the last; when that is gone, the one before."""
        to_bob, to_carol = self.offers(self.alice, self.bob), self.offers(self.alice, self.carol)
        to_alice = self.answers(self.bob, self.alice)
        self.assertIsNotNone(self.says(self.bob.address, to_bob))
        self.assertEqual(self.answers(self.carol, self.alice), to_alice)
        self.assertIsNone(self.says(self.bob.address, to_bob))
        self.assertEqual(self.says(self.carol.address, to_carol), (to_alice, self.alice.address))
        self.assertEqual(self.says(self.alice.address, to_alice), (to_carol, self.carol.address))
        self.relay.drop("carol")
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, self.alice.address))

    def test_first_answer_again(self) -> None:
        """Who answers for good (200 after 183) is heard, whoever had answered early meanwhile."""
        to_bob, _ = self.offers(self.alice, self.bob), self.offers(self.alice, self.carol)
        for phone in (self.bob, self.carol, self.bob):
            self.answers(phone, self.alice)
        self.assertIsNotNone(self.says(self.bob.address, to_bob))

    def test_transferred(self) -> None:
        """After a transfer the target takes the place of who has left, and keeps its ports."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.relay.drop("alice")
        self.assertEqual(self.offers(self.carol, self.bob), to_bob)
        to_carol = self.answers(self.bob, self.carol)
        self.assertEqual(self.says(self.carol.address, to_carol), (to_bob, self.bob.address))
        self.assertNotIn(to_alice, {*self.opened} - {to_carol})

    def test_change_refused(self) -> None:
        """An offer that is refused changes nothing."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.alice.port = 6000
        self.offers(self.alice, self.bob)
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, (self.alice.host, 4000)))

    def test_moves(self) -> None:
        """A party that describes another address is sent there from the answer on, from the same port."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.says(self.alice.address, to_alice)
        before, self.alice.port = self.alice.address, 6000
        self.assertEqual(self.talk(self.alice, self.bob), (to_alice, to_bob))
        self.assertIsNotNone(self.says(before, to_alice))
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, self.alice.address))
        self.assertIsNotNone(self.says(self.alice.address, to_alice))
        self.assertIsNone(self.says(before, to_alice))

    def test_stream_ends(self) -> None:
        """A stream that is refused has no ports any more."""
        self.alice.lines = self.bob.lines = ("m=video 5000 RTP/AVP 96",)
        self.talk(self.alice, self.bob)
        self.assertEqual(len(self.opened), 8)
        self.bob.lines = ("m=video 0 RTP/AVP 96",)
        self.talk(self.alice, self.bob)
        self.assertEqual(len(self.opened), 4)

    def test_no_port(self) -> None:
        """Without a free port nothing has changed: no half of a stream stays open."""
        self.most = 2
        self.alice.lines = ("m=video 5000 RTP/AVP 96",)
        self.assertRaises(NoRelay, self.offers, self.alice, self.bob)
        self.assertEqual(self.opened, {})

    def test_encrypted(self) -> None:
        """SRTP passes without being understood, and is neither looked into nor recorded."""
        self.alice.proto = self.bob.proto = "RTP/SAVP"
        self.alice.lines = self.bob.lines = ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",)
        to_alice, to_bob = self.talk(self.alice, self.bob)
        key = bytes(Packet(101, 1, 1, 7, bytes([5, 10, 0, 160])))
        self.assertEqual(self.says(self.alice.address, to_alice, key), (to_bob, self.bob.address))
        self.assertEqual(self.relay.happened, [])
        self.assertIn("encrypted", str(self.assertRaises(NoRelay, self.relay.recordable)))

    def test_keys(self) -> None:
        """A key is told once, with who has pressed it, and passes on."""
        to_alice, _ = self.talk(self.alice, self.bob)
        for _ in range(3):
            key = bytes(Packet(101, 1, 1, 7, bytes([5, 10, 0, 160])))
            self.assertIsNotNone(self.says(self.alice.address, to_alice, key))
        self.assertEqual(self.relay.happened, [RelayHappened("digit", "alice", "5")])

    def test_silent(self) -> None:
        """Who sends nothing though it said so is told of, again and again; RTCP is a sign of life."""
        _, to_bob = self.talk(self.alice, self.bob)
        self.assertEqual(self.relay.silent(self.now, 30), [])
        self.now += 29
        self.says((self.bob.host, self.bob.port + 1), to_bob + 1, REPORT)
        self.now += 2
        self.assertEqual(self.relay.silent(self.now, 30), [RelayHappened("silent", "alice")])
        self.assertEqual(self.relay.silent(self.now + 1, 30), [])
        self.now += 31
        self.assertEqual(len(self.relay.silent(self.now, 30)), 2)

    def test_held_is_not_silent(self) -> None:
        """Of who is not asked to send nothing is missed."""
        self.alice.direction, self.bob.direction = "sendonly", "recvonly"
        self.talk(self.alice, self.bob)
        self.relay.silent(self.now, 30)
        self.assertEqual(self.relay.silent(self.now + 31, 30), [RelayHappened("silent", "alice")])

    def test_statistics(self) -> None:
        """What came from each is counted, also of who has left."""
        to_alice, _ = self.talk(self.alice, self.bob)
        for seq in (1, 2, 5):
            self.says(self.alice.address, to_alice, bytes(Packet(8, seq, seq * 160, 7, b"x" * 160)))
            self.now += 0.02
        self.relay.drop("alice")
        found = self.relay.close()
        self.assertEqual((found["alice"].packets, found["alice"].lost), (3, 2))
        self.assertEqual((found["bob"].packets, found["bob"].mos), (0, None))
        self.assertEqual(self.opened, {})

    def test_elsewhere(self) -> None:
        """What a party has sent to somebody else, to music say, is not lost here."""
        to_alice, _ = self.talk(self.alice, self.bob)
        for begin in (1, 500, 2500):
            self.assertEqual(self.offers(self.bob, self.alice), to_alice)
            self.answers(self.alice, self.bob)
            for seq in (begin, begin + 2):
                packet = Packet(8, seq, seq * 160, 7, b"x" * 160)
                self.says(self.alice.address, to_alice, bytes(packet))
        found = self.relay.close()
        self.assertEqual((found["alice"].packets, found["alice"].lost), (6, 3))

    def test_written_down(self) -> None:
        """Written down as JSON and taken up again it goes on at the same ports."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.says((self.alice.host, self.alice.port), to_alice)
        state = json.loads(json.dumps(self.relay.state()))
        self.opened.clear()
        self.relay = Relay(self)
        self.relay.restore(state)
        self.assertEqual(self.says(self.bob.address, to_bob), (to_alice, self.alice.address))
        self.assertEqual(self.says(self.alice.address, to_alice), (to_bob, self.bob.address))
        self.assertEqual(self.talk(self.alice, self.bob), (to_alice, to_bob))
        again = Relay(self)
        self.assertRaises(NoRelay, again.restore, state)
        self.assertEqual((again.legs, len(self.opened)), ({}, 4))

    def test_sides(self) -> None:
        """The first leg is heard left, and who talks to it right; after a transfer each side has one."""
        self.talk(self.alice, self.bob)
        self.relay.drop("alice")
        self.talk(self.carol, self.bob)
        self.assertEqual({leg.id: leg.side for leg in self.relay.legs.values()}, {"bob": 1, "carol": 0})

    def test_recorded(self) -> None:
        """What passes is heard by the recording, each leg on its side."""
        to_alice, to_bob = self.talk(self.alice, self.bob)
        self.relay.recordable()
        self.relay.recording = Stereo(self.now)
        for _ in range(10):
            self.says(
                self.alice.address, to_alice, bytes(Packet(8, self.seq, self.seq * 160, 7, b"\x2a" * 160))
            )
            self.now += 0.02
        samples = struct.unpack("<3200h", self.relay.recording.until(self.now))
        self.assertTrue(any(samples[::2]))
        self.assertFalse(any(samples[1::2]))
        del to_bob

    def test_not_recorded(self) -> None:
        """A codec that is not understood is not recorded, and its name is said."""
        for phone in (self.alice, self.bob):
            phone.lines = ("a=rtpmap:8 nonsense/8000",)
        self.talk(self.alice, self.bob)
        self.assertIn("NONSENSE", str(self.assertRaises(NoRelay, self.relay.recordable)))
