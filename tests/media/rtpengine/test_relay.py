"""The media of one call at an rtpengine."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from b2bua.media.ports import NoRelay, Received, RelayHappened, Towards
from b2bua.media.rtpengine.capture import Work
from b2bua.media.rtpengine.relay import RtpengineRelay
from tests.media.rtpengine.simulated import Site, session

US = "198.51.100.1"
PHONE = "192.0.2.7"
PLAIN = Towards(US, "RTP/AVP")
GONE = RelayHappened("gone")


class RelayTestCase(SynchronousTestCase):
    """Something about the relay of a call."""

    count = 1

    def setUp(self) -> None:
        """Have engines, and a call."""
        self.made: list[Work] = []
        self.written = ""
        self.site = Site(self.count, recordings="/spool", write=self.write)
        self.happened: list[RelayHappened] = []
        self.relay = self.site.relays.open("1", self.happened.append)

    def write(self, work: Work) -> Deferred[str]:
        """Make a recording."""
        self.made.append(work)
        return succeed(self.written)

    def done(self, asked: Deferred[Any], seconds: float = 0.1) -> Any:
        """What comes of something that was asked."""
        self.site.run(seconds)
        return self.successResultOf(asked)

    def fails(self, asked: Deferred[Any], seconds: float = 5.0) -> str:
        """Why something cannot be had."""
        self.site.run(seconds)
        return self.failureResultOf(asked, NoRelay).getErrorMessage()

    def offer(self, by: str = "a", to: str = "b", *lines: str) -> Deferred[bytes]:
        """Offer."""
        return self.relay.offer(by, to, session(5000, PHONE, *lines), PLAIN, PHONE)

    def answer(self, by: str = "b", to: str = "a", *lines: str) -> Deferred[bytes]:
        """Answer."""
        return self.relay.answer(by, to, session(6000, PHONE, *lines), PLAIN, PHONE)

    def talk(self, by: str = "a", to: str = "b") -> None:
        """Have two talk."""
        self.done(self.offer(by, to))
        self.done(self.answer(to, by))

    @property
    def engine(self) -> Any:
        """The first one."""
        return self.site.engines[0]

    @property
    def calls(self) -> list[int]:
        """How many calls each engine has."""
        return [len(engine.calls) for engine in self.site.engines]


class SessionTests(RelayTestCase):
    """Offers and answers."""

    def test_call(self) -> None:
        """Offer and answer come back with the engine's address and ports."""
        offered = self.done(self.offer())
        answered = self.done(self.answer())
        self.assertIn(b"c=IN IP4 198.51.100.1", offered)
        self.assertNotIn(b"m=audio 5000 ", offered)
        self.assertNotIn(b"m=audio 6000 ", answered)
        offer, answer = self.engine.commands("offer", "answer")
        self.assertEqual((offer["from-tag"], offer["to-tag"]), ("a", "b"))
        self.assertEqual((answer["from-tag"], answer["to-tag"]), ("a", "b"))

    def test_in_order(self) -> None:
        """What is asked goes out one after the other, and is answered in that order, whatever is lost."""
        order: list[str] = []
        self.engine.lose = 1
        for name, asked in (
            ("offer", self.offer()),
            ("answer", self.answer()),
            ("again", self.offer("b", "a")),
        ):
            asked.addCallback(lambda _, name=name: order.append(name))
        self.site.run(3)
        self.assertEqual(order, ["offer", "answer", "again"])
        self.assertEqual(
            [one["command"] for one in self.engine.commands("offer", "answer")], ["offer", "answer", "offer"]
        )

    def test_lost_reply(self) -> None:
        """An offer whose reply was lost is repeated, and counts once."""
        self.engine.lose_replies = 1
        self.done(self.offer(), 1.0)
        self.assertEqual((len(self.engine.commands("offer")), self.calls), (1, [1]))

    def test_forks(self) -> None:
        """Several phones that ring are branches of one call: the caller keeps one port for all of them."""
        self.done(self.offer("a", "b"))
        self.done(self.offer("a", "c"))
        early, other = self.done(self.answer("b")), self.done(self.answer("c"))
        self.assertEqual(early.splitlines()[5].split()[1], other.splitlines()[5].split()[1])
        self.assertEqual([one["via-branch"] for one in self.engine.commands("offer")], ["b", "c"])

    def test_refused(self) -> None:
        """What the engine says against a session is what people read."""
        self.engine.refuses["offer"] = "Failed to parse SDP"
        self.assertIn("Failed to parse SDP", self.fails(self.offer()))

    def test_closed(self) -> None:
        """After the end nothing can be asked any more."""
        self.talk()
        self.done(self.relay.close())
        self.assertIn("over", self.fails(self.offer()))

    def test_let_go(self) -> None:
        """The relay of a call that another process has is watched no more, and the engine keeps it."""
        self.talk()
        self.relay.let_go()
        before = len(self.engine.commands("query"))
        self.site.run(300)
        self.assertEqual((len(self.engine.commands("query")), self.engine.commands("delete")), (before, []))
        self.assertIn("over", self.fails(self.offer()))


class DropTests(RelayTestCase):
    """Legs that are gone."""

    def dropped(self) -> list[str]:
        """Which legs the engine was told to forget."""
        self.site.run(0.1)
        return [one["from-tag"] for one in self.engine.commands("delete") if "from-tag" in one]

    def test_fork_that_lost(self) -> None:
        """A phone that did not get the call is forgotten at once."""
        self.talk("a", "b")
        self.done(self.offer("a", "c"))
        self.done(self.answer("c"))
        self.relay.drop("c")
        self.assertEqual(self.dropped(), ["c"])
        self.assertEqual(self.calls, [1])

    def test_transferor(self) -> None:
        """Who has transferred a call is forgotten when the other one talks to somebody else: not before."""
        self.talk("a", "b")
        self.relay.drop("b")
        self.assertEqual((self.dropped(), self.calls), ([], [1]))
        self.talk("c", "a")
        self.assertEqual((self.dropped(), self.calls), (["b"], [1]))

    def test_failed(self) -> None:
        """An engine that does not want to forget one keeps nobody from talking."""
        self.talk("a", "b")
        self.relay.drop("b")
        self.engine.refuses["delete"] = "no"
        self.talk("c", "a")
        del self.engine.refuses["delete"]
        self.talk("c", "a")
        self.assertEqual(self.dropped()[-1:], ["b"])

    def test_never_there(self) -> None:
        """A leg that the engine has never heard of, or after the end: nothing is asked."""
        self.talk("a", "b")
        self.relay.drop("x")
        self.done(self.relay.close())
        self.relay.drop("a")
        self.assertEqual(self.dropped(), [])


class EndTests(RelayTestCase):
    """The end of a call."""

    def test_statistics(self) -> None:
        """At the end it is known what came from each party, and the engine has the call no more."""
        self.talk()
        self.engine.speaks("a", 100)
        self.engine.speaks("b", 90)
        found = self.done(self.relay.close())
        self.assertEqual(found, {"a": Received(100, 3, 0.004, 4.3), "b": Received(90, 3, 0.004, 4.3)})
        self.assertEqual(self.calls, [0])

    def test_datagrams_lost(self) -> None:
        """The end is told for sure, whatever is lost."""
        self.talk()
        self.engine.lose = 3
        self.done(self.relay.close(), 5.0)
        self.assertEqual(self.calls, [0])

    def test_engine_away(self) -> None:
        """Without an engine the end takes no longer than a second, and is told later."""
        self.talk()
        self.engine.reachable = False
        self.assertIsNone(self.done(self.relay.close(), 1.2))
        self.site.run(30)
        self.engine.reachable = True
        self.site.run(4)
        self.assertEqual(self.calls, [0])

    def test_nothing_began(self) -> None:
        """A relay that was never used has nothing to end."""
        self.assertIsNone(self.done(self.relay.close()))
        self.assertEqual(self.engine.commands("delete"), [])

    def test_while_asking(self) -> None:
        """A call that ends while an offer is on its way leaves nothing behind."""
        self.engine.lose = 1
        asked, closed = self.offer(), self.relay.close()
        self.site.run(2)
        self.failureResultOf(
            asked.addCallback(lambda _: self.fail("it is over")), self.failureException, NoRelay
        )
        self.successResultOf(closed)
        self.assertEqual(self.calls, [0])


class TwoEnginesTests(RelayTestCase):
    """Which engine has a call."""

    count = 2

    def open(self) -> RtpengineRelay:
        """Another call."""
        return self.site.relays.open("2", self.happened.append)

    def test_shared(self) -> None:
        """Calls go to the engine with the fewest."""
        for _ in range(6):
            self.done(self.open().offer("a", "b", session(5000), PLAIN, PHONE))
        self.assertEqual(self.calls, [3, 3])

    def test_killed(self) -> None:
        """When an engine is killed its calls hear it; new ones, and new offers, go to the other one."""
        self.talk()
        self.assertEqual(self.calls, [1, 0])
        self.engine.die()
        self.site.run(5)
        self.assertEqual(self.happened, [GONE])
        self.assertIn("lost", self.fails(self.answer()))
        self.talk()
        self.assertEqual(self.calls, [0, 1])
        self.done(self.relay.close())
        self.assertEqual(self.calls, [0, 0])

    def test_silent_at_the_first_offer(self) -> None:
        """A first offer that one engine does not answer goes to the other one within two seconds."""
        self.engine.reachable = False
        self.done(self.offer(), 2.0)
        self.assertEqual(self.calls, [0, 1])

    def test_answered_too_late(self) -> None:
        """If the first engine has heard the offer all the same, it is told to let go of it."""
        self.engine.lose_replies = 8
        self.done(self.offer(), 2.0)
        self.site.run(10)
        self.assertEqual(self.calls, [0, 1])

    def test_full(self) -> None:
        """An engine without a free port, or at its limit, has the next one asked."""
        self.engine.refuses["offer"] = "Ran out of ports"
        self.done(self.offer())
        self.assertEqual(self.calls, [0, 1])

    def test_none(self) -> None:
        """With no engine at all the reason comes within four seconds, and at once when that is known."""
        for engine in self.site.engines:
            engine.reachable = False
        self.fails(self.offer(), 4.0)
        self.site.run(10)
        self.assertIn(
            "no rtpengine answers", self.fails(self.open().offer("a", "b", session(1), PLAIN, PHONE), 0.0)
        )

    def test_lost_call(self) -> None:
        """An answer for a call that its engine has forgotten says so, and the call hears it once."""
        self.done(self.offer())
        self.engine.calls.clear()
        self.assertIn("Unknown call-id", self.fails(self.answer()))
        self.site.run(20)
        self.assertEqual(self.happened, [GONE])


class SilenceTests(RelayTestCase):
    """Parties that should speak and do not."""

    def test_silent(self) -> None:
        """Who sends nothing is told every 30 seconds, as long as it is so."""
        self.talk()
        for _ in range(8):
            self.engine.speaks("a")
            self.site.run(10)
        self.assertEqual(self.happened, [RelayHappened("silent", "b")] * 2)
        self.engine.speaks("b")
        self.site.run(20)
        self.assertEqual(len(self.happened), 2)

    def test_never(self) -> None:
        """With 0 nobody is silent."""
        self.site.set.silence = 0
        self.talk()
        self.site.run(300)
        self.assertEqual(self.happened, [])

    def test_held(self) -> None:
        """Who is held, or holds, has nothing to say."""
        self.done(self.offer("a", "b", "a=inactive"))
        self.done(self.answer("b", "a", "a=inactive"))
        self.site.run(120)
        self.assertEqual(self.happened, [])
        self.done(self.offer("a", "b", "a=sendonly"))
        self.done(self.answer("b", "a", "a=recvonly"))
        self.site.run(50)
        self.assertEqual(self.happened, [RelayHappened("silent", "a")])

    def test_ringing(self) -> None:
        """Before somebody answers nobody has to speak."""
        self.done(self.offer())
        self.site.run(120)
        self.assertEqual(self.happened, [])

    def test_digit(self) -> None:
        """A key that an engine reports is told; what is none, or of no call of ours, is not."""
        self.talk()
        id = next(iter(self.engine.calls))
        for text in (
            '{"callid":"%s","source_tag":"a","type":"DTMF","event":10}',
            '{"callid":"%s","event":10}',
            '{"callid":"%s","source_tag":"a","event":99}',
            '{"callid":"x%s","source_tag":"a","event":1}',
            '{"callid":"%s","source_tag":"a","event":"1"}',
            "[]",
            "\xff",
        ):
            self.site.relays.pressed(text.replace("%s", id).encode())
        self.assertEqual(self.happened, [RelayHappened("digit", "a", "*")])


class RecordingTests(RelayTestCase):
    """Recordings."""

    def test_recorded(self) -> None:
        """The engine writes, and a recording is made of it: the offering leg is left."""
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        self.site.run(5)
        self.done(self.relay.end_recording())
        (work,) = self.made
        self.assertEqual(
            (work.path, work.directory, work.id, work.left), ("/rec/1.wav", "/spool", "call-1", "a")
        )
        self.assertAlmostEqual(work.ended - work.began, 5.1, places=1)
        self.assertEqual({leg for leg, _ in work.ports.values()}, {"a", "b"})
        commands = [one["command"] for one in self.engine.commands("start recording", "stop recording")]
        self.assertEqual(commands, ["start recording", "stop recording"])

    def test_pause(self) -> None:
        """In a pause the engine writes nothing at all."""
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        for paused in (True, False):
            self.done(self.relay.pause(paused))
        self.done(self.relay.close())
        commands = [one["command"] for one in self.engine.commands("start recording", "stop recording")]
        self.assertEqual(commands, ["start recording", "stop recording"] * 2)
        self.assertEqual(len(self.made), 1)

    def test_refused(self) -> None:
        """Not without the engines' directory or a call, not twice at once, not if the engine refuses."""
        self.assertIn("lost its engine", self.fails(self.relay.record("/rec/1.wav")))
        self.assertIn("not being recorded", self.fails(self.relay.pause(True)))
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        self.assertIn("already", self.fails(self.relay.record("/rec/2.wav")))
        self.done(self.relay.end_recording())
        self.done(self.relay.end_recording())
        self.engine.refuses["start recording"] = "no"
        self.fails(self.relay.record("/rec/3.wav"))
        self.assertEqual(len(self.made), 1)
        self.site.set.recordings = ""
        self.assertIn("media.rtpengine.recordings", self.fails(self.relay.record("/rec/4.wav")))

    def test_end_of_the_call(self) -> None:
        """The engine has let go of a call before its recording is made, which may have to wait for others."""
        waits: Deferred[str] = Deferred()
        self.site.set.write = lambda work: waits
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        closed = self.relay.close()
        self.site.run(0.5)
        self.assertEqual(self.calls, [0])
        self.assertNoResult(closed)
        waits.callback("")
        self.assertEqual(set(self.done(closed)), {"a", "b"})

    def test_missing(self) -> None:
        """Why something of a recording is missing is told, with its name."""
        self.written = "the disk is full"
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        self.done(self.relay.end_recording())
        self.assertEqual(self.happened, [RelayHappened("recorded", detail="the disk is full")])
        self.flushLoggedErrors()

    def test_engine_dies(self) -> None:
        """When the engine dies a recording is made of what it has written."""
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        self.engine.die()
        self.site.run(6)
        self.assertEqual(len(self.made), 1)
        self.assertEqual({one.what for one in self.happened}, {"gone", "recorded"})


class RestartTests(RelayTestCase):
    """Another process goes on."""

    def test_goes_on(self) -> None:
        """It has the same call at the same engine, with its recording, and ends it."""
        self.talk()
        self.done(self.relay.record("/rec/1.wav"))
        state = json.loads(json.dumps(self.relay.state()))
        self.site.set.stop()
        self.site.begin(recordings="/spool", write=self.write)
        relay = self.site.relays.resume("1", state, self.happened.append)
        assert relay is not None
        self.assertEqual(relay.state(), state)
        self.done(relay.offer("b", "a", session(5000), PLAIN, PHONE))
        self.done(relay.answer("a", "b", session(5000), PLAIN, PHONE))
        self.assertEqual(self.calls, [1])
        self.done(relay.close())
        self.assertEqual((self.calls, len(self.made), self.happened), ([0], 1, []))

    def test_lost_meanwhile(self) -> None:
        """If the engine has lost the call meanwhile, that is heard at once."""
        self.talk()
        state = self.relay.state()
        self.site.set.stop()
        self.engine.calls.clear()
        self.site.begin()
        self.assertIsNotNone(self.site.relays.resume("1", state, self.happened.append))
        self.site.run(0.1)
        self.assertEqual(self.happened, [GONE])

    def test_not_ours(self) -> None:
        """What another engine has written down, or one that is configured no more, is not gone on with."""
        self.assertIsNone(self.site.relays.resume("1", self.relay.state(), self.happened.append))
        self.talk()
        state = self.relay.state()
        for other in (
            {"kind": "embedded"},
            {**state, "engine": "192.0.2.99:1"},
            {"kind": "rtpengine"},
            {**state, "sides": 7},
        ):
            self.assertIsNone(self.site.relays.resume("1", other, self.happened.append))
