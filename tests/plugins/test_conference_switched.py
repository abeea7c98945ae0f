"""INVITEs to a conference that name a dialog: with Replaces or Join (RFC 4579 sections 5.8 and 5.9)."""

from __future__ import annotations

from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from b2bua_plugins.replaces import Replaces
from tests.plugins.test_conference_focus import FocusCase


def named(session: Session) -> str:
    """Our dialog with a phone, as we see it."""
    return f"{session.call_id};to-tag={session.remote_tag};from-tag={session.local_tag}"


class SwitchedCase(FocusCase):
    """Alice has a second phone."""

    more_features = (Replaces,)

    def setUp(self) -> None:
        """It is registered, too."""
        super().setUp()
        self.second = self.world.phone("alice", manners=self.alice.manners)
        self.second.register()
        self.world.run(1)

    def over(self) -> None:
        """All hang up."""
        for session in list(self.second.live):
            session.hang_up()
        super().over()

    def call(self, phone: Phone, field: str, value: str, to: str = "800") -> Session:
        """Call with a name of a dialog."""
        session = phone.dial(to, fields=((field, value), ("Require", field.lower())))
        self.world.run(6)
        return session


class ReplacesTests(SwitchedCase):
    """Replaces switches from one phone to another (section 5.9)."""

    def test_switched(self) -> None:
        """Alice goes on at her second phone: Bob hears her there, and the first one gets a BYE."""
        self.enter(self.alice, self.bob)
        first = self.alice.session
        session = self.call(self.second, "Replaces", named(first))
        self.assertEqual((session.state, first.state, self.here()), ("up", "over", ["alice", "bob"]))
        self.assertEqual(self.world.meets(self.second), {"bob"})
        self.assertEqual(self.world.meets(self.bob), {"alice"})
        self.assertTrue(self.contact(self.second).endswith(">;isfocus"))
        self.over()

    def test_as_she_was(self) -> None:
        """Who was muted and moderates still is and does at the other phone, and types no PIN."""
        self.enter(self.alice, room="802", keys="4712#")
        self.press(self.alice, "1")
        session = self.call(self.second, "Replaces", named(self.alice.session), to="802")
        [row] = self.command("conferences")
        self.assertEqual((session.state, row["moderates"], row["heard"]), ("up", True, False))
        self.world.voice(self.second).press("1")
        self.world.run(2)
        [row] = self.command("conferences")
        self.assertTrue(row["heard"])
        self.over()

    def test_without_an_offer(self) -> None:
        """An INVITE without SDP is offered our session, and the ACK brings the answer."""
        self.enter(self.alice, self.bob)
        replaces = (("Replaces", named(self.alice.session)),)
        session = self.second.dial("800", fields=replaces, offer=False)
        self.world.run(6)
        self.assertEqual((session.state, self.world.meets(self.bob)), ("up", {"alice"}))
        self.over()

    def test_before_the_room(self) -> None:
        """Whose first phone has not taken our offer yet is in the room by the second one."""
        self.alice.manners.acknowledges = False
        first = self.alice.dial("800", offer=False)
        self.world.run(1)
        self.assertEqual(self.here(), [])
        self.alice.manners.acknowledges = True
        session = self.call(self.second, "Replaces", named(first))
        self.assertEqual((session.state, self.here()), ("up", ["alice"]))
        self.over()

    def test_of_others(self) -> None:
        """Bob may not be Alice (RFC 3891 section 3): 403, and she is in as before."""
        self.enter(self.alice)
        session = self.call(self.bob, "Replaces", named(self.alice.session))
        self.assertEqual((session.code, self.alice.session.state, self.here()), (403, "up", ["alice"]))
        self.over()

    def test_no_voice(self) -> None:
        """Without a voice for the second phone the first one stays."""
        self.enter(self.alice)
        self.world.voices.broken = True
        session = self.call(self.second, "Replaces", named(self.alice.session))
        self.world.voices.broken = False
        self.assertEqual((session.code, self.alice.session.state, self.here()), (480, "up", ["alice"]))
        self.over()

    def test_races(self) -> None:
        """Whoever leaves while the voice is on its way: nobody is left over, and no voice."""
        for leaves in ("first", "second"):
            with self.anew(leaves=leaves):
                self.enter(self.alice, self.bob)
                self.world.voices.delay = 1.0
                session = self.second.dial("800", fields=(("Replaces", named(self.alice.session)),))
                self.world.run(0.5)
                (self.alice if leaves == "first" else self.second).hang_up()
                self.world.run(6)
                self.world.voices.delay = 0.0
                self.assertEqual(session.state, "over")
                self.assertEqual(self.here(), ["bob"] if leaves == "first" else ["alice", "bob"])
                self.over()


class JoinTests(SwitchedCase):
    """Join brings somebody into the conference of a dialog (section 5.8)."""

    def test_joined(self) -> None:
        """Bob knows nothing of the conference but a dialog of Alice's with it."""
        self.enter(self.alice)
        session = self.call(self.bob, "Join", named(self.alice.session), to="alice")
        self.assertEqual((session.state, self.here()), ("up", ["alice", "bob"]))
        self.assertTrue(self.contact(self.bob).endswith(">;isfocus"))
        self.bob.session.transfer("carol")  # such a call is like any other one then
        self.world.run(6)
        self.assertEqual(self.here(), ["alice", "bob", "carol"])
        self.over()

    def test_pin(self) -> None:
        """The room asks for its PIN, whoever is joined."""
        self.enter(self.alice, room="802", keys="4711#")
        self.call(self.bob, "Join", named(self.alice.session))
        self.assertEqual(self.here("802"), ["alice"])
        self.world.voice(self.bob).press("4711#")
        self.world.run(6)
        self.assertEqual(self.here("802"), ["alice", "bob"])
        self.over()

    def test_call_of_two(self) -> None:
        """Nobody joins a call of two: 481, and the two notice nothing."""
        self.alice.dial("bob")
        self.world.run(3)
        session = self.call(self.carol, "Join", named(self.bob.session), to="bob")
        self.assertEqual(session.code, 481)
        self.assertTrue(self.alice.talks_to(self.bob))
        self.over()

    def test_unknown(self) -> None:
        """A dialog that there is not: 481 at a phone, and nothing at a conference (RFC 3911 section 4)."""
        for to, code in (("bob", 481), ("800", 200), ("carol", 481)):
            self.assertEqual(self.call(self.alice, "Join", "1;to-tag=2;from-tag=3", to).code, code)
        self.assertEqual(self.here(), ["alice"])
        self.over()

    def test_ended(self) -> None:
        """One that has just ended: 603."""
        self.enter(self.alice)
        name = named(self.alice.session)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.call(self.bob, "Join", name).code, 603)
        self.over()

    def test_malformed(self) -> None:
        """Two of them, one with Replaces, half a name, or in another request: 400 (RFC 3911 section 4)."""
        self.enter(self.alice)
        name = named(self.alice.session)
        for fields in (
            (("Join", name), ("Join", name)),
            (("Join", f"{name}, {name}"),),
            (("Join", name), ("Replaces", name)),
            (("Join", "1;to-tag=2"),),
        ):
            session = self.bob.dial("800", fields=fields)
            self.world.run(2)
            self.assertEqual(session.code, 400, fields)
        sent = self.bob.outside("MESSAGE", "alice", fields=(("Join", name),))
        self.world.run(1)
        self.assertEqual(sent.code, 400)
        self.over()
