"""Pick-up: by code, by group, by a lamp (RFC 3891)."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Manners, World
from b2bua.wire.message import Response
from tests.ladders.lamps import dialogs

GROUPS = {"pickup_groups": {"sales": {"members": ["bob", "600"], "by": ["carol"]}}}
TEAM = {"ring_groups": {"600": {"name": "Sales", "members": ["bob", "erin"]}}}


class PickupCase(LadderTestCase):
    """Alice calls, and somebody else than Bob answers."""

    more: dict[str, Any] = {}  # noqa: RUF012  # each class has its own

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed", settings={**TEAM, **self.more})

    def setUp(self) -> None:
        """Bob lets it ring."""
        super().setUp()
        names = ("alice", "bob", "carol", "dave", "erin")
        self.alice, self.bob, self.carol, self.dave, self.erin = self.world.phones(
            *names, manners=Manners(answers_after=None)
        )

    def ring(self, to: str = "bob") -> None:
        """Alice calls."""
        self.alice.dial(to)
        self.world.run(0.5)

    def answers(self, phone: Any) -> list[tuple[int, str]]:
        """What a phone has been answered."""
        responses = [got.message for got in phone.inbox if isinstance(got.message, Response)]
        return [(response.code, response.reason) for response in responses]

    def over(self) -> None:
        """The call ends, and nothing is left."""
        self.alice.hang_up()
        self.world.run(1)
        self.quiet()


class CodeTests(PickupCase):
    """C{**} and a number."""

    def test_directed(self) -> None:
        """Carol takes the call that rings at Bob, and Bob's phone hears that it was answered elsewhere."""
        self.ring()
        self.carol.dial("**bob")
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.carol))
        [cancel] = [got.message for got in self.bob.inbox if getattr(got.message, "method", "") == "CANCEL"]
        self.assertIn("Call completed elsewhere", cancel.get("Reason"))
        self.over()

    def test_real_caller(self) -> None:
        """Who picks up sees whom they talk to: Alice (P-Asserted-Identity in the 200)."""
        self.ring()
        self.carol.dial("**bob")
        self.world.run(1)
        [answer] = [got.message for got in self.carol.inbox if getattr(got.message, "code", 0) == 200]
        self.assertEqual(answer.asserted[0].uri.user, "alice")
        self.over()

    def test_group_number(self) -> None:
        """A call to a ring group is taken by the number of the group (FreePBX#277)."""
        self.ring("600")
        self.carol.dial("**600")
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.over()

    def test_forwarded(self) -> None:
        """A forwarded call is taken where it rings, and by the number that was called."""
        self.bob.dial("*72erin")
        self.world.run(6)
        for number in ("**bob", "**erin"):
            with self.subTest(number):
                self.ring()
                self.carol.dial(number)
                self.world.run(1)
                self.assertTrue(self.alice.talks_to(self.carol))
                self.alice.hang_up()
                self.world.run(1)

    def test_nobody(self) -> None:
        """Nothing rings there: the display says so."""
        session = self.carol.dial("**bob")
        self.world.run(1)
        self.assertEqual(session.state, "over")
        answers = [got.message for got in self.carol.inbox if getattr(got.message, "code", 0) >= 400]
        self.assertEqual(
            [(one.code, one.reason) for one in answers if one.code != 401], [(404, "Nobody to pick up")]
        )

    def test_two_at_once(self) -> None:
        """Of two who pick up one wins, and the other hears why."""
        self.ring()
        self.carol.dial("**bob")
        self.dave.dial("**bob")
        self.world.run(1)
        won = [one for one in (self.carol, self.dave) if one.talks_to(self.alice)]
        self.assertEqual(len(won), 1)
        [lost] = [one for one in (self.carol, self.dave) if one not in won]
        self.assertIn((404, "Nobody to pick up"), self.answers(lost))
        self.over()


class GroupTests(PickupCase):
    """Groups say who may."""

    more = GROUPS  # not changed

    def test_group(self) -> None:
        """C{*89} takes what rings in one's own groups."""
        self.ring()
        self.carol.dial("*89")
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.over()

    def test_not_allowed(self) -> None:
        """Who is in no group with it may not, by code or by lamp."""
        watching = self.dave.watch("bob")
        self.ring()
        self.dave.dial("**bob")
        [dialog] = dialogs(watching.body)
        value = f"{dialog['call-id']};to-tag={dialog['local-tag']};from-tag={dialog['remote-tag']}"
        self.dave.dial("bob", fields=(("Replaces", value),))
        self.world.run(1)
        self.assertEqual(self.dave.live, [])
        self.assertEqual([code for code, _ in self.answers(self.dave) if code > 401], [403, 403])
        self.assertEqual(len(self.bob.live), 1)
        self.over()

    def test_by_lamp(self) -> None:
        """Who may presses the key of the lamp, with tags in either order."""
        for first, second in (("local-tag", "remote-tag"), ("remote-tag", "local-tag")):
            with self.subTest(first):
                watching = self.carol.watch("bob")
                self.ring()
                [dialog] = dialogs(watching.body)
                value = f"{dialog['call-id']};to-tag={dialog[first]};from-tag={dialog[second]}"
                self.carol.dial("bob", fields=(("Replaces", value),))
                self.world.run(1)
                self.assertTrue(self.alice.talks_to(self.carol))
                self.alice.hang_up()
                self.world.run(1)
        self.quiet()
