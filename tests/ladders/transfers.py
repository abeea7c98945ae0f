"""What the tests of transfers have in common: a world with the plugins, and calls to begin with."""

from __future__ import annotations

from b2bua.testing import World
from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.replaces import Replaces
from b2bua_plugins.transfer_policy import TransferPolicy

FEATURES = (TransferPolicy, BlindTransfer, AttendedTransfer, Replaces)


class TransferTestCase(LadderTestCase):
    """Alice, Bob and Carol, whose phones do by themselves what people would."""

    def make_world(self) -> World:
        """Make a world with the transfer features."""
        return World(features=FEATURES)

    def setUp(self) -> None:
        """Set up the phones; each one picks up after a second."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1.0)
        )
        self.world.run(1)

    def call(self, caller: Phone, callee: Phone) -> tuple[Session, Session]:
        """Let two phones talk; the session of the caller comes first."""
        session = caller.dial(callee.name)
        self.world.run(3)
        self.assertTrue(caller.talks_to(callee), self.world.ladder())
        return session, callee.session

    def insist(self, truth: bool, complaint: str) -> None:
        """Complain with the ladder."""
        if not truth:
            raise self.world.failure(complaint)

    def only_talking(self, one: Phone, other: Phone) -> None:
        """Insist that these two talk, and nobody else."""
        self.insist(
            self.world.talking() == {(one.name, other.name), (other.name, one.name)},
            f"talking are {self.world.talking()}",
        )
