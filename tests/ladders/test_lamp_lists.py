"""Lamps of numbers that are no extensions, lists of lamps, and what makes of phones want otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from b2bua import Service, hookimpl
from b2bua.calls import Attempt, Lamp, Party, Wait
from b2bua.testing import Manners, World
from b2bua.wire.dialog_info import parse
from b2bua.wire.xml import read
from tests.ladders.lamps import LampCase, dialogs, shown

OFFICE = {"numbers": ["bob"], "zone": "UTC", "open": ["thu 09:00-10:00"], "otherwise": "carol"}
SUPPORTS = (("Supported", "eventlist"),)
LISTS = {
    "office": {"members": ["alice", "bob", "*78"]},
    "everybody": {"members": "all"},
    "private": {"members": ["alice"], "watched_by": ["bob"]},
}


class Orbit:
    """Keeps people waiting at 701, and at the extension carol."""

    @hookimpl
    def service_started(self, service: Service) -> None:
        """Know who waits."""
        self._service = service

    @hookimpl
    def route_call(self, attempt: Attempt) -> Wait | None:
        """Wait there."""
        return Wait(attempt.user) if attempt.user in ("701", "carol") else None

    @hookimpl
    def lamp_shown(self, number: str, watcher: Party) -> Lamp | None:
        """Is the orbit taken?"""
        if number not in ("701", "carol"):
            return None
        waiting = self._service.waiting(number)
        taken = "parked" if number == "carol" else "busy"
        return Lamp(taken, waiting[0][1].display) if waiting else Lamp("idle")  # type: ignore[arg-type]

    @hookimpl
    def call_changed(self) -> None:
        """Somebody came or went."""
        self._service.changed("dialog", "701")
        self._service.changed("dialog", "carol")


def parts(body: bytes) -> Iterable[tuple[str, bytes]]:
    """The parts of a list, each with its type."""
    for part in body.split(b"--b2bua-resources\r\n")[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        yield head.decode().rpartition("Content-Type: ")[2], content.partition(b"\r\n--b2bua-resources--")[0]


class ListTests(LampCase):
    """RFC 4662: many lamps by one subscription."""

    more = {"lamp_lists": LISTS}  # noqa: RUF012  # not changed

    def test_told(self) -> None:
        """One NOTIFY has the state of all members, and says that it does (sections 4.1 and 5)."""
        watching = self.watch("office", fields=SUPPORTS)
        self.assertEqual(watching.code, 200)
        self.assertEqual(watching.answer.get("Require"), "eventlist")
        request = watching.notified[-1].request
        self.assertEqual(request.get("Require"), "eventlist")
        self.assertTrue(watching.notified[-1].request.get("Content-Type").startswith("multipart/related;"))
        kinds = [kind for kind, _ in parts(watching.body)]
        self.assertEqual(kinds, ["application/rlmi+xml;charset=UTF-8"] + 3 * ["application/dialog-info+xml"])
        rlmi = read(next(iter(parts(watching.body)))[1])
        self.assertEqual((rlmi.name, rlmi.attributes["fullState"]), ("list", "true"))
        uris = [one.attributes["uri"] for one in rlmi.all("resource")]
        self.assertEqual(uris[:2], ["sip:alice@pbx.example.com", "sip:bob@pbx.example.com"])
        self.quiet()

    def test_changes(self) -> None:
        """What happens to a member is told to who watches the list."""
        watching = self.watch("office", fields=SUPPORTS)
        self.alice.dial("bob")
        self.world.run(0.3)
        lamps = [shown(body) for kind, body in parts(watching.body) if "dialog" in kind]
        self.assertEqual(lamps, ["calling", "ringing", "idle"])
        self.alice.hang_up()
        self.world.run(0.5)
        lamps = [shown(body) for kind, body in parts(watching.body) if "dialog" in kind]
        self.assertEqual(lamps, ["idle", "idle", "idle"])
        self.quiet()

    def test_required(self) -> None:
        """Who requires lists gets one: the option tag is known (RFC 4662 section 4.1, RFC 3261 8.2.2.3)."""
        watching = self.watch("office", fields=(*SUPPORTS, ("Require", "eventlist")))
        self.assertEqual((watching.code, watching.answer.get("Require")), (200, "eventlist"))
        self.quiet()

    def test_all(self) -> None:
        """A list of all extensions has all of them."""
        watching = self.watch("everybody", fields=SUPPORTS)
        self.assertGreater(len(list(parts(watching.body))), 4)

    def test_not_supported(self) -> None:
        """Who does not say that it supports lists never gets one: 421 (section 4.1)."""
        watching = self.watch("office")
        self.assertEqual((watching.code, watching.answer.get("Require")), (421, "eventlist"))

    def test_linphone(self) -> None:
        """A Linphone says that it does, and crashes."""
        self.wanda.user_agent = "Linphone/4.2"
        self.assertEqual(self.watch("office", fields=SUPPORTS).code, 403)

    def test_not_allowed(self) -> None:
        """A list may be for some only."""
        self.assertEqual(self.watch("private", fields=SUPPORTS).code, 403)

    def test_too_long(self) -> None:
        """A list that fits into no NOTIFY is refused at start, and says what to do."""
        from b2bua.settings import SettingsError

        members = [f"{number}" for number in range(101)]
        error = self.assertRaises(
            SettingsError, World, features="installed", settings={"lamp_lists": {"x": {"members": members}}}
        )
        self.assertIn("lamp_lists.x", str(error))


class NumberTests(LampCase):
    """Whatever a feature shows has a lamp."""

    def make_world(self) -> World:
        """With an orbit."""
        from b2bua_plugins.busy_lamps import BusyLamps
        from b2bua_plugins.do_not_disturb import DoNotDisturb
        from b2bua_plugins.forward import CallForward

        return World(features=[Orbit, BusyLamps, DoNotDisturb, CallForward], settings=self.more)

    def test_orbit(self) -> None:
        """An orbit is idle, and busy with who waits there."""
        watching = self.watch("701")
        self.assertEqual(shown(watching.body), "idle")
        self.alice.dial("701")
        self.world.run(1)
        [dialog] = dialogs(watching.body)
        self.assertEqual((dialog["state"], dialog["remote-display"]), ("confirmed", "Alice"))
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(shown(watching.body), "idle")
        self.quiet()

    def test_obihai(self) -> None:
        """An OBi wants an early dialog for an orbit that is taken."""
        self.wanda.user_agent = "OBIHAI/OBi302-3.2.2"
        watching = self.watch("701")
        self.alice.dial("701")
        self.world.run(1)
        self.assertEqual(dialogs(watching.body)[0]["state"], "early")

    def test_parked_against_an_extension(self) -> None:
        """Who waits at an extension stands in BroadWorks' element, and the lamp is idle for others."""
        watching = self.watch("carol")
        self.alice.dial("carol")
        self.world.run(1)
        self.assertEqual(shown(watching.body), "idle")
        _, dialog = read(watching.body).all("dialog")
        identity = dialog.child("callpark").child("parked").child("identity")  # type: ignore[union-attr]
        assert identity is not None
        self.assertEqual(identity.attributes["display"], "Alice")
        self.alice.hang_up()
        self.world.run(1)

    def test_code(self) -> None:
        """The key of a feature code is lit while what it turns on is on (fusionpbx#2194)."""
        watching = self.wanda.watch("*78")
        forward = self.wanda.watch("*72")
        self.world.run(0.5)
        self.assertEqual(shown(watching.body), "idle")
        self.wanda.manners = Manners()
        self.wanda.dial("*78")
        self.world.run(6)
        self.assertEqual(shown(watching.body), "talking")
        self.wanda.dial("*72bob")
        self.world.run(6)
        self.assertEqual(dialogs(forward.body)[0]["remote-display"], "bob")
        self.wanda.dial("*79")
        self.world.run(6)
        self.assertEqual(shown(watching.body), "idle")
        self.quiet()

    def test_nobody_shows(self) -> None:
        """A number that no feature shows cannot be watched: 404."""
        self.assertEqual(self.watch("702").code, 404)


class ProfileTests(LampCase):
    """A make of phones may be told otherwise."""

    more = {"busy_lamps": {"phones": {"Acme X1": "no blinking"}}}  # noqa: RUF012  # not changed

    def test_spa(self) -> None:
        """An SPA962 crashes on several dialogs, so it gets the one that counts most."""
        self.wanda.user_agent = "Linksys/SPA962-6.1.5"
        watching = self.watch("bob")
        self.alice.dial("bob")
        self.world.run(3)
        self.carol.dial("bob")
        self.world.run(0.5)
        self.assertEqual(len(dialogs(watching.body)), 1)
        self.assert_shown(bob="ringing")

    def test_named(self) -> None:
        """The configuration may say what a phone is like that we do not know."""
        self.wanda.user_agent = "Acme X1 2.0"
        self.watch("alice")
        self.alice.dial("bob")
        self.world.run(0.5)
        self.assert_shown(alice="talking")

    def test_own_ids(self) -> None:
        """Each call has an id of its own, which never goes from confirmed to early (asterisk#2159)."""
        watching = self.watch("bob")
        for _ in range(3):
            self.alice.dial("bob")
            self.world.run(3)
            self.alice.hang_up()
            self.world.run(1)
        states: dict[str, list[str]] = {}
        for notified in watching.notified:
            for dialog in parse(notified.body).dialogs:
                if dialog.id != "idle":
                    states.setdefault(dialog.id, []).append(dialog.state)
        self.assertEqual(len(states), 3)
        for seen in states.values():
            self.assertEqual(seen, sorted(seen, key=("trying", "early", "confirmed").index))


class OfficeTests(LampCase):
    """Keys of an office: is it open, is an agent logged in?"""

    more = {  # noqa: RUF012  # not changed
        "office_hours": {"shop": OFFICE},
        "queues": {"610": {"members": ["dave"], "logged_in": False}},
    }

    def setUp(self) -> None:
        """Dave is the agent."""
        super().setUp()
        [self.dave] = self.world.phones("dave", manners=Manners())

    def seen(self, code: str, watched: str) -> str:
        """Dave dials a code; what does a key of his show then?"""
        watching = self.dave.watch(watched)
        self.world.run(0.5)
        before = shown(watching.body)
        self.dave.dial(code)
        self.world.run(6)
        return f"{before}, {shown(watching.body)}"

    def test_office(self) -> None:
        """Night service: the key of the code is lit while the office is switched so."""
        self.assertEqual(self.seen("*282", "*282"), "idle, talking")
        self.assertEqual(self.seen("*280", "*282"), "talking, idle")

    def test_agent(self) -> None:
        """The key that logs in is lit while one is, and so is the one that logs out."""
        self.assertEqual(self.seen("*451", "*451"), "idle, talking")
        self.assertEqual(self.seen("*452", "*452"), "idle, talking")
        self.assertEqual(shown(self.dave.subscriptions[0].body), "idle")
