"""The control protocol of rtpengine."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.rtpengine.exchanges import MOST, Exchanges, NoReply, Refused
from tests.timers import FakeClock


class ExchangesTests(SynchronousTestCase):
    """L{Exchanges}."""

    def setUp(self) -> None:
        """Begin, with an engine that says nothing by itself."""
        self.clock = Clock()
        self.sent: list[bytes] = []
        self.exchanges = Exchanges(FakeClock(self.clock), self.sent.append, "x-")

    def reply(self, number: int = -1, **values: Any) -> None:
        """Answer a request."""
        cookie = self.sent[number].partition(b" ")[0]
        self.exchanges.heard(cookie + b" " + json.dumps(values).encode())

    def test_request(self) -> None:
        """A request is a cookie, a space and JSON in ASCII, whatever the values have in them."""
        asked = self.exchanges.ask("offer", {"sdp": 's=Büro "1"\r\n'})
        cookie, _, text = self.sent[0].partition(b" ")
        self.assertTrue(cookie.startswith(b"x-"))
        self.assertTrue(text.isascii())
        self.assertEqual(json.loads(text), {"command": "offer", "sdp": 's=Büro "1"\r\n'})
        self.reply(result="ok", sdp="v=0")
        self.assertEqual(self.successResultOf(asked)["sdp"], "v=0")

    def test_repeats(self) -> None:
        """It is sent again with the same cookie until the reply comes, and then no more."""
        asked = self.exchanges.ask("query")
        self.clock.pump([0.1] * 10)
        self.assertGreater(len(self.sent), 2)
        self.assertEqual(len(set(self.sent)), 1)
        self.assertEqual(self.exchanges.repeated, len(self.sent) - 1)
        self.reply(result="ok")
        self.successResultOf(asked)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_reply(self) -> None:
        """Without a reply it is given up in time, once; a reply that comes late is nothing."""
        asked = self.exchanges.ask("query", patience=2.0)
        self.clock.pump([0.1] * 25)
        self.failureResultOf(asked, NoReply)
        self.reply(result="ok")
        self.assertEqual((self.exchanges.unanswered, self.clock.getDelayedCalls()), (1, []))

    def test_refused(self) -> None:
        """An error comes with the engine's own words, as does a limit of its load."""
        asked = self.exchanges.ask("answer")
        self.reply(result="error", **{"error-reason": "Unknown call-id"})
        self.assertEqual(self.failureResultOf(asked, Refused).getErrorMessage(), "Unknown call-id")
        asked = self.exchanges.ask("offer")
        self.reply(result="load limit", message="Parallel session limit reached")
        self.assertIn("limit", self.failureResultOf(asked, Refused).getErrorMessage())

    def test_two_replies(self) -> None:
        """Replies find their requests by the cookie, in any order."""
        one, other = (
            self.exchanges.ask("query", {"call-id": "1"}),
            self.exchanges.ask("query", {"call-id": "2"}),
        )
        self.reply(1, result="ok", of=2)
        self.reply(0, result="ok", of=1)
        self.assertEqual((self.successResultOf(one)["of"], self.successResultOf(other)["of"]), (1, 2))

    def test_nonsense(self) -> None:
        """What is no reply of an engine is nothing: the request waits on."""
        asked = self.exchanges.ask("query", patience=1.0)
        cookie = self.sent[0].partition(b" ")[0]
        for datagram in (
            b"",
            b" ",
            b"\xff\xfe",
            cookie,
            cookie + b" {",
            cookie + b" []",
            b"y {}",
            cookie + b" " + b"[" * 50_000,
        ):
            self.exchanges.heard(datagram)
        self.assertNoResult(asked)
        self.reply(result="ok")
        self.successResultOf(asked)

    def test_nobody_there(self) -> None:
        """Who is in haste hears at once that nobody listens; the others wait for it to be started again."""
        hasty, patient = self.exchanges.ask("ping", hasty=True), self.exchanges.ask("query")
        self.exchanges.nobody()
        self.failureResultOf(hasty, NoReply)
        self.reply(1, result="ok")
        self.successResultOf(patient)

    def test_most(self) -> None:
        """Not more requests wait at once than can be answered in time."""
        waiting = [self.exchanges.ask("query") for _ in range(MOST)]
        self.failureResultOf(self.exchanges.ask("query"), NoReply)
        self.exchanges.stop("the service ends")
        for asked in waiting:
            self.failureResultOf(asked, NoReply)
        self.assertEqual(self.clock.getDelayedCalls(), [])
