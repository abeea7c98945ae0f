"""What comes of it when two features of an office meet on one call."""

from __future__ import annotations

from typing import Any

from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone

CARRIER = "198.51.100.7"
LOT = {"orbits": "701-702", "seconds": 10, "ring_seconds": 4}
QUEUE = {"members": ["carol"], "ring_seconds": 5}


class PairCase(LadderTestCase):
    """All features; each test has the tables that it needs."""

    def start(self, **tables: Any) -> None:
        """Begin a world in which everybody answers after a second."""
        trunk = {"uri": f"sip:{CARRIER}", "accept_from": [CARRIER], "trusted": True}
        usual = {"trunks": {"carrier": trunk}, "routes": [{"match": r"\+?\d{3,}", "trunk": "carrier"}]}
        self.world = World(features="installed", settings=usual | tables)
        names = ("alice", "bob", "carol", "dave")
        self.alice, self.bob, self.carol, self.dave = self.world.phones(
            *names, manners=Manners(answers_after=1)
        )
        self.carrier = self.world.trunk("carrier", Manners(answers_after=1), host=CARRIER)

    def call(self, caller: Any, number: str, seconds: float = 3) -> int:
        """Call, and say the status when that time is over."""
        session = caller.dial(number)
        self.world.run(seconds)
        return int(session.code)

    def talks(self, one: Any, other: Any) -> None:
        """Insist that these two talk; then all hang up, and nothing is left."""
        if not one.talks_to(other):
            raise self.world.failure("they do not talk")
        self.end()

    def end(self) -> None:
        """All hang up, and nothing is left."""
        for agent in (self.alice, self.bob, self.carol, self.dave, self.carrier):
            for session in list(agent.live):
                session.hang_up()
        self.world.run(30)
        self.quiet()

    def transfer(self, phone: Phone, number: str) -> None:
        """Transfer the other one."""
        phone.live[0].transfer(number)
        self.world.run(3)


class ParkMeets(PairCase):
    """Orbits and others."""

    def test_queue(self) -> None:
        """Park × queue: an agent parks a caller of a queue like any other, and is free for the next one."""
        self.start(park=LOT, queues={"610": QUEUE})
        self.call(self.alice, "610", 4)
        self.transfer(self.carol, "701")
        self.call(self.bob, "610", 4)
        self.assertTrue(self.bob.talks_to(self.carol))
        self.call(self.dave, "701", 1)
        self.talks(self.dave, self.alice)

    def test_queue_otherwise(self) -> None:
        """Park × queue: who parked gone, the caller can go on to a queue and waits there."""
        self.start(park=LOT | {"otherwise": "610"}, queues={"610": QUEUE})
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.bob.manners.refuses = 486
        self.world.run(12)
        self.talks(self.alice, self.carol)

    def test_ring_group(self) -> None:
        """Park × ring group: when nobody takes the call and who parked is away, a group is rung."""
        groups = {"600": {"members": ["carol", "dave"], "ring_seconds": 5}}
        self.start(park=LOT | {"otherwise": "600"}, ring_groups=groups)
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.bob.manners.refuses = 486
        self.carol.manners.answers_after = None
        self.world.run(11)
        self.talks(self.alice, self.dave)

    def test_office_hours(self) -> None:
        """Park × office hours: an orbit has no hours; where a closed office sends calls may be no orbit."""
        hours = {"shop": {"numbers": ["bob"], "zone": "UTC", "open": [], "otherwise": "701"}}
        self.start(park=LOT, office_hours=hours)
        self.assertEqual(self.call(self.alice, "bob"), 403)
        self.end()

    def test_pickup(self) -> None:
        """Park × pickup: the code to pick up with an orbit behind it takes who is parked there."""
        self.start(park=LOT)
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.call(self.carol, "**701", 1)
        self.talks(self.carol, self.alice)

    def test_last_call(self) -> None:
        """Park × last call: who was called by a recall has been called by whom they had parked."""
        self.start(park=LOT, last_call={})
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.bob.manners.answers_after = None
        self.world.run(10)
        self.alice.hang_up()
        self.world.run(2)
        self.bob.manners.answers_after = 1
        self.call(self.bob, "*69")
        self.talks(self.bob, self.alice)

    def test_call_back(self) -> None:
        """Park × call back: who is parked is busy, and is called back when the call is over."""
        self.start(park=LOT, call_back={})
        self.alice.manners.lines = 1
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.assertEqual(self.call(self.dave, "alice"), 486)
        self.call(self.dave, "*66", 6)
        self.alice.hang_up()
        self.world.run(8)
        self.talks(self.dave, self.alice)

    def test_speed_dial(self) -> None:
        """Park × speed dial: a short number of an orbit parks nobody and takes nobody."""
        self.start(park=LOT, speed_dial={"numbers": {"801": "701"}})
        self.assertEqual(self.call(self.alice, "801"), 403)
        self.end()

    def test_caller_id(self) -> None:
        """Park × caller id: who has hidden the number stays hidden for who takes the call."""
        self.start(park=LOT, caller_id={})
        self.call(self.alice, "*67bob")
        self.transfer(self.bob, "701")
        self.carol.inbox.clear()
        self.call(self.carol, "701", 1)
        told = [one.uri.user for got in self.carol.inbox for one in got.message.asserted]
        self.assertEqual(set(told), {"anonymous"})
        self.talks(self.carol, self.alice)

    def test_class_of_service(self) -> None:
        """Park × class of service: where a parked call goes in the end is for the class of who parked."""
        classes = {"classes": [], "numbers": {"outside": r"\+\d+"}}
        self.start(park=LOT | {"otherwise": "+49301"}, class_of_service=classes)
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.bob.manners.refuses = 486
        self.world.run(20)
        self.assertEqual(self.carrier.sessions, [])
        self.assertEqual(len(self.alice.live), 1)
        self.end()


class QueueMeets(PairCase):
    """Queues and others."""

    def test_ring_group(self) -> None:
        """Queue × ring group: a queue that is a member of a group answers at once, so it has the call."""
        groups = {"600": {"members": ["dave", "610"], "ring_seconds": 5}}
        self.start(queues={"610": QUEUE}, ring_groups=groups)
        self.call(self.alice, "600", 5)
        self.talks(self.alice, self.carol)

    def test_office_hours(self) -> None:
        """Queue × office hours: outside of its hours nobody is let into a queue."""
        hours = {"shop": {"numbers": ["610"], "zone": "UTC", "open": [], "otherwise": "dave"}}
        self.start(queues={"610": QUEUE}, office_hours=hours)
        self.call(self.alice, "610")
        self.talks(self.alice, self.dave)

    def test_block_callers(self) -> None:
        """Queue × block callers: whom the operator blocks for all does not get into a queue."""
        self.start(queues={"610": QUEUE}, block_callers={"blocked": ["+49900*"]})
        asserted = (("P-Asserted-Identity", f"<sip:+49900123@{CARRIER}>"),)
        session = self.carrier.dial("610", fields=asserted)
        self.world.run(2)
        self.assertEqual(session.code, 603)
        self.end()

    def test_boss_secretary(self) -> None:
        """Queue × boss and secretary: a boss who is an agent is rung by the queue; the secretary is not."""
        self.start(queues={"610": QUEUE}, extensions={"carol": {"boss_secretary": {"secretaries": ["dave"]}}})
        self.call(self.alice, "610", 5)
        self.talks(self.alice, self.carol)

    def test_call_back(self) -> None:
        """Queue × call back: who waits to call back an agent is served when the agent is in no call."""
        self.start(queues={"610": QUEUE}, call_back={"minutes": 5})
        self.carol.manners.lines = 1
        self.call(self.alice, "610", 4)
        self.assertEqual(self.call(self.bob, "carol"), 486)
        self.call(self.bob, "*66", 6)
        self.alice.hang_up()
        self.world.run(8)
        self.talks(self.bob, self.carol)


class OthersMeet(PairCase):
    """And the rest."""

    def test_emergency_class_of_service(self) -> None:
        """Emergency × class of service: help is in every class, and costs no minutes."""
        classes = {"numbers": {"all": r"\d+"}, "minutes_a_day": 1}
        self.start(emergency={"numbers": ["112"]}, class_of_service=classes)
        self.call(self.alice, "112", 65)
        self.talks(self.alice, self.carrier)

    def test_emergency_block_callers(self) -> None:
        """Emergency × block callers: whoever is blocked, they may call back."""
        self.start(emergency={"numbers": ["112"]}, block_callers={"blocked": ["*"], "allowed": ["112"]})
        asserted = (("P-Asserted-Identity", f"<sip:112@{CARRIER}>"),)
        self.carrier.dial("alice", fields=asserted)
        self.world.run(2)
        self.talks(self.alice, self.carrier)

    def test_emergency_boss_secretary(self) -> None:
        """Emergency × boss and secretary: the boss calls for help without a secretary."""
        rule = {"boss_secretary": {"secretaries": ["dave"]}}
        self.start(emergency={"numbers": ["112"]}, extensions={"alice": rule})
        self.call(self.alice, "112")
        self.talks(self.alice, self.carrier)

    def test_hours_boss_secretary(self) -> None:
        """Office hours × boss and secretary: a closed office comes first."""
        hours = {"shop": {"numbers": ["bob"], "zone": "UTC", "open": [], "otherwise": "carol"}}
        rule = {"boss_secretary": {"secretaries": ["dave"]}}
        self.start(office_hours=hours, extensions={"bob": rule})
        self.call(self.alice, "bob")
        self.talks(self.alice, self.carol)

    def test_last_call_caller_id(self) -> None:
        """Last call × caller id: who has hidden the number cannot be called back."""
        self.start(last_call={}, caller_id={})
        self.call(self.alice, "*67bob")
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(self.call(self.bob, "*69"), 404)
        self.end()

    def test_caller_id_block_callers(self) -> None:
        """Caller id × block callers: numbers are blocked as the carrier writes them."""
        self.start(
            caller_id={"country": "DE", "shown": "national"},
            block_callers={"blocked": ["+49301234*"], "allowed": ["030*"]},
        )
        for number, code in (("+493012345", 603), ("+493056789", 200)):
            asserted = (("P-Asserted-Identity", f"<sip:{number}@{CARRIER}>"),)
            session = self.carrier.dial("bob", fields=asserted)
            self.world.run(3)
            self.assertEqual(session.code, code)
        self.end()

    def test_call_back_office_hours(self) -> None:
        """Call back × office hours: a number that is clicked goes where its hours send it."""
        hours = {"shop": {"numbers": ["bob"], "zone": "UTC", "open": [], "otherwise": "carol"}}
        self.start(office_hours=hours, call_back={})
        self.world.command("dial", extension="alice", number="bob")
        self.world.run(4)
        self.talks(self.alice, self.carol)
