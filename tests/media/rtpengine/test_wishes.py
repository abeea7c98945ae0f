"""What an engine is told to make of a session."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.ports import Towards
from b2bua.media.rtpengine.wishes import WEB, Side, answered, interface, offered, side
from tests.media.rtpengine.simulated import session

PHONE = "192.0.2.7"
PLAIN = Towards("198.51.100.1", "RTP/AVP")
BROWSER = Towards("198.51.100.1", WEB, ice=True, codecs=("opus", "PCMA"))
FROM_BROWSER = session(
    9, "0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv", "a=rtpmap:111 opus/48000/2",
    profile=WEB, formats="111 0 101",
)  # fmt: skip


class WishesTests(SynchronousTestCase):
    """L{offered} and L{answered}."""

    def test_always(self) -> None:
        """Addresses are the engine's; a party is taken from where it was found, and keeps its port."""
        for wishes in (offered(session(5000), PLAIN, PHONE, {}), answered(session(5000), Side(), PHONE)):
            self.assertEqual(wishes["replace"], ["origin", "session connection"])
            self.assertIn("strict source", wishes["flags"])
            self.assertIn("port latching", wishes["flags"])
            self.assertEqual(wishes["endpoint-learning"], "heuristic")

    def test_plain(self) -> None:
        """Between two desk phones: no ICE, no RTCP on the port of RTP, no codecs but theirs."""
        wishes = offered(session(5000), PLAIN, PHONE, {})
        self.assertEqual((wishes["transport protocol"], wishes["ICE"]), ("RTP/AVP", "remove"))
        self.assertEqual((wishes["rtcp-mux"], wishes["address family"]), (["demux"], "IP4"))
        self.assertNotIn("codec", wishes)

    def test_sdes(self) -> None:
        """A phone with SRTP by SDES gets the suites that all have (RFC 4568 section 6.2), and no DTLS."""
        wishes = offered(session(5000), Towards("198.51.100.1", "RTP/SAVP"), PHONE, {})
        self.assertEqual((wishes["transport protocol"], wishes["DTLS"]), ("RTP/SAVP", "off"))
        self.assertNotIn("no-AES_CM_128_HMAC_SHA1_80", wishes["SDES"])
        self.assertIn("no-NULL_HMAC_SHA1_80", wishes["SDES"])

    def test_browser(self) -> None:
        """A browser gets DTLS, ICE, one port for RTP and RTCP, a mid (RFC 8835), and codecs that it has."""
        wishes = offered(session(5000), BROWSER, PHONE, {})
        self.assertEqual(
            (wishes["transport protocol"], wishes["ICE"], wishes["SDES"]), (WEB, "force", ["off"])
        )
        self.assertEqual(wishes["rtcp-mux"], ["require"])
        self.assertIn("generate mid", wishes["flags"])
        self.assertEqual(wishes["codec"], {"mask": ["all"], "transcode": ["opus", "PCMA", "telephone-event"]})

    def test_as_it_is(self) -> None:
        """Where nothing is said of the transport it stays what it is."""
        as_is = Towards("198.51.100.1")
        for profile in ("RTP/AVP", "RTP/SAVP", WEB):
            wishes = offered(session(5000, profile=profile), as_is, PHONE, {})
            self.assertEqual(wishes["transport protocol"], profile)
        self.assertNotIn("transport protocol", offered(session(5000, profile="RTP/AVPF"), as_is, PHONE, {}))

    def test_answer_like_offer(self) -> None:
        """An answer has ICE if the offer had (RFC 8839 section 4.2.1), whatever the answering party does."""
        browser = side(FROM_BROWSER)
        assert browser is not None
        self.assertEqual(answered(session(5000), browser, PHONE)["ICE"], "force")
        self.assertEqual(answered(FROM_BROWSER, Side(), PHONE)["ICE"], "remove")

    def test_families(self) -> None:
        """The family is that of our address, as the party reaches it."""
        towards = Towards("2001:db8::1", "RTP/AVP")
        self.assertEqual(offered(session(5000), towards, PHONE, {})["address family"], "IP6")

    def test_nat(self) -> None:
        """A private address of a party that signals from a public one is not believed; a public one is."""
        wishes = offered(session(5000, "192.168.1.9"), PLAIN, "8.8.8.8", {})
        self.assertEqual(wishes["received from"], ["IP4", "8.8.8.8"])
        self.assertIn("SIP source address", wishes["flags"])
        for host, peer in (("9.9.9.9", "8.8.8.8"), ("192.168.1.9", "192.168.7.1"), ("0.0.0.0", "8.8.8.8")):
            self.assertNotIn("received from", offered(session(5000, host), PLAIN, peer, {}))
        self.assertNotIn("received from", offered(b"v=0", PLAIN, "8.8.8.8", {}))

    def test_machine_itself(self) -> None:
        """Nor is an address of the engine's own machine: programs listen there that believe anybody."""
        for host in ("127.0.0.1", "127.8.0.9", "::1", "::ffff:127.0.0.1"):
            wishes = offered(session(5000, host), PLAIN, "192.168.7.1", {})
            self.assertEqual(wishes.get("received from"), ["IP4", "192.168.7.1"], host)
        self.assertNotIn("received from", offered(session(5000, "127.0.0.1"), PLAIN, "127.0.0.1", {}))

    def test_interfaces(self) -> None:
        """The interface of either side is that of the smallest network with its address."""
        inside, outside = ip_network("192.168.0.0/16"), ip_network("0.0.0.0/0")
        interfaces = {outside: "external", inside: "internal"}
        wishes = offered(session(5000), Towards("203.0.113.1"), "192.168.1.9", interfaces)
        self.assertEqual(wishes["direction"], ["internal", "external"])
        self.assertEqual(interface(interfaces, "2001:db8::1"), "external")
        self.assertEqual(interface(interfaces, "pbx.example.com"), "external")

    def test_no_text(self) -> None:
        """Bytes that are no UTF-8 do not keep a session from being passed on."""
        text = session(5000).replace(b"s=-", b"s=B\xfcro")
        self.assertIn("m=audio 5000", offered(text, PLAIN, PHONE, {})["sdp"])


class SideTests(SynchronousTestCase):
    """L{side}."""

    def test_read(self) -> None:
        """Transport, ICE, directions and formats of the first stream of sound that is not refused."""
        found = side(FROM_BROWSER)
        assert found is not None
        self.assertEqual((found.profile, found.ice, found.sends, found.hears), (WEB, True, True, True))
        self.assertEqual(found.formats, {0: "PCMU/8000", 111: "opus/48000/2", 101: "telephone-event/8000"})
        held = side(session(5000, PHONE, "a=sendonly"))
        assert held is not None
        self.assertEqual((held.sends, held.hears), (True, False))

    def test_nothing(self) -> None:
        """No sound, or no session at all, is none."""
        self.assertIsNone(side(session(0)))
        self.assertIsNone(side(b"rubbish"))
        self.assertIsNone(side(session(5000).replace(b"m=audio", b"m=video")))
