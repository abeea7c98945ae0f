"""Sounds in files."""

from __future__ import annotations

import os
import wave
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media import sounds
from b2bua.media.codec import Turn
from b2bua.media.g711 import PCMA, PCMU
from b2bua.media.sounds import NotASound, Sound, Sounds, load, save, unplayable
from tests.media.tones import tone


class SoundTests(SynchronousTestCase):
    """What can be played."""

    def setUp(self) -> None:
        """Find a place."""
        self.path = Path(self.mktemp())

    def write(self, frames: bytes, *, width: int = 2, channels: int = 1, rate: int = 8000) -> None:
        """Write a WAV file."""
        with wave.open(str(self.path), "wb") as file:
            file.setsampwidth(width)
            file.setnchannels(channels)
            file.setframerate(rate)
            file.writeframes(frames)

    def complaint(self) -> str:
        """Say why it cannot be played."""
        said = str(self.assertRaises(NotASound, load, self.path))
        self.assertEqual(unplayable(self.path), said)
        return said.replace(str(self.path), "FILE")

    def test_again(self) -> None:
        """What is saved is loaded as it was; nothing else is left in the directory."""
        save(self.path, b"\1\0" * 800)
        self.assertEqual(load(self.path), b"\1\0" * 800)
        self.assertEqual(unplayable(self.path), "")
        self.assertFalse(Path(f"{self.path}.part").exists())

    def test_converted(self) -> None:
        """Stereo, other rates and 8 bits become what is played: one channel, 8,000 a second, 16 bits."""
        self.write(bytes(48_000 * 4), channels=2, rate=48_000)
        self.assertLess(abs(len(load(self.path)) - 16_000), 5)
        self.write(b"\x80" * 8000, width=1)
        self.assertEqual(set(load(self.path)), {0})

    def test_bad_files(self) -> None:
        """Each is refused in one line, with what to do."""
        self.assertEqual(self.complaint(), "there is no file FILE")
        self.path.write_bytes(b"ID3 this is music, but no WAV")
        self.assertEqual(self.complaint(), "FILE is no WAV file of plain samples; convert it to one")
        self.write(bytes(1200), channels=6)
        self.assertEqual(self.complaint(), "FILE has 6 channels; write it with one or two")
        self.patch(sounds, "SECONDS_MAX", 0)
        self.write(bytes(16_000))
        self.assertIn("at most", self.complaint())

    def test_encoded_once(self) -> None:
        """A frame is encoded once for each codec, and the last one is filled up."""
        sound, made = Sound(tone(0.05)), []

        def begins() -> Turn:
            made.append(0)

            def encode(pcm: bytes) -> bytes:
                made[-1] += 1
                return PCMA.encode(pcm)

            return encode

        counted = PCMA._replace(encoder=begins)
        self.assertEqual((sound.frames, sound.seconds), (3, 0.05))
        first = [sound.payload(frame, counted) for frame in (0, 1, 2, 0, 1)]
        self.assertEqual(([len(one) for one in first], made), ([160] * 5, [3]))
        self.assertEqual(first[0], PCMA.encode(tone(0.02)))
        self.assertEqual(sound.payload(0, PCMU), PCMU.encode(tone(0.02)))

    def test_nothing(self) -> None:
        """A file without samples is heard as 20 ms of silence, so that its end is told."""
        self.assertEqual((Sound(b"").frames, Sound(b"").samples(0)), (1, bytes(320)))

    def test_kept(self) -> None:
        """A sound is read once, and again when the file has changed."""
        kept = Sounds()
        self.write(b"\1\0" * 10)
        first = kept.get(str(self.path))
        self.assertIs(kept.get(str(self.path)), first)
        self.write(b"\2\0" * 10)
        os.utime(self.path, (1, 1))
        self.assertNotEqual(kept.get(str(self.path)), first)
