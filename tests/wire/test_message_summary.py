"""How many messages wait (RFC 3842)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire.message_summary import Summary, parse, write

EXAMPLE = b"""Messages-Waiting: yes\r
Message-Account: sip:alice@vmail.example.com\r
Voice-Message: 2/8 (0/2)\r
"""
WITH_MESSAGES = (
    EXAMPLE
    + b"""\r
To: <alice@atlanta.example.com>\r
From: <bob@biloxi.example.com>\r
Subject: carpool tomorrow?\r
"""
)


class SummaryTests(SynchronousTestCase):
    """L{parse} and L{write}."""

    def test_examples(self) -> None:
        """The examples of sections 3.5 and 4: status, account and counts; single messages may follow."""
        wanted = Summary(True, "sip:alice@vmail.example.com", (2, 8, 0, 2))
        self.assertEqual((parse(EXAMPLE), parse(WITH_MESSAGES)), (wanted, wanted))
        self.assertEqual(parse(b"Messages-Waiting: no\r\n"), Summary(False))

    def test_written(self) -> None:
        """What is written is the example, to the last byte."""
        self.assertEqual(write((2, 8, 0, 2), "sip:alice@vmail.example.com"), EXAMPLE)

    def test_tolerated(self) -> None:
        """Letters of any case, space at any place, bare line feeds; counts without those that are urgent."""
        self.assertEqual(
            parse(b"messages-waiting : YES\nVoice-Message: 1 / 3\n"), Summary(True, "", (1, 3, 0, 0))
        )
        self.assertEqual(parse(b"Messages-Waiting: yes\r\nVoice-Message: many\r\n"), Summary(True))

    def test_refused(self) -> None:
        """Without a status it is no summary (section 5.2), nor is anything endless."""
        for body in (b"", b"Voice-Message: 1/1\r\n", b"Messages-Waiting: perhaps\r\n", b"\x00" * 9000):
            with self.subTest(body[:20]):
                self.assertIn(self.assertRaises(PeerError, parse, body).code, (400, 413))
