"""Secretaries answer for their boss."""

from __future__ import annotations

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.boss_secretary import BossSecretary
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward

RULE = {"secretaries": ["carol"], "through": ["dave"], "ring_seconds": 5}


class BossTests(LadderTestCase):
    """Bob is the boss and Carol the secretary; Alice calls, and Dave is let through."""

    def make_world(self) -> World:
        """A world with one boss."""
        return World(
            features=[BossSecretary, DoNotDisturb, CallForward, BlindTransfer],
            settings={"extensions": {"bob": {"boss_secretary": RULE}}},
        )

    def setUp(self) -> None:
        """Four phones."""
        super().setUp()
        self.alice, self.bob, self.carol, self.dave = self.world.phones(
            "alice", "bob", "carol", "dave", manners=Manners(answers_after=1)
        )

    def hang_up(self) -> None:
        """All hang up."""
        for phone in (self.alice, self.bob, self.carol, self.dave):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(2)

    def reached(self, by: Phone, seconds: float = 3) -> str:
        """Who answers a call for the boss."""
        by.dial("bob")
        self.world.run(seconds)
        found = [phone.name for phone in (self.bob, self.carol, self.dave) if by.talks_to(phone)]
        self.hang_up()
        return " ".join(found)

    def test_calls(self) -> None:
        """Callers reach the secretary, who rings through as do those who may."""
        self.assertEqual(
            [self.reached(one) for one in (self.alice, self.carol, self.dave)], ["carol", "bob", "bob"]
        )
        invites = [got.message for got in self.carol.inbox if got.message.cseq.method == "INVITE"]
        self.assertIn("bob: Alice", [invite.from_.display for invite in invites])
        self.quiet()

    def test_no_secretary(self) -> None:
        """With no secretary there, the boss's own phone rings."""
        self.carol.manners.answers_after = None
        self.assertEqual(self.reached(self.alice, 8), "bob")
        self.quiet()

    def test_transfer(self) -> None:
        """Boss and secretary × transfer: whom the secretary transfers to the boss gets through."""
        self.alice.dial("bob")
        self.world.run(3)
        self.carol.live[0].transfer("bob")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.hang_up()
        self.quiet()

    def test_switched(self) -> None:
        """The boss, or a secretary for the boss, turns it off and on; nobody else does."""
        for phone, code, status, then in (
            (self.bob, "*37", 200, "bob"),
            (self.carol, "*36bob", 200, "carol"),
            (self.alice, "*37bob", 403, "carol"),
            (self.alice, "*37", 403, "carol"),
            (self.alice, "*37nobody", 404, "carol"),
        ):
            session = phone.dial(code)
            self.world.run(6)
            self.assertEqual((session.code, self.reached(self.alice)), (status, then), code)
        self.quiet()

    def test_busy_lamps(self) -> None:
        """Boss and secretary × busy lamps: keys of both show whether the secretary answers."""
        self.world = World(features="installed", settings={"extensions": {"bob": {"boss_secretary": RULE}}})
        bob, carol = self.world.phones("bob", "carol", manners=Manners())
        on, off = bob.watch("*36"), carol.watch("*37bob")
        self.world.run(1)
        self.assertEqual([b"confirmed" in lamp.body for lamp in (on, off)], [True, False])
        carol.dial("*37bob")
        self.world.run(6)
        self.assertEqual([b"confirmed" in lamp.body for lamp in (on, off)], [False, True])
        self.quiet()

    def test_do_not_disturb(self) -> None:
        """Boss and secretary × do not disturb: callers still reach the secretary; the boss is not rung."""
        self.bob.dial("*78")
        self.world.run(6)
        self.assertEqual([self.reached(self.alice), self.reached(self.dave)], ["carol", ""])
        self.quiet()

    def test_forward(self) -> None:
        """Boss and secretary × forward: the boss's forward is for those who get through."""
        self.bob.dial("*72alice")
        self.world.run(6)
        self.assertEqual(self.reached(self.alice), "carol")
        self.dave.dial("bob")
        self.world.run(3)
        self.assertTrue(self.dave.talks_to(self.alice))
        self.hang_up()
        self.quiet()

    def test_settings(self) -> None:
        """A secretary is an extension, and nobody is one's own."""
        for name, text in (("9", "there is no extension 9"), ("101", "is 101 itself")):
            with self.assertRaises(FeaturesRefused) as caught:
                Features.of(
                    BossSecretary,
                    document={"extensions": {"101": {"boss_secretary": {"secretaries": [name]}}}},
                )
            self.assertIn(text, str(caught.exception))
