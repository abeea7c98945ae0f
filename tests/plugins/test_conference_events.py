"""Phones show who is in a conference (RFC 4575)."""

from __future__ import annotations

from itertools import pairwise

from b2bua.testing.watching import Watching
from b2bua.wire.conference_info import TYPE
from b2bua.wire.xml import Element, read
from tests.plugins.test_conference import ConferenceCase

GAP = 6.0


class EventCase(ConferenceCase):
    """Somebody watches a conference."""

    def watch(self, name: str = "bob", room: str = "800") -> Watching:
        """Subscribe."""
        watching: Watching = getattr(self, name).watch(room, "conference", accept=TYPE)
        self.world.run(1)
        return watching

    def document(self, watching: Watching) -> Element:
        """What was told last."""
        self.world.run(GAP)
        return read(watching.body)

    def users(self, watching: Watching) -> dict[str, str]:
        """Of whom that tells, and how."""
        users = self.document(watching).child("users")
        assert users is not None
        return {one.attributes["entity"]: one.attributes["state"] for one in users.children}

    def over(self) -> None:
        """Nobody watches any more."""
        for phone in (self.alice, self.bob, self.carol, self.dave):
            for watching in phone.subscriptions:
                watching.unsubscribe()
        super().over()


class ToldTests(EventCase):
    """What is told."""

    def uri(self, name: str) -> str:
        """The URI of an extension."""
        return f"sip:{name}@{self.world.domain}"

    def test_full_then_partial(self) -> None:
        """All at first; then who comes, and who leaves, in versions that follow each other (section 4.6)."""
        self.enter(self.alice)
        watching = self.watch()
        first = self.document(watching)
        self.assertEqual((first.attributes["state"], first.attributes["entity"]), ("full", self.uri("800")))
        self.enter(self.carol)
        self.assertEqual(self.users(watching), {self.uri("carol"): "full"})
        self.alice.hang_up()
        self.assertEqual(self.users(watching), {self.uri("alice"): "deleted"})
        versions = [read(one.body).attributes["version"] for one in watching.notified]
        self.assertEqual(versions, ["0", "1", "2"])
        self.over()

    def test_muted(self) -> None:
        """Who has muted themselves is shown so."""
        self.enter(self.alice)
        watching = self.watch()
        self.press(self.alice, "1")
        self.document(watching)
        self.assertIn(b"muted-via-focus", watching.body)
        self.press(self.alice, "1")
        self.document(watching)
        self.assertNotIn(b"muted-via-focus", watching.body)
        self.over()

    def test_locked(self) -> None:
        """So is a room that is locked."""
        self.enter(self.alice)
        watching = self.watch()
        self.press(self.alice, "2")
        self.document(watching)
        self.assertIn(b"<locked>true</locked>", watching.body)
        self.over()

    def test_refreshed(self) -> None:
        """A SUBSCRIBE is answered by all that there is (RFC 6665 section 4.2.1.2)."""
        self.enter(self.alice)
        watching = self.watch()
        self.enter(self.carol)
        self.document(watching)
        watching.subscribe()
        self.assertEqual(self.document(watching).attributes["state"], "full")
        self.over()

    def test_lost(self) -> None:
        """Who may have missed something is told all."""
        self.enter(self.alice)
        watching = self.watch()
        watching.replies = None
        self.enter(self.carol)
        self.world.run(40)
        watching.replies = 200
        self.world.run(40)
        self.assertEqual(self.document(watching).attributes["state"], "full")
        self.enter(self.dave)
        self.assertEqual(self.users(watching), {self.uri("dave"): "full"})
        self.over()

    def test_reloaded(self) -> None:
        """After a reload the new code knows nothing of what was told: all is."""
        self.enter(self.alice)
        watching = self.watch()
        self.document(watching)
        self.world.reload()
        self.assertEqual(self.document(watching).attributes["state"], "full")
        self.enter(self.bob)
        self.document(watching)
        self.alice.hang_up()
        self.world.run(6)
        self.assertEqual(self.users(watching), {self.uri("alice"): "deleted"})
        self.over()

    def test_not_too_often(self) -> None:
        """However busy the door is, there is a NOTIFY in five seconds at most."""
        watching = self.watch()
        self.enter(self.alice)
        for _ in range(10):
            self.world.voice(self.alice).press("1")
            self.world.run(1)
        times = [one.at for one in watching.notified]
        self.assertGreaterEqual(min(b - a for a, b in pairwise(times)), 4.9)
        self.over()

    def test_private(self) -> None:
        """Who wants to stay unknown does, for whoever watches (RFC 4579 section 6)."""
        self.alice.dial("800", fields=(("Privacy", "id"),))
        self.world.run(6)
        watching = self.watch()
        [user] = self.users(watching)
        self.assertIn("@anonymous.invalid", user)
        self.assertNotIn(b"alice", watching.body)
        self.over()

    def test_from_outside(self) -> None:
        """A caller from outside is shown by their number."""
        self.enter(self.alice, self.carrier)
        watching = self.watch()
        outside = f"sip:{self.carrier.number}@{self.world.domain}"
        self.assertEqual(set(self.users(watching)), {self.uri("alice"), outside})
        self.over()


class WelcomeTests(EventCase):
    """Who may watch."""

    def test_pin(self) -> None:
        """Who has not typed the PIN sees nobody, and all when they have."""
        self.enter(self.alice, room="802", keys="4711#")
        watching = self.watch(room="802")
        self.assertEqual(self.users(watching), {})
        self.enter(self.bob, room="802", keys="4711#")
        self.assertEqual(len(self.users(watching)), 2)
        self.over()

    def test_personal(self) -> None:
        """One's own room by the number, or by the URI of its Contact; that of others while one is in it."""
        refused = self.watch(room="801_alice")
        self.assertEqual(refused.code, 404)
        self.alice.dial("bob")
        self.world.run(2)
        call = self.alice.session
        self.enter(self.alice, room="801")
        mine = self.watch("alice", "801")
        call.transfer("801")
        self.world.run(6)
        self.assertEqual(len(self.users(mine)), 1)
        self.assertEqual(self.document(mine).attributes["entity"], f"sip:801_alice@{self.world.domain}")
        theirs = self.watch("bob", "801_alice")
        self.assertEqual(len(self.users(theirs)), 2)
        self.bob.hang_up()
        self.world.run(6)
        self.assertNotIn(b"alice@", theirs.body)
        self.over()

    def test_refused(self) -> None:
        """What is no room cannot be watched: 404."""
        self.assertEqual(self.watch(room="799").code, 404)
        self.assertEqual(self.watch(room="carol").code, 404)
        self.assertEqual(self.watch(room="800_bob").code, 404)
        self.over()

    def test_stranger(self) -> None:
        """A carrier is told nothing: 403."""
        watching = self.carrier.watch("800", "conference", accept=TYPE)
        self.world.run(2)
        self.assertEqual(watching.code, 403)
        self.over()
