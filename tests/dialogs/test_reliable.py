"""Reliable provisional responses, both roles (RFC 3262)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.reliable import InOrder, ReliableResponses
from b2bua.wire.fields import RAck
from b2bua.wire.message import Response


class ServerTests(SynchronousTestCase):
    """What a UAS sends (section 3)."""

    def setUp(self) -> None:
        """Start with RSeq 10."""
        self.responses = ReliableResponses(10, 0.5)

    def test_numbered(self) -> None:
        """Each has Require: 100rel, and an RSeq that is one higher than the last."""
        first = self.responses.send(Response(180, "Ringing"), False, 0)
        assert first is not None
        self.assertEqual((first.rseq, first.require), (10, {"100rel"}))
        self.responses.acknowledged(RAck(10, 1, "INVITE"), 1, 0)
        second = self.responses.send(Response(183, "Session Progress"), False, 0)
        assert second is not None
        self.assertEqual(second.rseq, 11)

    def test_one_at_a_time(self) -> None:
        """The second is not sent before the first is acknowledged."""
        self.responses.send(Response(180, "Ringing"), False, 0)
        self.assertIsNone(self.responses.send(Response(183, "Session Progress"), True, 0))
        self.assertTrue(self.responses.session_unacknowledged)
        matched, following = self.responses.acknowledged(RAck(10, 1, "INVITE"), 1, 0)
        self.assertTrue(matched)
        assert following is not None
        self.assertEqual((following.code, following.rseq), (183, 11))

    def test_repeated(self) -> None:
        """It is repeated after T1, doubling without the cap at T2, until 64*T1 have passed."""
        self.responses.send(Response(180, "Ringing"), False, 0)
        times, now = [], 0.0
        while True:
            now += self.responses.interval
            if self.responses.repeat(now) is None:
                break
            times.append(now)
        self.assertEqual(times, [0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
        self.assertEqual(now, 32)

    def test_no_match(self) -> None:
        """RSeq, CSeq and method must all be right."""
        self.responses.send(Response(180, "Ringing"), False, 0)
        for rack in (RAck(11, 1, "INVITE"), RAck(10, 2, "INVITE"), RAck(10, 1, "UPDATE")):
            self.assertEqual(self.responses.acknowledged(rack, 1, 0), (False, None))
        self.assertTrue(self.responses.acknowledged(RAck(10, 1, "INVITE"), 1, 0)[0])
        self.assertFalse(self.responses.acknowledged(RAck(10, 1, "INVITE"), 1, 0)[0])

    def test_after_final(self) -> None:
        """Nothing new follows a final response, but a late PRACK still matches."""
        self.responses.send(Response(180, "Ringing"), False, 0)
        self.responses.send(Response(183, "Session Progress"), False, 0)
        self.responses.finish()
        self.assertEqual(self.responses.acknowledged(RAck(10, 1, "INVITE"), 1, 0), (True, None))


class ClientTests(SynchronousTestCase):
    """What a UAC takes (section 4)."""

    def test_in_order(self) -> None:
        """The first one sets the number; duplicates and gaps are dropped."""
        order = InOrder()
        self.assertEqual(
            [order.takes(n) for n in (7, 7, 9, 8, 9, 8)], [True, False, False, True, True, False]
        )
