"""Opus and G.722 by a library."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.codecs import CODECS
from b2bua.media.wideband import INSTALLED
from tests.media.tones import loudness, tone

FRAME_BYTES = 320


class WidebandTests(SynchronousTestCase):
    """What becomes of a tone."""

    if not INSTALLED:
        skip = "PyAV is not installed: pip install b2bua[opus]"

    def test_there_and_back(self) -> None:
        """A tone is heard as it was, as long as it was but for what the codec holds back."""
        for name in ("OPUS", "G722"):
            encode, decode = CODECS[name].encoder(), CODECS[name].decoder()
            said = tone(1.0, 700)
            packets = [encode(said[at : at + FRAME_BYTES]) for at in range(0, len(said), FRAME_BYTES)]
            heard = b"".join(map(decode, packets))
            self.assertGreater(loudness(heard, 700), 6000, name)
            self.assertLess(loudness(heard, 1500), 300, name)
            self.assertGreaterEqual(len(heard), len(said) - 2 * FRAME_BYTES, name)

    def test_sizes(self) -> None:
        """G.722 has 64,000 bits a second (RFC 3551 section 4.5.2); of speech by Opus less will do."""
        encode = CODECS["G722"].encoder()
        sizes = [len(encode(bytes(FRAME_BYTES))) for _ in range(10)]
        self.assertEqual(sizes[1:], [160] * 9)
        encode = CODECS["OPUS"].encoder()
        self.assertLess(max(len(encode(tone(0.02, 700))) for _ in range(50)), 120)

    def test_rubbish(self) -> None:
        """What is no packet of the codec gives nothing, or noise, and ends nothing."""
        for name in ("OPUS", "G722"):
            decode = CODECS[name].decoder()
            for data in (b"", b"\xff\xff\xffnonsense", bytes(1500), b"\x00"):
                self.assertLessEqual(len(decode(data)), 16 * 2000, name)
