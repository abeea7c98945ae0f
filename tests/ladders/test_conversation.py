"""A party talks to the server: it hears what is played, presses keys, is recorded, and may leave."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from b2bua import hookimpl
from b2bua.calls import (
    Attempt,
    Busy,
    Call,
    CallState,
    Conversation,
    Gone,
    Phase,
    Talk,
    Transfer,
    connect,
    dial,
    hang_up,
)
from b2bua.calls.restoring.recovery import FIRST
from b2bua.media.ports import Happened, NoVoice
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.voices import SimulatedVoice
from b2bua_plugins.blind_transfer import BlindTransfer

Script = Callable[[Conversation], Awaitable[None]]


class Machine:
    """Answers 500 with whatever script the test has."""

    def __init__(self) -> None:
        """Say nothing yet."""
        self.said: list[str] = []
        self.phases: list[Phase] = []

    async def script(self, talk: Conversation) -> None:
        """Play, ask for a key, record."""
        try:
            await talk.play("hello.wav")
            key = await talk.key(5)
            self.said.append(f"key {key}")
            if key == "1":
                self.said.append(await talk.record("message.wav", 30))
            elif key == "2":
                self.said.append(await talk.keys(4, 3))
            elif key == "3":
                self.said.append("interrupted by " + await talk.play("long.wav", until="12"))
        except Gone:
            self.said.append("gone")
            raise

    @hookimpl
    def call_changed(self, state: CallState) -> None:
        """Note how the first party is."""
        self.phases += [state.parties[0].phase] if state.parties else []

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """Talk to who dials 500."""
        return Talk(self.script) if attempt.user == "500" else None


class ConversationTests(LadderTestCase):
    """L{Talk}."""

    def make_world(self) -> World:
        """One feature that talks."""
        self.machine = Machine()
        return World(features=[self.machine, BlindTransfer])

    def calling(self) -> None:
        """Alice calls the machine and is greeted."""
        (self.alice,) = self.world.phones("alice", manners=Manners())
        self.alice.dial("500")
        self.world.run(1)
        self.assertEqual(self.alice.session.state, "up")
        self.assertEqual(self.world.hears(self.alice), "hello")

    def over(self) -> None:
        """Nothing is left: no call, no voice."""
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()

    def test_plays_then_hangs_up(self) -> None:
        """What is played has its time; nobody presses a key, and the server hangs up."""
        self.calling()
        self.world.run(1.5)
        self.assertEqual(self.world.hears(self.alice), "")
        self.world.run(6)
        self.assertEqual((self.machine.said, self.alice.session.state), (["key "], "over"))
        self.over()

    def test_told(self) -> None:
        """Features hear that the caller calls no more when it is answered: lamps do not blink on."""
        self.world.voices.delay = 0.1
        self.calling()
        self.assertEqual(self.machine.phases, [Phase.CALLING, Phase.ALONE])
        self.world.run(10)
        self.over()

    def test_record(self) -> None:
        """A key begins the recording, another one ends it."""
        self.calling()
        self.world.run(1.5)
        self.world.voice(self.alice).press("1")
        self.world.run(7)
        self.world.voice(self.alice).press("#")
        self.world.run(1)
        self.assertEqual(self.machine.said, ["key 1", "key"])
        self.assertAlmostEqual(self.world.voices.recordings["message.wav"], 7, places=1)
        self.assertFalse(Path("message.wav").exists(), "what is no more than a name is kept nowhere")
        self.over()

    def test_keys(self) -> None:
        """Keys that are pressed before anybody asks are not lost; the end key ends a number."""
        self.calling()
        self.world.voice(self.alice).press("247#")
        self.world.run(4)
        self.assertEqual(self.machine.said, ["key 2", "47"])
        self.over()

    def test_key_interrupts(self) -> None:
        """A key ends what is played, if it is one of those that may."""
        self.calling()
        self.world.run(1.5)
        voice = self.world.voice(self.alice)
        voice.press("3")
        voice.press("9")
        self.assertEqual(self.world.hears(self.alice), "long")
        voice.press("1")
        self.world.run(1)
        self.assertEqual(self.machine.said[-1], "interrupted by 1")
        self.over()

    def test_caller_leaves(self) -> None:
        """Who hangs up while something is played or recorded is gone, and the script hears so."""
        self.calling()
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.machine.said, ["gone"])
        self.over()

    def test_hold_and_resume(self) -> None:
        """A hold is answered by the voice, and it is heard again afterwards."""
        self.calling()
        self.alice.session.hold()
        self.world.run(0.2)
        self.assertEqual(self.world.hears(self.alice), "")
        self.alice.session.resume()
        self.world.run(0.2)
        self.assertEqual(self.world.hears(self.alice), "hello")
        self.world.run(10)
        self.over()

    def test_change_given_up(self) -> None:
        """A re-INVITE that is given up changes nothing: the voice is heard where it was (section 14.1)."""
        self.calling()
        self.world.voices.delay = 0.3
        self.alice.session.move_media()
        self.world.run(0.1)
        self.alice.session.withdraw()
        self.world.run(0.5)
        self.assertEqual(self.world.hears(self.alice), "hello")
        self.world.run(2)
        self.alice.hang_up()
        self.world.run(2)
        self.over()

    def test_without_an_offer(self) -> None:
        """A caller without an offer is offered ours (RFC 3261 section 13.2.1)."""
        (alice,) = self.world.phones("alice", manners=Manners())
        alice.dial("500", offer=False)
        self.world.run(1)
        self.assertEqual(self.world.hears(alice), "hello")
        self.world.run(10)
        self.over()

    def test_no_voice(self) -> None:
        """Without a voice the caller hears 480, and the call's story says why."""
        (alice,) = self.world.phones("alice", manners=Manners())
        self.world.voices.broken = True
        alice.dial("500")
        self.world.run(1)
        self.assertEqual(alice.session.codes[-1], 480)
        self.over()

    def test_no_media(self) -> None:
        """A party from which nothing comes is not there any more: the call ends, and its record says why."""
        self.calling()
        self.world.voice(self.alice).hear(Happened("nobody"))
        self.world.run(1)
        self.assertEqual((self.machine.said, self.alice.live), (["gone"], []))
        assert self.world.served is not None
        self.assertEqual(self.world.served.records[-1].why, "no media")
        self.over()

    def test_worker_dies(self) -> None:
        """With another worker the party hears what follows; what was being recorded is lost."""
        self.calling()
        self.world.voices.lose()
        self.world.run(0.5)
        self.world.voice(self.alice).press("1")
        self.world.run(3)
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual(self.machine.said, ["key 1", "failed: the voice was lost"])
        self.over()

    def test_worker_dies_of_what_it_is_asked(self) -> None:
        """What a worker has not begun to play, or to record, when it dies is over as well."""
        self.world.voices.delay = 0.1
        (self.alice,) = self.world.phones("alice", manners=Manners())
        self.alice.dial("500")
        self.world.run_until(lambda: "hello" in self.world.voices.played)
        self.world.voices.lose()
        self.world.run(1)
        self.world.voice(self.alice).press("3")
        self.world.run_until(lambda: "long" in self.world.voices.played)
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual(self.machine.said, ["key 3", "interrupted by "])
        self.over()

    def test_worker_dies_of_music(self) -> None:
        """What is played again and again begins anew with another worker, also while somebody is rung."""
        errands: tuple[Callable[[Conversation], Awaitable[object]], ...] = (
            lambda talk: talk.repeat("music.wav", until="1"),
            lambda talk: talk.dial("bob", hears="music.wav"),
        )
        for number, errand in enumerate(errands):
            with self.anew(number):
                self.world.phones("bob", manners=Manners(answers_after=None))
                asked = self.wants(errand)
                self.world.run(1)
                asked.callback(None)
                self.world.run(1)
                for _ in range(2):
                    self.assertEqual(self.world.hears(self.alice), "music")
                    self.world.voices.lose()
                    self.world.run(1)
                self.assertEqual(self.world.hears(self.alice), "music")
                if not number:
                    self.world.voice(self.alice).press("1")
                    self.world.run(1)
                    self.assertEqual((self.machine.said, self.world.hears(self.alice)), (["1"], ""))
                else:
                    self.alice.hang_up()
                    self.world.run(1)
                self.over()

    def test_next_worker_dies_of_music(self) -> None:
        """A worker that dies before it has begun what is played again and again leaves no silence behind."""
        asked = self.wants(lambda talk: talk.repeat("music.wav", until="1"))
        self.world.run(1)
        asked.callback(None)
        self.world.run(1)
        played = self.world.voices.played
        self.world.voices.lose()
        self.world.run_until(lambda: played.count("music") == 2)
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual((played.count("music"), self.world.hears(self.alice)), (3, "music"))
        (call,) = self.world.served.server.core.calls.going.values()
        self.assertNotIn("hears nothing", str(call.story.lines()))
        self.world.voice(self.alice).press("1")
        self.world.run(1)
        self.assertEqual(self.machine.said, ["1"])
        self.over()

    def test_worker_dies_after_music_that_cannot_be_played(self) -> None:
        """What a script could not play is not begun by another worker, though it is there by then."""

        async def errand(talk: Conversation) -> str:
            with contextlib.suppress(NoVoice):
                await talk.repeat("music.wav")
            return await talk.key(None)

        asked, play = self.wants(errand), SimulatedVoice.play
        self.world.run(1)
        self.patch(SimulatedVoice, "play", lambda voice, path, repeat: fail(NoVoice("there is no such file")))
        asked.callback(None)
        self.world.run(1)
        self.patch(SimulatedVoice, "play", play)
        self.waits_on_in_silence()

    def test_music_is_gone_with_the_worker(self) -> None:
        """What cannot be played any more is not heard, and the script waits on for its key."""
        asked = self.wants(lambda talk: talk.repeat("music.wav", until="1"))
        self.world.run(1)
        asked.callback(None)
        self.world.run(1)
        self.patch(SimulatedVoice, "play", lambda voice, path, repeat: fail(NoVoice("there is no such file")))
        self.waits_on_in_silence()

    def waits_on_in_silence(self) -> None:
        """The worker dies: nothing is heard of the next one, and the script waits on for its key."""
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "")
        self.world.voice(self.alice).press("1")
        self.world.run(1)
        self.assertEqual(self.machine.said, ["1"])
        self.over()

    def wants(self, *errands: Callable[[Conversation], Awaitable[object]]) -> Deferred[None]:
        """The server does these things when what it waits for has come, while a worker has just died."""
        asked: Deferred[None] = Deferred()

        async def script(talk: Conversation) -> None:
            await talk.play("hello.wav")
            await asked
            try:
                self.machine.said += [str(await errand(talk)) for errand in errands]
            except Gone:
                self.machine.said.append("gone")
                raise

        self.machine.script = script  # type: ignore[method-assign]  # another one for this call
        self.calling()
        self.world.run(2)
        self.world.voices.delay = 0.1
        self.world.voices.lose()
        return asked

    def test_wants_the_next_worker(self) -> None:
        """What a script says while the next worker is not there yet is heard from that one."""
        for moment in (0.0, 0.05, 0.1, 0.105, 0.11, 0.115, 0.12, 0.5):
            with self.anew(moment=moment):
                asked = self.wants(
                    lambda talk: talk.play("closed.wav"),
                    lambda talk: talk.repeat("music.wav", 1),
                    lambda talk: talk.record("message.wav", 2),
                    lambda talk: talk.dial("nobody", hears="music.wav"),
                )
                self.world.run(moment)
                asked.callback(None)
                self.world.run(1)
                self.assertEqual(self.world.hears(self.alice), "closed")
                self.world.run(9)
                self.assertEqual(self.machine.said[:3], ["", "", "full"])
                self.assertEqual((len(self.machine.said), self.world.voices.played[-1]), (4, "music"))
                self.over()

    def test_time_ends_without_a_worker(self) -> None:
        """When the time for a key is over while there is no worker the script goes on."""
        asked = self.wants(
            lambda talk: talk.key(0.05),
            lambda talk: talk.repeat("music.wav", 0.02),
            lambda talk: talk.play("closed.wav"),
        )
        asked.callback(None)
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "closed")
        self.world.run(3)
        self.assertEqual(self.machine.said, ["", "", ""])
        self.over()

    def test_wants_a_worker_that_never_comes(self) -> None:
        """Who waits for the next worker hears when there is none, the party has left, or refuses it."""
        for why in ("none", "left", "refuses"):
            with self.anew(why=why):
                self.wants(lambda talk: talk.play("closed.wav")).callback(None)
                if why == "none":
                    self.world.run(0.05)
                    self.world.voices.lose()
                elif why == "left":
                    self.alice.hang_up()
                else:
                    self.alice.manners.change_code = 488
                self.world.run(2)
                self.assertEqual((self.machine.said, self.alice.live), (["gone"], []))
                self.over()

    def test_worker_dies_and_party_leaves(self) -> None:
        """Who hangs up while another worker is offered leaves no voice, though they were being recorded."""
        self.calling()
        self.world.run(1.5)
        self.world.voice(self.alice).press("1")
        self.world.run(1)
        self.world.voices.lose()
        self.alice.hang_up()
        self.world.run(10)
        self.over()

    def test_no_worker_any_more(self) -> None:
        """Without another worker the call ends, and its record says why."""
        self.calling()
        self.world.voices.broken = True
        self.world.voices.lose()
        self.world.run(1)
        self.assertEqual(self.alice.live, [])
        assert self.world.served is not None
        self.assertEqual(self.world.served.records[-1].why, "the voice is gone")
        self.over()

    def test_operator_hangs_up(self) -> None:
        """A call that an operator ends is not talked to any more."""
        self.calling()
        assert self.world.served is not None
        [call] = self.world.served.server.core.calls.going.values()
        call.end(by="operator")
        self.world.run(1)
        self.assertEqual(self.machine.said, ["gone"])
        self.over()

    def test_transfer_crosses_a_change(self) -> None:
        """Who is transferred to the machine, and changes its session just then, is talked to all the same."""
        for moment in (0.012, 0.016, 0.021, 0.026):
            alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.5))
            alice.dial("bob")
            self.world.run(2)
            bob.session.transfer("500")
            self.world.run(moment)
            if not alice.session.busy:
                alice.session.move_media()
            self.world.run(5)
            self.assertEqual(len(alice.live), 1)
            self.world.run(20)
        self.over()

    def test_transferred(self) -> None:
        """A blind transfer brings the other party to the machine."""
        alice, bob = self.world.phones("alice", "bob", manners=Manners(answers_after=0.5))
        alice.dial("bob")
        self.world.run(2)
        bob.session.transfer("500")
        self.world.run(1)
        self.assertEqual(self.world.hears(alice), "hello")
        self.assertEqual(bob.live, [])
        self.world.run(10)
        self.assertEqual(alice.live, [])
        self.over()


class TakenTests(LadderTestCase):
    """A feature connects a party that talks to the server, or what it wants for one comes too late."""

    def make_world(self) -> World:
        """A machine, transfers that end with it, and phones."""
        self.said: list[str] = []
        self.calls: list[Call] = []
        return World(features=[self])

    def setUp(self) -> None:
        """Everybody answers."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=0.5)
        )

    @hookimpl
    def call_started(self, call: Call) -> None:
        """Remember it."""
        self.calls.append(call)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """Talk to who dials 500."""
        return Talk(self.script) if attempt.user == "500" else None

    @hookimpl
    def transfer_requested(self) -> Transfer:
        """Whoever is left of a transfer that fails comes to the machine."""
        return Transfer(recall=False, otherwise="500")

    async def script(self, talk: Conversation) -> None:
        """Play, and wait for a key that does not come; or do what the test says."""
        try:
            await talk.play("hello.wav")
            await talk.key(20)
            self.said.append("no key")
        except Gone:
            self.said.append("gone")
            raise

    def over(self) -> None:
        """Nothing is left: no call, no voice."""
        self.world.run(1)
        self.assertEqual(self.world.voices.open_voices, set())
        self.quiet()

    def talking(self) -> Call:
        """Alice talks to the machine."""
        self.alice.dial("500")
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "hello")
        return self.calls[-1]

    def test_dial(self) -> None:
        """Whoever is connected by L{dial} talks to the server no more, and the script hears so."""
        for seconds in (0.0, 0.4, 1.5, 5.0):
            with self.anew(seconds):
                call = self.talking()
                self.world.run(seconds)
                leg = call.legs[0]
                done = Deferred.fromCoroutine(dial(call, leg, "bob", behalf=leg.party))
                self.assertEqual((self.said, self.world.voices.open_voices), (["gone"], set()))
                self.world.run(2)
                self.assertEqual(self.successResultOf(done).party.name, "bob")
                self.world.run(30)
                self.assertTrue(self.alice.talks_to(self.bob))
                self.bob.hang_up()
                self.over()

    def test_hung_up_with_nonsense(self) -> None:
        """A header field that cannot be sent is refused by its name, and the leg is as it was."""
        call = self.talking()
        for name, value in (("X-Why", "over\nVia: x"), ("X-Why", "\ud800"), ("Via", "x")):
            with self.assertRaisesRegex(TypeError, f"hang_up: .*{name}"):
                hang_up(call, call.legs[0], ((name, value),))
        self.assertEqual(self.world.hears(self.alice), "hello")
        hang_up(call, call.legs[0], (("X-Why", "over"),))
        self.over()

    def test_connect(self) -> None:
        """So does whoever is connected by L{connect} with the party of another call."""
        call = self.talking()
        self.bob.dial("carol")
        self.world.run(2)
        other = self.calls[-1]
        bobs, carols = other.legs
        done = Deferred.fromCoroutine(connect(call, call.legs[0], carols))
        self.world.run(2)
        self.successResultOf(done)
        self.assertEqual((self.said, self.world.voices.open_voices), (["gone"], set()))
        hang_up(other, bobs)
        self.world.run(30)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.carol.hang_up()
        self.over()

    def test_busy(self) -> None:
        """If something is at work on the other one, whoever talks to the server goes on to."""
        call = self.talking()
        self.carol.manners.answers_after = 5.0
        self.bob.dial("carol")
        self.world.run(2)
        bobs = self.calls[-1].legs[0]
        done = Deferred.fromCoroutine(connect(call, call.legs[0], bobs))
        self.failureResultOf(done, Busy)
        self.assertEqual((self.said, len(self.world.voices.open_voices)), ([], 1))
        self.alice.hang_up()
        self.bob.hang_up()
        self.over()

    def test_all_left(self) -> None:
        """Who has left gets no voice when the transferor of a failed transfer has left as well (recall)."""
        self.carol.manners.refuses, self.carol.manners.refuses_after = 486, 1.0
        for alices in range(0, 60, 10):
            for bobs in range(0, 60, 10):
                with self.subTest((alices, bobs)):
                    self.alice.dial("bob")
                    self.world.run(2)
                    self.bob.manners.leaves_after_refer = "never"
                    self.bob.session.transfer("carol")
                    self.world.run(0.5)
                    self.alice.hold()  # so that the two have to agree anew when the transfer fails
                    self.world.run(0.52)
                    first = min(alices, bobs)
                    self.world.run(first / 1000)
                    for after, phone in sorted([(alices, self.alice), (bobs, self.bob)], key=itemgetter(0)):
                        self.world.run((after - first) / 1000)
                        phone.hang_up()
                        first = after
                    self.world.run(5)
                    self.over()


class CrashTests(LadderTestCase):
    """The server dies, and its voices with it."""

    def make_world(self) -> World:
        """A machine that plays for ever, and a store."""
        self.store = MemoryStore()
        return World(features=[self], store=self.store)

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | None:
        """Play to who dials 500."""
        return Talk(self.script) if attempt.user == "500" else None

    async def script(self, talk: Conversation) -> None:
        """Play until the party leaves."""
        await talk.repeat("hello.wav")

    def test_silent(self) -> None:
        """A process that was killed complains of nothing when its scripts are cleared away."""
        (self.alice,) = self.world.phones("alice", manners=Manners())
        self.alice.dial("500")
        self.world.run(1)
        served = self.world.served
        assert served is not None
        (call,) = served.server.core.calls.going.values()
        talk: Any = call.listener(call.legs[0])
        served.crash()
        talk._broke(Failure(RuntimeError("left over")))
        self.assertEqual(self.flushLoggedErrors(), [])

    def calling(self, seconds: float) -> None:
        """Alice has talked to the machine for so long when the server dies, and comes back."""
        (self.alice,) = self.world.phones("alice", manners=Manners())
        self.alice.dial("500")
        self.world.run(seconds)
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(1)
        self.assertEqual(served.restart().restored, 0)

    def test_told(self) -> None:
        """A party that the server talked to gets a BYE with the reason, and its record an end."""
        self.calling(4)
        self.assertEqual(self.alice.session.state, "up")
        self.world.run(6)
        self.assertEqual(self.alice.live, [])
        (record,) = self.successResultOf(self.store.find_records())
        self.assertFalse(record.open)
        self.assertEqual(self.successResultOf(self.store.load_snapshots()), [])
        self.quiet()

    def test_dies_again(self) -> None:
        """One that dies again before it has told the party does so when it lives for long enough."""
        self.calling(4)
        served = self.world.served
        assert served is not None
        for _ in range(3):
            self.world.run(FIRST - 1)
            served.crash()
            served.restart()
        self.assertEqual(self.alice.session.state, "up")
        self.world.run(FIRST + 1)
        self.assertEqual(self.alice.live, [])
        self.assertEqual(self.successResultOf(self.store.load_snapshots()), [])
        self.quiet()

    def test_left_meanwhile(self) -> None:
        """Who hung up while the server was away is not told again when that is over."""
        self.calling(4)
        self.alice.hang_up()
        self.world.run(10)
        self.assertEqual(self.successResultOf(self.store.load_snapshots()), [])
        self.quiet()

    def test_left_before(self) -> None:
        """Nothing is kept of a conversation that is over."""
        (self.alice,) = self.world.phones("alice", manners=Manners())
        self.alice.dial("500")
        self.world.run(4)
        self.assertEqual(len(self.successResultOf(self.store.load_snapshots())), 1)
        self.alice.hang_up()
        self.world.run(2)
        self.assertEqual(self.successResultOf(self.store.load_snapshots()), [])
        self.quiet()
