"""What we answer to a party whom we talk to ourselves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media import codecs
from b2bua.media.g711 import PCMA, PCMU
from b2bua.media.negotiation import Reply, accepted, answer, offer
from b2bua.wire.sdp import Sdp

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.8\r\ns=-\r\nc=IN IP4 192.0.2.8\r\nt=0 0\r\n"
STREAM = (
    "m=audio 4000 RTP/AVP 9 8 0 101",
    "a=rtpmap:9 G722/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=sendrecv",
)


def offering(*lines: str) -> bytes:
    """A description with streams."""
    return (HEAD + "".join(f"{line}\r\n" for line in lines)).encode()


PHONE = offering(*STREAM)


class AnswerTests(SynchronousTestCase):
    """RFC 3264 section 6."""

    def reply(self, offered: bytes, host: str = "192.0.2.1", port: int = 20_000) -> Reply:
        """Answer what can be answered."""
        reply = answer(offered, host, port)
        assert reply is not None
        return reply

    def without_library(self) -> None:
        """Speak G.711 only, as where PyAV is not installed."""
        self.patch(codecs, "ALL", (PCMA, PCMU))
        self.patch(codecs, "CODECS", {"PCMA": PCMA, "PCMU": PCMU})

    def test_phone(self) -> None:
        """Of a phone's formats the first of G.711 is taken, with its telephone events."""
        self.without_library()
        reply = self.reply(PHONE)
        agreed = reply.agreed
        self.assertEqual((agreed.codec.name, agreed.payload_type, agreed.events), ("PCMA", 8, 101))
        place = agreed.host, agreed.port, agreed.sends, agreed.hears
        self.assertEqual(place, ("192.0.2.8", 4000, True, True))
        (media,) = Sdp.parse(reply.session).media
        self.assertEqual((media.port, media.formats, media.connection), (20_000, ("8", "101"), "192.0.2.1"))

    def test_other_streams(self) -> None:
        """Other streams are refused, each in its place (section 6: as many as were offered)."""
        reply = self.reply(offering("m=video 5000 RTP/AVP 96", *STREAM))
        self.assertEqual([media.port for media in Sdp.parse(reply.session).media], [0, 20_000])

    def test_direction(self) -> None:
        """Who holds us is not played to; who only listens is (section 6.1)."""
        for offered, direction, sends, hears in (
            (b"sendonly", "recvonly", False, True),
            (b"recvonly", "sendonly", True, False),
            (b"inactive", "inactive", False, False),
        ):
            reply = self.reply(PHONE.replace(b"sendrecv", offered))
            (media,) = Sdp.parse(reply.session).media
            found = media.direction, reply.agreed.sends, reply.agreed.hears
            self.assertEqual(found, (direction, sends, hears))

    def test_nothing_in_common(self) -> None:
        """What cannot be understood is not answered: other codecs, encrypted streams, no audio, rubbish."""
        for bad in (
            offering("m=audio 4000 RTP/AVP 18"),
            offering("m=audio 4000 RTP/SAVP 8"),
            offering("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/16000"),
            offering("m=audio 0 RTP/AVP 8"),
            offering("m=video 4000 RTP/AVP 8"),
            offering("m=audio 4000 RTP/AVP 8", "c=nonsense"),
            b"rubbish",
        ):
            self.assertIsNone(answer(bad, "192.0.2.1", 2))

    def test_phone_prefers(self) -> None:
        """What the phone likes best of what both speak is taken (RFC 3264 section 6.1)."""
        agreed = self.reply(PHONE).agreed
        self.assertEqual((agreed.codec.name, agreed.payload_type, agreed.codec.clock), ("G722", 9, 8000))

    def test_opus(self) -> None:
        """Opus counts 48,000 a second in two channels; so do keys (RFC 7587 section 7)."""
        stream = (
            "m=audio 4000 RTP/AVP 111 8 110 101",
            "a=rtpmap:111 opus/48000/2",
            "a=fmtp:111 useinbandfec=1",
            "a=rtpmap:101 telephone-event/8000",
            "a=rtpmap:110 telephone-event/48000",
        )
        reply = self.reply(offering(*stream))
        agreed = reply.agreed
        self.assertEqual((agreed.codec.name, agreed.payload_type, agreed.codec.clock), ("opus", 111, 48_000))
        self.assertEqual(agreed.events, 110)
        self.assertIn(b"a=rtpmap:111 opus/48000/2\r\n", reply.session)
        self.assertIn(b"a=rtpmap:110 telephone-event/48000\r\n", reply.session)
        self.without_library()
        self.assertEqual(self.reply(offering(*stream)).agreed.codec.name, "PCMA")

    def test_other_clocks(self) -> None:
        """Opus of one channel, or G.722 of another clock, is something else."""
        for line in ("opus/48000", "opus/16000/2", "G722/16000", "PCMA/8000/2"):
            self.assertIsNone(
                answer(offering("m=audio 4000 RTP/AVP 96", f"a=rtpmap:96 {line}"), "192.0.2.1", 2)
            )

    def test_own_numbers(self) -> None:
        """A payload type means what its rtpmap says."""
        agreed = self.reply(offering("m=audio 4000 RTP/AVP 97", "a=rtpmap:97 pcmu/8000")).agreed
        self.assertEqual((agreed.codec.name, agreed.payload_type), ("PCMU", 97))

    def test_ipv6(self) -> None:
        """An address of IPv6 is named as one."""
        self.assertIn(b"c=IN IP6 2001:db8::1\r\n", self.reply(PHONE, "2001:db8::1").session)


class OfferTests(SynchronousTestCase):
    """What we offer."""

    def test_accepted(self) -> None:
        """A phone's answer to it says where it listens, and what was agreed."""
        reply = answer(offer("192.0.2.1", 20_000), "192.0.2.8", 4000)
        assert reply is not None
        agreed = accepted(reply.session)
        assert agreed is not None
        self.assertEqual((agreed.host, agreed.port, agreed.codec.name), ("192.0.2.8", 4000, "PCMA"))

    def test_all_that_we_speak(self) -> None:
        """G.711 comes first, which costs the least; each format is what its rtpmap says."""
        (media,) = Sdp.parse(offer("192.0.2.1", 20_000)).media
        self.assertEqual(media.formats, ("8", "0", "107", "9", "101"))
        self.assertEqual(media.codecs["107"], "opus/48000/2")

    def test_refused(self) -> None:
        """An answer that refuses the stream agrees to nothing."""
        self.assertIsNone(accepted(offering("m=audio 0 RTP/AVP 8")))
        self.assertIsNone(accepted(b"rubbish"))
        self.assertIsNone(accepted(offering("m=audio 4000 RTP/AVP 8", "c=nonsense")))
