"""Transfers that the other phone carries out: C{transfer = "pass"}, the guide's drawings."""

from __future__ import annotations

from b2bua.store.memory import MemoryStore
from b2bua.testing import Trunk, World
from b2bua.testing.manners import Manners
from b2bua.testing.served import HOST
from tests.ladders.transfers import FEATURES, TransferTestCase


class PassedTests(TransferTestCase):
    """Bob's REFER is handed to Alice, whose phone makes the call."""

    def make_world(self) -> World:
        """Let Bob's transfers pass."""
        return World(features=FEATURES, settings={"extensions": {"bob": {"transfer": "pass"}}})

    def test_blind(self) -> None:
        """The REFER reaches Alice, she calls Carol, the NOTIFYs come back to Bob."""
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol")
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.assertEqual((session.refer_code, session.told[-1], session.told_end), (202, 200, True))
        self.alice.hang_up()
        self.quiet()

    def test_blind_transferor_leaves_at_once(self) -> None:
        """Bob's BYE follows the 202; the NOTIFYs after it are taken all the same (RFC 5057 section 4)."""
        self.bob.manners.leaves_after_refer = "at once"
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol")
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(session.told[-1], 200)
        self.alice.hang_up()
        self.quiet()

    def test_target_busy(self) -> None:
        """Alice's phone hears that Carol is busy and tells Bob."""
        self.carol.manners.refuses = 486
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol")
        self.world.run(5)
        self.assertEqual(session.told[-1], 486)
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_hears_it_ring(self) -> None:
        """AVA-AI-Voice-Agent#390: silence for who is transferred; passed on, its own phone rings back."""
        self.carol.manners.answers_after = 5.0
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(2)
        self.assertIn(180, self.alice.session.codes)
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()

    def test_refused_by_the_other_phone(self) -> None:
        """A REFER that the other phone refused blocked, and then ended the call (freeswitch PR#3059)."""
        self.alice.manners.accepts_refer = False
        self.call(self.alice, self.bob)
        session = self.bob.session
        session.transfer("carol")
        self.world.run(1)
        self.assertEqual((session.refer_code, session.told), (603, []))
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.quiet()

    def test_attended(self) -> None:
        """itsbc#8: Replaces was passed on as it was, and the third party never released."""
        self.call(self.alice, self.bob)
        first = self.bob.session
        first.hold()
        self.world.run(1)
        second, _ = self.call(self.bob, self.carol)
        first.transfer(replaces=second)
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.assertEqual(self.bob.live, [])
        self.carol.hang_up()
        self.quiet()

    def test_semi_attended(self) -> None:
        """No phone can take over a call that rings (RFC 3891 section 3): we let it ring on ourselves."""
        for gives_up in (False, True):
            with self.anew(gives_up=gives_up):
                self.carol.manners.answers_after = 3.0
                self.call(self.alice, self.bob)
                first = self.bob.session
                second = self.bob.dial("carol")
                self.world.run(1)
                if gives_up:
                    second.hang_up()
                    self.world.run(0.2)
                first.transfer("carol", replaces=second)
                self.world.run(6)
                self.only_talking(self.alice, self.carol)
                self.assertEqual((self.bob.live, len(self.alice.sessions)), ([], 1))
                self.carol.hang_up()
                self.quiet()

    def test_refused_by_policy(self) -> None:
        """C{transfer = "refuse"} answers 603, and the call goes on."""
        self.world.served.document["extensions"]["carol"] = {"transfer": "refuse", "password": "carol-knows"}
        self.world.served.configure()
        self.call(self.alice, self.carol)
        session = self.carol.session
        session.transfer("bob")
        self.world.run(2)
        self.assertEqual(session.refer_code, 603)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()


class KeptTests(TransferTestCase):
    """The name by which Alice knows Bob's other call outlives the process."""

    def make_world(self) -> World:
        """The same, with a store."""
        return World(
            features=FEATURES,
            settings={"extensions": {"bob": {"transfer": "pass"}}},
            store=MemoryStore(),
        )

    def test_name(self) -> None:
        """Alice is slow; the process that has the other call when she comes knows it by that name, too."""
        for crash in (False, True):
            with self.anew(crash=crash):
                served = self.world.served
                self.call(self.alice, self.bob)
                first = self.bob.session
                second, _ = self.call(self.bob, self.carol)
                self.world.run(5)
                self.world.network.own_link(self.alice.host, HOST).delay = 20.0
                first.transfer(replaces=second)
                self.world.run(1.5)
                dialogs = served.server.context.dialogs
                named = dialogs.find_replaced(second.call_id, second.remote_tag, second.local_tag)
                name = dialogs.alias_of(named.dialog)
                first.hang_up()
                self.world.run(0.1)
                if crash:
                    served.crash()
                    served.restart()
                else:
                    served.hand_over()
                known = served.server.context.dialogs.find_replaced(*name)
                self.assertIsNot(known, named)
                self.assertEqual((known.id, known.party.name), (named.id, "bob"))


class GrantedTests(TransferTestCase):
    """What C{[replaces]} allows to phones that come by themselves."""

    def test_attended(self) -> None:
        """Whoever was sent by a REFER that we passed on may take the transferor's place all the same."""
        own = World(
            features=FEATURES,
            settings={"extensions": {"bob": {"transfer": "pass"}}, "replaces": {"allow": "own"}},
        )
        none = World(features=FEATURES[:-1], settings={"extensions": {"bob": {"transfer": "pass"}}})
        for world in (own, none):
            with self.subTest(features=world.served.document.get("replaces")):
                self.world = world
                phones = world.phones("alice", "bob", "carol", manners=Manners(answers_after=1.0))
                self.alice, self.bob, self.carol = phones
                world.run(1)
                self.call(self.alice, self.bob)
                first = self.bob.session
                second, _ = self.call(self.bob, self.carol)
                first.transfer(replaces=second)
                world.run(5)
                self.only_talking(self.alice, self.carol)
                self.assertEqual(self.bob.live, [])
                self.carol.hang_up()
                self.quiet()


class TrunkTests(TransferTestCase):
    """Who does the work when the transfer comes from a carrier, or the call that is transferred does."""

    def start(self, choice: str, **bob: str) -> Trunk:
        """Make a world with a carrier."""
        host = "198.51.100.7"
        trunk = {"uri": f"sip:{host}", "accept_from": [host], "options_seconds": 0.0, "transfer": choice}
        self.world = World(
            features=FEATURES,
            settings={
                "trunks": {"carrier": trunk},
                "routes": [{"match": r"\+\d+", "trunks": ["carrier"]}],
                "extensions": {"bob": bob},
            },
        )
        manners = Manners(answers_after=1.0)
        self.alice, self.bob, self.carol = self.world.phones("alice", "bob", "carol", manners=manners)
        self.world.run(1)
        return self.world.trunk("carrier", manners.but(), host=host)

    def test_by_a_carrier(self) -> None:
        """C{[trunks.carrier] transfer}: done here, handed to Bob's phone, or refused."""
        for choice, code, calls in (("local", 202, 1), ("pass", 202, 2), ("refuse", 603, 1)):
            with self.subTest(choice=choice):
                carrier = self.start(choice)
                carrier.dial(f"sip:bob@{self.world.domain}")
                self.world.run(3)
                session = carrier.session
                session.transfer(f"sip:carol@{self.world.domain}")
                self.world.run(6)
                self.assertEqual((session.refer_code, len(self.bob.sessions)), (code, calls))
                self.only_talking(self.bob, carrier if choice == "refuse" else self.carol)
                self.bob.hang_up()
                self.quiet()

    def test_of_a_carrier(self) -> None:
        """Bob transfers who calls from outside: his C{transfer} counts, not that of the trunk."""
        for choice, sessions in (("local", 1), ("pass", 2)):
            with self.subTest(choice=choice):
                carrier = self.start("refuse", transfer=choice)
                carrier.dial(f"sip:bob@{self.world.domain}")
                self.world.run(3)
                self.bob.session.transfer("carol")
                self.world.run(6)
                self.only_talking(carrier, self.carol)
                self.assertEqual(len(carrier.sessions), sessions)
                self.carol.hang_up()
                self.quiet()

    def test_of_a_carrier_attended(self) -> None:
        """Passed on to a carrier: its INVITE with Replaces is let in, since we have asked for it."""
        carrier = self.start("local", transfer="pass")
        carrier.dial(f"sip:bob@{self.world.domain}")
        self.world.run(3)
        first = self.bob.session
        second, _ = self.call(self.bob, self.carol)
        first.transfer(replaces=second)
        self.world.run(6)
        self.only_talking(carrier, self.carol)
        self.assertEqual(self.bob.live, [])
        self.carol.hang_up()
        self.quiet()
