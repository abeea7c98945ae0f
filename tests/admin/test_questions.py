"""What people can ask of a service, asked in the simulated world."""

from __future__ import annotations

from b2bua.calls.records.trace import BLOCKS
from b2bua.command import calls as calls_command
from b2bua.command import extension as extension_command
from b2bua.command import registrations as registrations_command
from b2bua.command import status as status_command
from b2bua.command._asking import table
from b2bua.explain.text import ladder
from b2bua.explain.traced import TracedCall
from b2bua.testing import Phone, World
from tests.admin.case import AdministrationCase


class QuestionTests(AdministrationCase):
    """What the routes answer."""

    def test_status(self) -> None:
        """How the service does, with trunks and store, for programs and for people."""
        self.talk()
        self.alice.watch("bob", "weather")  # which nobody tells
        self.world.run(0.1)
        found = self.ask("GET", "/status")
        self.assertEqual((found["calls"], found["registrations"], found["extensions"]), (1, 2, 8))
        self.assertEqual([trunk["name"] for trunk in found["trunks"]], ["carrier"])
        self.assertEqual(found["store"]["failing"], "")
        text = status_command.people(found)
        self.assertIn("pbx.example.com: b2bua 1.0 running for 0:05", text)
        self.assertIn("0 subscriptions, 1 refused", text)
        self.assertIn("store memory: good", text)
        self.assertIn("trunk carrier: up, sip:198.51.100.7", text)
        self.assertEqual(status_command.health(found), "good")
        self.assertNotIn("TURNED AWAY", text)
        found["turned_away"] = 7
        self.assertIn("7 requests TURNED AWAY", status_command.people(found))
        self.assertNotIn("unknown hosts", text)
        found["strangers_refused"], found["connections_refused"] = 8, 9
        self.assertIn("8 messages of unknown hosts", status_command.people(found))
        self.assertIn("9 connections refused", status_command.people(found))

    def test_status_of_a_failing_store(self) -> None:
        """A store that fails stands out, and calls go on."""
        self.store.failing = "disk full"
        self.talk()
        self.world.run(60)
        text = status_command.people(self.ask("GET", "/status"))
        self.assertIn("store memory: FAILS for 1:0", text)
        self.assertIn("disk full; 1 change to be written", text)
        self.assertEqual(self.world.talking(), {("alice", "bob"), ("bob", "alice")})
        self.assertEqual(status_command.health(self.ask("GET", "/status")), "the store fails: disk full")

    def test_health_of_a_trunk(self) -> None:
        """A trunk that is down is what --health is asked for."""
        self.world = World(settings={"trunks": {"carrier": {"uri": "sip:198.51.100.7"}}})
        assert self.world.served is not None
        self.administration.service._server = self.world.served.server
        self.world.run(600)
        self.assertIn("the trunk carrier is down", status_command.health(self.ask("GET", "/status")))

    def test_registrations(self) -> None:
        """Where the phones are."""
        rows = self.ask("GET", "/registrations")
        self.assertEqual([row["extension"] for row in rows], ["alice", "bob"])
        self.assertEqual(rows[0]["source"], f"{self.alice.host}:5060")
        self.assertEqual(
            [row["extension"] for row in self.ask("GET", "/registrations", extension="bob")], ["bob"]
        )
        text = table(rows, registrations_command.COLUMNS, "none")
        self.assertEqual(text.splitlines()[0].split()[:3], ["EXTENSION", "CONTACT", "FROM"])
        self.assertEqual(table([], registrations_command.COLUMNS, "none"), "none")

    def test_terminal_is_not_steered(self) -> None:
        """What a phone says of itself cannot clear somebody's screen."""
        self.bob.user_agent = "evil \x1b[2J\x07"
        self.bob.register()
        self.world.run(1)
        text = table(self.ask("GET", "/registrations"), registrations_command.COLUMNS, "none")
        self.assertIn("evil ?[2J", text)

    def test_unregister(self) -> None:
        """An operator can remove a contact."""
        self.assertEqual(
            self.ask("DELETE", "/extensions/{extension}/registrations", extension="bob"), {"removed": 1}
        )
        self.assertRefused(
            404, "no such contact", "DELETE", "/extensions/{extension}/registrations", extension="bob"
        )

    def test_calls(self) -> None:
        """Calls that go on, and records of those that are over."""
        self.talk()
        (row,) = self.ask("GET", "/calls")
        self.assertEqual((row["caller"], row["dialled"], row["ended"]), ("extension alice", "bob", None))
        self.assertEqual(self.ask("GET", "/calls", party="carol"), [])
        self.assertEqual(len(self.ask("GET", "/calls", party="alice")), 1)
        self.alice.hang_up()
        self.world.run(40)
        self.assertEqual(self.ask("GET", "/calls"), [])
        (row,) = self.ask("GET", "/calls/past", party="bob")
        self.assertEqual((row["status"], row["hung_up_by"]), (200, "extension alice"))
        self.assertLess(abs(row["seconds"] - 3), 0.5)
        text = table([row], calls_command.COLUMNS, "none")
        self.assertIn("bob Bob", text)

    def test_past_calls_by_outcome(self) -> None:
        """How calls ended, in the words that their records have; one that nobody has is named."""
        self.talk()
        self.alice.hang_up()
        self.world.run(40)
        self.bob.manners.refuses = 486
        self.alice.dial("bob")
        self.world.run(10)
        for said, wanted in [
            ("busy", [486]),
            ("answered", [200]),
            ("answered, busy", [486, 200]),
            ("declined", []),
        ]:
            rows = self.ask("GET", "/calls/past", state=said)
            self.assertEqual([row["status"] for row in rows], wanted)
        self.assertRefused(
            400, "no call is 'engaged'; there are ringing,", "GET", "/calls/past", state="engaged"
        )
        self.assertRefused(400, "no call is ''", "GET", "/calls/past", state="busy,")

    def test_past_calls_of_a_failing_store(self) -> None:
        """When the store cannot say, that is said."""
        self.store.failing = "locked"
        self.assertRefused(503, "locked", "GET", "/calls/past")

    def test_hangup(self) -> None:
        """An operator ends a call; the record says that nobody hung up."""
        self.talk()
        (row,) = self.ask("GET", "/calls")
        self.ask("DELETE", "/calls/{call}", call=row["id"][:6])
        self.world.run(1)
        self.assertEqual(self.world.talking(), set())
        self.assertRefused(404, "no call", "DELETE", "/calls/{call}", call=row["id"])
        assert self.world.served is not None
        record = self.world.served.records[0]
        self.assertEqual((record.hung_up_by, record.why), ("", "operator"))
        (row,) = self.ask("GET", "/calls/past")
        self.assertIn("an operator", table([row], calls_command.COLUMNS, "none"))

    def test_move(self) -> None:
        """Another node goes on with a call; why it cannot is said in one line."""
        self.talk()
        (row,) = self.ask("GET", "/calls")
        moved = self.ask("POST", "/calls/{call}/move", call=row["id"][:6], node="b")
        self.assertEqual((moved, self.moved), ({"id": row["id"], "node": "b"}, [row["id"]]))
        self.assertRefused(404, "no call nine", "POST", "/calls/{call}/move", call="nine", node="b")
        self.assertRefused(409, "no node c", "POST", "/calls/{call}/move", call=row["id"], node="c")

    def test_start(self) -> None:
        """The phones of an extension ring, then the number, and the two talk (RFC 3725)."""
        begun = self.ask("POST", "/calls", extension="alice", number="bob")
        self.world.run(10)
        self.assertEqual(self.world.talking(), {("alice", "bob"), ("bob", "alice")})
        [row] = self.ask("GET", "/calls")
        self.assertEqual((row["id"], row["dialled"]), (begun["id"], "bob"))

    def test_start_what_cannot_be(self) -> None:
        """Nobody rings for an unknown extension, for what is no number, or when the service ends."""
        self.assertRefused(404, "no extension zoe", "POST", "/calls", extension="zoe", number="bob")
        for number in ("", "1\n2", "9" * 300):
            self.assertRefused(400, "cannot be dialled", "POST", "/calls", extension="alice", number=number)
        self.server.core.calls.draining = True
        self.assertRefused(503, "the service ends", "POST", "/calls", extension="alice", number="bob")
        self.assertEqual(self.ask("GET", "/calls"), [])

    def test_hold(self) -> None:
        """A call on hold is not called talking."""
        self.talk()
        self.alice.hold()
        self.world.run(1)
        (row,) = self.ask("GET", "/calls")
        self.assertEqual(row["state"], "on hold")
        self.alice.resume()
        self.world.run(1)
        (row,) = self.ask("GET", "/calls")
        self.assertEqual(row["state"], "talking")

    def test_who_was_transferred_away(self) -> None:
        """Those who talk now are shown, not those who have left."""
        [carol] = self.world.phones("carol")
        self.talk()
        self.alice.session.transfer(carol.aor)
        self.world.run(10)
        self.assertEqual(self.world.talking(), {("bob", "carol"), ("carol", "bob")})
        text = table(self.ask("GET", "/calls"), calls_command.COLUMNS, "none").splitlines()[1]
        self.assertIn("alice Alice, who has left", text)
        self.assertIn("bob Bob, carol Carol", text)

    def test_nobody_hung_up_yet(self) -> None:
        """Who has transferred the others has not hung up the call, which goes on."""
        [carol] = self.world.phones("carol")
        self.talk()
        self.bob.session.transfer(carol.aor)
        self.world.run(10)
        (row,) = self.ask("GET", "/calls")
        self.assertEqual((row["hung_up_by"], row["why"]), ("", ""))
        carol.hang_up()
        self.world.run(1)
        (row,) = self.ask("GET", "/calls/past")
        self.assertEqual((row["hung_up_by"], row["why"]), ("extension carol", "bye"))

    def test_a_lost_phone(self) -> None:
        """A phone that is lost has not hung up."""
        self.talk()
        self.bob.vanish()
        self.world.run(4000)
        (row,) = self.ask("GET", "/calls/past")
        self.assertIn("bob (lost)", table([row], calls_command.COLUMNS, "none"))

    def test_trace(self) -> None:
        """The ladder and the reasons, while it goes on and for some time after; by id, Call-ID or number."""
        self.talk()
        (row,) = self.ask("GET", "/calls")
        for name in (row["id"], row["legs"][0]["call_id"], "bob"):
            text = ladder(self.traced(name))
            self.assertIn("INVITE", text)
            self.assertIn("extension alice calls bob", text)
        self.alice.hang_up()
        self.world.run(40)
        self.assertIn("BYE", ladder(self.traced(row["id"])))
        self.assertRefused(404, "no call", "GET", "/calls/{call}/trace", call="nonsense")

    def test_last_call_of_a_number(self) -> None:
        """A number stands for its last call."""
        for _ in range(2):
            self.talk()
            self.alice.hang_up()
            self.world.run(40)
        latest = self.traced("bob").record
        self.assertGreater(latest.started, 40)

    def test_how_much_is_kept(self) -> None:
        """So many ended calls, and bytes of messages, as the configuration says by now; 0 keeps none."""
        calls: list[str] = []
        for kept in (2, 1, 0):
            settings = self.server.settings
            values = {"trace": kept, "trace_bytes": kept * 1000, "traces_days": 0}
            changed = settings.calls.model_copy(update=values)
            self.server.configure(
                settings.model_copy(update={"calls": changed}), self.server.core.calls.features
            )
            self.talk()
            (row,) = self.ask("GET", "/calls")
            calls.insert(0, row["id"])
            messages = self.traced(row["id"]).messages
            self.assertEqual(bool(messages), kept > 0)
            # The oldest go a block at a time, and a block has a message at least.
            sizes = [len(message.raw) for message in messages]
            self.assertLessEqual(sum(sizes), 1000 * kept + BLOCKS * max(sizes, default=0))
            self.alice.hang_up()
            self.world.run(40)
            for name in calls[:kept]:
                self.assertIn("calls bob", ladder(self.traced(name)))
            for name in calls[kept:]:
                self.assertRefused(404, "no call", "GET", "/calls/{call}/trace", call=name)

    def test_which_call(self) -> None:
        """The beginning of an id will do only if it is clear."""
        self.talk()
        self.assertTrue(self.ask("GET", "/calls/{call}/trace", call=""))
        self.alice.dial("bob")
        self.world.run(5)
        self.assertRefused(409, "several calls begin", "GET", "/calls/{call}/trace", call="")

    def traced(self, name: str) -> TracedCall:
        """The call that the command would show."""
        return TracedCall.model_validate(self.ask("GET", "/calls/{call}/trace", call=name))

    def registered(self, name: str, password: str) -> bool:
        """Can a phone register so?"""
        phone = Phone(self.world, name, password=password)
        self.world.agents.append(phone)
        phone.register()
        self.world.run(2)
        return phone.registered

    def test_extension(self) -> None:
        """One is added, gets another password, and is removed; it works from the moment it is told."""
        added = self.ask("POST", "/extensions", extension="200", name="Büro")
        self.assertGreaterEqual(len(added["password"]), 16)
        self.assertTrue(self.registered("200", added["password"]))
        changed = self.ask("PUT", "/extensions/{extension}/password", extension="200", password="other")
        self.assertEqual((changed["password"], changed["name"]), ("other", "Büro"))
        self.assertFalse(self.registered("200", added["password"]))
        self.assertTrue(self.registered("200", "other"))
        self.ask("DELETE", "/extensions/{extension}", extension="200")
        self.assertRefused(404, "no extension 200", "GET", "/registrations", extension="200")
        self.assertFalse(self.registered("200", "other"))

    def test_extensions(self) -> None:
        """All are listed, those of the file and those that were added, with their phones."""
        self.ask("POST", "/extensions", extension="200", name="Büro")
        rows = {row["extension"]: row for row in self.ask("GET", "/extensions")}
        self.assertEqual(rows["200"], {"extension": "200", "name": "Büro", "added": True, "registrations": 0})
        self.assertEqual((rows["alice"]["registrations"], rows["alice"]["added"]), (1, False))
        text = table(list(rows.values()), extension_command.COLUMNS, "none")
        self.assertRegex(text, r"200 +Büro +0 +added")

    def test_whom_nobody_asks(self) -> None:
        """A phone that is not asked whether it is there is not said to answer."""
        self.assertEqual([row["answers"] for row in self.ask("GET", "/registrations")], [None, None])
        text = table(self.ask("GET", "/registrations"), registrations_command.COLUMNS, "none")
        self.assertIn("not asked", text)

    def test_extension_that_cannot_be(self) -> None:
        """One that is there, one of the configuration, one that nobody can dial."""
        self.assertRefused(409, "already", "POST", "/extensions", extension="ALICE")
        self.assertRefused(409, "configuration file", "DELETE", "/extensions/{extension}", extension="alice")
        self.assertRefused(
            409, "configuration file", "PUT", "/extensions/{extension}/password", extension="alice"
        )
        self.assertRefused(404, "no extension", "DELETE", "/extensions/{extension}", extension="zoe")
        self.assertRefused(400, "cannot be the user", "POST", "/extensions", extension="a b@c")
        self.assertRefused(409, "feature code", "POST", "/extensions", extension="*72")
        self.assertRefused(404, "no extension", "GET", "/registrations", extension="zoe")

    def test_extension_while_the_store_fails(self) -> None:
        """It holds, and that it is not stored is said."""
        self.store.failing = "disk full"
        added = self.ask("POST", "/extensions", extension="200", password="x")
        self.assertIn("disk full", added["warning"])
        self.assertTrue(self.registered("200", "x"))

    def test_pardon(self) -> None:
        """A source that is ignored is shown, and can be listened to again."""
        throttle = self.server.authenticator.throttle
        for _ in range(50):
            throttle.failed("203.0.113.66", "alice")
        text = status_command.people(self.ask("GET", "/status"))
        self.assertIn("ignored for guessing passwords: 203.0.113.66", text)
        self.ask("DELETE", "/ignored/{source}", source="203.0.113.66")
        self.assertRefused(404, "not ignored", "DELETE", "/ignored/{source}", source="203.0.113.66")


class WaitingTests(AdministrationCase):
    """Where somebody can be parked."""

    settings = AdministrationCase.settings | {"park": {"orbits": "701", "seconds": 60}}

    def test_parked(self) -> None:
        """Who is parked is not called talking."""
        self.talk()
        self.bob.session.transfer("701")
        self.world.run(10)
        (row,) = self.ask("GET", "/calls")
        self.assertEqual(row["state"], "waiting")
