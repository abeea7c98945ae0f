"""What is kept of messages and words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from b2bua.calls import Conversation, Talk
from b2bua.calls.records import trace as records
from b2bua.calls.records.story import in_short
from b2bua.calls.records.trace import BLOCK, BLOCKS, WORDS_MAX, Trace
from b2bua.legs.words import Answered, HungUp, Refused, Ringing
from b2bua.net.traffic import Traffic
from b2bua.testing import LadderTestCase, Manners
from b2bua.testing.world import World
from b2bua.transactions.flow import Flow
from tests.legs.layer import LegCase

ALICE = Flow("UDP", ("192.0.2.1", 5060), ("198.51.100.7", 5060))


def message(start: str, call_id: str = "one") -> bytes:
    """Write a message of which only the beginning counts."""
    return f"{start}\r\nVia: x\r\nCall-ID: {call_id}\r\n\r\n".encode()


class ShortTests(SynchronousTestCase):
    """What people read of an answer."""

    def test_functions(self) -> None:
        """A function says nothing to them, and its address would be another one each time."""

        async def script(talk: Conversation) -> None: ...

        self.assertEqual(in_short(Talk(script)), "Talk()")
        self.assertEqual(in_short(Talk(script, room="800")), "Talk(room='800')")


class RingTests(SynchronousTestCase):
    """The ring of messages."""

    def test_bounded(self) -> None:
        """The oldest go when there is no more room, a block of them at a time."""
        one = message("BYE sip:a SIP/2.0")
        trace = Trace(4 * BLOCKS * len(one))
        for at in range(1000):
            trace.keep([float(at), ALICE, False, one])
            kept = [passed.at for passed in trace.of(["one"])]
            self.assertEqual(kept, [float(at - before) for before in reversed(range(len(kept)))])
            self.assertLessEqual(len(kept), 4 * BLOCKS)
            self.assertGreaterEqual(len(kept), min(at + 1, 4 * (BLOCKS - 1)))

    def test_as_it_was(self) -> None:
        """What is read is what was kept, also of blocks that are full: when, which way, and all bytes."""
        flows = (ALICE, ALICE._replace(transport="TCP", connection=7))
        given = [
            (at / 3, flows[at % 2], at % 3 == 0, message("INFO sip:a SIP/2.0") + bytes(at))
            for at in range(3 * BLOCK + 5)
        ]
        trace = Trace()
        for one in given:
            trace.keep(list(one))
        self.assertEqual([tuple(passed) for passed in trace], given)
        self.assertEqual([tuple(passed) for passed in trace.of(["one"])], given)

    def test_other_room(self) -> None:
        """With less room the newest stay; with none, none; with more there is room for more."""
        one = message("BYE sip:a SIP/2.0")
        trace = Trace(4 * BLOCKS * len(one))
        for at in range(4 * BLOCKS):
            trace.keep([float(at), ALICE, False, one])
        trace.bytes_max = BLOCKS * len(one)
        kept = [passed.at for passed in trace.of(["one"])]
        self.assertLessEqual(len(kept), BLOCKS)
        self.assertEqual(kept[-1], 4.0 * BLOCKS - 1)
        trace.bytes_max = 0
        self.assertEqual(list(trace.of(["one"])), [])

    def test_less_room(self) -> None:
        """Blocks that are larger than the new room go in part, whatever has been noted since the last one."""
        traffic, trace, one = Traffic(), Trace(), message("BYE sip:a SIP/2.0")
        traffic.keep_in(trace)
        for at in range(2 * BLOCK + 1):
            traffic.block += (float(at), ALICE, False, one)
            if len(traffic.block) >= traffic.room:
                traffic.full()
        trace.bytes_max = 20 * len(one)
        self.assertEqual(
            [passed.at for passed in trace], [float(at) for at in range(2 * BLOCK - 19, 2 * BLOCK + 1)]
        )

    def test_none(self) -> None:
        """Without room nothing is kept."""
        trace = Trace(0)
        trace.keep([0.0, ALICE, True, message("BYE sip:a SIP/2.0")])
        self.assertEqual(list(trace.of(["one"])), [])

    def test_by_call_id(self) -> None:
        """Messages are found by their Call-ID, in its compact form too, but not by what a body says."""
        trace = Trace()
        trace.keep([0.0, ALICE, True, b"BYE sip:a SIP/2.0\r\ni : one\r\n\r\n"])
        trace.keep([1.0, ALICE, True, b"INFO sip:a SIP/2.0\r\n\r\nCall-ID: one\r\n"])
        trace.keep([2.0, ALICE, True, message("BYE sip:a SIP/2.0", "two")])
        self.assertEqual([passed.at for passed in trace.of(["one"])], [0.0])

    def test_looked_through_once(self) -> None:
        """Messages that have nothing of some dialogs are not looked at again."""
        trace = Trace()
        trace.keep([0.0, ALICE, True, message("BYE sip:a SIP/2.0", "one")])
        self.assertEqual(list(trace.of(["two"])), [])
        self.patch(records, "call_ids_of", lambda messages: self.fail("looked through once more"))
        self.assertEqual([passed.at for passed in trace.of(["one"])], [0.0])
        self.patch(records, "call_id_of", lambda raw: self.fail("looked at once more"))
        self.assertEqual(list(trace.of(["two"])), [])

    def test_together(self) -> None:
        """Of many messages each Call-ID is found, however it is written."""
        written = (
            b"Call-ID:one",
            b"Call-ID:  two ",
            b"call-id: three",
            b"I: four",
            b"X: y",
            b"Call-ID: \xff",
        )
        heads = [b"BYE sip:a SIP/2.0\r\n" + line for line in written]
        ids = {"one", "two", "three", "four", "", "\ufffd"}
        for end in (b"\r\n\r\n", b"\r\n\r\nCall-ID: five\r\n", b""):
            self.assertEqual(records.call_ids_of([head + end for head in heads]), ids)
            self.assertEqual({records.call_id_of(head + end) for head in heads}, ids)


class WordTests(LegCase):
    """The ring of words."""

    def test_heard(self) -> None:
        """A word is kept by its call, leg and party, with the little that tells it from others."""
        leg, trace = self.incoming(), Trace()
        for at, word in enumerate((Ringing(), Answered(b"v=0"), Refused(486, "Busy"), HungUp("lost"))):
            trace.hear(float(at), "call", leg, word)
        trace.hear(9.0, "other", leg, Ringing())
        self.assertEqual(
            [(heard.at, str(heard).rpartition(": ")[2]) for heard in trace.words("call")],
            [(0.0, "Ringing"), (1.0, "Answered"), (2.0, "Refused 486"), (3.0, "HungUp lost")],
        )

    def test_bounded(self) -> None:
        """The oldest go: with each word, or with the words that came with a block of messages."""
        leg = self.incoming()
        for block in (1, 7, BLOCK, 3 * WORDS_MAX):
            trace, most = Trace(), 0
            for at in range(2 * WORDS_MAX):
                trace.hear(float(at), "call", leg, Ringing())
                if at % block == block - 1:
                    trace.keep([float(at), ALICE, True, message("BYE sip:a SIP/2.0")])
                if at % 997 == 0 or at >= 2 * WORDS_MAX - 8:
                    kept = [heard.at for heard in trace.words("call")]
                    self.assertEqual(kept, [float(one) for one in range(at + 1 - len(kept), at + 1)])
                    self.assertGreaterEqual(len(kept), min(at + 1, WORDS_MAX))
                    most = max(most, len(kept))
            self.assertLess(most, WORDS_MAX + 2 * BLOCK)

    def test_of_some(self) -> None:
        """The words of some calls are in their order, whatever came between them."""
        leg, trace = self.incoming(), Trace()
        for at in range(60):
            trace.hear(float(at), ("one", "two", "three")[at % 3], leg, Ringing())
            if at % 5 == 4:
                trace.keep([float(at), ALICE, True, message("BYE sip:a SIP/2.0")])
        found = [heard.at for heard in trace.heard({"one", "three"})]
        self.assertEqual(found, [float(at) for at in range(60) if at % 3 != 1])
        self.assertEqual(list(trace.heard({"four"})), [])


class WholeCallTests(LadderTestCase):
    """A call of a whole server."""

    def make_world(self) -> World:
        """Bob forwards to Carol when he is busy."""
        forwards = {"extensions": {"bob": {"forward": {"busy": "carol"}}}}
        return World(features="installed", settings=forwards)

    def test_all_of_it(self) -> None:
        """Each word with its leg, each question with who answered what, each message of all dialogs."""
        alice, bob, _ = self.phones("alice", "bob", "carol", manners=Manners(answers_after=1))
        bob.manners = bob.manners.but(refuses=486)
        call = alice.dial("bob")
        self.world.run(3)
        server = self.world.served.server
        (going,) = server.core.calls.going.values()
        alice.hang_up()
        self.assertEqual(call.state, "over")
        self.quiet()
        words = [str(heard).rpartition(": ")[2] for heard in server.trace.words(going.id)]
        self.assertEqual(words, ["Offered", "Refused 486", "Ringing", "Answered", "Confirmed", "HungUp bye"])
        reasons = "\n".join(text for _, text in going.story.lines())
        self.assertNotIn("no opinion", reasons)
        self.assertIn("target_failed: forward: Forward(to='carol'", reasons)
        raw = [passed.raw for passed in server.trace.of([leg.call_id for leg in going.record.legs])]
        sent = [p.data for p in self.world.network.log if b"REGISTER" not in p.data]
        self.assertEqual(sorted(raw), sorted(sent))
