"""What records say of calls to people who look later: who called, who answered, how it ended."""

from __future__ import annotations

from typing import Any

from b2bua.calls.records.record import CallRecord, state
from b2bua.testing import LadderTestCase, World
from b2bua.testing.manners import by_hand
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward
from b2bua_plugins.ring_group import RingGroup


class RecordTests(LadderTestCase):
    """L{CallRecord}."""

    def start(self, **settings: Any) -> None:
        """Begin a world with a carrier and a few features."""
        settings.setdefault("trunks", {"carrier": {"uri": "sip:198.51.100.7", "options_seconds": 0.0}})
        settings["trunks"]["carrier"]["accept_from"] = ["198.51.100.7"]
        self.world = World(settings=settings, features=[DoNotDisturb, CallForward, RingGroup])

    def record(self) -> CallRecord:
        """The only one there is."""
        assert self.world.served is not None
        [record] = self.world.served.records
        return record

    def test_caller_through_a_trunk(self) -> None:
        """The number of who calls through a trunk is kept, with the name that goes with it."""
        self.start()
        carrier = self.world.trunk("carrier", by_hand(), host="198.51.100.7", number="+15550100")
        [alice] = self.phones("alice")
        carrier.sends("INVITE", to="sip:alice@pbx.example.com")
        alice.gets("INVITE")
        alice.answers(486)
        carrier.gets(486)
        self.quiet()
        record = self.record()
        self.assertEqual((record.caller, record.number), ("trunk carrier", "+15550100"))
        self.assertTrue(record.concerns("+15550100"))
        self.assertEqual(state(record), "busy")

    def test_in_their_order(self) -> None:
        """The ids of calls are in the order of their seconds, and begin as no number of a phone does."""
        self.start()
        alice, bob = self.phones("alice", "bob")
        for _ in range(5):
            self.connect(alice, bob)
            self.world.run(1.0)
            self.disconnect(alice, bob)
        self.quiet()
        assert self.world.served is not None
        records = self.world.served.records
        self.assertEqual(sorted(records, key=lambda it: it.id), records)
        seconds = [f"c{int(it.started) % 2**28:07x}" for it in records]
        self.assertEqual([it.id[:8] for it in records], seconds)

    def test_caller_of_ours(self) -> None:
        """An extension is kept with its number and its name, and so are those it calls."""
        self.start()
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        self.disconnect(alice, bob)
        self.quiet()
        record = self.record()
        self.assertEqual((record.number, record.name), ("alice", "Alice"))
        self.assertEqual([leg.name for leg in record.legs], ["Alice", "Bob"])
        self.assertEqual(
            (record.answered_by, record.why, state(record)), ("extension bob", "bye", "answered")
        )

    def test_who_answered_a_group(self) -> None:
        """The record of a group's call says whose phone picked it up, and is found by that number."""
        self.start(ring_groups={"600": {"members": ["bob", "carol"]}})
        alice, bob, carol = self.phones("alice", "bob", "carol")
        alice.sends("INVITE", to="600")
        for phone in (bob, carol):
            phone.gets("INVITE")
            phone.answers(180)
            alice.gets(180)
        carol.answers(200)
        alice.gets(200)
        alice.sends("ACK")
        carol.gets("ACK")
        bob.gets("CANCEL")
        self.disconnect(alice, carol)
        self.quiet()
        record = self.record()
        self.assertEqual((record.dialled, record.answered_by), ("600", "extension carol"))
        self.assertTrue(record.concerns("carol"))
        self.assertFalse(record.concerns("dave"))

    def test_states(self) -> None:
        """What callers heard is said in words beside the code: not everybody knows what a 480 is."""
        for to, code, words in (
            ("nobody", 404, "no such number"),
            ("bob", 486, "busy"),
            ("bob", 603, "declined"),
        ):
            with self.subTest(to=to, code=code):
                self.start()
                alice, bob = self.phones("alice", "bob")
                alice.sends("INVITE", to=to)
                if to == "bob":
                    bob.gets("INVITE")
                    bob.answers(code)
                alice.gets(code)
                self.quiet()
                self.assertEqual((self.record().status, state(self.record())), (code, words))

    def test_gave_up(self) -> None:
        """A caller who hangs up while it rings has given up."""
        self.start()
        alice, bob = self.phones("alice", "bob")
        alice.sends("INVITE", to="bob")
        bob.gets("INVITE")
        bob.answers(180)
        alice.gets(180)
        alice.sends("CANCEL")
        bob.gets("CANCEL")
        alice.gets(487)
        self.quiet()
        self.assertEqual((self.record().status, state(self.record())), (487, "gave up while ringing"))

    def test_shutdown(self) -> None:
        """A call that the end of the service ends was hung up by nobody, and the record says why it ended."""
        self.start()
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        assert self.world.served is not None
        self.world.served.server.core.hang_up_all()
        for phone in (alice, bob):
            phone.gets("BYE")
            phone.answers(200)
        self.quiet()
        self.assertEqual((self.record().hung_up_by, self.record().why), ("", "shutdown"))

    def test_a_feature_code(self) -> None:
        """Nobody answers a feature code; the record says what it was."""
        self.start()
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="*78")
        alice.gets(200)
        alice.sends("ACK")
        alice.gets("BYE")
        alice.answers(200)
        self.quiet()
        self.assertEqual((self.record().answered_by, state(self.record())), ("", "answered by the server"))

    def test_the_server_and_who_hangs_up(self) -> None:
        """It makes no difference who hangs up: nobody but the server has answered."""
        self.start()
        [alice] = self.phones("alice")
        alice.sends("INVITE", to="*78")
        alice.gets(200)
        alice.sends("ACK")
        alice.sends("BYE")
        alice.gets(200)
        self.quiet()
        self.assertEqual(self.record().hung_up_by, "extension alice")
        self.assertEqual(state(self.record()), "answered by the server")
