"""Who may dial which numbers, and for how long."""

from __future__ import annotations

from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.class_of_service import ClassOfService
from b2bua_plugins.forward import CallForward
from b2bua_plugins.speed_dial import SpeedDial

CARRIER = "198.51.100.7"
LOCAL, PREMIUM = "555123", "0900123"
SETTINGS: dict[str, Any] = {
    "extensions": {
        "alice": {"class_of_service": {"classes": ["premium"], "pin": "4711"}},
        "bob": {"class_of_service": {"minutes_a_day": 2, "pin": "4711"}},
        "carol": {"class_of_service": {"minutes_max": 1}},
    },
    "trunks": {
        "carrier": {
            "uri": f"sip:{CARRIER}",
            "accept_from": [CARRIER],
            "class_of_service": {"minutes_a_day": 5},
        }
    },
    "routes": [{"match": r"\d{6,}", "trunk": "carrier"}],
    "class_of_service": {"classes": ["local"], "numbers": {"premium": r"0900\d+", "local": r"[2-9]\d+"}},
    "speed_dial": {"numbers": {"801": PREMIUM}},
}


class ClassCase(LadderTestCase):
    """Alice may dial premium numbers, the others local ones."""

    def make_world(self) -> World:
        """A world with a carrier."""
        return World(features=[CallForward, SpeedDial, ClassOfService, BlindTransfer], settings=SETTINGS)

    def setUp(self) -> None:
        """Phones, and the far end of the trunk."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.carrier = self.world.trunk("carrier", Manners(answers_after=1), host=CARRIER)

    def hang_up(self) -> None:
        """All hang up."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(3)

    def call(self, phone: Phone, number: str, seconds: float = 2) -> int:
        """Call, talk, hang up; the status."""
        session = phone.dial(number)
        self.world.run(1.2 + seconds)
        self.hang_up()
        return session.code


class ClassTests(ClassCase):
    """What may be dialled."""

    def test_classes(self) -> None:
        """The first class that matches is the number's; an extension's own list replaces that of all."""
        self.assertEqual([self.call(self.alice, LOCAL), self.call(self.alice, PREMIUM)], [403, 200])
        self.assertEqual([self.call(self.bob, LOCAL), self.call(self.bob, PREMIUM)], [200, 403])
        self.assertEqual(self.call(self.bob, "carol"), 200)
        self.quiet()

    def test_forward(self) -> None:
        """Class of service × forward: the class of who forwards counts, not that of who calls."""
        self.call(self.bob, f"*72{PREMIUM}", 6)
        self.call(self.carol, f"*72{LOCAL}", 6)
        self.assertEqual([self.call(self.alice, "bob"), self.call(self.alice, "carol")], [403, 200])
        self.quiet()

    def test_transfer(self) -> None:
        """Class of service × transfer: the class of who transfers counts."""
        for phone, expected in ((self.bob, False), (self.alice, True)):
            self.carol.dial(phone.name)
            self.world.run(3)
            phone.live[0].transfer(PREMIUM)
            self.world.run(3)
            self.assertEqual(self.carol.talks_to(self.carrier), expected)
            self.hang_up()
        self.quiet()

    def test_speed_dial(self) -> None:
        """Class of service × speed dial: a short number is no way around it."""
        self.assertEqual([self.call(self.bob, "801"), self.call(self.alice, "801")], [403, 200])
        self.quiet()

    def test_pin(self) -> None:
        """With the PIN whatever class can be dialled; five wrong ones, and it is of no use for a while."""
        self.assertEqual(self.call(self.bob, f"*474711*{PREMIUM}"), 200)
        self.assertEqual(self.call(self.bob, PREMIUM), 403)
        for _ in range(5):
            self.assertEqual(self.call(self.bob, f"*471234*{PREMIUM}"), 403)
        self.assertEqual(self.call(self.bob, f"*474711*{PREMIUM}"), 403)
        self.world.run(601)
        self.assertEqual(self.call(self.bob, f"*474711*{PREMIUM}"), 200)
        self.assertEqual(self.call(self.carol, f"*47*{PREMIUM}"), 403)
        self.quiet()

    def test_bad(self) -> None:
        """Classes that are not there, and expressions that are none, are refused at start."""
        for table, text in (
            ({"classes": ["x"]}, "[class_of_service] classes: there is no class x"),
            ({"numbers": {"x": "("}}, "is no regular expression"),
            ({"minutes_max": -1}, "class_of_service.minutes_max"),
        ):
            with self.subTest(text):
                with self.assertRaises(FeaturesRefused) as caught:
                    Features.of(ClassOfService, document={"class_of_service": table})
                self.assertIn(text, str(caught.exception))


class MinuteTests(ClassCase):
    """How long may be talked."""

    def test_answered_after_a_reload(self) -> None:
        """A call that rings during a reload costs as much as any other one."""
        self.carrier.manners.answers_after = 3
        self.carol.dial(LOCAL)
        self.world.run(2)
        self.world.reload()
        self.world.run(60)
        self.assertEqual(len(self.carol.live), 1)
        self.world.run(4)
        self.assertEqual([self.carol.live, self.carrier.live], [[], []])

    def test_one_call(self) -> None:
        """A call ends with its last minute, also when the plugin was loaded anew meanwhile."""
        self.carol.dial(LOCAL)
        self.world.run(30)
        self.world.reload()
        self.world.run(30)
        self.assertEqual(len(self.carol.live), 1)
        self.world.run(3)
        self.assertEqual([self.carol.live, self.carrier.live], [[], []])
        self.quiet()

    def test_a_day(self) -> None:
        """Minutes of a day add up, over reloads, and are there again the next day."""
        self.call(self.bob, LOCAL, 80)
        self.world.reload()
        self.bob.dial(LOCAL)
        self.world.run(37)
        self.assertEqual(len(self.bob.live), 1)
        self.world.run(6)
        self.assertEqual(self.bob.live, [])
        self.assertEqual(self.call(self.bob, LOCAL), 403)
        self.assertEqual(self.call(self.bob, "carol"), 200)
        self.world.run(86400)
        self.assertEqual(self.call(self.bob, LOCAL), 200)
        self.quiet()

    def test_at_once(self) -> None:
        """Two calls at once take twice as much; when one ends the other has more."""
        self.bob.dial(LOCAL)
        self.bob.dial(LOCAL)
        self.world.run(41)
        self.world.reload()
        self.bob.live[0].hang_up()
        self.world.run(35)
        self.assertEqual(len(self.bob.live), 1)
        self.world.run(10)
        self.assertEqual([self.bob.live, self.carrier.live], [[], []])
        self.assertEqual(self.call(self.bob, LOCAL), 403)
        self.quiet()

    def test_transferred(self) -> None:
        """Who pays pays on after a transfer: handing a call on is no way around the limit."""
        self.carol.dial(LOCAL)
        self.world.run(3)
        self.carol.live[0].transfer("alice")
        self.world.run(5)
        self.assertTrue(self.alice.talks_to(self.carrier))
        self.world.run(56)
        self.assertEqual([self.alice.live, self.carrier.live], [[], []])
        self.quiet()

    def test_trunk(self) -> None:
        """The minutes of a trunk are those of all calls by it."""
        self.alice.dial(PREMIUM)
        self.world.run(302)
        self.assertEqual(self.alice.live, [])
        session = self.alice.dial(PREMIUM)
        self.world.run(4)
        self.assertEqual((session.code, self.alice.live), (200, []))
        self.quiet()
