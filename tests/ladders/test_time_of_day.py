"""Whole calls while somebody sets the time of day: nothing goes by it but what is kept for people."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Manners

HOUR = 3600.0


class TimeOfDayTests(LadderTestCase):
    """The clock goes on, whatever the time of day does."""

    def setUp(self) -> None:
        """Alice and Bob talk."""
        super().setUp()
        self.began = self.world.wall()
        self.alice, self.bob = self.phones("alice", "bob", manners=Manners(answers_after=2.0))
        self.alice.dial("bob")
        self.world.run(3)
        self.assertTalking(("alice", "bob"))

    def lasted(self) -> None:
        """A record has the time of day at which its call began; from there on it counts by the clock."""
        self.world.run(27)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(len(self.world.served.server.bindings.all("bob@pbx.example.com")), 1)
        self.bob.hang_up()
        self.quiet()
        (record,) = self.world.served.records
        self.assertApproximates(record.started, self.began, 1)
        self.assertApproximates(record.answered, self.began + 2, 1)
        self.assertApproximates(record.ended, self.began + 30, 1)
        self.assertEqual({round(leg.ended - self.began) for leg in record.legs}, {30})

    def test_nobody_sets_it(self) -> None:
        """Times in records are seconds since 1970, though the clock counts from anywhere."""
        self.lasted()

    def test_set_forward(self) -> None:
        """An hour ahead: calls, registrations and records last as long as they do."""
        self.world.dawn += HOUR
        self.lasted()

    def test_set_back(self) -> None:
        """An hour back: nothing ends before it began."""
        self.world.dawn -= HOUR
        self.lasted()
