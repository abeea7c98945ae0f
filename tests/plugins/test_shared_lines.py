"""Shared lines: several phones, one line, and who has which appearance of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.features import Features
from b2bua.settings import SettingsError
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua.testing.watching import Watching
from b2bua_plugins._appearances import Line, Owner
from tests.ladders.lamps import shown as lamp_shown

HOST = "<sip:pbx.example.com>"
ANSWERS = Manners(rings_after=0.05)


def shown(watching: Watching) -> dict[int, str]:
    """The states of all appearances, as the keys of a phone show them."""
    found = {}
    values = watching.notified[-1].request.all("Call-Info")
    assert values[-1] == f"{HOST};appearance-index=*;appearance-state=idle", values
    for value in values[:-1]:
        parts = dict(part.split("=", 1) for part in value.removeprefix(HOST + ";").split(";")[:2])
        found[int(parts["appearance-index"])] = parts["appearance-state"]
    return found


class SharedCase(LadderTestCase):
    """The line bob has two phones, desk and kitchen; alice and carol are outside of it."""

    features: Any = "installed"
    appearances = 2
    more: dict[str, Any] = {}  # noqa: RUF012  # each class has its own

    def make_world(self) -> World:
        """Make it."""
        table = {"shared_lines": {"bob": {"appearances": self.appearances}}, **self.more}
        return World(features=self.features, settings=table, store=MemoryStore())

    def setUp(self) -> None:
        """Both phones watch the line."""
        super().setUp()
        self.alice, self.carol = self.world.phones("alice", "carol", manners=ANSWERS)
        [self.desk] = self.world.phones("bob", manners=ANSWERS)
        [self.kitchen] = self.world.phones("bob", manners=ANSWERS)
        self.watching = [phone.watch("bob", "call-info") for phone in (self.desk, self.kitchen)]
        self.world.run(0.5)

    def assert_shown(self, *states: str) -> None:
        """Insist that both phones show these, the first appearance first."""
        self.world.run(0.5)
        wanted = {index: state for index, state in enumerate(states, 1) if state != "idle"}
        self.assertEqual([shown(one) for one in self.watching], [wanted, wanted])

    def all_over(self) -> None:
        """Everybody hangs up, and nothing is left."""
        for phone in (self.alice, self.carol, self.desk, self.kitchen):
            for session in phone.live:
                session.hang_up()
        self.assert_shown()
        self.quiet()

    def seize(self, phone: Phone, index: int, **options: Any) -> Watching:
        """Let a phone ask for an appearance."""
        info = ("Call-Info", f"{HOST};appearance-index={index}")
        seizing = phone.watch("bob", "line-seize", expires=15, fields=[info], **options)
        seizing.refreshes = False
        self.world.run(0.3)
        return seizing

    def dial(self, phone: Phone, to: str, index: int | None = None) -> Any:
        """Let a phone dial with an appearance."""
        fields = [] if index is None else [("Call-Info", f"{HOST};appearance-index={index}")]
        session = phone.dial(to, fields=fields)
        self.world.run(0.3)
        return session


class DialledTests(SharedCase):
    """A phone of the line calls."""

    def test_call(self) -> None:
        """Idle, seized, progressing, active, idle; the INVITE ends the line-seize."""
        self.assert_shown("idle", "idle")
        seizing = self.seize(self.desk, 1)
        self.assertEqual((seizing.code, seizing.granted), (200, 15))
        self.assertEqual(seizing.notified[0].body, b"")
        self.assert_shown("seized")
        self.dial(self.desk, "alice", 1)
        self.assertFalse(seizing.live)
        self.assertEqual(seizing.reason, "noresource")
        self.assert_shown("progressing")
        self.alice.answer()
        self.assert_shown("active")
        values = self.watching[0].notified[-1].request.all("Call-Info")
        self.assertIn('appearance-uri="\\"Alice\\" <sip:alice@pbx.example.com>"', values[0])
        self.assertTrue(self.alice.talks_to(self.desk))
        self.alice.hang_up()
        self.assert_shown("idle")
        self.all_over()

    def test_second_seize(self) -> None:
        """An appearance has one owner: who comes second gets 480 (OpenSIPS#4193)."""
        self.seize(self.desk, 1)
        second = self.seize(self.kitchen, 1)
        self.assertEqual(second.code, 480)
        self.assertEqual(self.seize(self.kitchen, 2).code, 200)
        self.assert_shown("seized", "seized")

    def test_dial_with_anothers(self) -> None:
        """What another phone has seized cannot be dialled with either."""
        self.seize(self.desk, 1)
        session = self.dial(self.kitchen, "alice", 1)
        self.assertEqual(session.codes[-1], 480)
        self.dial(self.desk, "alice", 1)
        self.assert_shown("progressing")

    def test_too_late(self) -> None:
        """After 15 seconds without a call it is free (Expires 15), and after an unsubscribe at once."""
        seizing = self.seize(self.desk, 1)
        self.world.run(16)
        self.assertEqual(seizing.reason, "timeout")
        self.assert_shown("idle")
        self.seize(self.kitchen, 1).unsubscribe()
        self.assert_shown("idle")

    def test_without_seizing(self) -> None:
        """A phone that seizes nothing has the first that is free; with none it hears 486."""
        self.dial(self.desk, "alice")
        self.assert_shown("progressing")
        self.seize(self.kitchen, 2)
        third = self.desk.dial("carol")
        self.world.run(0.3)
        self.assertEqual(third.codes[-1], 486)
        self.world.run(16)  # what was seized is free again
        self.all_over()

    def test_longest(self) -> None:
        """Nobody has one for longer than that, whatever they ask for."""
        info = ("Call-Info", f"{HOST};appearance-index=1")
        seizing = self.desk.watch("bob", "line-seize", expires=3600, fields=[info])
        seizing.refreshes = False
        self.world.run(0.3)
        self.assertLessEqual(seizing.granted, 15)

    def test_refused(self) -> None:
        """A call that fails leaves the line idle."""
        self.alice.manners.refuses = 486
        self.dial(self.desk, "alice", 2)
        self.assert_shown("idle", "idle")
        self.all_over()


class CalledTests(SharedCase):
    """The line is called."""

    def test_call(self) -> None:
        """Both phones ring on the same appearance; who answers is shown to the other."""
        self.alice.dial("bob")
        self.assert_shown("alerting")
        invites = [phone.session.asked.request for phone in (self.desk, self.kitchen)]
        self.assertEqual([invite.get("Call-Info") for invite in invites], [f"{HOST};appearance-index=1"] * 2)
        self.kitchen.answer()
        self.assert_shown("active")
        self.kitchen.hang_up()
        self.assert_shown("idle")
        self.all_over()

    def test_full(self) -> None:
        """With all appearances in use the caller hears busy."""
        self.seize(self.desk, 1)
        self.seize(self.kitchen, 2)
        session = self.alice.dial("bob")
        self.world.run(0.5)
        self.assertEqual(session.codes[-1], 486)

    def test_given_up(self) -> None:
        """A caller who gives up leaves it idle."""
        self.alice.dial("bob")
        self.assert_shown("alerting")
        self.alice.hang_up()
        self.assert_shown("idle")
        self.all_over()

    def test_two(self) -> None:
        """Two calls have two appearances."""
        self.alice.dial("bob")
        self.world.run(0.3)
        self.desk.answer()
        self.world.run(0.3)
        self.carol.dial("bob")
        self.assert_shown("active", "alerting")
        self.all_over()

    def test_outside(self) -> None:
        """What a caller says of its own appearance is nothing to others."""
        self.dial(self.desk, "alice", 1)
        invite = self.alice.session.asked.request
        self.assertIsNone(invite.get("Call-Info"))


class HoldTests(SharedCase):
    """Hold, and who may take the call."""

    def setUp(self) -> None:
        """Alice talks to the desk."""
        super().setUp()
        self.alice.dial("bob")
        self.world.run(0.3)
        self.desk.answer()
        self.world.run(0.5)

    def hold(self, state: str = "held") -> None:
        """The desk holds."""
        info = [("Call-Info", f"{HOST};appearance-index=1;appearance-state={state}")]
        self.desk.session.reinvite("sendonly", fields=info)
        self.world.run(0.5)

    def test_taken(self) -> None:
        """A held call is taken by another phone: an INVITE with its appearance (OpenSIPS#1578)."""
        self.hold()
        self.assert_shown("held")
        self.dial(self.kitchen, "bob", 1)
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.kitchen))
        self.assertEqual(self.desk.live, [])
        self.assert_shown("active")
        self.kitchen.hang_up()
        self.assert_shown("idle")
        self.all_over()

    def test_back(self) -> None:
        """And back again."""
        self.hold()
        self.dial(self.kitchen, "bob", 1)
        self.world.run(1)
        self.kitchen.session.reinvite("sendonly")
        self.world.run(0.5)
        self.assert_shown("held")
        self.dial(self.desk, "bob", 1)
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.desk))
        self.assert_shown("active")
        self.all_over()

    def test_private(self) -> None:
        """One that is held privately is not: 403; it is resumed where it is."""
        self.hold("held-private")
        self.assert_shown("held-private")
        session = self.dial(self.kitchen, "bob", 1)
        self.assertEqual(session.codes[-1], 403)
        self.desk.resume()
        self.assert_shown("active")
        self.assertTrue(self.alice.talks_to(self.desk))
        self.hold()
        self.assert_shown("held")
        self.all_over()

    def test_active(self) -> None:
        """One that is not held is not taken: 480."""
        session = self.dial(self.kitchen, "bob", 1)
        self.assertEqual(session.codes[-1], 480)
        self.assertTrue(self.alice.talks_to(self.desk))

    def test_both_want_it(self) -> None:
        """Of two who want it one has it, and the other hears 480."""
        [den] = self.world.phones("bob", manners=ANSWERS)
        self.hold()
        fields = [("Call-Info", f"{HOST};appearance-index=1")]
        sessions = [phone.dial("bob", fields=fields) for phone in (self.kitchen, den)]
        self.world.run(2)
        self.assertEqual(sorted(session.codes[-1] for session in sessions), [200, 480])
        self.assertEqual([self.alice.talks_to(phone) for phone in (self.kitchen, den)].count(True), 1)
        self.assert_shown("active")
        self.all_over()

    def test_gives_up(self) -> None:
        """Who gives up while taking it leaves nobody in the dark: the line rings again, or has it still."""
        self.hold()
        self.dial(self.kitchen, "bob", 1)
        self.kitchen.hang_up()
        self.world.run(40)
        self.alice.hang_up()
        self.assert_shown("idle")
        self.all_over()

    def test_restart(self) -> None:
        """After kill -9 the call has its appearance still, and private is private."""
        self.hold("held-private")
        self.world.run(3)  # by then it is written down
        served = self.world.served
        assert served is not None
        served.crash()
        served.restart()
        self.world.run(10)
        self.assert_shown("held-private")
        self.desk.hang_up()
        self.assert_shown("idle")

    def test_reload(self) -> None:
        """So it has after a reload."""
        self.hold()
        self.world.reload()
        self.world.run(5)
        self.assert_shown("held")
        self.dial(self.kitchen, "bob", 1)
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.kitchen))

    def test_not_told_to_the_other(self) -> None:
        """The other side is not told which key it is on."""
        self.hold()
        [invite] = [
            got.message
            for got in self.alice.inbox
            if getattr(got.message, "method", "") == "INVITE" and got.message.to.tag
        ]
        self.assertIsNone(invite.get("Call-Info"))


class PairTests(SharedCase):
    """Other features, on the line."""

    more = {"park": {"orbits": "701"}}  # noqa: RUF012  # as above

    def test_busy_lamps(self) -> None:
        """Shared line × busy lamps: who watches the line from outside sees its calls as of any extension."""
        lamp = self.carol.watch("bob")
        self.alice.dial("bob")
        self.world.run(0.5)
        self.assertEqual(lamp_shown(lamp.body), "ringing")
        self.kitchen.answer()
        self.world.run(0.5)
        self.assertEqual(lamp_shown(lamp.body), "talking")
        self.all_over()

    def test_park(self) -> None:
        """Shared line × park: a parked call is on no appearance of the line that has parked it."""
        self.alice.dial("bob")
        self.world.run(0.3)
        self.desk.answer()
        self.world.run(0.5)
        self.desk.session.transfer("701")
        self.world.run(1)
        self.assert_shown("idle")
        self.dial(self.kitchen, "701", 1)
        self.world.run(0.5)
        self.assertTrue(self.kitchen.talks_to(self.alice))
        self.assert_shown("active")
        self.all_over()

    def test_forward(self) -> None:
        """Shared line × forward: a call that is forwarded away is on no appearance of the line."""
        self.dial(self.desk, "*72carol")
        self.world.run(5)
        self.alice.dial("bob")
        self.world.run(0.5)
        self.carol.answer()
        self.assert_shown("idle")
        self.assertTrue(self.alice.talks_to(self.carol))
        self.all_over()

    def test_transfer(self) -> None:
        """Shared line × transfer: whom a phone of the line transfers away leaves the appearance free."""
        self.alice.dial("bob")
        self.world.run(0.3)
        self.desk.answer()
        self.world.run(0.5)
        self.desk.session.transfer("carol")
        self.world.run(1)
        self.carol.answer()
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assert_shown("idle")
        self.all_over()

    def test_pickup(self) -> None:
        """Shared line × pickup: a call that is picked up elsewhere leaves the appearance free."""
        self.alice.dial("bob")
        self.world.run(0.5)
        self.carol.dial("**bob")
        self.world.run(0.5)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assert_shown("idle")
        self.all_over()


class BadTests(SharedCase):
    """Each gets the status that fits."""

    def test_others(self) -> None:
        """A line is for its own phones; what is no line cannot be watched as one."""
        for event in ("call-info", "line-seize"):
            info = ("Call-Info", f"{HOST};appearance-index=1")
            theirs = self.alice.watch("bob", event, fields=[info])
            none = self.alice.watch("alice", event, fields=[info])
            self.world.run(0.3)
            self.assertEqual((theirs.code, none.code), (403, 404))

    def test_no_appearance(self) -> None:
        """No Call-Info, one that cannot be read, one that is not there: 400, and nothing is taken."""
        for value in ("", "nonsense", f"{HOST};appearance-index=x", f"{HOST};appearance-index=3",
                      f"{HOST};appearance-index=0", f"{HOST};appearance-index=" + "9" * 50):  # fmt: skip
            fields = [("Call-Info", value)] if value else []
            seizing = self.desk.watch("bob", "line-seize", expires=15, fields=fields)
            self.world.run(0.3)
            self.assertEqual(seizing.code, 400, value)
        self.assert_shown("idle")
        self.assertEqual(self.dial(self.desk, "alice", 7).codes[-1], 400)

    def test_place(self) -> None:
        """Where a call waits while it is taken is nothing that one can dial."""
        session = self.alice.dial("sip:shared%20line%7Cbob%7C1@pbx.example.com")
        self.world.run(0.5)
        self.assertEqual(session.codes[-1], 404)

    def test_settings(self) -> None:
        """One line that names the table and the remedy."""
        document = {"server": {"domain": "pbx.example.com"}, "shared_lines": {"200": {}}}
        refused = self.assertRaises(SettingsError, Features.load, document)
        self.assertIn("[shared_lines.200] is no extension; write [extensions.200] as well", str(refused))


class OwnerTests(SynchronousTestCase):
    """One owner an appearance, whoever comes when."""

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.lists(st.tuples(st.booleans(), st.integers(-1, 5), st.integers(0, 3)), max_size=30))
    def test_one(self, deeds: list[tuple[bool, int, int]]) -> None:
        """Nobody is given what somebody has, and what was given back can be taken again."""
        line, given_away = Line(3), dict[int, str]()
        for takes, index, who in deeds:
            if takes:
                wanted = 1 <= index <= 3 and index not in given_away
                self.assertEqual(line.take(index, Owner(contact=str(who))), wanted)
                if wanted:
                    given_away[index] = str(who)
            elif index in given_away:
                del given_away[index], line.owners[index]
            self.assertEqual({one: owner.contact for one, owner in line.owners.items()}, given_away)
            self.assertEqual(line.free(), next((n for n in (1, 2, 3) if n not in given_away), None))
