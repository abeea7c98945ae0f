"""A call drawn with characters."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.record import CallRecord
from b2bua.explain.text import ladder, transcript
from b2bua.explain.traced import TracedCall, masked
from tests.explain.calls import forwarded, small


class LadderTests(SynchronousTestCase):
    """What people see."""

    def test_order(self) -> None:
        """What was decided stands between what came and what was sent for it."""
        lines = ladder(small(), words=False).splitlines()
        self.assertEqual(lines[0].split(), ["101", "b2bua", "102"])
        self.assertEqual(lines[1].split(), ["198.51.100.7:5060", "198.51.100.8:5070"])
        self.assertEqual(
            [line.split()[:2] for line in lines[2:]],
            [["0.000", "|---------"], ["0.000", "*"], ["0.000", "|"], ["0.500", "|"]],
        )

    def test_sent_again(self) -> None:
        """A message that is sent again unchanged stands there once, with how often it was sent."""
        lines = ladder(small()).splitlines()
        self.assertEqual([line.count("486") for line in lines if "|" in line and "486" in line], [1])
        self.assertIn("x2", lines[-2])

    def test_silent_features(self) -> None:
        """Who had no opinion is shown to those who ask for it."""
        self.assertNotIn("nothing", ladder(small()))
        self.assertIn("nothing", ladder(small(), silent=True))

    def test_words(self) -> None:
        """What a leg told its call stands where it was told."""
        self.assertIn(". extension 102, leg 2: Refused 486", ladder(small()))

    def test_terminal_is_not_steered(self) -> None:
        """What a peer says cannot clear somebody's screen."""
        for text in (ladder(small()), transcript(small())):
            self.assertNotIn("\x1b", text)
            self.assertIn("486 ?[2J", text)

    def test_nothing_left(self) -> None:
        """When all has gone that is said of a call, nothing but its parties is drawn."""
        call = TracedCall(record=CallRecord("abc", "extension 101", "102", 5.0))
        self.assertEqual(ladder(call).split(), ["101", "b2bua"])
        self.assertEqual(transcript(call), "")

    def test_beginning_missing(self) -> None:
        """A dialog of which the INVITE is not kept any more is named."""
        self.assertIn(
            "the beginning of one is not kept", ladder(small().model_copy(update={"missing": ("one",)}))
        )

    def test_whole_call(self) -> None:
        """Each party has one column, the caller's is at the left; the reason of a forward is in words."""
        text = ladder(forwarded())
        self.assertEqual(text.splitlines()[0].split(), ["alice", "b2bua", "bob", "carol"])
        self.assertIn("target_failed: forward: Forward(to='carol', why=user-busy)", text)


class MaskTests(SynchronousTestCase):
    """No digest that proves a password is shown or saved."""

    def test_response(self) -> None:
        """In whatever field and spelling it comes; all else stays, and so does the length."""
        for line in (
            'Authorization: Digest username="101", response="DIGEST", nc=00000001',
            "proxy-authorization : Digest username=101,\r\n  RESPONSE = DIGEST , cnonce=1",
            'Authentication-Info: rspauth="DIGEST", qop=auth',
            'AUTHORIZATION: Digest response="DIGEST"',
        ):
            message = (
                f"INVITE sip:b SIP/2.0\r\nVia: x\r\n{line}\r\nSubject: response=12\r\n\r\nresponse=34\r\n"
            )
            secret = hashlib.sha256(line.encode()).hexdigest()
            hidden = masked(message.replace("DIGEST", secret).encode())
            self.assertEqual(hidden.decode(), message.replace("DIGEST", "*" * len(secret)))

    def test_of_a_call(self) -> None:
        """What a server tells of a call has none, neither as text nor in a file."""
        call = forwarded()
        logins = [m.text for m in call.messages if "uthorization: Digest" in m.text]
        self.assertNotEqual(logins, [])
        self.assertEqual([text for text in logins if 'response="*' not in text], [])


class TranscriptTests(SynchronousTestCase):
    """Messages as they were."""

    def test_as_it_was(self) -> None:
        """Each message stands there as it was, with its time, its way and its direction."""
        lines = transcript(small()).splitlines()
        self.assertEqual(lines[0], "    0.000 UDP 192.0.2.1:5060 <- 198.51.100.7:5060")
        self.assertEqual(lines[1:4], ["INVITE sip:b SIP/2.0", "Via: x", "Call-ID: one"])
        self.assertIn("    0.000 TCP 192.0.2.1:5060 -> 198.51.100.8:5070", lines)
