"""Phones that cannot log in are told of once, in words that help."""

from __future__ import annotations

from twisted.logger import LogEvent, Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from b2bua.authentication.complaints import CAPACITY, Complaints


class ComplaintsTests(SynchronousTestCase):
    """L{Complaints}."""

    def setUp(self) -> None:
        """Listen."""
        self.lines: list[str] = []
        self.complaints = Complaints()
        self.patch(Complaints, "log", Logger(namespace="b2bua.test", observer=self.observe))

    def observe(self, event: LogEvent) -> None:
        """Keep a line."""
        self.lines.append(formatEvent(event))

    def test_never_past_its_challenge(self) -> None:
        """Once, with the extension, its address and what to do; again only after it has logged in."""
        for _ in range(50):
            self.complaints.unanswered("192.0.2.7", "101", ("SHA-256", "MD5"))
        [line] = self.lines
        for word in ("extension 101", "192.0.2.7", "SHA-256 and MD5", 'auth.algorithms = ["MD5"]'):
            self.assertIn(word, line)
        self.complaints.passed("192.0.2.7", "101")
        for _ in range(5):
            self.complaints.unanswered("192.0.2.7", "101", ("MD5",))
        self.assertEqual(len(self.lines), 2)

    def test_as_it_should_be(self) -> None:
        """A phone that is challenged and answers, for ever, is no trouble."""
        for _ in range(50):
            self.complaints.unanswered("192.0.2.7", "101", ("MD5",))
            self.complaints.passed("192.0.2.7", "101")
        self.assertEqual(self.lines, [])

    def test_wrong_password(self) -> None:
        """Once, with the key to compare."""
        for _ in range(50):
            self.complaints.wrong("192.0.2.7", "101", 60.0)
        [line] = self.lines
        for word in ("extension 101", "192.0.2.7", "3 times", "extensions.101.password", "60 s"):
            self.assertIn(word, line)

    def test_bounded(self) -> None:
        """Whoever comes from many addresses costs no memory."""
        for number in range(5 * CAPACITY):
            self.complaints.wrong(f"host-{number}", "101", 60.0)
        self.assertEqual(len(self.complaints._counts), CAPACITY)
