"""What an office has going on goes on after kill -9 and a start: orbits, queues, minutes that are counted."""

from __future__ import annotations

from typing import Any

from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone

KEPT = 4.0
"""Seconds after which a call is kept: two of quiet, half a one for the batch, and some."""


class KeptCase(LadderTestCase):
    """An office whose server dies and comes back."""

    def start(self, **tables: Any) -> None:
        """Begin a world in which everybody answers after a second."""
        self.world = World(features="installed", settings=tables, store=MemoryStore())
        names = ("alice", "bob", "carol", "dave")
        self.alice, self.bob, self.carol, self.dave = self.world.phones(
            *names, manners=Manners(answers_after=1)
        )

    def crash(self, seconds: float = 1) -> None:
        """Let the server be gone for some time."""
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(seconds)
        served.restart()
        self.world.run(0.5)

    def dial(self, phone: Phone, number: str, seconds: float = 3) -> int:
        """Dial, and say the status when that time is over."""
        session = phone.dial(number)
        self.world.run(seconds)
        return int(session.code)

    def rows(self, command: str, **arguments: str) -> list[dict[str, Any]]:
        """What a command shows."""
        return list(self.successResultOf(self.world.command(command, **arguments)))

    def end(self) -> None:
        """All hang up, and nothing is left."""
        for phone in (self.alice, self.bob, self.carol, self.dave):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(30)
        self.quiet()


class ParkedTests(KeptCase):
    """Orbits."""

    def park(self, place: str = "701", **lot: Any) -> None:
        """Bob parks Alice."""
        self.start(park={"orbits": "701-702", "seconds": 60, "ring_seconds": 10} | lot)
        self.dial(self.alice, "bob")
        self.bob.live[0].transfer(place)
        self.world.run(KEPT)
        self.assertEqual(self.bob.live, [])

    def test_taken(self) -> None:
        """Whoever was parked still is, is listed and lights the lamp, and can be taken."""
        self.park()
        watching = self.carol.watch("701")
        self.world.run(1)
        self.crash()
        self.assertEqual(self.rows("parked"), [{"orbit": "701", "name": "Alice", "number": "alice"}])
        self.world.run(2)
        self.assertIn(b"confirmed", watching.body)
        self.dial(self.carol, "bob")
        self.carol.live[0].transfer("701")
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(self.bob), "the orbit was thought to be free")
        self.dial(self.dave, "701")
        self.assertTrue(self.dave.talks_to(self.alice))
        self.world.run(2)
        self.assertIn(b"terminated", watching.body)
        self.end()

    def test_taken_before(self) -> None:
        """Who has just taken them talks on after a crash, as soon as a batch has gone to the store."""
        for offer in (True, False):
            for after in (0.25, 0.6, 1.0):
                with self.anew(offer=offer, after=after):
                    self.park()
                    self.carol.dial("701", offer=offer)
                    self.world.run_until(lambda: self.carol.talks_to(self.alice))
                    self.world.run(after)
                    self.crash()
                    self.world.run(70)
                    self.assertTrue(self.carol.talks_to(self.alice))
                    self.assertEqual(self.rows("parked"), [])
                    self.end()

    def test_at_extension(self) -> None:
        """At an extension too."""
        self.park("*68")
        self.crash()
        self.dial(self.carol, "*88bob")
        self.assertTrue(self.carol.talks_to(self.alice))
        self.end()

    def test_time_over(self) -> None:
        """Who parked is rung when the time is over that began before, and again after that."""
        self.park()
        self.bob.manners.answers_after = None
        self.crash(20)
        self.world.run(37)
        self.assertEqual(len(self.bob.live), 1)
        self.world.run(12)
        self.assertEqual((len(self.bob.live), len(self.alice.live)), (0, 1))
        self.crash()
        self.dial(self.carol, "701")
        self.assertTrue(self.carol.talks_to(self.alice))
        self.end()

    def test_time_over_meanwhile(self) -> None:
        """When the time has passed while the server was gone, who parked is rung at once."""
        self.park()
        self.crash(90)
        self.world.run(4)
        self.assertTrue(self.bob.talks_to(self.alice))
        self.end()

    def test_while_rung(self) -> None:
        """A crash while who parked is rung: the call is at its orbit again, and they are rung again."""
        self.park(seconds=15)
        self.bob.manners.answers_after = None
        self.world.run(13)
        self.assertEqual(len(self.bob.live), 1)
        self.bob.manners.answers_after = 1
        self.crash()
        self.world.run(10)
        self.assertEqual(len(self.alice.live), 1)
        self.assertTrue(self.bob.talks_to(self.alice))
        self.end()

    def test_changed_while_rung(self) -> None:
        """Who waits adds an m-line while who parked is rung, and has it after a crash (RFC 3264 8)."""
        self.park(seconds=15)
        self.bob.manners.answers_after = None
        self.world.run(13)
        self.assertEqual(len(self.bob.live), 1)
        self.alice.session.media.kinds = ["audio", "video"]
        self.alice.session.reinvite()
        self.world.run(1)
        self.bob.manners.answers_after = 1
        self.crash()
        self.world.run(10)
        self.assertTrue(self.bob.talks_to(self.alice))
        shown = self.alice.session.media.theirs
        assert shown is not None
        self.assertEqual([stream.kind for stream in shown.streams], ["audio", "video"])
        self.end()


class QueueTests(KeptCase):
    """Queues and agents."""

    def queue(self, **table: Any) -> None:
        """Carol is the agent."""
        self.start(queues={"610": {"members": ["carol"], "ring_seconds": 8, "rest_seconds": 5} | table})

    def test_order(self) -> None:
        """Callers keep their places, agents their pauses, and the queue its figures."""
        self.queue()
        self.dial(self.carol, "*453", 6)
        for caller in (self.alice, self.bob, self.dave):
            self.dial(caller, "610", 5)
        self.alice.hang_up()
        self.world.run(KEPT)
        self.crash()
        [row] = self.rows("queues")
        self.assertEqual((row["waiting"], row["agents"], row["callers"]), (2, 0, 3))
        self.assertGreaterEqual(row["longest"], 14)
        self.world.run(10)
        self.assertEqual(self.carol.live, [])
        self.dial(self.carol, "*451", 9)
        for caller in (self.bob, self.dave):
            self.assertTrue(self.carol.talks_to(caller), caller.name)
            self.carol.hang_up()
            self.world.run(4)
        self.end()

    def test_while_rung(self) -> None:
        """A crash while an agent rings: the phone stops, the caller waits on, and the agent is rung again."""
        self.queue()
        self.carol.manners.answers_after = None
        self.dial(self.alice, "610", KEPT)
        self.assertEqual(len(self.carol.live), 1)
        self.carol.manners.answers_after = 2
        self.crash(3)
        self.world.run(10)
        self.assertTrue(self.carol.talks_to(self.alice))
        self.assertEqual(len(self.carol.live), 1)
        self.end()

    def test_wrap_up(self) -> None:
        """An agent who talks at the crash is not rung meanwhile, and has time after the call as ever."""
        self.queue(wrap_up_seconds=20)
        self.dial(self.alice, "610", 6)
        self.assertTrue(self.carol.talks_to(self.alice))
        self.crash()
        self.assertTrue(self.carol.talks_to(self.alice))
        self.dial(self.bob, "610", 8)
        self.assertEqual(len(self.carol.live), 1)
        self.alice.hang_up()
        self.world.run(15)
        self.assertEqual(self.carol.live, [])
        self.world.run(10)
        self.assertTrue(self.carol.talks_to(self.bob))
        self.assertEqual(self.rows("agents", queue="610")[0]["calls"], 2)
        self.end()

    def test_rest(self) -> None:
        """Who has not answered before the crash is still left alone; the next one is rung."""
        self.queue(members=["carol", "dave"], strategy="order", rest_seconds=40, ring_seconds=3)
        self.carol.manners.answers_after = None
        self.dave.manners.answers_after = 60
        self.dial(self.alice, "610", 5)
        self.assertEqual((len(self.carol.live), len(self.dave.live)), (0, 1))
        self.dave.manners.answers_after = 1
        self.crash()
        self.world.run(6)
        self.assertTrue(self.dave.talks_to(self.alice))
        self.end()

    def test_longest_wait(self) -> None:
        """Who has waited too long goes on, counted from the beginning."""
        self.queue(seconds=30, otherwise="dave")
        self.dial(self.carol, "*453", 6)
        self.dial(self.alice, "610", 10)
        self.crash(10)
        self.world.run(7)
        self.assertEqual(self.dave.live, [])
        self.world.run(6)
        self.assertTrue(self.dave.talks_to(self.alice))
        self.end()


class MinuteTests(KeptCase):
    """Calls that cost something."""

    def test_minutes(self) -> None:
        """A call by a trunk ends when its minutes are over, though the server died meanwhile."""
        carrier = {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"]}
        self.start(
            trunks={"carrier": carrier},
            routes=[{"match": r"\d{6,}", "trunk": "carrier"}],
            class_of_service={"minutes_max": 2},
        )
        carrier_phone = self.world.trunk("carrier", Manners(answers_after=1), host="198.51.100.7")
        self.dial(self.alice, "5551234", 30)
        self.crash(10)
        self.world.run(60)
        self.assertTrue(self.alice.talks_to(carrier_phone))
        self.world.run(30)
        self.assertEqual((self.alice.live, carrier_phone.live), ([], []))
        self.end()


class RestartTests(KeptCase):
    """Another process takes over while the old one finishes what it began (C{b2bua restart})."""

    def restart(self) -> None:
        """Let another process take over."""
        served = self.world.served
        assert served is not None
        served.hand_over()
        self.world.run(1)

    def test_parked(self) -> None:
        """Whoever is parked stays so, and can be taken."""
        self.start(park={"orbits": "701", "seconds": 60, "ring_seconds": 10})
        self.dial(self.alice, "bob")
        self.bob.live[0].transfer("701")
        self.world.run(KEPT)
        self.restart()
        self.assertEqual(len(self.rows("parked")), 1)
        self.dial(self.dave, "701")
        self.assertTrue(self.dave.talks_to(self.alice))
        self.end()

    def test_queue(self) -> None:
        """Callers keep their places, and agents their pauses."""
        self.start(queues={"610": {"members": ["carol"], "ring_seconds": 8}})
        self.dial(self.carol, "*453", 6)
        for caller in (self.alice, self.bob):
            self.dial(caller, "610", 5)
        self.restart()
        self.dial(self.carol, "*451", 9)
        self.assertTrue(self.carol.talks_to(self.alice))
        self.end()

    def test_hot_desk(self) -> None:
        """Whoever has logged in elsewhere still has, and their call goes on."""
        self.start(extensions={"bob": {"hot_desk": {"pin": "4711"}}})
        self.dial(self.dave, "*461bob*4711", 6)
        self.dial(self.dave, "carol", KEPT)
        self.restart()
        self.assertTrue(self.dave.talks_to(self.carol))
        self.assertEqual([row["extension"] for row in self.rows("desks")], ["bob"])
        self.dave.live[0].transfer("alice")
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(self.alice))
        self.end()
