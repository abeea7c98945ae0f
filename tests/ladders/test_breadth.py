"""Max-Breadth: in how many places an INVITE may ring at a time (RFC 5393 section 5.3.3, RFC 7332 6)."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, World
from b2bua.testing.phone import Phone
from b2bua_plugins.ring_group import RingGroup


class BreadthTests(LadderTestCase):
    """One caller, and more and more phones."""

    def make_world(self) -> World:
        """Groups are there."""
        return self.with_group("parallel")

    def with_group(self, mode: str) -> World:
        """Make a world in which Carol, Dave and Bob are the group 600."""
        group: dict[str, Any] = {"members": ["carol", "dave", "bob"], "mode": mode, "ring_seconds": 5}
        return World(features=[RingGroup], settings={"ring_groups": {"600": group}})

    def call(self, to: str, breadth: str) -> Phone:
        """Let Alice call."""
        (alice,) = self.phones("alice")
        alice.sends("INVITE", to=to, fields=[("Max-Breadth", breadth)] if breadth else [])
        return alice

    def asked(self, phone: Phone) -> int | None:
        """Give the Max-Breadth of the INVITE that a phone gets."""
        return phone.gets("INVITE").max_breadth

    def test_carried(self) -> None:
        """It is carried to the other side; 60 where there is none, and where there is more."""
        (bob,) = self.phones("bob")
        for came, goes in (("", 60), ("7", 7), ("1", 1), ("60", 60), ("61", 60), ("1000", 60)):
            with self.subTest(came=came):
                alice = self.call("bob", came)
                self.assertEqual(self.asked(bob), goes)
                bob.answers(486)
                alice.gets(486)
        self.quiet()

    def test_malformed(self) -> None:
        """What is no number is ignored (RFC 3261 section 8.2.2)."""
        [bob] = self.phones("bob")
        for breadth in ("many", "-1"):
            with self.subTest(breadth=breadth):
                alice = self.call("bob", breadth)
                self.assertEqual(self.asked(bob), 60)
                bob.answers(480)
                alice.gets(480)
        self.quiet()

    def test_split(self) -> None:
        """The phones of one extension share it, and together they get no more than came."""
        bob, desk = *self.phones("bob"), *self.phones("bob", host="10.0.5.5")
        alice = self.call("bob", "5")
        self.assertEqual((self.asked(bob), self.asked(desk)), (2, 2))
        bob.answers(480)
        desk.answers(486)
        alice.gets(486)
        self.quiet()

    def test_exceeded(self) -> None:
        """Where it does not suffice for all phones at once it is 440, and none rings."""
        bob, desk = *self.phones("bob"), *self.phones("bob", host="10.0.5.5")
        for breadth in ("1", "0"):
            with self.subTest(breadth=breadth):
                self.call("bob", breadth).gets(440)
        self.assertEqual((bob.unread(), desk.unread()), ([], []))
        self.quiet()

    def test_group(self) -> None:
        """Members of a group get the least, so that as many can ring as came in Max-Breadth."""
        bob, carol, dave = self.phones("bob", "carol", "dave")
        alice = self.call("600", "3")
        self.assertEqual([self.asked(phone) for phone in (bob, carol, dave)], [1, 1, 1])
        for phone in (bob, carol, dave):
            phone.answers(486)
        alice.gets(486)
        self.quiet()

    def test_group_exceeded(self) -> None:
        """A member beyond that does not ring; what the others say counts for more than its 440."""
        bob, carol, dave = self.phones("bob", "carol", "dave")
        alice = self.call("600", "2")
        for phone in (carol, dave):
            phone.gets("INVITE")
            phone.answers(486)
        alice.gets(486)
        bob.gets_nothing()
        self.quiet()

    def test_one_after_the_other(self) -> None:
        """Who rings when the one before has failed, or was cancelled, gets all of it again (5.3.3.1)."""
        self.world = self.with_group("sequential")
        bob, carol, dave = self.phones("bob", "carol", "dave")
        alice = self.call("600", "1")
        self.assertEqual(self.asked(carol), 1)
        carol.answers(480)
        self.assertEqual(self.asked(dave), 1)
        dave.answers(180)
        alice.gets(180)
        dave.gets("CANCEL", within=10)
        self.assertEqual(self.asked(bob), 1)
        bob.answers(486)
        alice.gets(486)
        self.quiet()
