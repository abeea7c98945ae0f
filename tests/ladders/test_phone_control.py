"""Phones from afar: check-sync, talk and hold, keys."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features
from b2bua.settings import SettingsError
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua.testing.watching import Watching
from b2bua.wire.message import Request


class ControlTests(LadderTestCase):
    """The commands."""

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed")

    def setUp(self) -> None:
        """Three phones of two makes."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.carol.user_agent = "Cisco/SPA504G-7.6.2"
        self.carol.register()
        self.world.run(1)

    def run_command(self, name: str, **arguments: Any) -> Any:
        """Run a command to its end."""
        answer = self.world.command(name, **arguments)
        self.world.run(1)
        return self.successResultOf(answer)

    def told(self, phone: Any) -> list[str]:
        """The events of the NOTIFYs that it got."""
        requests = [got.message for got in phone.inbox if isinstance(got.message, Request)]
        return [request.get("Event") or "" for request in requests if request.method == "NOTIFY"]

    def test_one(self) -> None:
        """The phones of one extension are told, and what they answer is shown."""
        [row] = self.run_command("check-sync", extension="alice")
        self.assertEqual((row["extension"], row["answer"]), ("alice", 200))
        self.assertEqual(self.told(self.alice), ["check-sync;reboot=false"])
        self.assertEqual(self.told(self.bob), [])
        self.quiet()

    def test_words(self) -> None:
        """Each make is told in its own words."""
        self.run_command("check-sync", reboot=True)
        self.assertEqual(self.told(self.alice), ["check-sync;reboot=true"])
        self.assertEqual(self.told(self.carol), ["reboot_now"])
        self.quiet()

    def test_model(self) -> None:
        """All phones of one model."""
        rows = self.run_command("check-sync", model="yealink")
        self.assertEqual([row["extension"] for row in rows], ["alice", "bob"])

    def test_over_time(self) -> None:
        """Many are told one after the other, so that the provisioning server lives."""
        said = self.run_command("check-sync", over=90.0)
        self.assertEqual(said, "phones: 3, the last one within 90 s")
        self.assertEqual([len(self.told(one)) for one in (self.alice, self.bob, self.carol)], [1, 0, 0])
        self.world.run(60)
        self.assertEqual([len(self.told(one)) for one in (self.alice, self.bob, self.carol)], [1, 1, 1])
        self.quiet()

    def test_no_answer(self) -> None:
        """A phone that does not answer is shown as such."""
        self.alice.vanish()
        answer = self.world.command("check-sync", extension="alice")
        self.world.run(40)
        [row] = self.successResultOf(answer)
        self.assertEqual(row["answer"], "none")

    def test_press(self) -> None:
        """
        Talk is pressed at who rings, hold at who talks, by a NOTIFY within the dialog.

        These phones do not know it, and what they answer is shown.
        """
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(1)
        [row] = self.run_command("talk", extension="bob")
        self.assertEqual(row["answer"], 489)
        self.bob.answer()
        self.world.run(1)
        [row] = self.run_command("hold", extension="bob")
        self.assertEqual(row["answer"], 489)
        notifies = [p for p in self.world.network.log if b"Event: hold" in p.data or b"Event: talk" in p.data]
        self.assertEqual(len(notifies), 2)
        self.alice.hang_up()
        self.quiet()

    def test_key(self) -> None:
        """A Yealink's key is pressed by ACTION-URI."""
        self.run_command("press-key", extension="alice", key="OK")
        self.assertEqual(self.told(self.alice), ["ACTION-URI"])
        [body] = [
            got.message.body for got in self.alice.inbox if getattr(got.message, "method", "") == "NOTIFY"
        ]
        self.assertEqual(body, b"key=OK")
        self.quiet()

    def test_bad(self) -> None:
        """Nonsense is one line for people."""
        for name, arguments in (
            ("check-sync", {"extension": "nobody"}),
            ("check-sync", {"over": -1.0}),
            ("check-sync", {"over": 1e9}),
            ("talk", {"extension": "alice"}),
            ("hold", {"extension": "nobody"}),
            ("press-key", {"extension": "alice", "key": "OK\r\nX"}),
        ):
            with self.subTest(f"{name} {arguments}"):
                self.failureResultOf(self.world.command(name, **arguments), ValueError)  # type: ignore[arg-type]


class ProvisioningTests(LadderTestCase):
    """A phone fresh out of the box asks where its configuration is (RFC 6080 section 5.1, Yealink's PnP)."""

    EVENT = 'ua-profile;profile-type="device";vendor="{vendor}";model="SIP-T46U";version="108.86.0.1"'
    table: ClassVar[dict[str, Any]] = {
        "provisioning": "https://prov.example.com/{mac}.cfg?model={model}",
        "vendors": {"snom": "https://prov.example.com/snom/{mac}.xml"},
    }

    def make_world(self) -> World:
        """Make it."""
        return World(features="installed", settings={"phone_control": self.table})

    def ask(self, user: str = "MAC%3a0015655E1234", *, vendor: str = "Yealink", **options: Any) -> Watching:
        """Let a phone without a password ask."""
        phone = Phone(self.world, f"new{len(self.world.agents)}", **options)
        self.world.agents.append(phone)
        event = self.EVENT.format(vendor=vendor)
        watching = phone.watch(f"sip:{user}@224.0.1.75", event, expires=0, accept="application/url")
        self.world.run(1)
        return watching

    def test_told(self) -> None:
        """200, then one NOTIFY with the address, which is the last one."""
        watching = self.ask()
        self.assertEqual(watching.code, 200)
        [told] = watching.notified
        self.assertEqual((told.state, told.reason), ("terminated", "timeout"))
        self.assertEqual(told.type, "application/url")
        self.assertEqual(told.body, b"https://prov.example.com/0015655e1234.cfg?model=SIP-T46U")
        self.quiet()

    def test_vendor(self) -> None:
        """Each vendor may have an address of its own."""
        self.assertEqual(self.ask(vendor="snom").body, b"https://prov.example.com/snom/0015655e1234.xml")

    def test_nothing_kept(self) -> None:
        """Whatever time it asks for, nothing is kept of a phone that nobody knows."""
        phone = Phone(self.world, "new")
        self.world.agents.append(phone)
        event = self.EVENT.format(vendor="Yealink")
        watching = phone.watch("sip:MAC%3a0015655e1234@224.0.1.75", event, expires=3600)
        self.world.run(1)
        self.assertEqual(watching.granted, 0)
        assert self.world.served is not None
        self.assertEqual(len(self.world.served.server.notifier), 0)

    def test_no_phone(self) -> None:
        """What is no hardware address gets 404."""
        for user in ("alice", "MAC%3a12", "MAC%3a0015655E1234%0d%0a", "0015655E123G"):
            self.assertEqual(self.ask(user).code, 404, user)

    def test_from_afar(self) -> None:
        """Nobody from the Internet is answered: the answer is larger than the question."""
        watching = self.ask(host="8.8.8.8")
        self.assertEqual(watching.code, 403)
        self.assertEqual(watching.notified, [])

    def test_odd_words(self) -> None:
        """What a phone says of itself cannot make another address."""
        watching = self.ask(vendor="../{mac}")
        self.assertEqual(watching.body, b"https://prov.example.com/0015655e1234.cfg?model=SIP-T46U")


class NoProvisioningTests(SynchronousTestCase):
    """Without the setting."""

    def test_off(self) -> None:
        """Such a phone hears that there is no such event: 489 (RFC 6665 section 4.1.2.1)."""
        world = World(features="installed")
        phone = Phone(world, "new")
        watching = phone.watch("sip:MAC%3a0015655e1234@224.0.1.75", "ua-profile", expires=0)
        world.run(1)
        self.assertEqual(watching.code, 489)

    def test_lines(self) -> None:
        """What is no address is one line for the administrator."""
        for place, line in (
            ("prov.example.com", "is no address such as https://prov.example.com/{mac}.cfg"),
            ("https://prov.example.com/{serial}", "outside of {mac}, {vendor} and {model}"),
        ):
            document = {"server": {"domain": "pbx.example.com"}, "phone_control": {"provisioning": place}}
            refused = self.assertRaises(SettingsError, Features.load, document)
            self.assertIn("phone_control.provisioning", str(refused))
            self.assertIn(line, str(refused))
