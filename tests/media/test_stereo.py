"""A call as it is recorded."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.codecs import CODECS
from b2bua.media.g711 import PCMA, level
from b2bua.media.rtp import FRAME, RATE, Packet
from b2bua.media.stereo import AT_ONCE, Stereo
from tests.media.tones import loudness, tone


def sides(pcm: bytes) -> tuple[bytes, bytes]:
    """Left and right."""
    left = b"".join(pcm[at : at + 2] for at in range(0, len(pcm), 4))
    return left, b"".join(pcm[at : at + 2] for at in range(2, len(pcm), 4))


class StereoTests(SynchronousTestCase):
    """L{Stereo}."""

    def setUp(self) -> None:
        """Begin at a time that is not zero."""
        self.recording = Stereo(500.0)
        self.frames = 0

    def lets(self, seconds: float, *says: tuple[str, int, float, str]) -> bytes:
        """Let legs say tones: who, on which side, how high, by which codec; what is recorded."""
        made = b""
        voices = [
            (leg, side, CODECS[name].encode(tone(seconds, high)), name) for leg, side, high, name in says
        ]
        for frame in range(int(seconds * 50)):
            for number, (leg, side, said, name) in enumerate(voices):
                payload = said[frame * FRAME : (frame + 1) * FRAME]
                stamp = (self.frames * FRAME) & 0xFFFFFFFF
                packet = Packet(8, self.frames & 0xFFFF, stamp, 7 + number, payload)
                self.recording.hear(leg, side, packet, name, RATE)
            self.frames += 1
            made += self.recording.until(500.0 + self.frames * 0.02)
        return made

    def test_sides(self) -> None:
        """What one says is left, what the other says right, whatever their codecs."""
        left, right = sides(self.lets(1.0, ("a", 0, 500, "PCMA"), ("b", 1, 1200, "PCMU")))
        self.assertEqual(len(left) / 2 / RATE, 1.0)
        self.assertGreater(loudness(left, 500), 6000)
        self.assertLess(loudness(left, 1200), 200)
        self.assertGreater(loudness(right, 1200), 6000)
        self.assertLess(loudness(right, 500), 200)

    def test_two_on_one_side(self) -> None:
        """Several legs of one side are heard at once."""
        _, right = sides(self.lets(1.0, ("b", 1, 500, "PCMA"), ("c", 1, 1200, "PCMA")))
        self.assertGreater(min(loudness(right, 500), loudness(right, 1200)), 6000)

    def test_as_long_as_the_call(self) -> None:
        """Whatever comes, or comes not, makes it neither shorter nor longer than the time that passes."""
        self.lets(0.5, ("a", 0, 500, "PCMA"))
        self.assertEqual(len(self.recording.until(503.0)) / 4 / RATE, 2.5)
        self.assertEqual(self.recording.until(503.01), b"")

    def test_after_a_sleep(self) -> None:
        """What is due after a long while is made a part at a time."""
        self.assertEqual(len(self.recording.until(9999.0)), AT_ONCE * FRAME * 4)

    def test_paused(self) -> None:
        """A pause is silence of its length."""
        self.lets(0.5, ("a", 0, 500, "PCMA"))
        self.recording.paused = True
        self.assertFalse(any(self.lets(0.5, ("a", 0, 500, "PCMA"))))
        self.recording.paused = False
        left, _ = sides(self.lets(0.5, ("a", 0, 500, "PCMA")))
        self.assertGreater(loudness(left, 500), 6000)
        self.assertEqual(self.recording.frames, 75)

    def test_codec_changes(self) -> None:
        """A party may change between codecs in a call (RFC 3264 section 5.1); an unknown one is silence."""
        left, _ = sides(self.lets(0.5, ("a", 0, 500, "PCMA")) + self.lets(0.5, ("a", 0, 500, "PCMU")))
        self.assertGreater(loudness(left[RATE:], 500), 6000)
        self.recording.hear("a", 0, Packet(9, 1, 1, 7, b"x" * 160), "G729", RATE)

    def test_out_of_order(self) -> None:
        """Packets that overtake each other are in their places."""
        said = PCMA.encode(tone(0.4, 500))
        order = [at ^ 1 for at in range(20)]
        for at in order:
            packet = Packet(8, at, at * FRAME, 7, said[at * FRAME : (at + 1) * FRAME])
            self.recording.hear("a", 0, packet, "PCMA", RATE)
        left, _ = sides(self.recording.until(500.4))
        pcm = PCMA.decode(said)
        self.assertIn(pcm[2 * FRAME * 2 : 2 * FRAME * 18], left)

    def test_lengths_of_packets(self) -> None:
        """Packets of 10, 30 and 60 ms are as good as those of 20 (RFC 3551 section 4.2)."""
        for ms in (10, 30, 60):
            recording, said = Stereo(0.0), PCMA.encode(tone(1.2, 500))
            sent, made = 0, b""
            for frame in range(60):
                while sent * ms <= frame * 20 and sent * 8 * ms < len(said):
                    packet = Packet(8, sent, sent * 8 * ms, 7, said[sent * 8 * ms : (sent + 1) * 8 * ms])
                    recording.hear("a", 0, packet, "PCMA", RATE)
                    sent += 1
                made += recording.until((frame + 1) * 0.02)
            left, _ = sides(made)
            quiet = sum(level(left[at : at + 160]) < 1000 for at in range(1600, len(left) - 1600, 160))
            self.assertEqual(quiet, 0, ms)
