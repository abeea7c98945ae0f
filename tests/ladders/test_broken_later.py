"""
A bug of ours behind a decision that took its time: whoever asked is answered all the same.

Every request has a final response (RFC 3261 section 8.2.6); what the UAS itself
fails at is a 500 (section 21.5.1).  The bugs are planted: a step of ours raises
when the answer of a feature or of an engine comes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred, fail

from b2bua import hookimpl
from b2bua.calls import Redirect, Talk, left_to_operations
from b2bua.calls.call import Call
from b2bua.calls.operations import replacing, transfer
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.hold_music import HoldMusic
from b2bua.calls.relay.call_relay import CallRelay
from b2bua.calls.routing.attempt import Attempt
from b2bua.core.outside import OutsideRequests
from b2bua.legs import bye, peer_invite
from b2bua.testing import Manners, World
from b2bua.testing.case import LadderTestCase
from b2bua.testing.voices import SimulatedVoice
from b2bua_plugins.music_on_hold import MusicOnHold

LATE = 0.2


class Slow:
    """Takes its time over everything, and has nothing to say then."""

    world: ClassVar[World]

    async def ponder(self) -> None:
        """Wait a moment."""
        waited: Deferred[None] = Deferred()
        self.world.clock.callLater(LATE, waited.callback, None)
        await waited

    @hookimpl
    def b2bua_methods(self) -> tuple[str, ...]:
        """Answer messages."""
        return ("MESSAGE",)

    @hookimpl
    async def request_received(self, request: Any) -> None:
        """Have no answer to a message."""
        await self.ponder()

    @hookimpl
    async def route_call(self, attempt: Any) -> None:
        """Route nothing."""
        await self.ponder()

    @hookimpl
    async def target_failed(self, attempt: Any, outcome: Any) -> None:
        """Have nowhere else to go."""
        await self.ponder()

    @hookimpl
    async def transfer_requested(self, call: Any, leg: Any, referral: Any) -> None:
        """Have nothing against a transfer, nor for it."""
        await self.ponder()

    @hookimpl
    async def replace_requested(self, call: Any, leg: Any, replaced: Any) -> None:
        """The same of an INVITE with Replaces."""
        await self.ponder()

    @hookimpl
    async def request_unowned(self, leg: Any, request: Any) -> None:
        """Have no answer to an INFO."""
        await self.ponder()


class Planted(LadderTestCase):
    """A world in which steps of ours break."""

    def setUp(self) -> None:
        """Let there be phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1.0)
        )

    def plant(self, where: Any, name: str) -> None:
        """Let a step of ours fail."""

        def step(*values: object, **more: object) -> None:
            raise RuntimeError("planted")

        self.patch(where, name, step)

    def found(self) -> None:
        """The log has the bug, and nothing else is left."""
        self.assertTrue(self.flushLoggedErrors(RuntimeError))
        self.quiet()

    def talk(self) -> None:
        """Let Alice and Bob talk."""
        self.alice.dial("bob")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.bob))


class BrokenLaterTests(Planted):
    """The answers of features."""

    def make_world(self) -> World:
        """A world with a feature that takes its time."""
        Slow.world = world = World(features=[Slow])
        return world

    def test_invite(self) -> None:
        """An INVITE whose route cannot be gone."""
        self.plant(Attempt, "_routed")
        called = self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual((called.state, called.code), ("over", 500))
        self.found()

    def test_invite_that_failed(self) -> None:
        """An INVITE whose target has failed."""
        self.bob.manners.refuses = 486
        self.plant(Attempt, "_failed")
        called = self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual((called.state, called.code), ("over", 500))
        self.found()

    def test_replaces(self) -> None:
        """An INVITE with Replaces: the call that it is about goes on."""
        self.talk()
        bobs = self.bob.session
        named = f"{bobs.call_id};to-tag={bobs.remote_tag};from-tag={bobs.local_tag}"
        self.plant(replacing.Replacing, "_decided")
        called = self.carol.dial("bob", fields=(("Replaces", named), ("Require", "replaces")))
        self.world.run(2)
        self.assertEqual(called.code, 500)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.alice.hang_up()
        self.found()

    def test_refer(self) -> None:
        """A REFER: the call goes on."""
        self.talk()
        self.plant(transfer, "_decided")
        self.bob.session.transfer("carol")
        self.world.run(2)
        self.assertEqual(self.bob.session.refer_code, 500)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.alice.hang_up()
        self.found()

    def test_info(self) -> None:
        """An INFO that is for nobody: the call goes on."""
        self.talk()
        self.plant(left_to_operations, "_means_nothing")
        codes: list[int] = []
        record = (("Record", "on"),)
        self.bob.session.ask(
            "INFO", record, hear=lambda response: codes.append(response.code if response else 0)
        )
        self.world.run(2)
        self.assertEqual(codes, [500])
        self.assertTrue(self.alice.talks_to(self.bob))
        self.alice.hang_up()
        self.found()

    def test_message(self) -> None:
        """A MESSAGE that a feature was asked about."""
        self.plant(OutsideRequests, "_pass_on")
        sent = self.alice.outside("MESSAGE", "bob", fields=(("Content-Type", "text/plain"),), body=b"Hi")
        self.world.run(2)
        self.assertEqual(sent.code, 500)
        self.found()

    def test_one_costs_no_other(self) -> None:
        """What came behind a step that broke is taken at once, not with the next message."""
        taken: list[str] = []
        assert self.world.served is not None
        calls = self.world.served.server.core.calls

        def breaks() -> None:
            calls.run(taken.append, "another")
            raise RuntimeError("planted")

        self.assertRaises(RuntimeError, calls.run, breaks)
        self.world.run(0.001)
        self.assertEqual(taken, ["another"])
        self.quiet()


class Elsewhere:
    """Sends who dials C{moved} elsewhere."""

    @hookimpl
    def route_call(self, attempt: Any) -> Redirect | None:
        """Say where."""
        return Redirect(("sip:carol@pbx.example.com",)) if attempt.user == "moved" else None


class UnwrittenTests(Planted):
    """The last word for a party that breaks, so that it cannot be written."""

    def make_world(self) -> World:
        """A world with a feature that sends callers elsewhere."""
        return World(features=[Elsewhere()])

    def test_refusal(self) -> None:
        """A refusal that cannot be passed on: the caller hears another one (section 8.2.6.1)."""
        self.plant_once(peer_invite, "leaving")
        self.bob.manners.refuses = 486
        called = self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual((called.state, called.code), ("over", 500))
        self.found()

    def test_redirection(self) -> None:
        """Nor can where it should go instead."""
        self.plant_once(peer_invite, "leaving")
        called = self.alice.dial("moved")
        self.world.run(2)
        self.assertEqual((called.state, called.code), ("over", 500))
        self.found()

    def test_bye(self) -> None:
        """A BYE that cannot be passed on: the other phone is hung up all the same (section 15)."""
        self.talk()
        self.plant_once(bye, "say_goodbye")
        self.alice.hang_up()
        self.world.run(2)
        self.assertEqual(self.bob.live, [])
        self.found()

    def test_answer(self) -> None:
        """An answer that cannot be passed on: the caller is refused, and the phone hears BYE."""
        self.plant_once(peer_invite.session_expires, "answer")
        called = self.alice.dial("bob")
        self.world.run(4)
        self.assertEqual((called.state, called.code, self.bob.live), ("over", 500, []))
        self.found()

    def plant_once(self, where: Any, name: str) -> None:
        """Let a step of ours fail, but not when it is tried again."""
        step = getattr(where, name)
        failed: list[bool] = []

        def once(*values: Any, **more: Any) -> Any:
            if failed:
                return step(*values, **more)
            failed.append(True)
            raise RuntimeError("planted")

        self.patch(where, name, once)


class Menu:
    """Talks to who dials 500."""

    @hookimpl
    def route_call(self, attempt: Any) -> Talk | None:
        """Talk."""
        return Talk(self.script) if attempt.user == "500" else None

    async def script(self, talk: Conversation) -> None:
        """Wait for a key."""
        await talk.key(60)


class BrokenEngineTests(Planted):
    """The answers of engines."""

    def make_world(self) -> World:
        """A world with music, a menu, and an engine that takes its time."""
        world = World(
            features=[Menu, MusicOnHold],
            relays=True,
            settings={"extensions": {"carol": {"media": "relay"}}, "music_on_hold": {}},
        )
        world.voices.delay = world.relays.delay = LATE
        return world

    def test_voice(self) -> None:
        """An INVITE to who talks to us, when the voice is there."""
        self.plant(Conversation, "_start")
        called = self.alice.dial("500")
        self.world.run(2)
        self.assertEqual(called.state, "over")
        self.found()

    def test_voice_for_an_invite(self) -> None:
        """The same before the answer."""
        self.plant(Call, "was_taken")
        called = self.alice.dial("500")
        self.world.run(2)
        self.assertEqual((called.state, called.code), ("over", 500))
        self.found()

    def test_voice_that_breaks(self) -> None:
        """A re-INVITE of who talks to us, when the engine breaks: silence, as for a hold."""
        self.alice.dial("500")
        self.world.run(2)
        self.patch(SimulatedVoice, "answer", lambda voice, offer: fail(RuntimeError("planted")))
        self.alice.hold()
        self.world.run(1)
        self.assertFalse(self.alice.session.busy)
        self.assertEqual(self.alice.session.state, "up")
        self.alice.hang_up()
        self.found()

    def test_hold(self) -> None:
        """A re-INVITE that brings music to the other one: both are hung up, and the request is answered."""
        self.talk()
        self.plant(HoldMusic, "_shown")
        self.alice.hold()
        self.world.run(2)
        self.assertEqual((self.alice.live, self.bob.live), ([], []))
        self.found()

    def test_relay(self) -> None:
        """An INVITE whose offer is on its way through a relay."""
        self.plant(CallRelay, "_passed_on")
        called = self.alice.dial("carol")
        self.world.run(2)
        self.assertEqual((called.state, called.code), ("over", 500))
        self.found()
