"""Lamps of numbers at another server (RFC 6665 section 4.1, RFC 4235)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features
from b2bua.settings import SettingsError
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua.testing.served import password_of
from b2bua.testing.watching import Watching
from b2bua.wire.dialog_info import TYPE
from tests.ladders.lamps import dialogs, shown
from tests.subscriptions.teller import CARRIER, Teller

CALL = (
    '<dialog id="{id}" call-id="c1" local-tag="a" remote-tag="b" direction="recipient"><state>{state}</state>'
    '<remote><identity display="Xenia">sip:300@branch.example</identity></remote></dialog>'
)


def document(version: int, *calls: str, state: str = "full") -> bytes:
    """What the other server writes."""
    root = (
        '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{}" state="{}" entity="sip:201@b">'
    )
    return (root.format(version, state) + "".join(calls) + "</dialog-info>").encode()


def call(state: str, id: str = "x") -> str:
    """One call there."""
    return CALL.format(id=id, state=state)


class RemoteCase(LadderTestCase):
    """A server that shows us the lamp of 201."""

    def make_world(self) -> World:
        """Make it."""
        lamps = {"numbers": ["201"], "watched_by": ["alice"]}
        settings = {
            "trunks": {"carrier": {**CARRIER, "busy_lamps": lamps}},
            "lamp_lists": {"office": {"members": ["bob", "201"]}},
        }
        return World(features="installed", settings=settings)

    def setUp(self) -> None:
        """Alice watches it."""
        super().setUp()
        self.branch = Teller(self.world)
        self.branch.tells = False
        self.alice, self.bob = self.world.phones("alice", "bob", manners=Manners())

    def watch(self, **options: Any) -> Watching:
        """Let Alice watch."""
        watching = self.alice.watch(options.pop("name", "201"), **options)
        self.world.run(0.5)
        return watching

    def tell(self, body: bytes, tag: str = "t1", state: str = "active;expires=600") -> int:
        """The other server tells."""
        self.branch.notify(state, body=body, type=TYPE, tag=tag)
        self.world.run(0.5)
        return self.branch.answers[-1][1]


class ToldTests(RemoteCase):
    """What is shown of it."""

    def test_watched_while_watched(self) -> None:
        """It is watched there as long as somebody watches it here, and not for longer."""
        self.assertEqual(self.branch.taken, [])
        watching = self.watch()
        [request] = self.branch.taken
        self.assertEqual((request.uri, request.get("Event")), ("sip:201@198.51.100.7", "dialog"))
        self.assertEqual(request.get("Accept"), TYPE)
        self.watch()
        self.assertEqual(len(self.branch.taken), 1)
        for one in self.alice.subscriptions:
            one.unsubscribe()
        self.world.run(60)
        self.assertEqual(self.branch.latest.expires, 0)
        self.assertFalse(watching.live)
        self.quiet()

    def test_shown(self) -> None:
        """Not known, ringing, talking, idle: each is shown at once, and none can be picked up."""
        watching = self.watch()
        self.assertEqual(shown(watching.body), "unregistered")
        for version, (state, word) in enumerate(
            (("early", "ringing"), ("confirmed", "talking"), ("terminated", "idle"))
        ):
            self.assertEqual(self.tell(document(version, call(state))), 200)
            self.assertEqual(shown(watching.body), word)
            if state == "early":
                [one] = dialogs(watching.body)
                self.assertEqual(one["remote-display"], "Xenia")
                self.assertNotIn("call-id", one)

    def test_partial(self) -> None:
        """A part changes what it names; with one missing a full document is asked for (section 4.3)."""
        watching = self.watch()
        self.tell(document(0, call("confirmed"), call("early", "y")))
        self.tell(document(1, call("terminated", "y"), state="partial"))
        self.assertEqual(shown(watching.body), "talking")
        asked = len(self.branch.taken)
        self.tell(document(3, call("terminated"), state="partial"))
        self.assertEqual(len(self.branch.taken), asked + 1)
        self.assertEqual(shown(watching.body), "idle")

    def test_old(self) -> None:
        """A document with a version of before is of no use any more (section 4.3)."""
        watching = self.watch()
        self.tell(document(5, call("confirmed")))
        self.assertEqual(self.tell(document(4, call("early"))), 200)
        self.assertEqual(shown(watching.body), "talking")

    def test_ended(self) -> None:
        """When the other server tells no more, the lamp says that nothing is known."""
        watching = self.watch()
        self.tell(document(0, call("confirmed")))
        self.tell(b"", state="terminated;reason=rejected")
        self.assertEqual(shown(watching.body), "unregistered")

    def test_forked(self) -> None:
        """Several places of one user are shown together (RFC 4235 section 3.9)."""
        watching = self.watch()
        self.tell(document(0))
        self.tell(document(0, call("confirmed")), tag="t2")
        self.assertEqual(shown(watching.body), "talking")

    def test_list(self) -> None:
        """It may stand in a list, and be watched as presence."""
        self.watch(name="office", fields=[("Supported", "eventlist")])
        self.assertEqual(len(self.branch.taken), 1)
        presence = self.watch(event="presence")
        self.tell(document(0, call("confirmed")))
        self.assertIn(b"on-the-phone", presence.body)
        self.assertEqual(len(self.branch.taken), 1)

    def test_bad(self) -> None:
        """What is no such document is refused, and the lamp stays as it was."""
        watching = self.watch()
        self.tell(document(0, call("confirmed")))
        lol = b'<!DOCTYPE x [<!ENTITY a "a">]>' + document(1)
        for body in (b"<dialog-info", b"\xff", lol, document(1).replace(b"full", b"odd"), b"<a/>"):
            self.assertEqual(self.tell(body), 400, body)
        self.assertEqual(self.tell(b"<a>" + b" " * 3000 + b"</b>"), 400)
        self.assertEqual(shown(watching.body), "talking")

    def test_who_may(self) -> None:
        """Others may not watch it."""
        watching = self.bob.watch("201")
        self.world.run(1)
        self.assertEqual(watching.code, 403)


class TwoServersTests(SynchronousTestCase):
    """Two of these servers that show each other the lamps of a user."""

    def test_together(self) -> None:
        """Yan is at the other server: Alice sees there ringing, talking and idle, and no lamp outlives it."""
        here, there = "192.0.2.1", "192.0.2.2"
        ours = {"uri": f"sip:{there}", "accept_from": [there], "busy_lamps": {"numbers": ["yan"]}}
        theirs = {"uri": f"sip:{here}", "accept_from": [here]}
        world = World(features="installed", settings={"trunks": {"branch": ours}})
        extensions = {"yan": {"busy_lamps": {"watched_by": ["main"]}}, "zoe": {}}
        other = world.other_server(
            "other.example.com", there, {"trunks": {"main": theirs}, "extensions": extensions}, "installed"
        )
        yan, zoe = (
            Phone(world, name, domain="other.example.com", password=password_of(name), manners=Manners())
            for name in ("yan", "zoe")
        )
        for phone in (yan, zoe):
            phone.next_hop = (there, 5060)
            phone.register()
            world.agents.append(phone)
        [alice] = world.phones("alice")
        watching, denied = alice.watch("yan"), alice.watch("zoe")
        world.run(1)
        self.assertEqual((shown(watching.body), denied.code), ("idle", 404))
        zoe.dial("yan")
        world.run(0.5)
        self.assertEqual(shown(watching.body), "ringing")
        yan.answer()
        world.run(0.5)
        self.assertEqual(shown(watching.body), "talking")
        yan.hold()
        world.run(0.5)
        self.assertEqual(shown(watching.body), "held")
        yan.hang_up()
        world.run(0.5)
        self.assertEqual(shown(watching.body), "idle")
        yan.vanish()
        other.stop()
        self.assertEqual([str(one) for one in world.violations], [])


class SettingsTests(SynchronousTestCase):
    """What is wrong with the numbers of another server."""

    def test_lines(self) -> None:
        """Each is one line that names the key and the remedy."""
        trunk: dict[str, Any] = {"uri": "sip:198.51.100.7", "busy_lamps": {"numbers": ["201"]}}
        base: dict[str, Any] = {"server": {"domain": "pbx.example.com"}, "trunks": {"a": trunk}}
        twice = {**base, "trunks": {"a": trunk, "b": trunk}}
        ours = {**base, "extensions": {"201": {"password": "secret"}}}
        for document, line in (
            (twice, "trunks.b.busy_lamps.numbers: 201 is at the trunk a already"),
            (ours, "trunks.a.busy_lamps.numbers: 201 is an extension of ours; leave it out"),
        ):
            refused = self.assertRaises(SettingsError, Features.load, document)
            self.assertIn(line, str(refused))
