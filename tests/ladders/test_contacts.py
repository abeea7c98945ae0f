"""Contacts of one user with different q values: which are rung after which (RFC 3261 section 16.6)."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Phone, World, by_hand


class PreferenceTests(LadderTestCase):
    """A better contact of Bob, and a worse one."""

    def start(self, **calls: Any) -> tuple[Phone, Phone, Phone]:
        """Register both."""
        self.world = World(settings={"calls": {"ring_seconds": 20.0, **calls}})
        alice, better = self.phones("alice", "bob")
        worse = self.world.phone("bob", by_hand())
        worse.register(contact=f"<{worse.contact}>;q=0.5")
        self.world.run_until(lambda: worse.registered)
        return alice, better, worse

    def rung_after(self, failure: int | None, **calls: Any) -> bool:
        """Is the worse contact rung when the better one has failed?"""
        alice, better, worse = self.start(**calls)
        alice.sends("INVITE", to="bob")
        better.gets("INVITE")
        worse.gets_nothing(0.5)
        if failure is not None:
            better.answers(failure)
        else:
            better.answers(180)
            alice.gets(180)
            better.gets("CANCEL", within=21)
        self.world.run(0.5)
        rung = "INVITE" in worse.unread()
        if rung:
            worse.gets("INVITE")
            worse.answers(487 if failure is None else 480)
        alice.gets_final()
        self.quiet()
        return rung

    def test_default(self) -> None:
        """Busy is the user, and ends it, as does a 6xx (16.7); what is one phone's fault goes on."""
        for failure, rung in (
            (404, True),
            (403, True),
            (488, True),
            (480, True),
            (500, True),
            (None, True),
            (486, False),
            (600, False),
            (603, False),
        ):
            with self.subTest(failure=failure):
                self.assertEqual(self.rung_after(failure), rung)

    def test_as_configured(self) -> None:
        """The configuration says after what they are rung."""
        for after, failures in (
            ([], ()),
            (["busy"], (486,)),
            (["refused"], (404, 488)),
            (["no_answer"], (None,)),
        ):
            for failure in (486, 404, 488, 480, None):
                with self.subTest(after=after, failure=failure):
                    rung = self.rung_after(failure, next_contact_after=after)
                    self.assertEqual(rung, failure in failures)

    def test_time_of_each(self) -> None:
        """Each rings for the time of the extension; then nobody has answered."""
        alice, better, worse = self.start()
        alice.sends("INVITE", to="bob")
        began = self.world.clock.seconds()
        for phone in (better, worse):
            phone.gets("INVITE", within=21)
            phone.answers(180)
        alice.gets(180)
        self.assertEqual(alice.gets_final(within=25), 480)
        self.assertTrue(40 <= self.world.clock.seconds() - began < 41)
        for phone in (better, worse):
            phone.gets("CANCEL")
        self.quiet()
