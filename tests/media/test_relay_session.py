"""Sessions that go through a relay."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.ports import NoRelay, Towards
from b2bua.media.relay_session import LONGEST, Stream, read, restricted, rewritten, streams

OURS = Towards("192.0.2.1")


def session(*lines: str) -> bytes:
    """A description."""
    return "".join(f"{line}\r\n" for line in ("v=0", "o=- 7 7 IN IP4 10.0.0.8", "s=-", *lines)).encode()


AUDIO = ("m=audio 4000 RTP/AVP 9 8 0 18 101", "a=rtpmap:9 G722/8000", "a=rtpmap:101 telephone-event/8000")
PHONE = session("c=IN IP4 10.0.0.8", "t=0 0", *AUDIO, "a=ptime:30", "a=sendrecv")


class SessionTests(SynchronousTestCase):
    """Reading and rewriting."""

    def passed(self, text: bytes, towards: Towards = OURS) -> list[str]:
        """What becomes of a session; the first stream gets port 20000, the next one 20002."""
        sdp = read(text)
        ports = {index: 20_000 + 2 * index for index in streams(sdp, towards)}
        return rewritten(sdp, towards.host, ports).decode().splitlines()

    def assertRefused(self, text: bytes, why: str, towards: Towards = OURS) -> None:
        """It cannot be passed on, for a reason that people understand."""
        self.assertIn(why, str(self.assertRaises(NoRelay, lambda: streams(read(text), towards))))

    def test_address_and_port(self) -> None:
        """Address and port are ours, and all else is as it was."""
        before = PHONE.decode().splitlines()
        self.assertEqual(
            self.passed(PHONE),
            [
                line.replace("c=IN IP4 10.0.0.8", "c=IN IP4 192.0.2.1").replace("audio 4000", "audio 20000")
                for line in before
            ],
        )

    def test_ipv6(self) -> None:
        """The one of whom a phone hears is in the other family: its address is of that family, too."""
        self.assertIn("c=IN IP6 2001:db8::1", self.passed(PHONE, Towards("2001:db8::1")))

    def test_address_of_the_stream(self) -> None:
        """An address of a stream (RFC 8866 section 5.7) is ours, and a session that has none gets none."""
        found = self.passed(session("t=0 0", AUDIO[0], "c=IN IP4 10.0.0.9"))
        self.assertEqual(found[4:], ["m=audio 20000 RTP/AVP 9 8 0 18 101", "c=IN IP4 192.0.2.1"])

    def test_held(self) -> None:
        """Who holds by 0.0.0.0 (RFC 3264 section 8.4) is understood to do so by the other."""
        self.assertIn("c=IN IP4 0.0.0.0", self.passed(session("c=IN IP4 0.0.0.0", "t=0 0", *AUDIO)))

    def test_rtcp(self) -> None:
        """RTCP goes to our next port; where a phone names another (RFC 3605), that is ours, too."""
        text = session("c=IN IP4 10.0.0.8", "t=0 0", *AUDIO, "a=rtcp:5001 IN IP4 10.0.0.9")
        self.assertIn("a=rtcp:20001", self.passed(text))
        (stream,) = streams(read(text), OURS).values()
        self.assertEqual((stream.control_host, stream.control_port), ("10.0.0.9", 5001))
        for nonsense in ("", "99999", "x", "-1", "0"):
            text = session("c=IN IP4 10.0.0.8", "t=0 0", *AUDIO, f"a=rtcp:{nonsense}")
            (stream,) = streams(read(text), OURS).values()
            self.assertEqual((stream.control_host, stream.control_port), ("10.0.0.8", 4001), nonsense)

    def test_other_ways(self) -> None:
        """Ways past the relay (RFC 8839, RFC 6947) are left out; so is BUNDLE (RFC 9143)."""
        found = self.passed(
            session(
                "c=IN IP4 10.0.0.8", "t=0 0", "a=group:BUNDLE 0 1", "a=ice-options:trickle", *AUDIO,
                "a=ice-ufrag:x", "a=ice-pwd:y", "a=candidate:1 1 UDP 1 10.0.0.8 4000 typ host", "a=mid:0",
            )
        )  # fmt: skip
        self.assertEqual(
            [line for line in found if "ice" in line or "candidate" in line or "group" in line], []
        )
        self.assertIn("a=mid:0", found)

    def test_other_streams(self) -> None:
        """Video and fax pass, too; a refused stream does not, and one by TCP stays direct."""
        found = self.passed(
            session(
                "c=IN IP4 10.0.0.8", "t=0 0", *AUDIO, "m=video 4002 RTP/AVP 96", "m=image 4004 udptl t38",
                "m=video 0 RTP/AVP 97", "m=message 2855 TCP/MSRP *",
            )
        )  # fmt: skip
        self.assertEqual(
            [line for line in found if line.startswith(("m=", "c="))],
            [
                "c=IN IP4 192.0.2.1",
                "m=audio 20000 RTP/AVP 9 8 0 18 101",
                "m=video 20002 RTP/AVP 96",
                "m=image 20004 udptl t38",
                "m=video 0 RTP/AVP 97",
                "m=message 2855 TCP/MSRP *",
                "c=IN IP4 10.0.0.8",
            ],
        )

    def test_encrypted(self) -> None:
        """SRTP passes as it is, keys and all (RFC 4568); without a key nobody could understand it."""
        line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
        text = session("c=IN IP4 10.0.0.8", "t=0 0", "m=audio 4000 RTP/SAVP 8", line)
        self.assertIn(line, self.passed(text))
        keyless = session("c=IN IP4 10.0.0.8", "t=0 0", "m=audio 4000 RTP/SAVP 8")
        self.assertRefused(keyless, "encrypted, and there is no key")

    def test_what_needs_another_engine(self) -> None:
        """Other transports than a party has, and browsers, are refused; the engine that can is named."""
        self.assertRefused(PHONE, "rtpengine", Towards("192.0.2.1", "RTP/SAVP"))
        browser = session("c=IN IP4 10.0.0.8", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=fingerprint:x")
        self.assertRefused(browser, "rtpengine", Towards("192.0.2.1", ice=True))

    def test_ice_is_no_duty(self) -> None:
        """A phone that offers ICE beside plain RTP does without (RFC 8839)."""
        self.passed(PHONE, Towards("192.0.2.1", ice=True))
        self.passed(PHONE, Towards("192.0.2.1", "RTP/AVP"))

    def test_bad(self) -> None:
        """What cannot be read is refused in one line."""
        self.assertRefused(b"nonsense", "cannot be read")
        self.assertRefused(PHONE + b"a=x\r\n" * LONGEST, "too long")
        self.assertRefused(session("t=0 0", AUDIO[0]), "no address")
        self.assertRefused(session("c=IN IP4 10.0.0.8", "t=0 0", "m=audio 4000/2 RTP/AVP 8"), "several ports")
        self.assertRefused(session("t=0 0", AUDIO[0], "c=nonsense"), "cannot be read")

    def test_formats(self) -> None:
        """Payload types mean what rtpmap says, or what they always mean; nonsense means nothing."""
        lines = ("m=audio 4000 RTP/AVP 0 96 97 98 99 x", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 x/0",
                 "a=rtpmap:98", "a=rtpmap:99 x/nonsense")  # fmt: skip
        (stream,) = streams(read(session("c=IN IP4 10.0.0.8", "t=0 0", *lines)), OURS).values()
        self.assertEqual(stream.formats, {0: ("PCMU", 8000), 96: ("OPUS", 48000)})
        self.assertEqual(Stream.of([*stream[:-1], {"96": ["OPUS", 48000], "0": ["PCMU", 8000]}]), stream)

    def test_restricted(self) -> None:
        """Where only some codecs will do, the others are left out of an offer; keys stay (RFC 4733)."""
        found = bytes(restricted(read(PHONE), ("pcma", "PCMU"))).decode()
        self.assertIn("m=audio 4000 RTP/AVP 8 0 101\r\n", found)
        self.assertNotIn("G722", found)
        self.assertEqual(bytes(restricted(read(PHONE), ("opus",))), PHONE)
        self.assertEqual(bytes(restricted(read(PHONE), ())), PHONE)
