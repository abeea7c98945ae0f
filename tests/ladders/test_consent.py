"""Press 1 to take the call: whoever answers for a group or a search gets it only then (fusionpbx#1165)."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.voices import SECONDS
from b2bua_plugins.find_me import FindMe
from b2bua_plugins.forward import CallForward
from b2bua_plugins.music_on_hold import MusicOnHold
from b2bua_plugins.pickup import Pickup
from b2bua_plugins.ring_group import RingGroup

ASKED = 3 * (SECONDS + 5)
"""Seconds until who presses nothing is let go."""


class ConsentCase(LadderTestCase):
    """Alice calls a group of Bob and Carol, who are asked."""

    group: ClassVar[dict[str, Any]] = {"members": ["bob", "carol"], "confirm": "en", "ring_seconds": 8}

    def make_world(self) -> World:
        """A group, a search, a group for picking up."""
        settings = {
            "ring_groups": {"600": self.group},
            "extensions": {
                "dave": {"find_me": {"places": ["dave", {"target": "carol", "confirm": "de"}]}},
                "erin": {"forward": {"no_answer": "carol", "no_answer_after": 5}},
            },
            "pickup_groups": {"all": {"members": ["alice", "bob", "carol", "dave", "erin"]}},
            "music_on_hold": {},
        }
        features = [FindMe, CallForward, MusicOnHold, Pickup, RingGroup]
        return World(features=features, settings=settings, store=MemoryStore())

    def setUp(self) -> None:
        """Bob answers, Carol rings on."""
        super().setUp()
        self.world.voices.delay = 0.005
        self.alice, self.carol, self.dave = (
            self.world.phones(name, manners=Manners(answers_after=None))[0]
            for name in ("alice", "carol", "dave")
        )
        (self.bob,) = self.world.phones("bob", manners=Manners(answers_after=1))

    def calling(self, number: str = "600", *, offer: bool = True) -> None:
        """Alice calls, and Bob answers: he is asked, while it goes on ringing for her and for Carol."""
        self.alice.dial(number, offer=offer)
        self.world.run(2)
        self.assertEqual(self.alice.session.codes[-1], 180)

    def asked(self) -> None:
        """Bob hears the question, nobody talks, Carol's phone rings on."""
        self.assertEqual(self.world.hears(self.bob), "press_1")
        self.assertEqual(self.world.talking(), set())
        self.assertEqual([session.state for session in self.carol.live], ["called"])

    def over(self) -> None:
        """Nothing is left."""
        self.world.run(40)
        for phone in (self.alice, self.bob, self.carol, self.dave):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()


class ConsentTests(ConsentCase):
    """What may happen while somebody is asked."""

    def test_takes_it(self) -> None:
        """Bob presses 1: the two talk, and Carol hears that somebody else has the call."""
        self.calling()
        self.asked()
        self.world.voice(self.bob).press("1")
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.carol.live, [])
        assert self.world.served is not None
        self.alice.hang_up()
        self.world.run(1)
        [record] = self.world.served.records
        self.assertEqual((record.status, record.answered_by), (200, "extension bob"))
        self.over()

    def test_presses_nothing(self) -> None:
        """A mailbox presses nothing: it is let go, and the call goes on to whoever is left."""
        self.calling()
        self.world.run(ASKED)
        self.assertEqual(self.bob.live, [])
        self.assertNotIn(200, self.alice.sessions[-1].codes)
        self.over()

    def test_last_second(self) -> None:
        """Who has answered in time may think about it although the others have rung long enough."""
        self.bob.manners.answers_after = 7.5
        self.alice.dial("600")
        self.world.run(9)
        self.assertEqual(self.world.hears(self.bob), "press_1")
        self.world.voice(self.bob).press("1")
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_second_is_faster(self) -> None:
        """Both are asked, and the first to press has the call; the other one hears an end."""
        self.carol.manners.answers_after = 1
        self.alice.dial("600")
        self.world.run(2)
        self.world.voice(self.carol).press("1")
        self.world.run(1)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.bob.live, [])
        self.over()

    def test_caller_gives_up(self) -> None:
        """The caller hangs up: nobody is asked any more, and no phone rings."""
        self.calling()
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual((self.bob.live, self.carol.live), ([], []))
        self.assertEqual(self.world.voices.open_voices, set())
        self.over()

    def test_caller_gives_up_at_the_key(self) -> None:
        """The caller hangs up just as the key is pressed."""
        for moment in (0.001, 0.006, 0.012, 0.018, 0.024, 0.03):
            self.calling()
            self.world.voice(self.bob).press("1")
            self.world.run(moment)
            self.alice.hang_up()
            self.world.run(5)
            self.assertEqual((self.alice.live, self.bob.live, self.carol.live), ([], [], []))
            self.assertEqual(self.world.voices.open_voices, set())
        self.over()

    def test_asked_one_hangs_up(self) -> None:
        """Bob hangs up: it rings on for Carol."""
        self.calling()
        self.bob.hang_up()
        self.world.run(1)
        self.assertEqual([session.state for session in self.carol.live], ["called"])
        self.carol.session.answer()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.carol), "press_1")
        self.over()

    def test_asked_one_holds(self) -> None:
        """A hold of who is asked is answered, and the key counts afterwards."""
        self.calling()
        self.bob.session.hold()
        self.world.run(0.1)
        self.bob.session.resume()
        self.world.run(0.1)
        self.world.voice(self.bob).press("1")
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_key_crosses_a_change(self) -> None:
        """A change of the phone that crosses the key costs nobody the call."""
        for moment in (0.0, 0.004, 0.008, 0.014, 0.022):
            self.calling()
            voice = self.world.voice(self.bob)
            self.bob.session.move_media()
            self.world.run(moment)
            voice.press("1")
            self.world.run(6)
            self.assertTalking(("alice", "bob"))
            self.alice.hang_up()
            self.world.run(1)
        self.over()

    def test_without_an_offer(self) -> None:
        """A caller without an offer gets Bob's, when he has pressed (RFC 3261 section 13.2.1)."""
        self.calling(offer=False)
        self.assertEqual(self.world.hears(self.bob), "press_1")
        self.world.voice(self.bob).press("1")
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_no_voice(self) -> None:
        """Without a voice nobody can be asked, and nobody gets the call unasked."""
        self.world.voices.broken = True
        self.calling()
        self.world.run(1)
        self.assertEqual(self.bob.live, [])
        self.over()

    def test_refuses_the_caller(self) -> None:
        """A phone that takes the call but not its session is let go."""
        self.calling()
        voice = self.world.voice(self.bob)
        self.bob.manners.change_code = 488
        voice.press("1")
        self.world.run(2)
        self.assertEqual(self.bob.live, [])
        self.over()

    def test_picked_up(self) -> None:
        """Pickup × ring group: who picks up while somebody is asked has the call."""
        self.calling()
        self.dave.dial("**carol")
        self.world.run(1)
        self.assertTalking(("alice", "dave"))
        self.assertEqual((self.bob.live, self.carol.live), ([], []))
        self.over()

    def test_find_me(self) -> None:
        """Only the places are asked of which the table says so; the own phone is not."""
        self.dave.manners.refuses = 486
        self.carol.manners.answers_after = 1
        self.alice.dial("dave")
        self.world.run(3)
        self.assertEqual(self.world.hears(self.carol), "press_1")
        self.world.voice(self.carol).press("1")
        self.world.run(1)
        self.assertTalking(("alice", "carol"))
        self.over()


class KeptTests(ConsentCase):
    """The server dies while somebody is asked, or has been."""

    group: ClassVar[dict[str, Any]] = {"members": ["bob", "carol"], "confirm": "en", "ring_seconds": 30}

    def crash(self) -> None:
        """The server dies, and another process comes."""
        served = self.world.served
        assert served is not None
        served.crash()
        served.restart()
        self.world.run(10)

    def test_asked(self) -> None:
        """Who is asked hears the end, as those do for whom and at whom it rings."""
        self.calling()
        self.world.run(3)
        self.crash()
        self.assertEqual([phone.live for phone in (self.alice, self.bob, self.carol)], [[], [], []])
        self.over()

    def test_refused(self) -> None:
        """Who has not taken the call is no party of what is kept of it: nobody sends them a BYE."""
        self.calling()
        self.world.run(3)
        self.bob.session.hang_up()
        self.world.run(3)
        self.bob.inbox.clear()
        self.crash()
        self.assertEqual([phone.live for phone in (self.alice, self.bob, self.carol)], [[], [], []])
        self.assertEqual([got.message.method for got in self.bob.inbox], [])
        self.over()


class ForwardTests(ConsentCase):
    """A member that forwards."""

    group: ClassVar[dict[str, Any]] = {"members": ["erin"], "confirm": "en", "ring_seconds": 30}

    def test_forwarded(self) -> None:
        """Forward × ring group: whoever a member forwards to is asked as well."""
        self.world.phones("erin", manners=Manners(answers_after=None))
        self.carol.manners.answers_after = 1
        self.alice.dial("600")
        self.world.run(7)
        self.assertEqual(self.world.hears(self.carol), "press_1")
        self.world.voice(self.carol).press("1")
        self.world.run(1)
        self.assertTalking(("alice", "carol"))
        self.over()
