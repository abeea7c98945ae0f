"""Lamps of an office: orbits, queues, and the codes that switch things."""

from __future__ import annotations

from typing import Any

from b2bua.testing import World
from b2bua.testing.phone import Phone
from b2bua.testing.watching import Watching
from tests.ladders.lamps import LampCase, shown

SETTINGS: dict[str, Any] = {
    "park": {"orbits": "701-702", "next_free": "700", "seconds": 10, "ring_seconds": 5},
    "queues": {"610": {"members": ["dave"]}},
    "office_hours": {"shop": {"numbers": ["dave"], "zone": "UTC", "open": []}},
    "block_callers": {},
    "caller_id": {},
    "lamp_lists": {"orbits": {"members": ["701"]}},
}


class OfficeLampTests(LampCase):
    """Wanda watches; Alice calls, Bob parks."""

    def make_world(self) -> World:
        """All features, with what an office has."""
        return World(features="installed", settings=SETTINGS)

    def lamp(self, watching: Watching) -> str:
        """What is shown, when all has been told."""
        self.world.run(0.5)
        return shown(watching.body)

    def code(self, phone: Phone, code: str) -> None:
        """Dial a code, and wait until it is confirmed."""
        phone.dial(code)
        self.world.run(6)

    def parked(self, to: str) -> None:
        """Bob parks Alice."""
        self.alice.dial("bob")
        self.world.run(3)
        self.bob.live[0].transfer(to)
        self.world.run(3)

    def test_orbit(self) -> None:
        """Park × busy lamps: an orbit is lit while somebody waits there."""
        lamp, other = self.wanda.watch("701"), self.wanda.watch("702")
        self.assertEqual(self.lamp(lamp), "idle")
        self.bob.manners.answers_after = 1
        self.parked("701")
        self.assertEqual((self.lamp(lamp), self.lamp(other)), ("talking", "idle"))
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.lamp(lamp), "idle")
        self.quiet()

    def test_orbit_in_list(self) -> None:
        """Park × busy lamps: who watches an orbit in a list, or its presence, sees that it is taken."""
        orbits = self.wanda.watch("orbits", fields=(("Supported", "eventlist"),))
        presence = self.wanda.watch("701", "presence")
        self.bob.manners.answers_after = 1
        self.world.run(1)
        seen = [(b">confirmed<" in orbits.body, b"On the phone" in presence.body)]
        self.parked("701")
        seen.append((b">confirmed<" in orbits.body, b"On the phone" in presence.body))
        self.alice.hang_up()
        self.world.run(1)
        seen.append((b">confirmed<" in orbits.body, b"On the phone" in presence.body))
        self.assertEqual(seen, [(False, False), (True, True), (False, False)])
        self.quiet()

    def test_not_others(self) -> None:
        """What a code of an agent changes is told to who watches codes, not to who watches extensions."""
        watching = [self.wanda.watch("bob"), self.wanda.watch("bob", "presence")]
        [dave] = self.world.phones("dave", manners=self.alice.manners)
        code = dave.watch("*453610")
        self.world.run(1)
        before = [len(one.notified) for one in watching]
        self.code(dave, "*453610")
        self.assertEqual(self.lamp(code), "talking")
        self.assertEqual([len(one.notified) for one in watching], before)
        self.quiet()

    def test_queue(self) -> None:
        """Queue × busy lamps: a queue rings while somebody waits; the codes show an agent how they are."""
        queue = self.wanda.watch("610")
        [dave] = self.world.phones("dave", manners=self.alice.manners)
        here, pause = dave.watch("*451"), dave.watch("*453610")
        self.assertEqual((self.lamp(here), self.lamp(pause), self.lamp(queue)), ("talking", "idle", "idle"))
        self.code(dave, "*453")
        self.assertEqual((self.lamp(here), self.lamp(pause)), ("idle", "talking"))
        self.alice.dial("610")
        self.world.run(2)
        self.assertEqual(self.lamp(queue), "ringing")
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.lamp(queue), "idle")
        self.quiet()

    def test_hours(self) -> None:
        """Office hours × busy lamps: the code is lit by which the office was switched, for all who watch."""
        lamps = [self.wanda.watch(code) for code in ("*280", "*281", "*282")]
        self.assertEqual([self.lamp(lamp) for lamp in lamps], ["talking", "idle", "idle"])
        self.code(self.bob, "*282")
        self.assertEqual([self.lamp(lamp) for lamp in lamps], ["idle", "idle", "talking"])
        self.quiet()

    def test_settings(self) -> None:
        """Codes that set something of one's own are lit while it holds."""
        for on, off in (("*77", "*87"), ("*65", "*85")):
            lamps = [self.wanda.watch(on), self.wanda.watch(off)]
            self.assertEqual([self.lamp(lamp) for lamp in lamps], ["idle", "talking"])
            self.code(self.wanda, on)
            self.assertEqual([self.lamp(lamp) for lamp in lamps], ["talking", "idle"])
        self.quiet()
