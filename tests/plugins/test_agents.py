"""Queues: who waits for whom, in which order, and what becomes of it."""

from __future__ import annotations

from typing import Any

from b2bua import hookimpl
from b2bua.calls import CallState, Phase
from b2bua.features import Features, FeaturesRefused
from b2bua.testing import LadderTestCase, Manners, World
from b2bua.testing.phone import Phone
from b2bua_plugins.agents import Agents
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.do_not_disturb import DoNotDisturb
from b2bua_plugins.forward import CallForward

QUEUE: dict[str, Any] = {
    "name": "Support",
    "members": ["carol", "dave"],
    "ring_seconds": 5,
    "rest_seconds": 4,
}


class QueueCase(LadderTestCase):
    """Alice and Bob call the queue of Carol and Dave; Erin is the operator."""

    def start(self, **table: Any) -> None:
        """A world with one queue."""
        self.world = World(
            features=[DoNotDisturb, CallForward, Agents, BlindTransfer],
            settings={"queues": {"610": QUEUE | table}},
        )
        names = ("alice", "bob", "carol", "dave", "erin")
        self.phones_by_name = dict(
            zip(names, self.world.phones(*names, manners=Manners(answers_after=1)), strict=True)
        )
        self.alice, self.bob, self.carol, self.dave, self.erin = self.phones_by_name.values()

    def code(self, phone: Phone, code: str) -> int:
        """Dial a code, and wait until it is confirmed."""
        session = phone.dial(code)
        self.world.run(6)
        return session.code

    def call(self, phone: Phone, seconds: float = 3) -> str:
        """Call the queue; who answers in time."""
        phone.dial("610")
        self.world.run(seconds)
        return " ".join(name for name, other in self.phones_by_name.items() if phone.talks_to(other))

    def row(self) -> dict[str, Any]:
        """How the queue is."""
        [row] = self.successResultOf(self.world.command("queues"))
        return dict(row)

    def hang_up(self, *phones: Phone) -> None:
        """Some hang up, or all."""
        for phone in phones or self.phones_by_name.values():
            for session in list(phone.live):
                session.hang_up()
        self.world.run(1)

    def end(self) -> None:
        """All hang up, and nothing is left."""
        self.hang_up()
        self.world.run(10)
        self.assertEqual(self.row()["waiting"], 0)
        self.quiet()


class PatienceTests(QueueCase):
    """Agents who are rung for long."""

    def test_long(self) -> None:
        """Who lets it ring for minutes is rung again later, and the next one meanwhile."""
        self.start(ring_seconds=90, strategy="order", rest_seconds=30)
        self.carol.manners.answers_after = None
        self.dave.manners.answers_after = None
        self.alice.dial("610")
        rung = []
        for _ in range(6):
            self.world.run(45)
            rung += [name for name in ("carol", "dave") if self.phones_by_name[name].live]
        self.assertEqual(rung, ["carol", "carol", "dave", "dave", "carol", "carol"])
        self.carol.session.answer()
        self.world.run(2)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.end()

    def test_taken_before_the_answer(self) -> None:
        """Features hear that a caller is answered whom an agent takes while its voice is on its way."""
        told: dict[str, list[Phase]] = {}

        class Watch:
            """Keeps what it hears last of each party."""

            @hookimpl
            def call_changed(self, state: CallState) -> None:
                """Keep it."""
                told.update({party.name: [*told.get(party.name, []), party.phase] for party in state.parties})

        self.world = World(
            features=[Watch, Agents], settings={"queues": {"610": QUEUE | {"position_seconds": 10}}}
        )
        self.world.voices.delay = 0.3
        # The caller's phone asks its user whether the session may change.
        (alice,) = self.world.phones("alice", manners=Manners(change_after=None))
        carol, dave = self.world.phones("carol", "dave", manners=Manners(answers_after=0.01))
        alice.dial("610")
        self.world.run(5)
        self.assertEqual((alice.session.state, told["alice"][-1]), ("up", Phase.ALONE))
        for phone in (alice, carol, dave):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(10)
        self.quiet()


class HearingTests(QueueCase):
    """What callers hear who wait, and how they get away."""

    def start(self, **table: Any) -> None:
        """No agent is free: both are busy for longer than anybody waits here."""
        super().start(ring_seconds=60, position_seconds=10, keys={"1": "erin"}, **table)
        for name in ("carol", "dave"):
            self.phones_by_name[name].manners.answers_after = None

    def end(self) -> None:
        """No voice is left, either."""
        super().end()
        self.assertEqual(self.world.voices.open_voices, set())

    def test_position(self) -> None:
        """Queue × music on hold: who waits hears which number they are, and music between."""
        self.start()
        self.call(self.alice)
        self.call(self.bob, 13)
        self.assertEqual(self.world.voices.played, ["position", "1", "position", "2"])
        self.hang_up(self.alice)
        self.world.run(14)
        self.assertEqual(self.world.voices.played[-2:], ["position", "1"])
        self.end()

    def test_way_out(self) -> None:
        """A key takes who waits elsewhere, at any time; agents do not ring for them any more."""
        for seconds in (3, 11):
            self.start()
            self.call(self.alice, seconds)
            self.world.voice(self.alice).press("1")
            self.world.run(3)
            self.assertTrue(self.alice.talks_to(self.erin))
            self.assertEqual(self.carol.live + self.dave.live, [])
            self.end()

    def test_other_keys(self) -> None:
        """Other keys do nothing."""
        self.start()
        self.call(self.alice)
        self.world.voice(self.alice).press("2")
        self.world.run(3)
        self.assertFalse(self.alice.talks_to(self.erin))
        self.assertEqual(self.row()["waiting"], 1)
        self.end()

    def test_agent_takes(self) -> None:
        """When an agent answers the two talk, and the voice is gone."""
        self.start()
        self.call(self.alice)
        self.carol.session.answer()
        self.world.run(1)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assertEqual(self.world.voices.open_voices, set())
        self.end()

    def test_key_crosses_the_agent(self) -> None:
        """The key and the agent's answer cross: the caller talks to one of the two."""
        for moment in (0.001, 0.006, 0.011, 0.016, 0.021, 0.026, 0.031, 0.041):
            self.start()
            self.world.voices.delay = 0.004
            self.call(self.alice)
            self.carol.session.answer()
            self.world.run(moment)
            for voice in list(self.world.voices.open_voices):
                voice.press("1")
            self.world.run(5)
            talks = [other for other in (self.carol, self.erin) if self.alice.talks_to(other)]
            self.assertEqual(len(talks), 1, moment)
            self.end()

    def test_no_voice(self) -> None:
        """Without a voice callers wait in silence."""
        self.start()
        self.world.voices.broken = True
        self.assertEqual(self.call(self.alice), "")
        self.assertEqual(self.row()["waiting"], 1)
        self.end()


class StrategyTests(QueueCase):
    """Whom a caller reaches."""

    def ringing(self, **table: Any) -> list[str]:
        """Who answers four callers, one after the other."""
        self.start(**table)
        found = []
        for _ in range(4):
            found.append(self.call(self.alice))
            self.hang_up()
        self.end()
        return found

    def test_all(self) -> None:
        """All agents who are free ring, and the others stop when one answers."""
        self.start(strategy="all")
        self.dave.manners.answers_after = 1.5
        self.assertEqual(self.call(self.alice), "carol")
        self.assertEqual(self.dave.live, [])
        self.assertEqual((self.row()["callers"], self.row()["answered"]), (1, 1))
        self.end()

    def test_order(self) -> None:
        """In the order of the table."""
        self.assertEqual(self.ringing(strategy="order"), ["carol"] * 4)

    def test_round_robin(self) -> None:
        """One after the other."""
        self.assertEqual(self.ringing(strategy="round_robin"), ["carol", "dave", "carol", "dave"])

    def test_least_recent(self) -> None:
        """Whose last call is longest ago."""
        self.assertEqual(self.ringing(strategy="least_recent"), ["carol", "dave", "carol", "dave"])

    def test_fewest(self) -> None:
        """Who has had the fewest calls."""
        self.assertEqual(self.ringing(strategy="fewest"), ["carol", "dave", "carol", "dave"])


class WaitingTests(QueueCase):
    """Callers and agents."""

    def test_order_of_callers(self) -> None:
        """Who came first is served first, as soon as an agent is free."""
        self.start(members=["carol"])
        self.carol.dial("erin")
        self.world.run(3)
        self.assertEqual([self.call(self.alice), self.call(self.bob)], ["", ""])
        self.assertEqual((self.row()["waiting"], self.row()["longest"]), (2, 6))
        self.hang_up(self.carol)
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(self.alice))
        self.hang_up(self.alice)
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(self.bob))
        self.end()

    def test_first(self) -> None:
        """Callers whom the operator wants first come before others."""
        self.start(members=["carol"], first=["bo*"])
        self.carol.dial("erin")
        self.world.run(3)
        self.call(self.alice)
        self.call(self.bob)
        self.hang_up(self.carol)
        self.world.run(3)
        self.assertTrue(self.carol.talks_to(self.bob))
        self.end()

    def test_shown(self) -> None:
        """An agent sees for which queue, and who calls."""
        self.start(members=["carol"])
        self.call(self.alice)
        invites = [got.message for got in self.carol.inbox if got.message.cseq.method == "INVITE"]
        self.assertIn("Support: Alice alice", [invite.from_.display for invite in invites])
        self.end()

    def test_no_answer(self) -> None:
        """Who does not answer is left alone for a while, and the next agent rings; the caller waits on."""
        self.start(strategy="order")
        self.carol.manners.answers_after = None
        self.assertEqual(self.call(self.alice, 5), "")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.dave))
        self.end()

    def test_vanished(self) -> None:
        """An agent whose phone is gone is passed over when its registration is, and before after its time."""
        self.start(strategy="order")
        self.carol.vanish()
        self.call(self.alice, 9)
        self.assertTrue(self.alice.talks_to(self.dave))
        self.end()

    def test_caller_leaves(self) -> None:
        """A caller who hangs up while agents ring leaves no phone ringing."""
        self.start()
        self.call(self.alice, 0.5)
        self.hang_up(self.alice)
        self.world.run(1)
        self.assertEqual([self.carol.live, self.dave.live], [[], []])
        self.end()

    def test_wrap_up(self) -> None:
        """After a call an agent has time before the next one."""
        self.start(members=["carol"], wrap_up_seconds=20)
        self.call(self.alice)
        self.call(self.bob)
        self.hang_up(self.alice)
        self.world.run(15)
        self.assertEqual(self.carol.live, [])
        self.world.run(8)
        self.assertTrue(self.carol.talks_to(self.bob))
        self.end()


class FigureTests(QueueCase):
    """What monitoring systems read."""

    def test_figures(self) -> None:
        """They say of each queue how it is, and what has become of its callers."""
        self.start(members=["carol"])
        self.code(self.carol, "*453")
        self.call(self.alice)
        assert self.world.served is not None
        found = dict(self.world.served.features.figures())
        self.assertEqual((found["queue_waiting"], found["queue_agents"]), ({"610": 1.0}, {"610": 0.0}))
        self.assertGreater(found["queue_longest_wait_seconds"]["610"], 1)
        self.code(self.carol, "*451")
        found = dict(self.world.served.features.figures())
        self.assertEqual(found["queue_answered_total"], {"610": 1.0})
        self.end()


class ReloadTests(QueueCase):
    """Settings that change while callers use them."""

    def reload(self, **queues: Any) -> None:
        """Read the configuration again, with other queues."""
        assert self.world.served is not None
        self.world.served.document["queues"] = queues
        self.world.reload()
        self.world.run(2)

    def test_gone(self) -> None:
        """Who waits in a queue that is there no more is hung up; nobody would ever come."""
        self.start(members=["carol"])
        self.code(self.carol, "*453")
        self.call(self.alice)
        self.reload(**{"611": QUEUE})
        self.assertEqual(self.alice.live, [])
        self.hang_up()
        self.quiet()

    def test_agents_change(self) -> None:
        """Who waits is served by the agents of now, and an agent who is one no more keeps the call."""
        self.start(members=["carol"])
        self.assertEqual(self.call(self.alice), "carol")
        self.call(self.bob)
        self.reload(**{"610": QUEUE | {"members": ["dave"]}})
        self.assertTrue(self.alice.talks_to(self.carol))
        self.world.run(2)
        self.assertTrue(self.bob.talks_to(self.dave))
        self.end()

    def test_rung_before(self) -> None:
        """Who was rung before a reload and answers after it has the caller, and time afterwards."""
        queue = {"members": ["carol", "dave"], "wrap_up_seconds": 20, "strategy": "order"}
        self.start(**queue)
        self.carol.manners.answers_after = 4
        self.alice.dial("610")
        self.world.run(2)
        self.reload(**{"610": QUEUE | queue})
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.assertEqual(self.dave.sessions, [])
        self.dave.unregister()
        self.hang_up(self.alice)
        self.call(self.bob)
        self.world.run(12)
        self.assertEqual(self.carol.live, [])
        self.world.run(10)
        self.assertTrue(self.bob.talks_to(self.carol))
        self.end()

    def test_rests(self) -> None:
        """Who has not answered before a reload is left alone for as long as ever, and rung then."""
        queue = {"members": ["carol"], "rest_seconds": 12, "ring_seconds": 5}
        self.start(**queue)
        self.carol.manners.answers_after = None
        self.alice.dial("610")
        self.world.run(3)
        self.reload(**{"610": QUEUE | queue})
        self.world.run(3)
        self.assertEqual(self.carol.live, [])
        self.carol.manners.answers_after = 1
        self.world.run(7)
        self.assertEqual(self.carol.live, [])
        self.world.run(6)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.end()


class AgentTests(QueueCase):
    """In, out, and pauses."""

    def test_log_in_and_out(self) -> None:
        """Agents log in and out by code, for all of their queues or for one, over reloads."""
        self.start(members=["carol"], logged_in=False, otherwise="erin")
        self.assertEqual(self.call(self.alice), "erin")
        self.hang_up()
        self.assertEqual([self.code(self.carol, "*451"), self.code(self.erin, "*451")], [200, 403])
        self.world.reload()
        self.assertEqual(self.call(self.alice), "carol")
        self.hang_up()
        self.code(self.carol, "*452610")
        self.assertEqual(self.call(self.alice), "erin")
        self.end()

    def test_pause(self) -> None:
        """In a pause callers wait."""
        self.start(members=["carol"])
        self.code(self.carol, "*453")
        self.assertEqual(self.call(self.alice), "")
        self.code(self.carol, "*451")
        self.assertTrue(self.alice.talks_to(self.carol))
        rows = self.successResultOf(self.world.command("agents", queue="610"))
        self.assertEqual(
            [(row["agent"], row["state"], row["free"]) for row in rows], [("carol", "in", False)]
        )
        failure = self.failureResultOf(self.world.command("agents", queue="1"), ValueError)
        self.assertEqual(failure.getErrorMessage(), "there is no queue 1; there is 610")
        self.end()

    def test_do_not_disturb(self) -> None:
        """Queue × do not disturb: an agent who wants no calls is not rung."""
        self.start(strategy="order")
        self.code(self.carol, "*78")
        self.assertEqual(self.call(self.alice), "dave")
        self.end()

    def test_forward(self) -> None:
        """Queue × forward: forwards of agents do not count, and a forward to the queue waits there."""
        self.start(members=["carol"])
        self.code(self.carol, "*72erin")
        self.assertEqual(self.call(self.alice), "carol")
        self.hang_up()
        self.code(self.erin, "*72610")
        self.alice.dial("erin")
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.end()

    def test_transfer(self) -> None:
        """Queue × transfer: whom somebody transfers to the queue waits there."""
        self.start(members=["carol"])
        self.alice.dial("erin")
        self.world.run(2)
        self.erin.live[0].transfer("610")
        self.world.run(4)
        self.assertTrue(self.alice.talks_to(self.carol))
        self.end()


class OverflowTests(QueueCase):
    """Too long, too many, nobody there."""

    def test_too_long(self) -> None:
        """Who has waited long enough goes on elsewhere."""
        self.start(members=["carol"], seconds=30, otherwise="erin")
        self.code(self.carol, "*453")
        self.call(self.alice, 29)
        self.assertEqual(self.erin.live, [])
        self.world.run(3)
        self.assertTrue(self.alice.talks_to(self.erin))
        self.assertEqual(self.row()["sent on"], 1)
        self.end()

    def test_too_many(self) -> None:
        """A queue that is full sends callers on, or refuses them with 486."""
        self.start(members=["carol"], length=1)
        self.code(self.carol, "*453")
        self.call(self.alice)
        session = self.bob.dial("610")
        self.world.run(1)
        self.assertEqual(session.code, 486)
        self.end()

    def test_not_by_hand(self) -> None:
        """What overflow dials is no number for people."""
        self.start()
        session = self.bob.dial("sip:overflow%7C610@pbx.example.com")
        self.world.run(1)
        self.assertEqual(session.code, 404)
        self.end()

    def test_settings(self) -> None:
        """Members are extensions, the queue is none, and its prompt can be played."""
        for tables, text in (
            ({"601": {"members": ["9"]}}, "[queues.601] members: there is no extension 9"),
            ({"101": {"members": ["101"]}}, "queues.101: 101 is an extension already"),
            (
                {"601": {"members": ["101"], "prompt": "/nowhere.wav"}},
                "[queues.601] prompt: there is no file /nowhere.wav",
            ),
        ):
            with self.subTest(text):
                with self.assertRaises(FeaturesRefused) as caught:
                    Features.of(Agents, document={"extensions": {"101": {}}, "queues": tables})
                self.assertIn(text, str(caught.exception))
