"""Office hours: what is open when, over changes of the clock too, and who switches."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua_plugins._calendar import Calendar, read_holidays
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward
from b2bua_plugins.office_hours import OfficeHours
from b2bua_plugins.ring_group import RingGroup

SOUNDS = Path(__file__).resolve().parents[2] / "plugins" / "sounds"

SHOP: dict[str, Any] = {
    "numbers": ["bob", "600"],
    "zone": "Europe/Berlin",
    "open": ["mon-fri 08:30-12:30", "fri 22:00-02:00", "sat 20:00-24:00"],
    "exceptions": ["2026-12-24 09:00-12:00", "2026-12-28 closed"],
    "otherwise": "carol",
}


def at(text: str) -> datetime:
    """A time in Berlin by its offset."""
    return datetime.fromisoformat(text)


class CalendarTests(SynchronousTestCase):
    """What the clock says."""

    def setUp(self) -> None:
        """Read the table."""
        self.calendar = Calendar(SHOP["zone"], SHOP["open"], SHOP["exceptions"], {date(2026, 12, 25)})

    def is_open(self, text: str) -> bool:
        """Ask in UTC: a server need not stand where the office does."""
        return self.calendar.is_open(at(text).astimezone(UTC))

    def test_week(self) -> None:
        """The first minute counts, the one at the end does not."""
        for text, expected in (
            ("2026-06-15T08:29:59+02:00", False),
            ("2026-06-15T08:30:00+02:00", True),
            ("2026-06-15T12:29:59+02:00", True),
            ("2026-06-15T12:30:00+02:00", False),
            ("2026-06-20T09:00:00+02:00", False),
        ):
            with self.subTest(text):
                self.assertEqual(self.is_open(text), expected)

    def test_midnight(self) -> None:
        """Hours that go past midnight belong to the day on which they begin."""
        self.assertTrue(self.is_open("2026-06-19T23:00:00+02:00"))
        self.assertTrue(self.is_open("2026-06-20T01:59:00+02:00"))
        self.assertFalse(self.is_open("2026-06-20T02:00:00+02:00"))
        self.assertFalse(self.is_open("2026-06-19T01:00:00+02:00"))
        self.assertTrue(self.is_open("2026-06-20T23:59:59+02:00"))
        self.assertFalse(self.is_open("2026-06-21T00:00:00+02:00"))

    def test_clocks_change(self) -> None:
        """The office opens at half past eight by its own clock, before and after a change of clocks."""
        for friday, monday in (
            ("2026-03-27T07:30Z", "2026-03-30T06:30Z"),
            ("2026-10-23T06:30Z", "2026-10-26T07:30Z"),
        ):
            for text in (friday, monday):
                with self.subTest(text):
                    opens = at(text)
                    self.assertTrue(self.calendar.is_open(opens))
                    self.assertFalse(
                        self.calendar.is_open(datetime.fromtimestamp(opens.timestamp() - 1, UTC))
                    )

    def test_hour_that_comes_twice(self) -> None:
        """The hour that comes twice in autumn is open twice, and that which is left out in spring never."""
        calendar = Calendar(SHOP["zone"], ["sun 02:00-03:00"])
        autumn = [
            calendar.is_open(at(f"2026-10-{day}T{hour}:30Z"))
            for day, hour in (("24", "23"), ("25", "00"), ("25", "01"), ("25", "02"))
        ]
        self.assertEqual(autumn, [False, True, True, False])
        spring = [calendar.is_open(at(f"2026-03-29T{hour}:30Z")) for hour in ("00", "01", "02")]
        self.assertEqual(spring, [False, False, False])

    def test_holidays(self) -> None:
        """Closed on a holiday; an exception says what holds on its date."""
        self.assertFalse(self.is_open("2026-12-25T09:00:00+01:00"))
        self.assertFalse(self.is_open("2026-12-28T09:00:00+01:00"))
        self.assertFalse(self.is_open("2026-12-24T08:45:00+01:00"))
        self.assertTrue(self.is_open("2026-12-24T11:00:00+01:00"))


class FileTests(SynchronousTestCase):
    """Files of holidays."""

    def read(self, text: str, name: str = "holidays.txt") -> list[str]:
        """Read one."""
        path = Path(self.mktemp()).with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return sorted(map(str, read_holidays("shop", path)))

    def complaint(self, text: str, name: str = "holidays.txt") -> str:
        """What the operator reads."""
        with self.assertRaises(ValueError) as caught:
            self.read(text, name)
        return str(caught.exception)

    def test_lines(self) -> None:
        """A date begins its line; the rest is for people."""
        self.assertEqual(
            self.read("# 2026\n2026-12-25 Christmas\n\n2027-01-01\n"), ["2026-12-25", "2027-01-01"]
        )

    def test_calendar(self) -> None:
        """An event takes its days, DTEND is the day after (RFC 5545 section 3.6.1); some come again."""
        found = self.read(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
            "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nEND:VEVENT\r\n"
            "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n"
            "END:VCALENDAR\r\n",
            "holidays.ics",
        )
        self.assertLess({"2026-12-25", "2026-12-26", "2020-05-01", "2026-05-01"}, set(found))
        self.assertNotIn("2026-12-27", found)

    def test_broken(self) -> None:
        """A file that is broken, or not there, is one line that names it."""
        self.assertIn('line 2 begins with "Christmas"', self.complaint("2026-12-25\nChristmas\n"))
        self.assertIn(
            "[office_hours.shop] holidays: ", self.complaint("BEGIN:VCALENDAR\r\nBEGIN:x", "holidays.ics")
        )
        with self.assertRaises(ValueError) as caught:
            read_holidays("shop", "/nowhere/holidays.txt")
        self.assertIn("/nowhere/holidays.txt cannot be read: No such file", str(caught.exception))

    def test_settings(self) -> None:
        """Zones, times and numbers that cannot be are named by their key."""
        for key, value, text in (
            ("zone", "Europe/Nowhere", "is no time zone"),
            ("zone", "../etc/passwd", "is no time zone"),
            ("open", ["mon-fri 8-12"], 'is not like "mon-fri 08:30-12:00"'),
            ("open", ["mon 25:00-26:00"], "office_hours.shop.open[0]"),
            ("exceptions", ["2026-02-30 closed"], "office_hours.shop.exceptions[0]"),
            ("numbers", [], "office_hours.shop: says whose hours they are by numbers, or by trunks"),
        ):
            with self.subTest(key, value=value):
                with self.assertRaises(FeaturesRefused) as caught:
                    Features.of(OfficeHours, document={"office_hours": {"shop": {**SHOP, key: value}}})
                self.assertIn(text, str(caught.exception))

    def test_two_offices(self) -> None:
        """No number has the hours of two offices."""
        with self.assertRaises(FeaturesRefused) as caught:
            Features.of(OfficeHours, document={"office_hours": {"a": SHOP, "b": SHOP}})
        self.assertIn(
            "[office_hours.b] has the number bob, which [office_hours.a] has already", str(caught.exception)
        )


class HoursTests(LadderTestCase):
    """Calls to an office; the world begins on a Thursday at midnight in UTC."""

    def make_world(self) -> World:
        """One office."""
        groups = {"600": {"members": ["bob"], "ring_seconds": 5}}
        return World(
            features=[OfficeHours, DoNotDisturb, CallForward, RingGroup],
            settings={
                "office_hours": {"shop": SHOP | {"open": ["thu 09:00-10:00"], "switched_by": ["bob"]}},
                "ring_groups": groups,
            },
        )

    def setUp(self) -> None:
        """Three phones."""
        super().setUp()
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )

    def reached(self, number: str) -> str:
        """Who answers, and leaves again."""
        self.alice.dial(number)
        self.world.run(3)
        found = [phone.name for phone in (self.bob, self.carol) if phone.talks_to(self.alice)]
        for session in list(self.alice.live):
            session.hang_up()
        self.world.run(1)
        return " ".join(found)

    def test_closed(self) -> None:
        """Outside of its hours calls go elsewhere, those to a group too."""
        self.assertEqual([self.reached("bob"), self.reached("600")], ["carol", "carol"])
        self.world.run(7 * 3600)
        self.assertEqual([self.reached("bob"), self.reached("600")], ["bob", "bob"])
        self.quiet()

    def test_every_number(self) -> None:
        """Outside of its hours calls go elsewhere, whichever feature has the number that was dialled."""
        sound = str(SOUNDS / "en" / "closed.wav")
        settings: dict[str, Any] = {
            "auto_attendant": {"500": {"prompt": sound, "keys": {}}},
            "conferences": {"800": {}},
            "night_ring": {"690": {"members": ["bob"]}},
            "pages": {"650": {"members": ["bob"]}},
            "park": {"orbits": "701"},
            "queues": {"610": {"members": ["bob"]}},
            "ring_groups": {"600": {"members": ["bob"]}},
            "speed_dial": {"numbers": {"801": "bob"}},
            "voicemail": {"directory": self.mktemp(), "number": "97"},
        }
        numbers = ["500", "800", "690", "650", "701", "610", "600", "801", "97", "bob"]
        settings["office_hours"] = {"shop": SHOP | {"numbers": numbers, "open": []}}
        self.world = World(features="installed", settings=settings)
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )
        self.assertEqual(
            {number: self.reached(number) for number in numbers}, dict.fromkeys(numbers, "carol")
        )
        self.quiet()

    def test_switched(self) -> None:
        """Who may switches it by code; with *280 the clock decides again."""
        for code, expected in (("*281", "bob"), ("*282", "carol"), ("*281600", "bob"), ("*280", "carol")):
            self.bob.dial(code)
            self.world.run(6)
            self.assertEqual(self.reached("bob"), expected, code)
        self.assertEqual(self.alice.dial("*281").code, 0)
        self.world.run(2)
        self.assertEqual(self.alice.sessions[-1].code, 403)
        self.quiet()

    def test_forwards(self) -> None:
        """Office hours × forward: a closed office comes first; where it sends calls may forward them."""
        self.bob.dial("*72alice")
        self.carol.dial("*72bob")
        self.world.run(6)
        self.alice.dial("bob")
        self.world.run(3)
        self.assertEqual(self.alice.sessions[-1].code, 482)
        self.carol.dial("*73")
        self.world.run(6)
        self.assertEqual(self.reached("bob"), "carol")
        self.quiet()

    def test_do_not_disturb(self) -> None:
        """Office hours × do not disturb: outside of hours whether somebody wants calls does not matter."""
        self.bob.dial("*78")
        self.world.run(6)
        self.assertEqual(self.reached("bob"), "carol")
        self.quiet()


class TrunkTests(LadderTestCase):
    """Hours of all calls that come by a trunk."""

    def test_trunk(self) -> None:
        """Whatever number of ours is called by the trunk: closed; calls between us go on."""
        shop = {"trunks": ["carrier"], "zone": "UTC", "open": [], "otherwise": "carol"}
        trunk = {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}
        self.world = World(
            features=[OfficeHours, CallForward],
            settings={"office_hours": {"shop": shop}, "trunks": {"carrier": trunk}},
        )
        alice, bob, carol = self.world.phones("alice", "bob", "carol", manners=Manners(answers_after=1))
        carrier = self.world.trunk("carrier", Manners(), host="198.51.100.7")
        carrier.dial("bob")
        alice.dial("bob")
        self.world.run(3)
        self.assertTrue(carrier.talks_to(carol))
        self.assertTrue(alice.talks_to(bob))
        for session in [*carrier.live, *alice.live]:
            session.hang_up()
        self.quiet()

    def test_bad(self) -> None:
        """Hours of nothing, and a trunk that is not there or has hours already, are refused at start."""
        hours = {"zone": "UTC", "open": []}
        for offices, text in (
            ({"a": hours}, "says whose hours they are by numbers, or by trunks"),
            ({"a": hours | {"trunks": ["x"]}}, "[office_hours.a] trunks: there is no trunk x"),
            (
                {"a": hours | {"trunks": ["t"]}, "b": hours | {"trunks": ["t"]}},
                "[office_hours.b] has the trunk t, which [office_hours.a] has already",
            ),
        ):
            document = {"office_hours": offices, "trunks": {"t": {"uri": "sip:x.example"}}}
            with self.assertRaises(FeaturesRefused) as caught:
                Features.of(OfficeHours, document=document)
            self.assertIn(text, str(caught.exception))
