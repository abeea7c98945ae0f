"""What comes of it when somebody who has logged in at another phone meets the other features of an office."""

from __future__ import annotations

from typing import Any

from tests.ladders.test_office_pairs import CARRIER, LOT, QUEUE, PairCase

PIN = {"hot_desk": {"pin": "4711"}}


class DeskMeets(PairCase):
    """Bob has no phone of his own on, and has logged in at Dave's; calls of Dave's phone are Bob's."""

    def come(self, **tables: Any) -> None:
        """Begin, and let Bob log in."""
        extensions = tables.pop("extensions", {})
        self.start(extensions=extensions | {"bob": PIN | extensions.get("bob", {})}, **tables)
        self.bob.unregister()
        self.dave.dial("*461bob*4711")
        self.world.run(6)

    def test_park(self) -> None:
        """Hot desk × park: who parked is rung where they have logged in by then."""
        self.come(park=LOT)
        self.call(self.alice, "bob")
        self.transfer(self.dave, "701")
        self.world.run(12)
        self.talks(self.alice, self.dave)

    def test_queue(self) -> None:
        """Hot desk × queue: an agent is rung where they have logged in, and is their own self there."""
        self.come(queues={"610": QUEUE | {"members": ["bob"]}})
        self.call(self.alice, "610", 5)
        self.assertTrue(self.alice.talks_to(self.dave))
        self.alice.hang_up()
        self.world.run(2)
        self.assertEqual(self.call(self.dave, "*453", 6), 200)
        rows = self.successResultOf(self.world.command("agents", queue="610"))
        self.assertEqual([(row["agent"], row["state"]) for row in rows], [("bob", "paused")])
        self.end()

    def test_forward(self) -> None:
        """Hot desk × forward: a forward set at the phone is the guest's; the phone's own calls stay."""
        self.come()
        self.call(self.dave, "*72carol", 6)
        self.call(self.alice, "bob")
        self.assertTrue(self.alice.talks_to(self.carol))
        self.alice.hang_up()
        self.world.run(2)
        self.call(self.alice, "dave")
        self.talks(self.alice, self.dave)

    def test_ring_group(self) -> None:
        """Hot desk × ring group: a group rings its member where they have logged in."""
        self.come(ring_groups={"600": {"members": ["bob"]}})
        self.call(self.alice, "600")
        self.talks(self.alice, self.dave)

    def test_pickup(self) -> None:
        """Hot desk × pickup: who may take whose calls is up to who has logged in."""
        groups = {"sales": {"members": ["bob", "carol"]}}
        self.come(pickup_groups=groups)
        self.carol.manners.answers_after = None
        self.call(self.alice, "carol", 2)
        self.call(self.dave, "**carol", 2)
        self.talks(self.alice, self.dave)

    def test_transfer(self) -> None:
        """Hot desk × transfer: who has logged in hands calls on, and can be handed one."""
        self.come()
        self.call(self.carol, "alice")
        self.transfer(self.alice, "bob")
        self.assertTrue(self.carol.talks_to(self.dave))
        self.transfer(self.dave, "alice")
        self.talks(self.carol, self.alice)

    def test_boss_secretary(self) -> None:
        """Hot desk × boss and secretary: the boss's secretary rings, wherever the boss has logged in."""
        self.come(extensions={"bob": {"boss_secretary": {"secretaries": ["carol"]}}})
        self.call(self.alice, "bob")
        self.talks(self.alice, self.carol)

    def test_call_back(self) -> None:
        """Hot desk × call back: a number that is clicked rings the phone at which one has logged in."""
        self.come(call_back={})
        self.world.command("dial", extension="bob", number="carol")
        self.world.run(4)
        self.talks(self.dave, self.carol)

    def test_last_call(self) -> None:
        """Hot desk × last call: who has logged in dials their own last caller."""
        self.come(last_call={})
        self.call(self.alice, "bob")
        self.alice.hang_up()
        self.world.run(1)
        self.call(self.dave, "*69")
        self.talks(self.dave, self.alice)

    def test_speed_dial(self) -> None:
        """Hot desk × speed dial: short numbers are those of who has logged in."""
        self.come(extensions={"bob": {"speed_dial": {"numbers": {"1": "carol"}}}})
        self.call(self.dave, "*751")
        self.talks(self.dave, self.carol)

    def test_caller_id(self) -> None:
        """Hot desk × caller id: outside, who has logged in is shown by their own number."""
        self.come(extensions={"bob": {"caller_id": {"number": "+49301"}}})
        self.call(self.dave, "555123")
        invites = [
            got.message for got in self.carrier.inbox if getattr(got.message, "method", "") == "INVITE"
        ]
        self.assertEqual(invites[-1].from_.uri.user, "+49301")
        self.talks(self.dave, self.carrier)

    def test_block_callers(self) -> None:
        """Hot desk × block callers: who has logged in is not reached by whom they block."""
        self.come(extensions={"bob": {"block_callers": {"blocked": ["+49900*"]}}})
        for number, code in (("bob", 603), ("dave", 200)):
            asserted = (("P-Asserted-Identity", f"<sip:+499001@{CARRIER}>"),)
            session = self.carrier.dial(number, fields=asserted)
            self.world.run(3)
            self.assertEqual(session.code, code)
        self.end()

    def test_office_hours(self) -> None:
        """Hot desk × office hours: a closed office stays closed, wherever somebody has logged in."""
        hours = {"shop": {"numbers": ["bob"], "zone": "UTC", "open": [], "otherwise": "carol"}}
        self.come(office_hours=hours)
        self.call(self.alice, "bob")
        self.talks(self.alice, self.carol)

    def test_intercom(self) -> None:
        """Hot desk × intercom: who is called by intercom answers where they have logged in."""
        self.come()
        self.call(self.alice, "*80bob")
        self.talks(self.alice, self.dave)

    def test_night_ring(self) -> None:
        """Hot desk × night ring: whoever may take the call does, wherever they have logged in."""
        self.come(night_ring={"690": {"members": ["carol"], "answered_by": ["bob"]}})
        self.carol.manners.answers_after = None
        self.call(self.alice, "690", 2)
        self.call(self.dave, "*39", 2)
        self.talks(self.alice, self.dave)


class OthersMeet(PairCase):
    """More that had not met yet."""

    def test_night_ring_queue(self) -> None:
        """Night ring × queue: callers for whom no agent has come can ring all over the house."""
        self.start(
            queues={"610": QUEUE | {"logged_in": False, "otherwise": "690"}},
            night_ring={"690": {"members": ["dave"]}},
        )
        self.call(self.alice, "610")
        self.talks(self.alice, self.dave)

    def test_night_ring_park(self) -> None:
        """Night ring × park: a call that nobody fetches can ring all over the house in the end."""
        self.start(park=LOT | {"otherwise": "690"}, night_ring={"690": {"members": ["dave"]}})
        self.call(self.alice, "bob")
        self.transfer(self.bob, "701")
        self.bob.manners.refuses = 486
        self.world.run(13)
        self.talks(self.alice, self.dave)

    def test_class_of_service_queue(self) -> None:
        """Class of service × queue: where a queue sends callers on is for the operator to pay."""
        self.start(
            queues={"610": QUEUE | {"logged_in": False, "otherwise": "555123"}},
            class_of_service={"numbers": {"outside": r"\d{6,}"}},
        )
        self.call(self.alice, "610")
        self.talks(self.alice, self.carrier)

    def test_class_of_service_office_hours(self) -> None:
        """Class of service × office hours: where a closed office sends calls is for the operator to pay."""
        hours = {"shop": {"numbers": ["bob"], "zone": "UTC", "open": [], "otherwise": "555123"}}
        self.start(office_hours=hours, class_of_service={"numbers": {"outside": r"\d{6,}"}})
        self.call(self.alice, "bob")
        self.talks(self.alice, self.carrier)

    def test_class_of_service_last_call(self) -> None:
        """Class of service × last call: what one may not dial one does not dial again either."""
        self.start(last_call={}, class_of_service={"numbers": {"outside": r"\d{6,}"}})
        self.assertEqual(self.call(self.alice, "555123"), 403)
        self.assertEqual(self.call(self.alice, "*70"), 403)
        self.end()

    def test_class_of_service_call_back(self) -> None:
        """Class of service × call back: a click is a call of who clicks."""
        self.start(call_back={}, class_of_service={"numbers": {"outside": r"\d{6,}"}})
        self.world.command("dial", extension="alice", number="555123")
        self.world.run(5)
        self.assertEqual(self.carrier.sessions, [])
        self.end()

    def test_emergency_park(self) -> None:
        """Emergency × park: a call for help can be parked like any other, and is never dropped."""
        self.start(emergency={"numbers": ["112"]}, park=LOT)
        self.call(self.alice, "112")
        self.transfer(self.alice, "701")
        self.call(self.bob, "701", 1)
        self.talks(self.bob, self.carrier)

    def test_emergency_queue(self) -> None:
        """Emergency × queue: an agent who calls for help is not rung meanwhile."""
        self.start(emergency={"numbers": ["112"]}, queues={"610": QUEUE})
        self.call(self.carol, "112")
        self.call(self.alice, "610", 5)
        self.assertEqual(len(self.carol.live), 1)
        self.carol.hang_up()
        self.world.run(4)
        self.talks(self.carol, self.alice)

    def test_emergency_speed_dial(self) -> None:
        """Emergency × speed dial: a short number for help goes like the long one."""
        self.start(
            emergency={"numbers": ["112"]},
            speed_dial={"numbers": {"8": "112"}},
            class_of_service={"numbers": {"all": r"\d{3,}"}},
        )
        self.call(self.alice, "8")
        self.talks(self.alice, self.carrier)
