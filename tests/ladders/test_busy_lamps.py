"""Busy lamps: what watchers of the dialog package see of calls (RFC 4235)."""

from __future__ import annotations

from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.testing import Manners, World
from b2bua.testing.manners import by_hand
from b2bua.wire.xml import read
from tests.ladders.lamps import LampCase, dialogs, shown


class CallTests(LampCase):
    """A basic call and what may happen in it."""

    def test_call(self) -> None:
        """Idle, calling and ringing, talking, idle again; each within 100 ms."""
        lamps = self.watch("alice"), self.watch("bob")
        self.assert_shown(alice="idle", bob="idle")
        self.alice.dial("bob")
        self.world.run(0.3)
        self.assert_shown(alice="calling", bob="ringing")
        rang = next(at for at, state in self._states(lamps[1]) if state == "ringing")
        self.world.run(2)
        self.assert_shown(alice="talking", bob="talking")
        self.bob.hang_up()
        self.world.run(0.1)
        self.assert_shown(alice="idle", bob="idle")
        self.assertLess(rang - lamps[1].notified[0].at, 0.5)
        self.quiet()

    def _states(self, watching: object) -> list[tuple[float, str]]:
        """When the lamp showed what."""
        return [(n.at, shown(n.body)) for n in watching.notified]  # type: ignore[attr-defined]

    def test_hold(self) -> None:
        """Who holds is shown as holding, and talks again after it (section 5.2)."""
        self.watch("alice"), self.watch("bob")
        self.alice.dial("bob")
        self.world.run(3)
        self.bob.hold()
        self.world.run(0.3)
        self.assert_shown(alice="talking", bob="held")
        [dialog] = dialogs(self.wanda.subscriptions[0].body)
        self.assertEqual(dialog["remote-held"], "yes")
        self.bob.resume()
        self.world.run(0.3)
        self.assert_shown(alice="talking", bob="talking")
        self.bob.hang_up()
        self.quiet()

    def test_refused(self) -> None:
        """Busy, refused, given up: nothing stays behind (OpenSIPS#3802)."""
        self.watch("alice"), self.watch("bob")
        for end in (lambda: self.bob.refuse(486), lambda: self.alice.hang_up()):
            self.bob.manners = by_hand()
            self.alice.dial("bob")
            self.world.run(0.5)
            self.bob.ring()
            self.world.run(0.5)
            self.assert_shown(bob="ringing")
            end()
            self.world.run(0.5)
            self.assert_shown(alice="idle", bob="idle")
        self.bob.inbox.clear()

    def test_subscribed_in_a_call(self) -> None:
        """Who begins to watch within a call sees it."""
        self.alice.dial("bob")
        self.world.run(3)
        self.watch("bob")
        self.assert_shown(bob="talking")
        self.alice.hang_up()
        self.quiet()

    def test_two_calls(self) -> None:
        """Several calls have a dialog each with an id of its own (asterisk#2159)."""
        watching = self.watch("bob")
        self.alice.dial("bob")
        self.world.run(3)
        self.carol.dial("bob")
        self.world.run(0.5)
        self.assert_shown(bob="ringing")
        found = dialogs(watching.body)
        self.assertEqual([d["state"] for d in found].count("confirmed"), 1)
        self.assertEqual(len({d["id"] for d in found}), 2)
        self.carol.hang_up()
        self.world.run(0.5)
        self.assert_shown(bob="talking")
        self.alice.hang_up()
        self.quiet()

    def test_fork(self) -> None:
        """The end of one branch is not the end of the lamp (kamailio#2906)."""
        other = self.world.phone("bob", by_hand())
        other.register()
        self.bob.manners = by_hand()
        self.world.run(0.5)
        self.watch("bob")
        self.alice.dial("bob")
        self.world.run(0.5)
        self.bob.ring(), other.ring()
        self.world.run(0.5)
        other.refuse(480)
        self.world.run(0.5)
        self.assert_shown(bob="ringing")
        self.bob.answer()
        self.world.run(0.5)
        self.assert_shown(bob="talking")
        self.alice.hang_up()
        self.world.run(0.5)
        self.assert_shown(bob="idle")

    def test_transferred(self) -> None:
        """After a transfer the lamps show who talks now."""
        for name in ("alice", "bob", "carol"):
            self.watch(name)
        self.alice.dial("bob")
        self.world.run(3)
        self.bob.session.transfer("carol")
        self.world.run(5)
        self.assert_shown(alice="talking", bob="idle", carol="talking")
        [dialog] = dialogs(self.wanda.subscriptions[2].body)
        self.assertIn("alice", dialog["remote"])
        self.alice.hang_up()
        self.world.run(1)
        self.assert_shown(alice="idle", bob="idle", carol="idle")
        self.quiet()

    def test_forwarded(self) -> None:
        """A call that is forwarded rings where it rings."""
        self.watch("bob"), self.watch("carol")
        self.bob.dial("*72carol")
        self.world.run(6)
        self.alice.dial("bob")
        self.world.run(0.5)
        self.assert_shown(bob="idle", carol="ringing")
        self.alice.hang_up()
        self.world.run(0.5)
        self.assert_shown(bob="idle", carol="idle")


class TurnTests(LampCase):
    """Of many who are in a call."""

    names = ("grace", "bob", "heidi", "dave", "carol", "frank", "erin")
    more = {"ring_groups": {"600": {"members": [*names]}}}  # noqa: RUF012  # not changed

    def test_in_turn(self) -> None:
        """Who watches them is told of one after the other in the order in which they came into the call."""
        self.world.phones(
            "grace", "heidi", "dave", "frank", "erin", manners=Manners(rings_after=0.05, answers_after=None)
        )
        watched = {name: self.watch(name) for name in self.names}
        self.bob.manners.answers_after = self.carol.manners.answers_after = None
        self.alice.dial("600")
        self.world.run(1)
        self.assert_shown(**dict.fromkeys(self.names, "ringing"))
        before = len(self.world.network.log)
        self.alice.hang_up()
        self.world.run(1)
        named = {watching.call_id: name for name, watching in watched.items()}
        told = [
            named[packet.data.partition(b"Call-ID: ")[2].partition(b"\r\n")[0].decode()]
            for packet in list(self.world.network.log)[before:]
            if packet.data.startswith(b"NOTIFY")
        ]
        self.assertEqual(told, [*self.names])
        self.quiet()


class DialogIdTests(LampCase):
    """The document names dialogs of ours, which may be picked up (RFC 3891)."""

    def test_named(self) -> None:
        """Call-ID and tags are those of the call that rings at the phone."""
        watching = self.watch("bob")
        self.alice.dial("bob")
        self.world.run(0.5)
        [dialog] = dialogs(watching.body)
        session = self.bob.session
        self.assertEqual(dialog["call-id"], session.call_id)
        self.assertEqual(dialog["local-tag"], session.local_tag)
        self.assertEqual(dialog["remote-tag"], session.remote_tag)
        self.assertEqual((dialog["remote"], dialog["remote-display"]), ("sip:alice@pbx.example.com", "Alice"))
        self.alice.hang_up()
        self.quiet()


class AbsenceTests(LampCase):
    """Who cannot be called does not look idle."""

    def test_unregistered(self) -> None:
        """Unregistered is not idle (linphone-desktop#1006); registered again it is."""
        watching = self.watch("bob")
        self.bob.unregister()
        self.world.run(0.5)
        self.assert_shown(bob="unregistered")
        self.assertEqual(dialogs(watching.body)[0]["remote-display"], "Not registered")
        self.bob.register()
        self.world.run(0.5)
        self.assert_shown(bob="idle")
        self.quiet()

    def test_do_not_disturb(self) -> None:
        """Do not disturb is shown as soon as it is set, and taken back (fusionpbx#2194)."""
        self.watch("bob")
        self.bob.dial("*78")
        self.world.run(6)
        self.assert_shown(bob="do-not-disturb")
        self.bob.dial("*79")
        self.world.run(6)
        self.assert_shown(bob="idle")
        self.quiet()

    def test_unknown(self) -> None:
        """What is no extension cannot be watched: 404."""
        self.assertEqual(self.watch("nobody").code, 404)


class OffTests(LampCase):
    """Other choices."""

    more = {  # noqa: RUF012  # not changed
        "busy_lamps": {
            "unregistered": "off",
            "do_not_disturb": "idle",
            "calling": "confirmed",
            "profile": "one call",
        }
    }

    def test_off(self) -> None:
        """Without any dialog a lamp is off."""
        self.watch("dave")
        self.assert_shown(dave="off")

    def test_not_shown(self) -> None:
        """Do not disturb may be nobody's business."""
        self.watch("bob")
        self.bob.dial("*78")
        self.world.run(6)
        self.assert_shown(bob="idle")

    def test_calling(self) -> None:
        """A caller may be busy at once, for phones that blink for each early dialog."""
        self.watch("alice")
        self.alice.dial("bob")
        self.world.run(0.5)
        self.assert_shown(alice="talking")

    def test_one_call(self) -> None:
        """Phones that read one dialog only get the one that counts most: what rings."""
        watching = self.watch("bob")
        self.alice.dial("bob")
        self.world.run(3)
        self.carol.dial("bob")
        self.world.run(0.5)
        self.assertEqual(len(dialogs(watching.body)), 1)
        self.assert_shown(bob="ringing")


class PermissionTests(LampCase):
    """Who may see what."""

    more = {  # noqa: RUF012  # not changed
        "extensions": {
            "bob": {"busy_lamps": {"watched_by": ["alice"]}},
            "carol": {"busy_lamps": {"callers_shown_to": ["bob"]}},
        }
    }

    def test_watched_by(self) -> None:
        """Who may not watch hears 403."""
        self.assertEqual(self.watch("bob").code, 403)
        self.assertEqual(self.alice.watch("bob").code, 0)
        self.world.run(0.5)
        self.assertEqual(self.alice.subscriptions[0].code, 200)
        self.quiet()

    def test_callers(self) -> None:
        """Who may not see callers sees that there is a call."""
        watching = self.watch("carol")
        self.alice.dial("carol")
        self.world.run(0.5)
        self.assert_shown(carol="ringing")
        self.assertNotIn(b"alice", watching.body)
        self.alice.hang_up()
        self.quiet()

    def test_anonymous(self) -> None:
        """A caller who wants to stay unknown stays so (RFC 3323 section 4.1.1.3)."""
        watching = self.watch("dave")
        dave = self.world.phones("dave")[0]
        self.alice.dial("dave", fields=[("Privacy", "id")])
        self.world.run(0.5)
        self.assertNotIn(b"alice", watching.body)
        del dave


class SetupTests(LampCase):
    """Names with what XML cannot have."""

    def test_display(self) -> None:
        """A name of odd characters does not break the document."""
        watching = self.watch("bob")
        self.alice.display = "A<l&i>c'"
        self.alice.dial("bob")
        self.world.run(0.5)
        self.assert_shown(bob="ringing")
        self.assertEqual(len(dialogs(watching.body)), 1)
        self.alice.hang_up()
        self.quiet()


class ReloadTests(LampCase):
    """A new generation of features, and a new process."""

    def make_world(self) -> World:
        """A world with a store."""
        return World(features="installed", store=MemoryStore())

    def test_reloaded(self) -> None:
        """After a reload the lamps know the calls that go on."""
        self.watch("bob")
        self.alice.dial("bob")
        self.world.run(3)
        self.world.served.configure()  # type: ignore[union-attr]
        self.world.run(3)
        self.assert_shown(bob="talking")
        self.alice.hang_up()
        self.world.run(1)
        self.assert_shown(bob="idle")
        self.quiet()

    def test_crashed(self) -> None:
        """After kill -9 and a start a lamp shows within 5 s that a call has ended meanwhile."""
        self.watch("bob")
        self.alice.dial("bob")
        self.world.run(3)
        self.assert_shown(bob="talking")
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(2)
        served.restart()
        self.world.run(5)
        self.assert_shown(bob="idle")


class InterestTests(LampCase):
    """Calls cost nothing for lamps that nobody watches."""

    def test_listens(self) -> None:
        """News of calls are heard as long as somebody watches, and calls that went on are known."""
        served = self.world.served
        assert served is not None
        self.assertFalse(served.features.hears_changes)
        self.alice.dial("bob")
        self.world.run(3)
        first, second = self.watch("bob"), self.watch("carol")
        self.assertTrue(served.features.hears_changes)
        self.assert_shown(bob="talking")
        first.unsubscribe()
        self.world.run(1)
        self.assertTrue(served.features.hears_changes)
        second.unsubscribe()
        self.world.run(1)
        self.assertFalse(served.features.hears_changes)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(served.server.core.calls._told, {})
        self.quiet()


class CompletionTests(LampCase):
    """A Yealink watches whom it could not reach, to offer another try (draft-poetzl)."""

    def test_contact(self) -> None:
        """The Contact of a call that failed still names the extension when the call is over."""
        self.bob.dial("carol")
        self.world.run(3)
        self.bob.manners.lines = 1
        self.bob.manners.rings_first = True
        session = self.alice.dial("bob")
        self.world.run(3)
        self.assertEqual(session.state, "over")
        watching = self.alice.watch("bob", at=session.target, expires=60)
        self.world.run(1)
        self.assertEqual((watching.code, shown(watching.body)), (200, "talking"))
        self.bob.hang_up()
        self.world.run(1)
        self.assertEqual(shown(watching.body), "idle")
        self.quiet()


class PresenceTests(LampCase):
    """The same as presence (RFC 3856), for phones that want that."""

    def says(self, watching: Any) -> tuple[str | None, str, str | None]:
        """Open or closed, busy with what, and the same for people."""
        root = read(watching.body)
        line, person = root.child("tuple"), root.child("person")
        assert line is not None
        status = line.child("status")
        assert status is not None
        activity = "" if person is None else person.children[0].children[0].name
        return status.text_of("basic"), activity, line.text_of("note")

    def test_call(self) -> None:
        """Open, ringing, on the phone, open again (RFC 3863 section 4.1.4, RFC 4480 section 3.2)."""
        watching = self.watch("bob", event="presence")
        self.assertEqual(watching.notified[-1].type, "application/pidf+xml")
        self.assertEqual(self.says(watching), ("open", "", None))
        self.alice.dial("bob")
        self.world.run(0.5)
        self.assertEqual(self.says(watching), ("open", "on-the-phone", "Ringing"))
        self.world.run(2)
        self.assertEqual(self.says(watching), ("open", "on-the-phone", "On the phone"))
        self.bob.hang_up()
        self.world.run(0.5)
        self.assertEqual(self.says(watching), ("open", "", None))
        self.quiet()

    def test_absent(self) -> None:
        """Who is not registered, or wants no calls, is closed."""
        watching = self.watch("bob", event="presence")
        self.bob.dial("*78")
        self.world.run(6)
        self.assertEqual(self.says(watching), ("closed", "busy", "Do not disturb"))
        self.bob.dial("*79")
        self.world.run(6)
        self.bob.unregister()
        self.world.run(0.5)
        self.assertEqual(self.says(watching), ("closed", "", "Not registered"))
        self.quiet()
