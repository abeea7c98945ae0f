"""A WAV file that grows on the disk."""

from __future__ import annotations

import os
import wave
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media import growing
from b2bua.media.growing import FRAME_BYTES, Growing, rescue
from b2bua.media.sounds import load, part_of

SECOND = b"\1\0\2\0" * 8000


def seconds(path: Path) -> float:
    """How long a WAV file of two channels is."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        return len(file.readframes(file.getnframes())) / 32_000


class GrowingTests(SynchronousTestCase):
    """L{Growing}."""

    def setUp(self) -> None:
        """Have a place."""
        self.path = Path(self.mktemp())
        self.file = Growing(self.path)

    def test_whole(self) -> None:
        """The file has its name when it is whole, and not before."""
        for _ in range(5):
            self.file.add(SECOND)
        self.assertFalse(self.path.exists())
        self.assertEqual(self.file.end(), "")
        self.assertEqual(seconds(self.path), 5.0)
        self.assertFalse(part_of(self.path).exists())

    def test_power_fails(self) -> None:
        """What was said until two seconds before is a WAV file at any time, and is rescued under its name."""
        for _ in range(5):
            self.file.add(SECOND)
        part = part_of(self.path)
        self.assertEqual(seconds(part), 4.0)
        self.assertEqual(rescue(part), self.path)
        self.assertEqual(seconds(self.path), 4.0)

    def test_power_fails_while_it_is_written(self) -> None:
        """The head may be older than what follows it: all of that is rescued but half a frame."""
        self.file.add(SECOND * 2)
        with part_of(self.path).open("ab") as part:
            part.write(SECOND + b"x" * (FRAME_BYTES - 1))
        rescue(part_of(self.path))
        self.assertEqual(seconds(self.path), 3.0)

    def test_no_place_for_the_head(self) -> None:
        """A disk that is full from the beginning leaves neither a file nor one that is open."""

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        self.patch(os, "pwrite", full)
        before = len(os.listdir("/dev/fd"))
        path = Path(self.mktemp())
        self.assertRaises(OSError, Growing, path)
        self.assertEqual((len(os.listdir("/dev/fd")), part_of(path).exists()), (before, False))

    def test_power_fails_at_once(self) -> None:
        """A file that is empty yet is rescued as one of no length."""
        part = part_of(self.path)
        part.write_bytes(b"")
        rescue(part)
        self.assertEqual(seconds(self.path), 0.0)

    def test_goes_on(self) -> None:
        """Another process goes on with it."""
        self.file.add(SECOND * 2)
        again = Growing(self.path, goes_on=True)
        self.assertEqual(again.frames, 100)
        again.add(SECOND)
        again.end()
        self.assertEqual(seconds(self.path), 3.0)

    def test_goes_on_with_a_whole_one(self) -> None:
        """What the process before has let go is whole: another one adds to that, and takes nothing away."""
        self.file.add(SECOND * 2)
        self.file.end()
        again = Growing(self.path, goes_on=True)
        self.assertEqual((again.frames, self.path.exists()), (100, False))
        again.add(SECOND)
        again.end()
        self.assertEqual(seconds(self.path), 3.0)

    def test_a_head_that_says_nothing(self) -> None:
        """One whose head is broken is rescued as a call."""
        part_of(self.path).write_bytes(b"RIFF" + bytes(40) + SECOND)
        rescue(part_of(self.path))
        self.assertEqual(seconds(self.path), 1.0)

    def test_one_channel(self) -> None:
        """A message is of one channel, on the disk before its end too, and is rescued as such."""
        path = Path(self.mktemp())
        file = Growing(path, 1)
        for _ in range(5):
            file.add(b"\1\0" * 8000)
        file.let_go()
        self.assertEqual(load(rescue(part_of(path))), b"\1\0" * 8000 * 4)

    def test_before_it_had_a_head(self) -> None:
        """What a version before has left, one channel without a head, is rescued but for some 3 ms."""
        part_of(self.path).write_bytes(b"\1\0" * 8000)
        self.assertGreater(len(load(rescue(part_of(self.path)))), 2 * 7800)

    def test_becomes(self) -> None:
        """In the end it is less than was written, without the silence at its end, or more."""
        for seconds_said in (1, 4, 5):
            path = Path(self.mktemp())
            file = Growing(path, 1)
            said = b"\1\0" * 8000 * seconds_said
            file.add(b"\1\0" * 8000 * 4)
            file.become(said)
            self.assertEqual(load(path), said)
            self.assertFalse(part_of(path).exists())

    def test_cannot_become(self) -> None:
        """With no place for all of it there is what there is, under the name of what is not whole."""
        self.patch(os, "pwrite", self.full)
        self.assertRaises(OSError, self.file.become, SECOND * 5)
        self.assertEqual((self.path.exists(), part_of(self.path).exists()), (False, True))

    def test_disk_full(self) -> None:
        """With no place for more the file ends with what there is, and it is said what is missing."""
        self.file.add(SECOND * 2)
        self.patch(os, "pwrite", self.full)
        self.assertRaises(OSError, self.file.add, SECOND * 2)
        self.assertEqual(self.file.end(), "No space left on device")
        self.assertEqual(seconds(self.path), 2.5)

    def full(self, file: int, data: bytes, at: int) -> int:
        """Write half a second more, and then nothing but what has its place already."""
        there = os.fstat(file).st_size
        if at + len(data) <= there or (at == there and there == 44 + 64_000):
            os.lseek(file, at, os.SEEK_SET)
            return os.write(file, data[:16_000])
        raise OSError(28, "No space left on device")

    def test_too_long(self) -> None:
        """A WAV file has an end, since its head has 32 bits for its size."""
        self.patch(growing, "LONGEST", 100_000)
        self.file.add(SECOND * 2)
        self.assertRaises(OSError, self.file.add, SECOND * 2)
        self.file.end()
        self.assertEqual(seconds(self.path), 2.0)

    def test_no_place(self) -> None:
        """Where it cannot be, it does not begin."""
        self.assertRaises(OSError, Growing, "/nowhere/at/all.wav")
