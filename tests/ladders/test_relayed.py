"""Media that pass through a relay: who hears whom, whatever is done with the call."""

from __future__ import annotations

from typing import Any, ClassVar

from b2bua.calls.call import Call
from b2bua.media.ports import RelayHappened
from b2bua.store.memory import MemoryStore
from b2bua.testing import LadderTestCase, Manners, World
from b2bua_plugins.attended_transfer import AttendedTransfer
from b2bua_plugins.blind_transfer import BlindTransfer
from b2bua_plugins.music_on_hold import MusicOnHold
from b2bua_plugins.park import Park
from b2bua_plugins.pickup import Pickup
from b2bua_plugins.replaces import Replaces
from b2bua_plugins.ring_group import RingGroup

ALWAYS: dict[str, Any] = {"media": "relay"}


def told(call: Call) -> str:
    """What a call tells of itself."""
    return "\n".join(text for _, text in call.story.lines())


class RelayCase(LadderTestCase):
    """What Alice says and hears has to pass through a relay, which takes a moment to answer."""

    settings: ClassVar[dict[str, Any]] = {"extensions": {"alice": ALWAYS}}
    features: ClassVar[list[Any]] = []
    delay = 0.005

    def make_world(self) -> World:
        """A world with an engine."""
        self.store = MemoryStore()
        return World(features=self.features, settings=self.settings, store=self.store, relays=True)

    def setUp(self) -> None:
        """Let there be phones."""
        super().setUp()
        self.world.relays.delay = self.delay
        self.alice, self.bob, self.carol = self.world.phones(
            "alice", "bob", "carol", manners=Manners(answers_after=1)
        )

    def call(self) -> None:
        """Let Alice and Bob talk."""
        self.alice.dial("bob")
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relayed(), {"alice", "bob"})

    def calls(self) -> list[Call]:
        """Those that go on."""
        assert self.world.served is not None
        return list(self.world.served.server.core.calls.going.values())

    def story(self) -> str:
        """What they tell of themselves."""
        return "\n".join(map(told, self.calls()))

    def over(self) -> None:
        """Everybody hangs up; nothing is left, no relay either."""
        for phone in (self.alice, self.bob, self.carol):
            for session in list(phone.live):
                session.hang_up()
        self.world.run(2)
        self.assertEqual(self.world.relays.open_relays, [])
        self.quiet()


class RelayedTests(RelayCase):
    """Two talk."""

    def test_call(self) -> None:
        """Both send to the relay, and hear each other by it; the trace says why."""
        self.call()
        self.assertIn('go through a relay: media = "relay" of extension alice', self.story())
        self.over()

    def test_without_sound(self) -> None:
        """A call of pictures passes through it too: neither is told the other's address."""
        self.alice.kinds = self.bob.kinds = ("video",)
        called = self.alice.dial("bob")
        self.world.run(2)
        self.assertEqual(called.state, "up")
        for phone in (self.alice, self.bob):
            shown = phone.session.media.theirs
            assert shown is not None
            self.assertEqual({one.address for one in shown.streams}, {self.world.server_address[0]})
        self.alice.hang_up()
        self.quiet()

    def test_told(self) -> None:
        """The relay learns where each signals from, and at which address of ours it is reached."""
        self.call()
        asked = [(towards.host, peer) for _, _, towards, peer in self.world.relays.asked]
        self.assertEqual(asked, [("192.0.2.1", self.alice.host), ("192.0.2.1", self.bob.host)])
        self.over()

    def test_direct(self) -> None:
        """Nobody needs a relay: media go from phone to phone, and the engine is asked nothing."""
        self.bob.dial("carol")
        self.world.run(2)
        self.assertTalking(("bob", "carol"))
        self.assertEqual((self.world.relayed(), self.world.relays.asked), (set(), []))
        self.over()

    def test_hold(self) -> None:
        """A re-INVITE passes through it as well, from either side."""
        self.call()
        for phone, other in ((self.alice, self.bob), (self.bob, self.alice)):
            phone.session.hold()
            self.world.run(1)
            self.assertFalse(phone.hears(other))
            phone.session.resume()
            self.world.run(1)
            self.assertTalking(("alice", "bob"))
        self.over()

    def test_media_move(self) -> None:
        """A phone that takes other ports is heard at them; what is refused has changed nothing (14.1)."""
        self.call()
        self.bob.session.move_media()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.bob.manners.change_after = None
        self.alice.session.move_media()
        self.world.run(62)
        self.assertEqual(self.alice.session.changes, [504])
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_glare(self) -> None:
        """Two changes cross while the engine thinks: one is done after the other."""
        for apart in (0.0, 0.003, 0.008, 0.012, 0.02):
            with self.anew(apart=apart):
                self.call()
                self.alice.session.move_media()
                self.world.run(apart)
                self.bob.session.move_media()
                self.world.run(10)
                self.assertTalking(("alice", "bob"))
                self.over()

    def test_without_offer(self) -> None:
        """The callee offers in its 2xx, and the ACK brings the answer: both by the relay."""
        self.alice.dial("bob", offer=False)
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relayed(), {"alice", "bob"})
        self.over()

    def test_update(self) -> None:
        """An UPDATE passes as a re-INVITE does."""
        self.call()
        self.alice.session.media.port = self.world.new_media_port()
        self.alice.session.update()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_settled(self) -> None:
        """Of a call that is over nothing is kept, and what came from each party is told."""
        self.call()
        (call,) = self.calls()
        self.over()
        self.assertIn("leg 1: 1000 packets came, 3 were lost, jitter 12 ms, MOS 4.2", told(call))
        (kept,) = self.successResultOf(self.store.find_records())
        came = [(leg.packets, leg.lost, leg.jitter, leg.mos) for leg in kept.legs]
        self.assertEqual(came, [(1000, 3, 0.012, 4.2)] * 2)


class PolicyTests(RelayCase):
    """Who needs a relay."""

    settings: ClassVar[dict[str, Any]] = {
        "trunks": {"carrier": {"uri": "sip:198.51.100.7", "accept_from": ["198.51.100.7"], "media": "relay"}},
        "routes": [{"match": "[+].*", "trunk": "carrier"}],
    }

    def test_trunk(self) -> None:
        """A trunk may have all its calls relayed, in both directions, before its server has been found."""
        carrier = self.world.trunk(
            "carrier", host="198.51.100.7", number="+4930123456", manners=Manners(answers_after=1)
        )
        self.alice.dial("+4940999")
        self.world.run(3)
        self.assertTalking(("alice", "carrier"))
        (_, _, towards, _), *_ = self.world.relays.asked
        self.assertEqual(towards.host, "192.0.2.1")
        self.alice.hang_up()
        self.world.run(1)
        carrier.dial("bob")
        self.world.run(3)
        self.assertTalking(("bob", "carrier"))
        self.assertEqual(self.world.relayed(), {"bob", "carrier"})
        carrier.hang_up()
        self.over()

    def test_nat(self) -> None:
        """A phone that has registered an address at which it is not seen is behind a NAT (RFC 3581)."""
        dave = self.world.phone("dave", Manners(answers_after=1))
        dave.register(contact=f"<sip:dave@192.168.1.10:{dave.port}>")
        self.world.run(1)
        self.alice.dial("dave")
        self.world.run(3)
        self.assertTalking(("alice", "dave"))
        self.assertEqual(self.world.relayed(), {"alice", "dave"})
        self.assertIn("extension dave is behind a NAT: its Contact is at 192.168.1.10", self.story())
        self.over()

    def test_not_able(self) -> None:
        """With an engine that cannot do it media go directly, and the trace says why."""
        self.world.relays.can = frozenset()
        self.carol.dial("alice")
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.over()


class BeforeTheAnswerTests(RelayCase):
    """The engine takes its time before the call is answered."""

    features: ClassVar[list[Any]] = [RingGroup]
    settings: ClassVar[dict[str, Any]] = {
        "extensions": {"alice": ALWAYS},
        "ring_groups": {"600": {"members": ["bob", "carol"], "mode": "parallel"}},
    }

    def test_given_up(self) -> None:
        """Alice gives up while the engine thinks: nobody is rung, or hears a CANCEL."""
        self.world.relays.delay = 0.5
        for after in (0.1, 0.3, 0.6, 0.9, 1.7, 2.2):
            with self.subTest(after=after):
                self.alice.dial("bob")
                self.world.run(after)
                self.alice.session.hang_up()
                self.world.run(5)
                self.assertEqual((self.alice.live, self.bob.live), ([], []))
        self.over()

    def test_not_sent(self) -> None:
        """Of a call that is over before the engine has answered Bob hears nothing."""
        self.world.relays.delay = 30
        self.alice.dial("bob")
        self.world.run(5)
        self.alice.session.hang_up()
        self.world.run(60)
        to_bob = [packet.data for packet in self.world.network.log if packet.destination[0] == self.bob.host]
        self.assertFalse(any(data.startswith(b"INVITE") for data in to_bob))
        self.over()

    def test_rings_too_long(self) -> None:
        """An engine that does not answer at all holds nobody: the time to ring ends the call."""
        self.world.relays.delay = 400
        self.alice.dial("bob")
        self.world.run(300)
        self.assertEqual((self.alice.live, self.alice.sessions[-1].code), ([], 480))
        self.over()

    def test_hung_up_while_answering(self) -> None:
        """Bob hangs up while his answer waits for the engine."""
        self.alice.dial("bob")
        self.world.run(0.5)
        self.world.relays.delay = 2
        self.world.run(1)
        self.bob.session.hang_up()
        self.world.run(5)
        self.assertEqual(self.alice.live, [])
        self.over()

    def test_forked(self) -> None:
        """Several phones ring, each with ports of its own; who answers is heard, the others are forgotten."""
        self.bob.manners.answers_after = None
        self.alice.dial("600")
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        (relay,) = self.world.relays.open_relays
        self.assertEqual(len(relay.passed.ports), 2)
        self.over()

    def test_early_media(self) -> None:
        """Before the answer Alice hears the phone that has begun to speak, and then who answers."""
        self.bob.manners.answers_after = None
        self.bob.manners.rings_after = None
        self.alice.dial("bob")
        self.world.run(0.5)
        self.bob.session.ring(183, session=True)
        self.world.run(0.5)
        self.assertTrue(self.alice.hears(self.bob))
        self.bob.session.answer()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.over()


class OfficeTests(RelayCase):
    """What an office does with its calls, some of which are relayed."""

    features: ClassVar[list[Any]] = [AttendedTransfer, BlindTransfer, Park, Pickup, MusicOnHold]
    settings: ClassVar[dict[str, Any]] = {
        "extensions": {"alice": ALWAYS},
        "park": {"orbits": "701-703", "seconds": 60},
        "music_on_hold": {},
    }

    def test_music(self) -> None:
        """Whom Alice holds hears our voice without the relay, and Alice by it afterwards."""
        self.call()
        self.alice.session.hold()
        self.world.run(1)
        self.assertEqual((self.world.hears(self.bob), self.world.relayed()), ("music", set()))
        self.alice.session.resume()
        self.world.run(1)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relayed(), {"alice", "bob"})
        self.over()

    def test_blind(self) -> None:
        """Alice, relayed, is transferred to Carol; Bob to Carol need no relay any more."""
        for survivor, relayed in (("alice", {"alice", "carol"}), ("bob", set())):
            with self.anew(survivor=survivor):
                self.call()
                (self.bob if survivor == "alice" else self.alice).session.transfer("carol")
                self.world.run(5)
                self.assertTalking((survivor, "carol"))
                self.assertEqual(self.world.relayed(), relayed)
                self.over()

    def test_attended(self) -> None:
        """Alice has two relayed calls and joins them: one relay is left, or none if none is needed."""
        self.call()
        self.alice.session.hold()
        self.world.run(1)
        consultation = self.alice.dial("carol")
        self.world.run(3)
        self.assertEqual(len(self.world.relays.open_relays), 2)
        self.alice.sessions[0].transfer(replaces=consultation)
        self.world.run(5)
        self.assertTalking(("bob", "carol"))
        self.assertEqual(self.world.relayed(), set())
        self.over()

    def test_attended_to_alice(self) -> None:
        """Bob joins two calls of his, one of them with Alice."""
        self.call()
        self.bob.session.hold()
        self.world.run(1)
        self.assertEqual(self.world.hears(self.alice), "music")
        consultation = self.bob.dial("carol")
        self.world.run(3)
        self.bob.sessions[0].transfer(replaces=consultation)
        self.world.run(5)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.world.relayed(), {"alice", "carol"})
        self.over()

    def test_park(self) -> None:
        """Alice is parked, hears music, and is picked up by Carol through a relay."""
        self.call()
        self.bob.session.transfer("701")
        self.world.run(3)
        self.assertEqual((self.world.hears(self.alice), self.world.relayed()), ("music", set()))
        self.carol.dial("701")
        self.world.run(3)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.world.relayed(), {"alice", "carol"})
        self.over()

    def test_picked_up(self) -> None:
        """Carol picks up what rings at Bob: both have offered, and each is the other's answer."""
        self.bob.manners.answers_after = None
        self.alice.dial("bob")
        self.world.run(1)
        self.carol.dial("**bob")
        self.world.run(2)
        self.assertTalking(("alice", "carol"))
        self.assertEqual(self.world.relayed(), {"alice", "carol"})
        self.over()


class FaultTests(RelayCase):
    """The engine cannot, or dies."""

    def test_cannot(self) -> None:
        """Media that must pass through a relay: the caller hears that it failed, and the trace says why."""
        self.world.relays.broken = True
        self.alice.dial("bob")
        self.world.run(1)
        self.assertEqual((self.alice.sessions[-1].code, self.bob.sessions), (500, []))
        self.over()

    def test_change_cannot(self) -> None:
        """A re-INVITE that cannot pass is refused, and the call goes on as it was (14.1)."""
        self.call()
        self.world.relays.broken = True
        self.alice.session.hold()
        self.world.run(2)
        self.assertEqual(self.alice.session.changes, [500])
        self.assertIn("no relay for media of extension alice", self.story())
        self.world.relays.broken = False
        self.assertEqual(self.alice.session.state, "up")
        self.over()

    def test_dies(self) -> None:
        """An engine that dies in a call: both are shown another relay, and hear each other again."""
        self.call()
        self.world.relays.lose()
        self.assertTalking()
        self.world.run(5)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relayed(), {"alice", "bob"})
        self.over()

    def test_dies_while_busy(self) -> None:
        """So it is when one of them is just changing the session, or on hold."""
        for moment in (0.0, 0.005, 0.012, 0.02, 0.03):
            with self.anew(moment=moment):
                self.call()
                self.bob.session.move_media()
                self.world.run(moment)
                self.world.relays.lose()
                self.world.run(15)
                self.assertTalking(("alice", "bob"))
                self.over()

    def test_silent(self) -> None:
        """No media come from a party that is expected to speak: the call is ended, and the record says so."""
        self.call()
        (relay,) = self.world.relays.open_relays
        relay.hear(RelayHappened("silent", relay.passed.legs[1], "for 30 s"))
        self.world.run(1)
        self.assertEqual((self.alice.live, self.bob.live), ([], []))
        assert self.world.served is not None
        self.assertEqual(self.world.served.records[-1].why, "no media")
        self.over()

    def test_silent_on_hold(self) -> None:
        """Who is on hold need not send anything."""
        self.call()
        self.alice.session.hold()
        self.world.run(1)
        (relay,) = self.world.relays.open_relays
        relay.hear(RelayHappened("silent", relay.passed.legs[1], "for 30 s"))
        self.world.run(1)
        self.assertEqual(len(self.bob.live), 1)
        self.over()


class KeptTests(RelayCase):
    """The server dies, and is there again."""

    features: ClassVar[list[Any]] = [Replaces]

    def test_goes_on(self) -> None:
        """An engine that lives on passes media on meanwhile, and changes of the session afterwards."""
        self.call()
        self.world.run(5)
        assert self.world.served is not None
        self.world.served.crash()
        self.assertTalking(("alice", "bob"))
        before = sum(b"INVITE" in packet.data for packet in self.world.network.log)
        self.world.served.restart()
        self.world.run(1)
        self.assertEqual(sum(b"INVITE" in packet.data for packet in self.world.network.log), before)
        self.bob.session.move_media()
        self.world.run(2)
        self.assertTalking(("alice", "bob"))
        self.over()

    def test_replaced(self) -> None:
        """Who has taken the place of another talks on after a crash, as soon as a batch has gone."""
        for after in (0.25, 0.6, 1.0):
            with self.anew(after=after):
                self.call()
                self.world.run(5)
                bobs = self.bob.session
                named = f"{bobs.call_id};to-tag={bobs.remote_tag};from-tag={bobs.local_tag}"
                self.carol.dial("bob", fields=(("Replaces", named), ("Require", "replaces")))
                self.world.run_until(lambda: ("alice", "carol") in self.world.talking())
                self.world.run(after)
                self.world.served.crash()
                self.world.served.restart()
                self.world.run(70)
                self.assertTalking(("alice", "carol"))
                self.over()

    def test_handed_over(self) -> None:
        """A restart without loss hands the relay over: nobody is told, and the process before keeps none."""
        self.call()
        self.world.run(5)
        served = self.world.served
        assert served is not None
        before = sum(b"INVITE" in packet.data for packet in self.world.network.log)
        (relay,) = self.world.relays.open_relays
        served.hand_over()
        self.assertEqual((relay.closed, len(self.world.relays.open_relays)), (True, 1))
        self.world.run(40)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(sum(b"INVITE" in packet.data for packet in self.world.network.log), before)
        self.over()

    def test_too_late(self) -> None:
        """What the engine answers to a process that has died is heard by nobody: Bob gets no INVITE."""
        self.world.relays.delay = 2
        self.alice.dial("bob")
        self.world.run(1)
        self.crash()
        self.world.run(5)
        to_bob = [packet.data for packet in self.world.network.log if packet.destination[0] == self.bob.host]
        self.assertFalse(any(data.startswith(b"INVITE") for data in to_bob))

    def test_engine_gone(self) -> None:
        """One that died with the server is replaced: both are shown another relay."""
        self.world.relays.outlives = False
        self.call()
        self.world.run(5)
        assert self.world.served is not None
        self.world.served.crash()
        self.assertTalking()
        self.world.served.restart()
        self.world.run(5)
        self.assertTalking(("alice", "bob"))
        self.assertEqual(self.world.relayed(), {"alice", "bob"})
        self.over()
