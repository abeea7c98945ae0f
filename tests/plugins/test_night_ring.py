"""Night ring: who hears it, who takes the call, and what becomes of it when nobody does."""

from __future__ import annotations

from typing import Any

from b2bua.features import Features, FeaturesRefused
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.night_ring import NightRing

NIGHT: dict[str, Any] = {"members": ["bob", "carol"], "ring_seconds": 20}


class NightCase(LadderTestCase):
    """Bob's and Carol's phones are bells that nobody answers; Dave walks by."""

    def start(self, night: dict[str, Any] | None = None, **tables: Any) -> None:
        """A world with one number."""
        settings = {"night_ring": {"690": NIGHT | (night or {})}} | tables
        self.world = World(features="installed", settings=settings, store=MemoryStore())
        self.alice, self.dave, self.erin = self.world.phones(
            "alice", "dave", "erin", manners=Manners(answers_after=1)
        )
        self.bob, self.carol = self.world.phones("bob", "carol", manners=Manners(answers_after=None))

    def dial(self, phone: Phone, number: str, seconds: float = 2) -> int:
        """Dial, and say the status when that time is over."""
        session = phone.dial(number)
        self.world.run(seconds)
        return int(session.code)

    def end(self) -> None:
        """All hang up, and nothing is left."""
        for phone in (self.alice, self.bob, self.carol, self.dave, self.erin):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(5)
        self.quiet()


class NightTests(NightCase):
    """A call in the night."""

    def test_taken(self) -> None:
        """All bells ring, and whoever dials the code has the call."""
        self.start()
        self.dial(self.alice, "690")
        self.assertEqual([len(self.bob.live), len(self.carol.live)], [1, 1])
        self.dial(self.dave, "*39")
        self.assertTrue(self.dave.talks_to(self.alice))
        self.assertEqual([self.bob.live, self.carol.live], [[], []])
        self.assertEqual(self.dial(self.erin, "*39"), 404)
        self.end()

    def test_longest(self) -> None:
        """Of two calls the one that has rung longest is taken first."""
        self.start()
        self.dial(self.erin, "690")
        self.dial(self.alice, "690")
        self.dial(self.dave, "*39690")
        self.assertTrue(self.dave.talks_to(self.erin))
        self.end()

    def test_reload(self) -> None:
        """After a reload it rings still: the keys do, and whoever dials the code has the call."""
        self.start()
        lamp = self.erin.watch("690")
        self.dial(self.alice, "690")
        self.world.reload()
        self.world.run(2)
        self.assertIn(b"early", lamp.body)
        self.assertEqual(self.dial(self.dave, "*39"), 200)
        self.assertTrue(self.dave.talks_to(self.alice))
        self.assertNotIn(b"early", lamp.body)
        self.assertEqual(self.dial(self.erin, "*39"), 404)
        self.end()

    def test_over_meanwhile(self) -> None:
        """What does not ring any more after a crash of the server is not shown, and cannot be taken."""
        self.start()
        self.dial(self.alice, "690")
        self.crash(1)
        self.world.run(5)
        lamp = self.erin.watch("690")
        self.world.run(1)
        self.assertNotIn(b"early", lamp.body)
        self.assertEqual(self.dial(self.dave, "*39"), 404)
        self.dial(self.alice, "690")
        self.assertIn(b"early", lamp.body)
        self.assertEqual(self.dial(self.dave, "*39"), 200)
        self.assertTrue(self.dave.talks_to(self.alice))
        self.assertNotIn(b"early", lamp.body)

    def test_answered_by(self) -> None:
        """Who may not take it does not."""
        self.start({"answered_by": ["dave"]})
        self.dial(self.alice, "690")
        self.assertEqual((self.dial(self.erin, "*39"), self.dial(self.dave, "*39")), (403, 200))
        self.assertTrue(self.dave.talks_to(self.alice))
        self.end()

    def test_nobody(self) -> None:
        """When nobody comes the call goes on elsewhere."""
        self.start({"otherwise": "erin"})
        self.dial(self.alice, "690", 24)
        self.assertTrue(self.alice.talks_to(self.erin))
        self.end()

    def test_gives_up(self) -> None:
        """A caller who hangs up leaves nothing ringing, and nothing to be taken."""
        self.start()
        self.dial(self.alice, "690")
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual([self.bob.live, self.carol.live], [[], []])
        self.assertEqual(self.dial(self.dave, "*39"), 404)
        self.end()


class NightMeets(NightCase):
    """Night ring and others."""

    def test_office_hours(self) -> None:
        """Night ring × office hours: where a closed office sends its calls they ring all over the house."""
        hours = {"shop": {"numbers": ["erin"], "zone": "UTC", "open": [], "otherwise": "690"}}
        self.start(office_hours=hours)
        self.dial(self.alice, "erin")
        self.dial(self.dave, "*39")
        self.assertTrue(self.dave.talks_to(self.alice))
        self.end()

    def test_busy_lamps(self) -> None:
        """Night ring × busy lamps: keys for the number and for the code ring while a call does."""
        self.start()
        lamps = [self.dave.watch(what) for what in ("690", "*39")]
        self.world.run(1)
        before = [len(lamp.notified) for lamp in lamps]
        self.dial(self.alice, "690")
        for lamp in lamps:
            self.assertIn(b"early", lamp.body)
        self.assertEqual([len(lamp.notified) for lamp in lamps], [count + 1 for count in before])
        self.dial(self.dave, "*39")
        for lamp in lamps:
            self.assertNotIn(b"early", lamp.body)
        self.end()

    def test_do_not_disturb(self) -> None:
        """Night ring × do not disturb: who wants no calls is not rung, and may take the call all the same."""
        self.start()
        self.dial(self.bob, "*78", 6)
        self.dial(self.alice, "690")
        self.assertEqual([len(self.bob.live), len(self.carol.live)], [0, 1])
        self.dial(self.bob, "*39")
        self.assertTrue(self.bob.talks_to(self.alice))
        self.end()

    def test_forward(self) -> None:
        """Night ring × forward: a member's forward does not take the bell away."""
        self.start()
        self.dial(self.bob, "*72erin", 6)
        self.dial(self.alice, "690")
        self.assertEqual((len(self.bob.live), self.erin.live), (1, []))
        self.end()

    def test_transfer(self) -> None:
        """Night ring × transfer: a caller who is transferred there can be taken."""
        self.start()
        self.dial(self.alice, "erin")
        self.erin.live[0].transfer("690")
        self.world.run(3)
        self.dial(self.dave, "*39")
        self.assertTrue(self.dave.talks_to(self.alice))
        self.end()


class BadTests(NightCase):
    """What is refused at start."""

    def test_bad(self) -> None:
        """Numbers that are somebody's, and people who are not there."""
        for night, text in (
            ({"102": NIGHT}, "night_ring.102: 102 is an extension already"),
            (
                {"690": NIGHT | {"answered_by": ["x"]}},
                "answered_by: there is no extension x",
            ),
            ({"690": NIGHT | {"otherwise": "690"}}, "night_ring.690.otherwise"),
            ({"690": {}}, "night_ring.690.members"),
        ):
            document = {"extensions": {"102": {}}, "night_ring": night}
            refused = self.assertRaises(FeaturesRefused, Features.of, NightRing, document=document)
            self.assertIn(text, str(refused))
