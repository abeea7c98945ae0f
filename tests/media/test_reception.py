"""How well a party is heard."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.reception import Reception, mos


class ReceptionTests(SynchronousTestCase):
    """L{Reception}."""

    def take(self, numbers: list[int], late: float = 0.0, ssrc: int = 7) -> Reception:
        """Let packets of 20 ms come, every other one late."""
        reception = Reception()
        for at, seq in enumerate(numbers):
            reception.take(seq & 0xFFFF, at * 160, ssrc, at * 0.02 + (late if at % 2 else 0.0), 8000)
        return reception

    def test_loss(self) -> None:
        """What is missing between the lowest and the highest number is lost (RFC 3550 section A.3)."""
        received = self.take([1, 2, 3, 5, 6, 10]).received
        self.assertEqual((received.packets, received.lost), (6, 4))

    def test_round(self) -> None:
        """Numbers go round (section A.1)."""
        received = self.take([65_534, 65_535, 0, 2]).received
        self.assertEqual((received.packets, received.lost), (4, 1))

    def test_out_of_order(self) -> None:
        """What overtakes is not lost, and what comes twice does not make up for what is."""
        self.assertEqual(self.take([1, 3, 2, 4]).received.lost, 0)
        self.assertEqual(self.take([2, 1, 3]).received.lost, 0)

    def test_other_sources(self) -> None:
        """A new source (SSRC), or numbers that begin anew, are counted for themselves."""
        reception = self.take([1, 2, 4])
        for seq in (40_000, 40_001):
            reception.take(seq, 0, 8, 1.0, 8000)
        reception.take(5, 0, 8, 1.0, 8000)
        self.assertEqual((reception.received.packets, reception.received.lost), (6, 1))

    def test_elsewhere(self) -> None:
        """What a source has sent elsewhere is not lost; what comes late of that counts for itself."""
        reception = self.take([1, 2, 4])
        for first, others in ((300, (302,)), (299, (303,)), (2500, ())):
            reception.anew()
            for seq in (first, *others):
                reception.take(seq, seq * 160, 7, seq * 0.02, 8000)
        received = reception.received
        self.assertEqual((received.packets, received.lost), (3 + 2 + 2 + 1, 1 + 1))
        self.assertEqual(reception.highest, 2500)

    def test_jitter(self) -> None:
        """Packets that come 10 ms late every other time have a jitter near that (section 6.4.1)."""
        self.assertAlmostEqual(self.take(list(range(100))).received.jitter, 0.0)
        self.assertAlmostEqual(self.take(list(range(500)), 0.01).received.jitter, 0.01, places=4)

    def test_keys(self) -> None:
        """The timestamps of a key stand still (RFC 4733 section 2.3.2), and are no jitter."""
        reception = self.take(list(range(10)))
        for at in range(10, 60):
            reception.take(at, 1600, 7, at * 0.02, None)
        self.assertEqual(reception.received.packets, 60)
        self.assertAlmostEqual(reception.received.jitter, 0.0)

    def test_nothing(self) -> None:
        """Of nothing there is no opinion."""
        self.assertIsNone(Reception().received.mos)

    def test_mos(self) -> None:
        """Nobody is heard better than 4.4 by G.711, and less well the more is lost or late."""
        self.assertGreater(mos(0.0, 0.001), 4.3)
        self.assertEqual(sorted([mos(0.05, 0.0), mos(0.01, 0.0), mos(0.0, 0.0)]), [
            mos(0.05, 0.0), mos(0.01, 0.0), mos(0.0, 0.0)])  # fmt: skip
        self.assertLess(mos(0.0, 0.2), mos(0.0, 0.02))
        self.assertEqual(mos(1.0, 10.0), 1.0)
