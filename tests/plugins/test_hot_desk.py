"""People who log in at the phones of others: whose calls and settings count, and until when."""

from __future__ import annotations

from datetime import time
from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua.wire.message import Request
from b2bua_plugins.hot_desk import HotDesk

CARRIER = "198.51.100.7"
PIN = {"hot_desk": {"pin": "4711"}}
SETTINGS: dict[str, Any] = {
    "extensions": {
        "alice": PIN | {"name": "Anna"},
        "bob": {"hot_desk": {"pin": "1234"}},
        "desk": {"name": "Desk 7"},
        "hall": {},
    },
    "hot_desk": {"phones": ["desk", "hall"]},
    "trunks": {"carrier": {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER]}},
    "routes": [{"match": r"\d{3,}", "trunk": "carrier"}],
}


def invites(agent: Any) -> list[Request]:
    """The INVITEs that somebody has got."""
    found = (got.message for got in agent.inbox if isinstance(got.message, Request))
    return [one for one in found if one.method == "INVITE"]


class DeskCase(LadderTestCase):
    """Alice and Bob have PINs; desk and hall are phones at which they may log in; Carol is somebody else."""

    def start(self, **tables: Any) -> None:
        """A world with every feature."""
        self.store = MemoryStore()
        extensions = dict(SETTINGS["extensions"])
        for name, more in tables.pop("extensions", {}).items():
            extensions[name] = extensions.get(name, {}) | more
        settings = SETTINGS | {"extensions": extensions} | tables
        self.world = World(features="installed", settings=settings, store=self.store)
        self.desk, self.hall, self.carol = self.world.phones(
            "desk", "hall", "carol", manners=Manners(answers_after=1)
        )
        self.carrier = self.world.trunk("carrier", Manners(answers_after=1), host=CARRIER)

    def code(self, phone: Phone, code: str) -> int:
        """Dial a code, and wait until it is confirmed."""
        session = phone.dial(code)
        self.world.run(6)
        return int(session.code)

    def call(self, caller: Any, number: str, seconds: float = 3) -> int:
        """Call, and say the status when that time is over."""
        session = caller.dial(number)
        self.world.run(seconds)
        return int(session.code)

    def reload(self, **tables: Any) -> None:
        """Read the configuration again, with other tables."""
        self.world.served.document |= tables
        self.world.reload()

    def hang_up(self) -> None:
        """All hang up."""
        for agent in self.world.agents:
            for session in list(agent.live):
                session.hang_up()
        self.world.run(2)

    def desks(self) -> dict[str, str]:
        """Who has logged in where."""
        rows = self.successResultOf(self.world.command("desks"))
        return {row["phone"]: row["extension"] for row in rows}

    def shown(self, phone: Phone) -> str:
        """Who calls, as the last INVITE says it."""
        return str(invites(phone)[-1].from_.uri.user)


class LoggedInTests(DeskCase):
    """What it means to have logged in."""

    def test_calls(self) -> None:
        """Calls from the phone are the guest's, calls for the guest ring there, and the phone's own too."""
        self.start()
        self.assertEqual(self.call(self.carol, "alice"), 480)
        self.assertEqual(self.code(self.desk, "*461alice*4711"), 200)
        self.assertEqual(self.desks(), {"desk": "alice"})
        self.call(self.desk, "carol")
        self.assertTrue(self.desk.talks_to(self.carol))
        self.assertEqual(self.shown(self.carol), "alice")
        self.hang_up()
        for number in ("alice", "desk"):
            self.call(self.carol, number)
            self.assertTrue(self.desk.talks_to(self.carol), number)
            self.hang_up()
        self.assertEqual(self.code(self.desk, "*462"), 200)
        self.assertEqual((self.desks(), self.call(self.carol, "alice")), ({}, 480))
        self.call(self.desk, "carol")
        self.assertEqual(self.shown(self.carol), "desk")
        self.hang_up()
        self.quiet()

    def test_own_phone(self) -> None:
        """A guest's own phone rings as well; from there they log out at the other one."""
        self.start()
        [alice] = self.world.phones("alice", manners=Manners(answers_after=4))
        self.code(self.desk, "*461alice*4711")
        self.call(self.carol, "alice", 1)
        self.assertEqual([len(self.desk.live), len(alice.live)], [1, 1])
        self.hang_up()
        self.assertEqual(self.code(alice, "*461alice*4711"), 403)
        self.assertEqual(self.code(alice, "*462"), 200)
        self.assertEqual(self.desks(), {})
        self.quiet()

    def test_settings(self) -> None:
        """Hot desk × do not disturb: what a guest sets at the phone is the guest's, and not the phone's."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        keys = self.desk.watch("desk", "as-feature-event")
        self.world.run(1)
        self.assertEqual(self.code(self.desk, "*78"), 200)
        self.assertIn(b"<doNotDisturbOn>true", keys.body)
        self.assertEqual((self.call(self.carol, "alice"), self.call(self.carol, "desk")), (480, 200))
        self.hang_up()
        self.code(self.desk, "*462")
        self.assertIn(b"<doNotDisturbOn>false", keys.body)
        self.quiet()

    def test_class_of_service(self) -> None:
        """Hot desk × class of service: the class of the guest counts, for better and for worse."""
        self.start(
            class_of_service={"numbers": {"outside": r"\d{4,}"}},
            extensions={"alice": {"class_of_service": {"classes": ["outside"]}}},
        )
        self.assertEqual(self.call(self.desk, "5551234"), 403)
        self.code(self.desk, "*461alice*4711")
        self.assertEqual(self.call(self.desk, "5551234"), 200)
        self.hang_up()
        self.code(self.desk, "*461bob*1234")
        self.assertEqual(self.call(self.desk, "5551234"), 403)
        self.quiet()

    def test_emergency(self) -> None:
        """Hot desk × emergency: whoever has logged in, help goes to where the phone is."""
        where = {"location": "https://lis.example.com/desk-7", "number": "+493012377"}
        self.start(emergency={"numbers": ["112"]}, extensions={"desk": {"emergency": where}})
        self.code(self.desk, "*461alice*4711")
        self.call(self.desk, "112")
        [invite] = invites(self.carrier)
        self.assertEqual(invite.get("Geolocation"), "<https://lis.example.com/desk-7>")
        self.assertEqual(invite.from_.uri.user, "+493012377")
        self.hang_up()
        self.quiet()

    def test_lamps(self) -> None:
        """Hot desk × busy lamps: the guest's lamp is lit by calls at the phone."""
        self.start()
        watching, key = self.carol.watch("alice"), self.hall.watch("*461")
        self.world.run(1)
        self.assertIn(b"Not registered", watching.body)
        self.code(self.desk, "*461alice*4711")
        self.assertNotIn(b"Not registered", watching.body)
        self.assertIn(b"terminated", key.body)
        self.call(self.desk, "carol")
        self.assertIn(b"confirmed", watching.body)
        self.hang_up()
        self.code(self.hall, "*461bob*1234")
        self.assertIn(b"confirmed", key.body)
        self.code(self.desk, "*462")
        self.assertIn(b"Not registered", watching.body)
        self.quiet()

    def test_phone_gone(self) -> None:
        """When the phone is switched off the guest is not there, and back with it."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        watching = self.carol.watch("alice")
        self.desk.unregister()
        self.world.run(2)
        self.assertIn(b"Not registered", watching.body)
        self.assertEqual(self.call(self.carol, "alice"), 480)
        self.desk.register()
        self.world.run(2)
        self.assertNotIn(b"Not registered", watching.body)
        self.call(self.carol, "alice")
        self.assertTrue(self.desk.talks_to(self.carol))
        self.hang_up()
        self.quiet()

    def test_messages(self) -> None:
        """Hot desk × message waiting: the phone shows the messages of who has logged in."""
        self.start()
        watching = self.desk.watch("desk", "message-summary")
        self.successResultOf(self.world.command("messages", account="alice", new=3))
        self.world.run(1)
        self.assertIn(b"Voice-Message: 0/0", watching.body)
        self.code(self.desk, "*461alice*4711")
        self.assertIn(b"Voice-Message: 3/0", watching.body)
        self.successResultOf(self.world.command("messages", account="alice", new=4))
        self.world.run(1)
        self.assertIn(b"Voice-Message: 4/0", watching.body)
        self.code(self.desk, "*462")
        self.assertIn(b"Voice-Message: 0/0", watching.body)
        self.quiet()

    def test_voicemail(self) -> None:
        """Hot desk × voicemail: who has logged in hears the own mailbox."""
        self.start(
            voicemail={"directory": self.mktemp(), "number": "97"},
            extensions={"alice": {"voicemail": {"on": True}}},
        )
        self.assertEqual(self.call(self.desk, "97"), 404)
        self.code(self.desk, "*461alice*4711")
        self.call(self.desk, "97", 1)
        self.assertEqual(self.world.hears(self.desk), "no_messages")
        self.world.run(30)
        self.hang_up()
        self.quiet()


class CallsThatGoOnTests(DeskCase):
    """Who comes and goes while a call is up."""

    def test_calls(self) -> None:
        """A call stays whose it was: it can be held, transferred and ended after its party has logged out."""
        self.start()
        [bob] = self.world.phones("bob", manners=Manners(answers_after=1))
        self.code(self.desk, "*461alice*4711")
        self.call(self.carol, "alice")
        self.code(self.hall, "*461alice*4711")
        self.assertEqual(self.desks(), {"hall": "alice"})
        self.desk.live[0].hold()
        self.world.run(1)
        self.assertFalse(self.desk.hears(self.carol))
        self.desk.live[0].transfer("bob")
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(bob))
        self.hang_up()
        self.quiet()

    def test_moved(self) -> None:
        """A phone on TCP that comes back by another connection has its guest's call again."""
        self.start()
        [nook] = self.world.phones("nook", manners=Manners(answers_after=1), transport="TCP")
        self.reload(hot_desk={})
        self.code(nook, "*461alice*4711")
        self.call(self.carol, "alice")
        nook.close_connections()
        nook.register()
        self.world.run(2)
        self.carol.live[0].hang_up()
        self.world.run(2)
        self.assertEqual(nook.live, [])
        self.quiet()

    def test_elsewhere(self) -> None:
        """A phone that has moved to another host proves by its own password that the call is its own."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        self.call(self.desk, "carol")
        self.desk.move("192.0.2.77")
        self.desk.live[0].hang_up()
        self.world.run(3)
        self.assertEqual(self.carol.live, [])
        self.quiet()

    def test_takes_over(self) -> None:
        """Who logs in where somebody is takes the phone over."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        self.assertEqual(self.code(self.desk, "*461bob*1234"), 200)
        self.assertEqual(self.desks(), {"desk": "bob"})
        self.assertEqual(self.call(self.carol, "alice"), 480)
        self.quiet()


class KeptTests(DeskCase):
    """Restarts, reloads and the evening."""

    def test_restart(self) -> None:
        """After a crash the guest is still there, and a call of the guest's goes on and can be ended."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        self.call(self.desk, "carol", 6)
        self.crash()
        self.world.run(2)
        self.assertEqual(self.desks(), {"desk": "alice"})
        self.assertTrue(self.desk.talks_to(self.carol))
        self.desk.live[0].transfer("hall")
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(self.hall))
        self.hang_up()
        self.call(self.carol, "alice")
        self.assertTrue(self.desk.talks_to(self.carol))
        self.hang_up()
        self.quiet()

    def test_reload(self) -> None:
        """A reload keeps guests, but for those at a phone that is not for it any more."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        self.code(self.hall, "*461bob*1234")
        self.reload(hot_desk={"phones": ["desk"]})
        self.assertEqual(self.desks(), {"desk": "alice"})
        self.assertEqual((self.call(self.carol, "alice"), self.call(self.carol, "bob")), (200, 480))
        self.hang_up()
        self.reload(plugins={"off": ["hot_desk"]})
        self.assertEqual(self.call(self.carol, "alice"), 480)
        self.quiet()

    def test_evening(self) -> None:
        """Everybody is logged out in the evening, though the server may be down at that hour."""
        self.start(hot_desk={"until": time(20)})
        self.code(self.desk, "*461alice*4711")
        self.world.run(19 * 3600)
        self.assertEqual(self.desks(), {"desk": "alice"})
        self.world.run(3600)
        self.assertEqual(self.desks(), {})
        self.code(self.desk, "*461alice*4711")  # at eight, for the night
        self.world.run(23 * 3600)
        self.assertEqual(self.desks(), {"desk": "alice"})
        self.crash(3600)
        self.assertEqual(self.desks(), {})
        self.quiet()

    def test_command(self) -> None:
        """An operator logs somebody out."""
        self.start()
        self.code(self.desk, "*461alice*4711")
        said = self.successResultOf(self.world.command("leave-desk", extension="alice"))
        self.assertEqual((said, self.desks()), ("alice has logged out at desk", {}))
        failure = self.failureResultOf(self.world.command("leave-desk", extension="alice"))
        self.assertIn("has logged in nowhere", str(failure.value))
        self.quiet()


class RefusedTests(DeskCase):
    """Who does not come in."""

    def test_guessing(self) -> None:
        """After five wrong PINs none is good for ten minutes, at that phone or for that extension."""
        self.start()
        for _ in range(5):
            self.assertEqual(self.code(self.desk, "*461alice*0000"), 403)
        self.assertEqual(self.code(self.desk, "*461bob*1234"), 403)
        self.assertEqual(self.code(self.hall, "*461alice*4711"), 403)
        self.assertEqual(self.code(self.hall, "*461bob*1234"), 200)
        self.world.run(600)
        self.assertEqual(self.code(self.hall, "*461alice*4711"), 200)
        self.quiet()

    def test_nobody(self) -> None:
        """Without a PIN, or with half of the code, nobody comes in; nor at a phone that is not for it."""
        self.start()
        for code in ("*461carol*", "*461carol*1234", "*461nobody*1234", "*461alice", "*461"):
            self.assertEqual(self.code(self.desk, code), 403, code)
            self.world.run(601)
        self.assertEqual(self.code(self.carol, "*461alice*4711"), 403)
        self.assertEqual(self.desks(), {})
        self.quiet()

    def test_may_not(self) -> None:
        """A guest's phone gives nobody more than the guest has: what the guest may not dial stays shut."""
        self.start(extensions={"alice": {"may_dial": ["extensions"]}})
        self.code(self.desk, "*461alice*4711")
        self.assertEqual(self.call(self.desk, "5551234"), 603)
        self.code(self.desk, "*462")
        self.assertEqual(self.call(self.desk, "5551234"), 200)
        self.hang_up()
        self.quiet()

    def test_bad(self) -> None:
        """Phones that are not there, PINs too short and hours that are none are refused at start."""
        for tables, text in (
            ({"hot_desk": {"phones": ["x"]}}, "[hot_desk] phones: there is no extension x"),
            ({"hot_desk": {"until": "evening"}}, "hot_desk.until"),
            ({"extensions": {"102": {"hot_desk": {"pin": "12"}}}}, "extensions.102.hot_desk.pin"),
        ):
            document = {"extensions": {"102": {"hot_desk": {"pin": "4711"}}}} | tables
            with self.subTest(text), self.assertRaises(FeaturesRefused) as caught:
                Features.of(HotDesk, document=document)
            self.assertIn(text, str(caught.exception))
