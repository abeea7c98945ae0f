"""Calls that begin by themselves: clicked, called back, woken."""

from __future__ import annotations

from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.call_back import CallBack
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward

SETTINGS: dict[str, Any] = {"call_back": {"minutes": 10, "wake_up_again": 1}}


ALL: dict[str, Any] = {
    "call_back": {},
    "caller_id": {},
    "speed_dial": {"numbers": {"801": "bob"}},
    "extensions": {"frank": {"speed_dial": {"numbers": {"1": "bob"}}}},
    "ring_groups": {"600": {"members": ["bob"]}},
}


class CallBackTests(LadderTestCase):
    """Alice, Bob and Carol; the world begins at midnight."""

    def make_world(self) -> World:
        """A world that outlives its server."""
        return World(features=[DoNotDisturb, CallForward, CallBack], settings=SETTINGS, store=MemoryStore())

    def setUp(self) -> None:
        """Three phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1, lines=1)
        )

    def code(self, phone: Phone, code: str) -> int:
        """Dial a code, and wait until it is confirmed."""
        session = phone.dial(code)
        self.world.run(6)
        return session.code

    def hang_up(self) -> None:
        """All hang up."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)

    def busy(self) -> None:
        """Bob and Carol talk, and Alice finds Bob busy."""
        self.bob.dial("carol")
        self.world.run(2)
        session = self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual(session.code, 486)

    def test_clicked(self) -> None:
        """C{b2bua dial} rings one, then the other (RFC 3725)."""
        answer = self.world.command("dial", extension="alice", number="bob")
        self.world.run(4)
        self.assertEqual(self.successResultOf(answer), "talking")
        self.assertTrue(self.alice.talks_to(self.bob))
        self.hang_up()
        answer = self.world.command("dial", extension="nobody", number="bob")
        self.assertIn("nobody is no extension", self.failureResultOf(answer, ValueError).getErrorMessage())
        self.quiet()

    def test_busy(self) -> None:
        """When who was busy is free, who waits is rung, then the other."""
        self.busy()
        self.assertEqual(self.code(self.alice, "*66"), 200)
        self.world.run(60)
        self.assertEqual(self.alice.live, [])
        self.bob.hang_up()
        self.world.run(8)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.hang_up()
        self.world.run(60)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_remembered(self) -> None:
        """Who was busy is known after a reload, and after a crash of the server."""
        assert self.world.served is not None
        self.busy()
        self.world.reload()
        self.assertEqual([self.code(self.alice, code) for code in ("*66", "*86")], [200, 200])
        self.world.served.crash()
        self.world.served.restart()
        self.world.run(60)
        self.assertEqual(self.code(self.alice, "*66"), 200)
        self.hang_up()
        self.world.run(20)
        self.hang_up()
        self.quiet()

    def test_waiter_is_busy(self) -> None:
        """Who waits and is in a call meanwhile is rung when it is over."""
        self.busy()
        self.code(self.alice, "*66")
        [dave] = self.world.phones("dave", manners=Manners(answers_after=1))
        self.alice.dial("dave")
        self.world.run(2)
        self.bob.hang_up()
        self.world.run(10)
        self.assertTrue(self.alice.talks_to(dave))
        dave.hang_up()
        self.world.run(8)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.hang_up()
        self.quiet()

    def test_given_up(self) -> None:
        """*86 gives it up, and so does time; with nobody busy there is nothing to wait for."""
        self.assertEqual(self.code(self.carol, "*66"), 404)
        self.busy()
        self.code(self.alice, "*66")
        self.assertEqual(self.code(self.alice, "*86"), 200)
        self.bob.hang_up()
        self.world.run(10)
        self.assertEqual(self.alice.live, [])
        self.busy()
        self.code(self.alice, "*66")
        self.world.run(601)
        self.bob.hang_up()
        self.world.run(10)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_do_not_disturb(self) -> None:
        """Call back × do not disturb: who waits is rung all the same, who wants no calls is not."""
        self.busy()
        self.code(self.alice, "*66")
        self.code(self.alice, "*78")
        self.bob.hang_up()
        self.world.run(8)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.hang_up()
        self.quiet()

    def test_forward(self) -> None:
        """Call back × forward: who was busy and forwards by now is called where that leads."""
        self.busy()
        self.code(self.alice, "*66")
        self.bob.hang_up()
        self.world.run(0.5)
        self.bob.dial("*72carol")
        self.world.run(12)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.hang_up()
        self.quiet()

    def test_wake_up(self) -> None:
        """A wake-up call comes at its time, after a crash of the server too, and goes away by itself."""
        self.assertEqual(self.code(self.alice, "*550100"), 200)
        assert self.world.served is not None
        self.world.served.crash()
        self.world.served.restart()
        self.world.run(3585)
        self.assertEqual(self.alice.live, [])
        self.world.run(12)
        self.assertEqual(len(self.alice.live), 1)
        self.world.run(20)
        self.assertEqual(self.alice.live, [])
        self.world.run(600)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_wake_up_again(self) -> None:
        """Whom it does not wake is rung once more after five minutes."""
        self.alice.manners.answers_after = None
        self.code(self.alice, "*550001")
        self.world.run(60)
        self.assertEqual(len(self.alice.live), 1)
        self.world.run(330)
        self.assertEqual(len(self.alice.live), 1)
        self.world.run(400)
        self.assertEqual(self.alice.live, [])
        self.quiet()

    def test_wake_up_cancelled(self) -> None:
        """*56 cancels; a time that is none is refused; what wakes is no number for people."""
        self.assertEqual(
            [self.code(self.alice, c) for c in ("*550001", "*56", "*552500", "*55")], [200, 200, 484, 484]
        )
        self.world.run(100)
        self.assertEqual(self.alice.live, [])
        self.assertEqual(self.code(self.alice, "wake-up"), 404)
        self.quiet()


class OtherWaysTests(LadderTestCase):
    """By which ways one finds somebody busy who is called back."""

    def make_world(self) -> World:
        """Bob has short numbers, and is a group as well."""
        return World(features="installed", settings=ALL)

    def found(self, phone: Phone) -> int:
        """What the code says that calls back."""
        session = phone.dial("*66")
        self.world.run(6)
        return session.code

    def test_ways(self) -> None:
        """A code or a short number is a way of dialling; who is busy in a group is somebody else."""
        alice, bob, carol, erin, frank = self.world.phones(
            "alice", "bob", "carol", "erin", "frank", manners=Manners(answers_after=1, lines=1)
        )
        bob.dial("carol")
        self.world.run(2)
        alice.dial("600")
        self.world.run(6)
        self.assertEqual(self.found(alice), 404)
        for caller, number in ((alice, "*67bob"), (erin, "801"), (frank, "*751")):
            self.assertEqual((number, caller.dial(number).code), (number, 0))
            self.world.run(6)
            self.assertEqual((number, self.found(caller)), (number, 200))
            caller.dial("*86")
            self.world.run(6)
        carol.hang_up()
        self.world.run(10)
        self.quiet()
