"""The world with the real server in it, and what its documentation promises."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.reporter import TestResult
from twisted.trial.unittest import SynchronousTestCase

from b2bua import hookimpl
from b2bua.calls import Refuse
from b2bua.media.ports import Happened, VoiceLost
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World

QUICK = Manners(answers_after=0.3)
GUIDE = Path(__file__).parents[2] / "docs" / "testing.md"


class QuietTests(SynchronousTestCase):
    """C{quiet} finds what is left in the server, each kind of it once."""

    def setUp(self) -> None:
        """A call is behind us."""
        self.world = World()
        self.alice, self.bob = self.world.phones("alice", "bob", manners=QUICK)
        self.alice.dial("bob")
        self.world.run(1)

    def complaint(self) -> str:
        """Say what C{quiet} complains of."""
        return str(self.assertRaises(AssertionError, self.world.quiet, 50)).partition("\nseed")[0]

    @property
    def server(self) -> Any:
        """The server."""
        assert self.world.served is not None
        return self.world.served.server

    def test_nothing(self) -> None:
        """When all is over there is nothing to complain of."""
        self.bob.hang_up()
        self.world.quiet()

    def test_call(self) -> None:
        """A call that goes on."""
        self.alice.sessions.clear()
        self.bob.sessions.clear()
        self.assertIn("the server still has {'calls': 1, 'dialogs': 2", self.complaint())

    def test_timer(self) -> None:
        """A timer of a call that nobody stopped."""
        self.alice.hang_up()
        self.server.core.calls.later(5000, lambda: None)
        self.assertIn("{'timers of calls': 1}", self.complaint())

    def test_record_twice(self) -> None:
        """A call with two records."""
        self.alice.hang_up()
        self.world.run(1)
        served = self.world.served
        assert served is not None
        served.records *= 2
        self.assertIn("has 2 records", self.complaint())

    def test_record_open(self) -> None:
        """A record without an end."""
        self.alice.hang_up()
        self.world.run(1)
        assert self.world.served is not None
        self.world.served.records[0].ended = None
        self.assertIn("has no end", self.complaint())

    def test_rule_broken(self) -> None:
        """A message of the server that breaks a rule: here it is made to repeat a CSeq."""
        (leg, _other) = next(iter(self.server.core.calls.going.values())).legs
        leg.dialog.local_seq = 0
        self.bob.session.ask("INFO")
        self.world.run(1)
        leg.dialog.local_seq = 0
        self.bob.session.ask("INFO")
        self.world.run(1)
        self.alice.hang_up()
        self.assertIn("INFO with CSeq 1 after 1", self.complaint())


class Rude:
    """Refuses everything, in its own words."""

    @hookimpl
    def route_call(self, attempt: Any) -> Refuse:
        """Refuse."""
        return Refuse(603, "Go Away")


class WorldTests(LadderTestCase):
    """What one can say of a world when one makes it."""

    def test_features(self) -> None:
        """A plugin is handed in as it is."""
        self.world = World(features=[Rude()])
        alice, _bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        answer = alice.gets(603)
        self.assertIn("Go Away", answer.start_line())
        self.quiet()

    def test_settings(self) -> None:
        """Tables are laid over the kit's own: here an extension that may not be rung for long."""
        self.world = World(settings={"extensions": {"bob": {"ring_seconds": 3.0}}})
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.gets(480)
        bob.gets("CANCEL")
        self.quiet()

    def test_new_extension(self) -> None:
        """A phone of any name gets its extension."""
        zoe, bob = self.phones("zoe", "bob")
        self.connect(zoe, bob)
        self.disconnect(zoe, bob)
        self.quiet()

    def test_same_seed(self) -> None:
        """With the server too, the same seed gives the same world to the last byte."""

        def logged(seed: int) -> list[bytes]:
            world = World(seed)
            world.network.link.jitter = 0.03
            alice, _bob = world.phones("alice", "bob", manners=QUICK)
            alice.dial("bob")
            world.run(20)
            return [packet.data for packet in world.network.log]

        self.assertEqual(logged(3), logged(3))
        self.assertNotEqual(logged(3), logged(4))

    def test_voices_are_lost(self) -> None:
        """Those who talked by a worker that dies hear of it in the order in which they began."""
        heard: list[int] = []

        def hear(number: int, _: Happened) -> None:
            heard.append(number)

        voices = self.world.voices
        for number in range(50):
            voices.open("192.0.2.1", partial(hear, number))
        voices.lose()
        self.assertEqual(heard, list(range(50)))
        self.assertEqual(voices.open_voices, set())

    def test_voices_that_are_to_come_are_lost(self) -> None:
        """What a worker was asked fails when it dies, and a voice that it was to open was never there."""
        heard: list[Happened] = []
        voices = self.world.voices
        voices.delay = 0.3
        opening = voices.open("192.0.2.1", heard.append)
        self.world.run(0.2)
        voices.lose()
        self.failureResultOf(opening, VoiceLost)
        self.world.run(1)
        self.assertEqual((heard, voices.open_voices), ([], set()))

        opened = voices.open("192.0.2.1", heard.append)
        self.world.run(1)
        playing = self.successResultOf(opened).play("hello.wav")
        voices.lose()
        self.failureResultOf(playing, VoiceLost)
        self.assertEqual(heard, [Happened("nobody", "worker")])

    def test_half_an_hour_of_ringing(self) -> None:
        """Silence takes few steps: a 180 each minute, and a look at the bindings every five seconds."""
        self.world = World(settings={"calls": {"ring_seconds": 3600.0}})
        alice, bob = self.phones("alice", "bob", manners=Manners(answers_after=None))
        alice.dial("bob")
        self.world.run(1)
        steps, limit = 0, self.world.clock.seconds() + 1700
        while self.world.clock.step(limit):
            steps += 1
        self.assertLess(steps, 500)
        bob.answer()
        self.world.run(1)
        self.assertTrue(alice.talks_to(bob))
        alice.hang_up()
        self.quiet()

    def test_connections_are_lost(self) -> None:
        """A phone that closed its connections is registered again, and can be called."""
        (alice,) = self.phones("alice", manners=QUICK)
        (bob,) = self.phones("bob", manners=QUICK, transport="TCP")
        bob.close_connections()
        bob.register()
        self.world.run(1)
        alice.dial("bob")
        self.world.run(1)
        self.assertTrue(alice.talks_to(bob))
        bob.hang_up()
        self.quiet()


class CrashTests(LadderTestCase):
    """A server that is killed."""

    def make_world(self) -> World:
        """One that can start again."""
        return World(store=MemoryStore())

    def test_silent(self) -> None:
        """What is left of it complains of nothing when it is cleared away; the next one does."""
        served = self.world.served
        assert served is not None
        for killed in (True, False):
            if killed:
                served.crash()
            else:
                served.restart()
            served.server.core.calls.log.failure("left over", Failure(RuntimeError("left over")))
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), int(not killed))
        self.quiet()


class GuideTests(SynchronousTestCase):
    """The examples of C{docs/testing.md} do what the text says."""

    def test_examples(self) -> None:
        """Each block of Python runs, and each test case in it passes."""
        cases = 0
        for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
            names: dict[str, Any] = {"__name__": __name__}
            exec(compile(block, str(GUIDE), "exec"), names)
            for case in list(names.values()):
                if isinstance(case, type) and issubclass(case, LadderTestCase) and case is not LadderTestCase:
                    cases += 1
                    self.succeeds(case)
        self.assertEqual(cases, 2)

    def succeeds(self, case: type[LadderTestCase]) -> None:
        """Run the tests of a case."""
        for name in vars(case):
            if name.startswith("test_"):
                result = TestResult()
                case(name).run(result)
                problems: list[tuple[Any, Failure | str]] = [*result.errors, *result.failures]
                self.assertEqual([str(problem) for _, problem in problems], [])
                self.assertEqual(result.testsRun, 1)
