"""Messages are counted by what they are, and handed on as they came."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls.records.trace import BLOCK, Trace
from b2bua.net.traffic import MOST, Kinds, Traffic
from b2bua.transactions.flow import Flow

ALICE = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.7", 5060))


class KindTests(SynchronousTestCase):
    """What a message is, told by its first bytes."""

    def told(self, *messages: bytes) -> dict[str, int]:
        """Those kinds of which there are some."""
        kinds = Kinds()
        kinds.add(messages)
        self.assertEqual(kinds.total, len(messages))
        return {name: count for name, count in (*kinds.by_name(), *kinds.by_class()) if count}

    def test_told_apart(self) -> None:
        """Requests by method, responses by class, and what nobody knows as others."""
        self.assertEqual(
            self.told(
                b"INVITE sip:a SIP/2.0\r\n",
                b"INVITE tel:1 SIP/2.0\r\n",
                b"ACK sip:a SIP/2.0\r\n",
                b"BYE sip:a SIP/2.0\r\n",
                b"SIP/2.0 200 OK\r\n",
                b"SIP/2.0 180 Ringing\r\n",
                b"SIP/2.0 183 Session Progress\r\n",
                b"SIP/2.0",
                b"FROB sip:a SIP/2.0\r\n",
                b"junk!",
            ),
            {"INVITE": 2, "ACK": 1, "BYE": 1, "1xx": 2, "2xx": 1, "other": 3},
        )

    def test_junk(self) -> None:
        """However many beginnings there are, little is kept of them, and all are counted."""
        kinds = Kinds()
        for number in range(5):
            kinds.add(b"%09d" % (number * MOST + one) for one in range(MOST))
            self.assertLessEqual(len(kinds._beginnings), MOST)
        self.assertEqual(dict(kinds.by_name())["other"], 5 * MOST)


class TrafficTests(SynchronousTestCase):
    """Who hears of messages."""

    def pass_by(self, traffic: Traffic, count: int) -> list[tuple[float, Flow, bool, bytes]]:
        """Let some messages come and go as the transport layer does; give them."""
        passed = [(float(at), ALICE, at % 3 == 0, b"BYE sip:%d SIP/2.0" % at) for at in range(count)]
        for one in passed:
            traffic.block += one
            if len(traffic.block) >= traffic.room:
                traffic.full()
        return passed

    def test_kept(self) -> None:
        """A trace has all of them whenever it is read, and those before the last block without that."""
        traffic, trace = Traffic(), Trace()
        traffic.keep_in(trace)
        passed = self.pass_by(traffic, 2 * BLOCK + 5)
        self.assertEqual(sum(len(block.values) for block in trace._blocks), 4 * 2 * BLOCK)
        self.assertEqual([tuple(one) for one in trace], passed)
        self.assertEqual(traffic.block, [])

    def test_counted(self) -> None:
        """What came and what went is counted whenever it is asked for, once."""
        traffic = Traffic()
        self.pass_by(traffic, 100)
        for _ in range(2):
            self.assertEqual((traffic.came.total, traffic.went.total), (66, 34))
        self.pass_by(traffic, 100)
        self.assertEqual((traffic.came.total, traffic.went.total), (132, 68))

    def test_tapped(self) -> None:
        """A tap hears of each message at once, until it is taken away; a trace has them, too."""
        traffic, trace = Traffic(), Trace()
        traffic.keep_in(trace)
        heard: list[Any] = []
        self.pass_by(traffic, 3)
        traffic.tap = lambda *one: heard.append(one)
        passed = self.pass_by(traffic, BLOCK + 3)
        self.assertEqual(heard, passed)
        traffic.tap = None
        self.pass_by(traffic, 3)
        self.assertEqual(heard, passed)
        self.assertEqual(len(list(trace)), BLOCK + 9)
        self.assertEqual(traffic.came.total + traffic.went.total, BLOCK + 9)

    def test_less_room(self) -> None:
        """With less room smaller blocks are handed over; without any all of it is forgotten."""
        traffic, trace = Traffic(), Trace()
        traffic.keep_in(trace)
        self.pass_by(traffic, 5)
        trace.bytes_max = 1
        self.assertEqual([one.at for one in trace], [4.0])
        self.pass_by(traffic, 5)
        self.assertEqual((traffic.block, [one.at for one in trace]), ([], [4.0]))
        trace.bytes_max = 0
        self.pass_by(traffic, 5)
        self.assertEqual(list(trace), [])
        self.assertEqual(traffic.came.total + traffic.went.total, 15)
