"""RFC 5359 sections 2.4 and 2.5: transfer, message by message."""

from __future__ import annotations

from tests.ladders.transfers import StepsTestCase


class ServiceExampleTests(StepsTestCase):
    """The names of the parties are those of the flows."""

    def setUp(self) -> None:
        """Set up the three phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.phones("alice", "bob", "carol")

    def test_2_4(self) -> None:
        """2.4: Bob calls Alice, who transfers him to Carol and leaves; F15 reaches her after her BYE."""
        self.connect(self.bob, self.alice)
        first = self.alice.session
        self.refer(self.alice, first, "carol")
        self.leaves(self.alice, first)
        self.rings(self.carol, "bob")
        self.notified(self.alice, 180)
        self.carol.answers(200)
        self.carol.gets("ACK")
        self.joined(self.bob, "carol")
        self.notified(self.alice, 200)
        self.assertTalking(("bob", "carol"))
        self.disconnect(self.carol, self.bob)
        self.quiet()

    def test_2_5(self) -> None:
        """2.5: Alice calls Bob, who consults Carol, holds her, and joins the two."""
        first = self.begin(self.alice, self.bob)
        second = self.consult(self.bob, self.carol)
        self.refer(self.bob, first, replaces=second)
        self.coupled(self.alice, self.carol)
        self.dismissed(self.bob)
        self.notified(self.bob, 200)
        self.leaves(self.bob, first)
        self.assertTalking(("alice", "carol"))
        self.disconnect(self.carol, self.alice)
        self.quiet()
