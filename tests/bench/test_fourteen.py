"""What each message costs: all fourteen, and nothing of a call is left out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.count import count, rooms
from bench.fourteen import LATER, count_messages, name_of, text

CALLS = 20


class FourteenTests(SynchronousTestCase):
    """The functions of each message of a basic call."""

    def test_all(self) -> None:
        """Seven messages come and seven leave; what they cost together is what a call costs."""
        counted = count_messages(CALLS)
        names = [name for name in counted.messages if name != LATER]
        self.assertEqual(
            [name for name in names if name.endswith(" in")],
            [
                "INVITE in",
                "100 (INVITE) in",
                "180 (INVITE) in",
                "200 (INVITE) in",
                "ACK in",
                "BYE in",
                "200 (BYE) in",
            ],
        )
        self.assertEqual(
            sorted(name for name in names if name.endswith(" out")),
            sorted(name.replace(" in", " out") for name in names if name.endswith(" in")),
        )
        each = {
            name: sum(times for room, times in found.items() if room != "bench") / CALLS
            for name, found in counted.messages.items()
        }
        self.assertTrue(all(each[name] >= 2 for name in names), each)
        self.assertGreater(each["INVITE in"], each["INVITE out"])
        whole = sum(rooms(count(CALLS), CALLS).values())
        self.assertLess(abs(sum(each.values()) - whole), whole / 100)
        self.assertEqual(len(text(counted, CALLS).splitlines()), 2 + len(counted.messages))

    def test_names(self) -> None:
        """A request has its method, an answer its status with the method of what it answers."""
        self.assertEqual(name_of(b"BYE sip:bob@192.0.2.9 SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n"), "BYE")
        self.assertEqual(
            name_of(b"SIP/2.0 200 OK\r\nTo: <sip:b@x>\r\nCSeq: 1 INVITE\r\n\r\n"), "200 (INVITE)"
        )
