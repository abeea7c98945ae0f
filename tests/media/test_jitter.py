"""The jitter buffer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.jitter import JitterBuffer
from b2bua.media.rtp import Packet


class JitterTests(SynchronousTestCase):
    """L{JitterBuffer}."""

    def setUp(self) -> None:
        """Begin."""
        self.buffer = JitterBuffer()

    def put(self, *numbers: int) -> None:
        """Let packets come that say their numbers."""
        for number in numbers:
            self.buffer.put(Packet(8, number & 0xFFFF, 0, 1, b"%d" % number))

    def take(self, times: int) -> list[bytes | None]:
        """Let turns pass."""
        return [self.buffer.take() for _ in range(times)]

    def test_waits(self) -> None:
        """Nothing is given out before three have come; then one each turn."""
        self.put(1, 2)
        self.assertEqual(self.take(1), [None])
        self.put(3)
        self.assertEqual(self.take(3), [b"1", b"2", b"3"])

    def test_overtaking(self) -> None:
        """Packets that overtake each other find their order, across the wrap of their numbers as well."""
        self.put(65_535, 65_537, 65_536)
        self.assertEqual(self.take(3), [b"65535", b"65536", b"65537"])

    def test_late_and_twice(self) -> None:
        """What comes after its turn, or again, is dropped."""
        self.put(1, 2, 3, 4)
        self.take(2)
        self.put(1, 2, 3)
        self.assertEqual((self.take(2), self.buffer.late), ([b"3", b"4"], 2))

    def test_lost(self) -> None:
        """A missing one is a turn of nothing."""
        self.put(1, 2, 4, 5)
        self.assertEqual((self.take(5), self.buffer.lost), ([b"1", b"2", None, b"4", b"5"], 1))

    def test_pause(self) -> None:
        """Silence that is not sent is no loss; afterwards it is waited for three again."""
        self.put(1, 2, 3)
        self.take(5)
        self.put(4)
        self.assertEqual(self.take(1), [None])
        self.put(5, 6)
        self.assertEqual((self.take(3), self.buffer.lost), ([b"4", b"5", b"6"], 0))

    def test_jump(self) -> None:
        """Another stream, from afar in numbers, begins anew."""
        self.put(1, 2, 3)
        self.take(1)
        self.put(40_000, 40_001, 40_002)
        self.assertEqual(self.take(3), [b"40000", b"40001", b"40002"])

    def test_flood(self) -> None:
        """A flood is not kept: at most a second is."""
        self.put(*range(10_000))
        self.assertLess(len(self.buffer), 60)
