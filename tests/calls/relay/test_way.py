"""Which way media go, and why."""

from __future__ import annotations

import tracemalloc
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.relay.way import Side, choose, codecs_for, secrecy, towards
from b2bua.legs.party import Policy
from b2bua.media.ports import Towards

PLAIN = b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
SDES = PLAIN.replace(b"RTP/AVP", b"RTP/SAVP")
WEB = PLAIN.replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVPF") + b"a=ice-ufrag:abcd\r\n"
SIX = PLAIN.replace(b"IP4 10.0.0.2", b"IP6 2001:db8::2")
FAX_LINE = b"m=image 4002 udptl t38\r\n"
FAX = PLAIN.partition(b"m=")[0] + FAX_LINE
ALL = frozenset({"srtp", "dtls", "ice", "ipv6", "record"})


def side(name: str = "extension bob", **more: Any) -> Side:
    """A phone of ours in the same network."""
    policy = Policy(**{key: more.pop(key) for key in ("media", "media_encryption", "codecs") if key in more})
    known = {"at": "192.0.2.1", "source": "10.0.0.3", "contact": "10.0.0.3", "extension": True, **more}
    return Side(name, policy, **known)


ALICE = side("extension alice", source="10.0.0.2", contact="10.0.0.2")


class WayTests(SynchronousTestCase):
    """L{choose}."""

    def relayed(self, to: Side, session: bytes = PLAIN, by: Side = ALICE, **more: Any) -> str:
        """Why the two hear each other by a relay; empty if they do not."""
        way = choose(by, to, session, more.pop("can", ALL), **more)
        return way.reason if way.relayed else ""

    def test_direct(self) -> None:
        """Two phones that reach each other need none, and nothing is to be said about it."""
        self.assertEqual(choose(ALICE, side(), PLAIN, ALL), (False, "", False))

    def test_nat(self) -> None:
        """A phone whose Contact is not where its packets come from is behind a NAT (RFC 3581)."""
        bob = side(source="203.0.113.9", contact="192.168.1.10")
        why = (
            "extension bob is behind a NAT: its Contact is at 192.168.1.10, its packets come from 203.0.113.9"
        )
        self.assertEqual(choose(ALICE, bob, PLAIN, ALL), (True, why, False))
        self.assertEqual(self.relayed(ALICE, by=bob), why)

    def test_no_nat(self) -> None:
        """Names, routes, trunks and what is not known say nothing; and an administrator may know better."""
        for bob in (
            side(source="203.0.113.9", contact="phone.example.com"),
            side(source="203.0.113.9", contact=""),
            side(source="", contact="192.168.1.10"),
            side(source="203.0.113.9", contact="192.168.1.10", extension=False),
            side(source="203.0.113.9", contact="192.168.1.10", media="direct"),
        ):
            self.assertFalse(choose(ALICE, bob, PLAIN, ALL).relayed, bob)
        one_address = side(source="2001:db8::0:3", contact="2001:db8::3")
        self.assertFalse(choose(side(source="2001:db8::2", contact=""), one_address, SIX, ALL).relayed)

    def test_setting(self) -> None:
        """C{media = "relay"} of either party holds for the call."""
        always = side("trunk carrier", media="relay", extension=False)
        self.assertEqual(self.relayed(always), 'media = "relay" of trunk carrier')
        self.assertEqual(self.relayed(side(), by=always), 'media = "relay" of trunk carrier')
        self.assertTrue(choose(ALICE, always, PLAIN, ALL).must)

    def test_wanted(self) -> None:
        """Media that are recorded pass here, even of who is to be reached directly."""
        self.assertEqual(self.relayed(side(media="direct"), wanted="it is recorded"), "it is recorded")
        self.assertFalse(choose(ALICE, side(), PLAIN, ALL, "it is recorded").must)

    def test_encryption(self) -> None:
        """Who encrypts otherwise is not understood: by what it has said, its settings, or as a browser."""
        self.assertEqual(
            self.relayed(side(browser=True)), "extension alice speaks plain RTP, extension bob SRTP with DTLS"
        )
        self.assertIn("SRTP with SDES", self.relayed(side(media_encryption="sdes")))
        self.assertIn("bob plain RTP", self.relayed(side(), WEB))
        self.assertIn("bob plain RTP", self.relayed(side(session=PLAIN), SDES))
        self.assertEqual(self.relayed(side(), SDES), "")
        self.assertEqual(self.relayed(side(browser=True), WEB), "")
        self.assertTrue(choose(ALICE, side(browser=True), PLAIN, ALL).must)

    def test_versions(self) -> None:
        """IPv4 does not reach IPv6."""
        self.assertIn("the other at IPv6", self.relayed(side(source="2001:db8::3", contact="2001:db8::3")))
        self.assertIn("the other at IPv6", self.relayed(side(), SIX))
        self.assertEqual(self.relayed(side(source="2001:db8::3", contact="2001:db8::3"), SIX), "")
        self.assertEqual(self.relayed(side(), PLAIN.replace(b"10.0.0.2", b"0.0.0.0")), "")

    def test_long_addresses(self) -> None:
        """What stands for an address and is as long as a body is not remembered: it would fill the memory."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for number in range(20):
            host = f"{number}".encode() * 30000
            self.assertEqual(self.relayed(side(), SIX.replace(b"2001:db8::2", host)), "")
        kept, _ = tracemalloc.get_traced_memory()
        self.assertLess(kept, 300_000)

    def test_codecs(self) -> None:
        """Who understands nothing of an offer gets it by a relay that makes one codec out of another."""
        bob, can = side(codecs=("opus",)), ALL | {"transcode"}
        why = "extension bob understands none of the codecs that extension alice speaks"
        self.assertEqual(choose(ALICE, bob, PLAIN, can), (True, why, True))
        self.assertEqual(codecs_for(bob, PLAIN), ("opus",))
        self.assertEqual(
            choose(ALICE, bob, PLAIN, ALL), (False, f"{why}; but no relay knows transcode", False)
        )
        said = side(session=PLAIN.replace(b"RTP/AVP 8", b"RTP/AVP 96") + b"a=rtpmap:96 OPUS/48000/2\r\n")
        self.assertEqual(self.relayed(said, can=can), why)
        self.assertEqual(codecs_for(said, PLAIN), ("opus",))

    def test_codecs_and_more(self) -> None:
        """What else needs a relay gets one, whether it makes codecs or not."""
        bob = side(codecs=("opus",), media="relay")
        for can in (ALL, ALL | {"transcode"}):
            self.assertEqual(choose(ALICE, bob, PLAIN, can), (True, 'media = "relay" of extension bob', True))
        nat = side(codecs=("opus",), source="203.0.113.9", contact="192.168.1.10")
        self.assertIn("is behind a NAT", self.relayed(nat))
        self.assertTrue(choose(ALICE, nat, PLAIN, ALL | {"transcode"}).must)

    def test_codecs_in_common(self) -> None:
        """One codec is enough, and what is not known, or cannot be made, speaks for no relay."""
        can = ALL | {"transcode"}
        both = PLAIN.replace(b"RTP/AVP 8", b"RTP/AVP 96 8") + b"a=rtpmap:96 opus/48000/2\r\n"
        odd = PLAIN.replace(b"RTP/AVP 8", b"RTP/AVP 97") + b"a=rtpmap:97 EVS/16000\r\n"
        for bob, session in (
            (side(codecs=("opus",)), both),
            (side(codecs=("PCMU", "PCMA")), PLAIN),
            (side(codecs=("opus",)), odd),
            (side(session=odd), PLAIN),
            (side(session=both), PLAIN),
            (side(codecs=("opus",), session=both), PLAIN),
        ):
            self.assertEqual((self.relayed(bob, session, can=can), codecs_for(bob, session)), ("", ()))

    def test_without_sound(self) -> None:
        """A first offer of a fax or of pictures only goes as one of sound would."""
        nat = side(source="203.0.113.9", contact="192.168.1.10")
        for session in (FAX, PLAIN.replace(b"audio", b"video"), PLAIN.replace(b"4000", b"0") + FAX_LINE):
            self.assertEqual(self.relayed(side(media="relay"), session), 'media = "relay" of extension bob')
            self.assertIn("is behind a NAT", self.relayed(nat, session))
            self.assertEqual(self.relayed(side(), session), "")
        self.assertIn(
            "at IPv6", self.relayed(side(), SIX.replace(b"audio 4000 RTP/AVP 8", b"image 4000 udptl t38"))
        )
        self.assertIn("SRTP", self.relayed(side(media_encryption="sdes"), PLAIN.replace(b"audio", b"video")))

    def test_secret_fax(self) -> None:
        """A fax has no SRTP: who else speaks it gets one as it is."""
        for bob in (side(media_encryption="sdes"), side(session=SDES)):
            self.assertEqual(self.relayed(bob, FAX), "")
            self.assertEqual(towards(bob, FAX), Towards("192.0.2.1"))
        self.assertEqual(
            towards(side(media_encryption="sdes", session=FAX), PLAIN), Towards("192.0.2.1", "RTP/SAVP")
        )

    def test_engine(self) -> None:
        """Without an engine that can do it media go directly, as ever, and the trace says so."""
        way = choose(ALICE, side(browser=True), PLAIN, frozenset({"ipv6"}))
        why = "extension alice speaks plain RTP, extension bob SRTP with DTLS; but no relay knows dtls"
        self.assertEqual(way, (False, why, False))
        self.assertFalse(choose(ALICE, side(), SIX, frozenset()).relayed)

    def test_keys_of_their_own(self) -> None:
        """Two who speak SRTP with SDES need no relay that does, but to be recorded."""
        self.assertTrue(choose(ALICE, side(media="relay"), SDES, frozenset()).relayed)
        self.assertFalse(
            choose(ALICE, side(media_encryption="none", media="relay"), SDES, frozenset()).relayed
        )
        self.assertFalse(choose(ALICE, side(), SDES, frozenset({"record"}), "it is recorded").relayed)
        self.assertFalse(choose(ALICE, side(browser=True, media="relay"), WEB, frozenset()).relayed)

    def test_nothing_to_pass_on(self) -> None:
        """What has neither RTP nor a fax by UDP, or cannot be read, is nothing for a relay."""
        for session in (b"", b"nonsense", PLAIN.replace(b"4000", b"0"), FAX.replace(b"udptl", b"tcptl")):
            self.assertEqual(choose(ALICE, side(media="relay"), session, ALL), (False, "", False))


class TowardsTests(SynchronousTestCase):
    """What a party is to get."""

    def test_as_it_is(self) -> None:
        """Who takes what comes gets it."""
        self.assertEqual(towards(side(), PLAIN), Towards("192.0.2.1"))
        self.assertEqual(towards(side(), SDES), Towards("192.0.2.1"))

    def test_otherwise(self) -> None:
        """A desk phone gets plain RTP of a browser, a browser DTLS with ICE of a desk phone."""
        self.assertEqual(towards(side(), WEB), Towards("192.0.2.1", "RTP/AVP"))
        self.assertEqual(towards(side(browser=True), PLAIN), Towards("192.0.2.1", "UDP/TLS/RTP/SAVPF", True))
        self.assertEqual(towards(side(session=WEB), PLAIN), Towards("192.0.2.1", "UDP/TLS/RTP/SAVPF", True))
        self.assertEqual(towards(side(media_encryption="sdes"), PLAIN), Towards("192.0.2.1", "RTP/SAVP"))

    def test_transports(self) -> None:
        """Every transport of RTP is one of three."""
        self.assertEqual(
            [
                secrecy(proto)
                for proto in ("RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP")
            ],
            ["none", "none", "sdes", "sdes", "dtls"],
        )
