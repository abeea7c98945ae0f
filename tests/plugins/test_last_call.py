"""Who has called last, and what was dialled last, dialled by code."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners, World
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.last_call import LastCall


class LastCallTests(LadderTestCase):
    """Alice, Bob and Carol."""

    def make_world(self) -> World:
        """A world with the codes."""
        return World(features=[DoNotDisturb, LastCall], settings={"last_call": {}})

    def setUp(self) -> None:
        """Three phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )

    def hang_up(self) -> None:
        """All hang up."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)

    def test_missed(self) -> None:
        """*69 dials who has called last, missed or not, after a reload too."""
        self.bob.dial("alice")
        self.world.run(0.5)
        self.hang_up()
        self.world.reload()
        self.alice.dial("*69")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.hang_up()
        self.quiet()

    def test_redial(self) -> None:
        """*70 dials once more what was dialled last; a code is nothing to dial again."""
        self.alice.dial("carol")
        self.world.run(2)
        self.hang_up()
        self.alice.dial("*70")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.hang_up()
        self.alice.dial("*70")
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.hang_up()
        self.quiet()

    def test_nobody(self) -> None:
        """With nothing to dial it is 404."""
        for code in ("*69", "*70"):
            session = self.alice.dial(code)
            self.world.run(1)
            self.assertEqual(session.code, 404)
        self.quiet()

    def test_do_not_disturb(self) -> None:
        """Last call × do not disturb: who wanted no calls has not been called, so nobody is called back."""
        self.alice.dial("*78")
        self.world.run(6)
        self.bob.dial("alice")
        self.world.run(2)
        session = self.alice.dial("*69")
        self.world.run(2)
        self.assertEqual(session.code, 404)
        self.quiet()
