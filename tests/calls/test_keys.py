"""Keys in INFO: both types that phones send, and what is none."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.keys import asks_to_record, key_in
from b2bua.legs.words import Requested

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"


class KeyTests(SynchronousTestCase):
    """L{key_in}."""

    def key(self, kind: str, body: bytes, method: str = "INFO") -> str:
        """The key that a request tells."""
        return key_in(Requested(method, 1, (("Content-Type", kind),), body))

    def test_keys(self) -> None:
        """Digits, star and hash, as a number too, and letters in either case."""
        for body, key in (
            (b"Signal=5\r\nDuration=160\r\n", "5"),
            (b"Signal= *\r\n", "*"),
            (b"Duration=100\r\nsignal=#", "#"),
            (b"Signal=10\r\n", "*"),
            (b"Signal=11\r\n", "#"),
            (b"Signal=b\r\n", "B"),
        ):
            self.assertEqual(self.key(RELAY, body), key, body)
        self.assertEqual(self.key(f"{RELAY}; charset=utf-8".upper(), b"Signal=5"), "5")
        self.assertEqual([self.key(PLAIN, body) for body in (b"5", b" 11\r\n", b"d")], ["5", "#", "D"])

    def test_none(self) -> None:
        """Anything else is no key, and no error."""
        for body in (b"", b"Signal=", b"Signal=17", b"Signal=!", b"Signal\xff=5", b"x" * 100_000):
            self.assertEqual((self.key(RELAY, body), self.key(PLAIN, body)), ("", ""), body[:20])
        self.assertEqual(self.key("text/plain", b"Signal=5"), "")
        self.assertEqual(self.key(RELAY, b"Signal=5", "MESSAGE"), "")
        self.assertEqual(key_in(Requested("INFO", 1)), "")

    def test_record(self) -> None:
        """The record key of a Yealink is an INFO with a field of its own."""
        self.assertTrue(asks_to_record(Requested("INFO", 1, (("record", "on"),))))
        self.assertFalse(asks_to_record(Requested("INFO", 1, (("Content-Type", PLAIN),), b"5")))
