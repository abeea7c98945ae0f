"""When the NOTIFYs of a subscription leave."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.notify_queue import NotifyQueue
from tests.registrar.support import FakeClock


class NotifyQueueTests(SynchronousTestCase):
    """L{NotifyQueue}, with a state that is a number."""

    def setUp(self) -> None:
        """Nothing has been told."""
        self.timers = FakeClock()
        self.state = 0
        self.may = True
        self.sent: list[tuple[float, int]] = []
        self.queue = NotifyQueue(self.timers, self.send)

    def send(self) -> bool:
        """Send the state of now."""
        if self.may:
            self.sent.append((self.timers.now(), self.state))
        return self.may

    def tell(self, state: int, *, at_once: bool = False) -> None:
        """Change the state."""
        self.state = state
        self.queue.tell(at_once=at_once)

    def test_burst(self) -> None:
        """What changes while a NOTIFY is on its way costs one more, with the last state."""
        for state in range(1, 9):
            self.tell(state)
        self.assertEqual(self.sent, [(0, 1)])
        self.queue.answered()
        self.assertEqual(self.sent, [(0, 1), (0, 8)])
        self.queue.answered()
        self.assertTrue(self.queue.idle)
        self.assertEqual(len(self.sent), 2)

    def test_gap(self) -> None:
        """With a gap what changes is told when it is over, as it is then; but at once if it must be."""
        self.queue = NotifyQueue(self.timers, self.send, 1.0)
        self.tell(1)
        self.queue.answered()
        self.tell(2)
        self.timers.clock.advance(0.5)
        self.tell(3)
        self.timers.clock.pump([0.51])
        self.assertEqual([state for _, state in self.sent], [1, 3])
        self.queue.answered()
        self.tell(4, at_once=True)
        self.assertEqual([state for _, state in self.sent], [1, 3, 4])

    def test_failed(self) -> None:
        """After a failure the state of then is told later, even if it did not change again."""
        self.tell(1)
        self.queue.failed(2.0)
        self.state = 5
        self.timers.clock.pump([1.9])
        self.assertEqual(self.sent, [(0, 1)])
        self.timers.clock.pump([0.11])
        self.assertEqual([state for _, state in self.sent], [1, 5])

    def test_failed_but_urgent(self) -> None:
        """Who is there again does not wait for the next attempt."""
        self.tell(1)
        self.queue.failed(60.0)
        self.queue.tell(at_once=True)
        self.assertEqual(len(self.sent), 2)
        self.queue.answered()
        self.timers.clock.pump([61.0])
        self.assertEqual(len(self.sent), 2)

    def test_held_back(self) -> None:
        """What may not be sent waits until it may, and loses nothing of its urgency."""
        self.queue = NotifyQueue(self.timers, self.send, 1.0)
        self.tell(1)
        self.queue.answered()
        self.may = False
        self.tell(2, at_once=True)
        self.may = True
        self.queue.go_on()
        self.assertEqual([state for _, state in self.sent], [1, 2])

    def test_stopped(self) -> None:
        """Who stops it leaves no timer."""
        self.tell(1)
        self.queue.failed(60.0)
        self.queue.stop()
        self.assertEqual(self.timers.clock.getDelayedCalls(), [])
