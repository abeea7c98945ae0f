"""Calls that are moved between two servers which share a store, while their phones know of one only."""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from b2bua import hookimpl
from b2bua.calls import Attempt, Conversation, Talk, Wait
from b2bua.calls.call import Call
from b2bua.calls.records.record import CallRecord
from b2bua.calls.restoring.recovery import Unreadable
from b2bua.cluster.lease import DEAD, TERM
from b2bua.cluster.moving import PATIENCE, CannotMove, Moving
from b2bua.store.memory import MemoryStore
from b2bua.testing import Manners, World
from b2bua.testing.nodes import Node
from b2bua.testing.phone import Phone
from b2bua.transactions.flow import Flow
from b2bua_plugins.busy_lamps import BusyLamps
from tests.ladders.lamps import shown
from tests.ladders.transfers import FEATURES, TransferTestCase

A, B = "192.0.2.1", "192.0.2.2"


class MovedCase(TransferTestCase):
    """Two nodes; the phones are registered with node a."""

    features: ClassVar[list[Any]] = []
    settings: ClassVar[dict[str, Any]] = {}

    def make_world(self) -> World:
        """A world with two servers."""
        self.store = MemoryStore("a")
        features = [*FEATURES, *self.features]
        world = World(settings=self.settings, features=features, store=self.store, several=True, relays=True)
        self.a = world.nodes["a"]
        self.b = world.node("b", B)
        return world

    def tearDown(self) -> None:
        """No call has two owners, and none has more than one record."""
        found = self.records()
        self.assertEqual(len({record.id for record in found}), len(found))

    def call_at(self, node: Node) -> Call:
        """The one call that a node has."""
        found = list(node.server.core.calls.going.values())
        self.insist(len(found) == 1, f"node {node.name} has {found}")
        return found[0]

    def owners(self) -> list[str]:
        """The nodes that have a call."""
        return [name for name, node in self.world.nodes.items() if node.server.core.calls.going]

    def move(self, here: Node, there: Node) -> None:
        """Move the call, and see that only one has it."""
        said = here.move(self.call_at(here), there.name)
        self.world.run(0.1)
        self.assertEqual(said, ["moved"])
        self.assertEqual(self.owners(), [there.name])

    def move_over(self) -> None:
        """Move the call to the other node."""
        here, there = (self.a, self.b) if self.owners() == ["a"] else (self.b, self.a)
        self.move(here, there)

    def arrives_at(self, host: str) -> None:
        """What the phones send arrives there from now on."""
        for agent in self.world.agents:
            agent.next_hop = (host, 5060)

    def records(self) -> list[CallRecord]:
        """What the store has of calls."""
        self.world.run(1)
        return list(self.successResultOf(self.store.find_records()))


class MovedTests(MovedCase):
    """A call goes on as if nothing had happened, whose it may be."""

    def test_goes_on(self) -> None:
        """Hold, resume, UPDATE, INFO and BYE from either side, at either process, after each move."""
        for host, (one, other) in product((A, B), ((self.alice, self.bob), (self.bob, self.alice))):
            with self.subTest(host=host, holder=one.name):
                self.call(self.alice, self.bob)
                self.arrives_at(host)
                self.goes_on(one, other, self.move_over)
                self.assertEqual(self.owners(), [])
                self.arrives_at(A)
        self.quiet()

    def test_comes_again(self) -> None:
        """A request that the other node has answered gets that answer again (RFC 3261 section 17.2.2)."""
        self.call(self.alice, self.bob)
        self.move_over()
        self.alice.session.ask("INFO")
        self.world.run(1)
        log = self.world.network.log
        asked = next(one for one in log if one.data.startswith(b"INFO "))
        answer = next(
            one
            for one in log
            if one.data.startswith(b"SIP/2.0 200") and b" INFO\r\n" in one.data and one.source == (A, 5060)
        )
        self.move_over()
        before = len(log)
        self.a.server.runner.received(asked.data, Flow("UDP", (A, 5060), asked.source))
        self.world.run(1)
        self.assertEqual([one.data for one in list(log)[before:]], [answer.data])
        self.alice.hang_up()
        self.quiet()

    def test_one_record(self) -> None:
        """The record has its true beginning and its true end, and it is the owner's."""
        self.call(self.alice, self.bob)
        self.move_over()
        (begun,) = self.records()
        self.assertEqual(begun.node, "b")
        self.world.run(30)
        self.alice.hang_up()
        (record,) = self.records()
        self.assertEqual((record.id, record.started, record.node), (begun.id, begun.started, "b"))
        self.assertEqual((record.hung_up_by, record.why, len(record.legs)), ("extension alice", "bye", 2))
        assert record.answered is not None and record.ended is not None
        self.assertGreater(record.ended - record.answered, 30)
        self.quiet()

    def test_silent(self) -> None:
        """Nobody is told anything by a move."""
        self.call(self.alice, self.bob)
        before = len(self.world.network.log)
        self.move_over()
        self.move_over()
        self.world.run(5)
        self.assertEqual(len(self.world.network.log), before)
        self.alice.hang_up()
        self.quiet()

    def test_crash_of_former_owner(self) -> None:
        """The start after a crash of the process that had it finds no call, and closes no record."""
        self.call(self.alice, self.bob)
        self.move_over()
        self.a.crash()
        self.world.run(2)
        self.a.start_again()
        self.world.run(2)
        self.assertEqual(self.owners(), ["b"])
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()

    def test_crash_of_new_owner(self) -> None:
        """The start after a crash of the process that has it goes on with it, and with its numbers."""
        self.call(self.alice, self.bob)
        self.move_over()
        self.bob.hold()
        self.world.run(0.1)
        self.bob.resume()
        self.world.run(0.1)
        self.b.crash()
        self.world.run(2)
        self.b.start_again()
        self.world.run(2)
        self.assertEqual(self.owners(), ["b"])
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()

    def test_nobody_is_asked(self) -> None:
        """A call that stays where it began costs the other node nothing: no word is said about it."""
        said: list[str] = []
        for node in (self.a, self.b):
            for peer in node.cluster.peers.values():
                say = peer.say
                peer.say = lambda word, say=say: (said.append(word["say"]), say(word))[1]
        self.call(self.alice, self.bob)
        self.bob.hold()
        self.world.run(1)
        self.bob.resume()
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(1)
        self.assertEqual(set(said), {"alive", "seen"})
        self.quiet()


class LimitsTests(MovedCase):
    """Messages may be longer than by default."""

    settings: ClassVar[dict[str, Any]] = {"limits": {"fields": 600}}

    def test_many_fields(self) -> None:
        """What the one may read the other may, too, when it gets it."""
        self.call(self.alice, self.bob)
        self.move_over()
        self.alice.session.ask("INFO")
        self.world.run(1)

        def answers() -> int:
            """How many 200s alice's phone has got."""
            log = self.world.network.log
            return sum(one.data.startswith(b"SIP/2.0 200") and one.destination == asked.source for one in log)

        asked = next(one for one in self.world.network.log if one.data.startswith(b"INFO "))
        head, end, body = asked.data.partition(b"\r\n\r\n")
        again = head + b"\r\nX-Number: 1" * 400 + end + body
        before = answers()
        self.a.server.runner.received(again, Flow("UDP", (A, 5060), asked.source))
        self.world.run(1)
        self.assertEqual(answers(), before + 1)
        self.alice.hang_up()
        self.quiet()


class OthersTests(MovedCase):
    """Phones that are registered with the other node."""

    def setUp(self) -> None:
        """Carol's phone is registered with node b."""
        super().setUp()
        self.carol.unregister()
        self.world.run(1)
        self.carol.next_hop = (B, 5060)
        self.carol.register()
        self.world.run(1)

    def test_called(self) -> None:
        """Whoever is registered with another node is called there, by the socket that the phone knows."""
        self.call(self.alice, self.carol)
        self.assertEqual(self.owners(), ["a"])
        (invite,) = [one for one in self.world.network.log if one.data.startswith(b"INVITE sip:carol@10.")]
        self.assertEqual(invite.source, (B, 5060))
        self.goes_on(self.carol, self.alice, self.move_over)
        self.quiet()

    def test_transfer(self) -> None:
        """A call that was moved is transferred, blind or attended, to a phone of either node."""
        for attended, target, moved in product((False, True), (self.carol, self.dave()), range(3)):
            with self.subTest(attended=attended, target=target.name, moved=moved):
                first = self.call(self.alice, self.bob)[1]
                if moved:
                    self.move_over()
                if attended:
                    first.hold()
                    self.world.run(1)
                    second = self.call(self.bob, target)[0]
                    if moved == 2:
                        said = self.a.move(next(iter(self.a.server.core.calls.going.values())), "b")
                        self.world.run(1)
                        self.assertEqual(said, ["moved"])
                    first.transfer(replaces=second)
                else:
                    first.transfer(target.name)
                self.world.run(5)
                self.only_talking(self.alice, target)
                self.assertEqual((first.told[-1], self.bob.live), (200, []))
                self.alice.hang_up()
                self.world.run(3)
                self.assertEqual(self.owners(), [])
        self.quiet()

    def test_joined(self) -> None:
        """Calls of two nodes, whose legs have the same ids, are joined: the record has all parties."""
        first = self.call(self.alice, self.bob)[1]
        first.hold()
        self.world.run(1)
        self.bob.next_hop = (B, 5060)
        second = self.call(self.bob, self.carol)[0]
        self.assertEqual(self.owners(), ["a", "b"])
        first.transfer(replaces=second)
        self.world.run(5)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()
        parties = [[leg.party for leg in record.legs] for record in self.records()]
        self.assertIn(["extension alice", "extension bob", "extension carol"], parties)

    def test_cannot_be_joined_for_a_bug(self) -> None:
        """A bug while two calls are brought to one node: the REFER is answered all the same."""
        for stays in (False, True):
            with self.subTest(stays=stays):
                self.setUp()
                first = self.call(self.alice, self.bob)[1]
                self.bob.next_hop = (B, 5060)
                second = self.call(self.bob, self.carol)[0]
                self.bob.next_hop = (A, 5060)

                async def breaks(moving: Moving, call: Call, node: str, stays: bool = stays) -> None:
                    raise CannotMove("it rings") if stays and node == "a" else RuntimeError("planted")

                moving = Moving.move
                self.patch(Moving, "move", breaks)
                first.transfer(replaces=second)
                self.world.run(5)
                self.patch(Moving, "move", moving)
                self.assertGreaterEqual(first.refer_code, 200)
                self.assertTrue(self.flushLoggedErrors(RuntimeError))
                for phone in (self.alice, self.bob, self.carol):
                    for session in list(phone.live):
                        session.hang_up()
                self.quiet()

    def dave(self) -> Phone:
        """A phone of node a."""
        (dave,) = self.world.phones("dave", manners=Manners(answers_after=1.0))
        return dave

    def test_connection_of_a_process_that_died(self) -> None:
        """
        What was to go by a connection of a process that died goes by no connection of the next one.

        The CANCEL of an INVITE names whom it was for; others must not hear it (RFC 7092 section 3).
        """
        self.world.network.icmp = False
        (dave,) = self.phones("dave", transport="TCP", manners=Manners(answers_after=None))
        self.bob.next_hop = (B, 5060)
        self.bob.register()
        self.world.run(1)
        self.bob.dial("dave")
        self.world.run(1)
        self.assertEqual([session.state for session in dave.sessions], ["called"])
        dave.refreshes_registration = False
        self.world.network.harmed = True
        self.a.crash()
        self.world.run(2)
        self.a.start_again()
        self.world.run(0.5)
        (erin,) = self.phones("erin", transport="TCP")
        erin.next_hop = (A, 5060)
        erin.register()
        self.world.run(10)
        self.assertEqual(self.world.violations, [])  # "leaks another party's identifier"
        dave.refreshes_registration = True
        self.world.run(200)

    def test_phone_comes_by_another_connection(self) -> None:
        """The call of a phone by TCP follows it when it registers by a new connection, at either node."""
        for host in (A, B):
            with self.subTest(host=host):
                self.setUp()
                erin = self.world.phone("erin", manners=Manners(answers_after=1.0), transport="TCP")
                erin.register()
                self.world.run(1)
                self.call(self.alice, erin)
                self.move_over()
                self.assertEqual(self.owners(), ["b"])
                erin.close_connections()
                erin.next_hop = (host, 5060)
                erin.register()
                self.world.run(2)
                self.alice.hang_up()
                self.world.run(1)
                self.assertEqual((erin.live, self.owners()), ([], []))
                self.quiet()

    def test_phone_comes_while_it_is_asked(self) -> None:
        """A re-INVITE on its way to a Contact by TCP is no other one when the phone registers just then."""
        for host, tenths in product((A, B), range(10)):
            with self.subTest(host=host, at=tenths):
                self.setUp()
                erin = self.world.phone("erin", manners=Manners(answers_after=1.0), transport="TCP")
                erin.register()
                self.world.run(1)
                self.call(self.alice, erin)
                self.move_over()
                self.world.network.link.delay = 0.1
                erin.next_hop = (host, 5060)
                erin.close_connections()
                self.world.run(1)
                self.world.clock.callLater(tenths / 10, erin.register)
                self.world.clock.callLater(0.5, self.alice.hold)
                self.world.run(5)
                self.assertTrue(erin.session.media.held)
                self.alice.hang_up()
                self.world.run(5)
                self.assertEqual((erin.live, self.owners()), ([], []))
                self.quiet()


class LampTests(MovedCase):
    """A lamp shows a call, whose it may be."""

    features: ClassVar[list[Any]] = [BusyLamps]

    def setUp(self) -> None:
        """Dave and Erin watch Alice, each at a node."""
        super().setUp()
        self.lamps = {}
        for name, host in (("dave", A), ("erin", B)):
            phone = self.world.phone(name)
            phone.next_hop = (host, 5060)
            phone.register()
            self.world.run(1)
            self.lamps[name] = phone.watch("alice")
        self.world.run(1)

    def shown(self) -> list[str]:
        """What the two lamps show."""
        self.world.run(1)
        return [shown(lamp.body) for lamp in self.lamps.values()]

    def test_shown(self) -> None:
        """The node that had the call shows what its new owner tells, to the end; that one shows it too."""
        self.call(self.alice, self.bob)
        self.assertEqual(self.shown()[0], "talking")
        self.move_over()
        self.assertEqual(self.shown(), ["talking", "talking"])
        self.alice.hold()
        self.assertEqual(self.shown(), ["held", "held"])
        self.move_over()
        self.move_over()
        self.alice.resume()
        self.assertEqual(self.shown(), ["talking", "talking"])
        self.bob.hang_up()
        idle = self.shown()
        self.assertEqual(idle[0], "idle")
        self.assertEqual(idle[1], "idle")
        self.quiet()

    def test_owner_dies(self) -> None:
        """A call that its new owner brings back is shown again; one that it does not is over."""
        self.call(self.alice, self.bob)
        self.move_over()
        self.world.run(3)
        self.b.crash()
        self.world.run(2)
        self.b.start_again()
        self.world.run(3)
        self.assertEqual(self.shown()[0], "talking")
        self.alice.hang_up()
        self.assertEqual(self.shown()[0], "idle")
        self.call(self.alice, self.bob)
        self.move_over()
        self.world.run(3)
        self.b.crash()
        self.b.store._snapshots.clear()
        self.world.run(2)
        self.b.start_again()
        self.world.run(3)
        self.assertEqual(self.shown()[0], "idle")


class RaceTests(MovedCase):
    """What happens while a call changes hands."""

    def test_every_moment(self) -> None:
        """A request that comes at any moment of a move, at either process, is answered once, and rightly."""
        deeds = {
            "hold": lambda phone: phone.hold(),
            "update": lambda phone: phone.session.update(offer=False),
            "info": lambda phone: phone.session.ask("INFO"),
            "bye": lambda phone: phone.hang_up(),
        }
        for deed, host, tenths in product(deeds, (A, B), range(0, 140, 7)):
            with self.subTest(deed=deed, host=host, at=tenths):
                self.setUp()
                self.call(self.alice, self.bob)
                self.arrives_at(host)
                self.world.clock.callLater(tenths / 10_000, deeds[deed], self.bob)
                self.world.run(0.005)
                said = self.a.move(self.call_at(self.a), "b")
                self.world.run(5)
                self.assertEqual(len(said), 1)
                if deed == "bye":
                    self.assertEqual((self.owners(), self.alice.live), ([], []))
                else:
                    self.assertEqual(self.owners(), ["b"] if said == ["moved"] else ["a"], said)
                    if deed == "hold":
                        self.insist(self.world.talking() == {("bob", "alice")}, "no hold")
                    self.alice.hang_up()
                self.world.run(2)
                self.quiet()

    def test_glare(self) -> None:
        """Two re-INVITEs that cross at any moment of a move, at either process, are through in the end."""
        for host, tenths in product((A, B), range(0, 140, 14)):
            with self.subTest(host=host, at=tenths):
                self.setUp()
                self.call(self.alice, self.bob)
                self.bob.next_hop = (host, 5060)
                for phone in (self.alice, self.bob):
                    self.world.clock.callLater(tenths / 10_000, phone.hold)
                self.world.run(0.005)
                said = self.a.move(self.call_at(self.a), "b")
                self.world.run(10)
                self.assertEqual((said, self.owners()), (["moved"], ["b"]))
                self.insist(self.world.talking() == set(), "not held by both")
                self.alice.resume()
                self.world.run(1)
                self.bob.resume()
                self.world.run(1)
                self.only_talking(self.alice, self.bob)
                self.alice.hang_up()
                self.world.run(2)
                self.quiet()

    def test_session_refresh(self) -> None:
        """Sessions are refreshed on either leg while the call is moved again and again (RFC 4028)."""
        for phone in (self.alice, self.bob):
            phone.manners.session_expires = 90
        self.call(self.alice, self.bob)
        for seconds in (44.99, 45.0, 0.005, 45.0, 90.0, 200.0, 44.0):
            self.world.run(seconds)
            here, there = (self.a, self.b) if self.owners() == ["a"] else (self.b, self.a)
            said = here.move(self.call_at(here), there.name)
            self.world.run(3)
            self.assertEqual((said, self.owners()), (["moved"], [there.name]))
        self.only_talking(self.alice, self.bob)
        self.alice.hang_up()
        self.world.run(2)
        self.quiet()

    def test_exchange_open(self) -> None:
        """A call in which an exchange is open is moved when that is over."""
        self.call(self.alice, self.bob)
        self.bob.hold()
        self.world.run(0.015)
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(1)
        self.assertEqual((said, self.owners()), (["moved"], ["b"]))
        self.insist(self.world.talking() == {("bob", "alice")}, "no hold")
        self.alice.hang_up()
        self.quiet()

    def test_new_owner_dies_before_it_has_it(self) -> None:
        """A call that was let go and never taken stays with its owner; a request waits meanwhile."""
        self.call(self.alice, self.bob)
        self.b.halt()
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(0.1)
        self.assertEqual(self.owners(), [])
        self.bob.hold()
        self.world.run(1)
        self.b.crash()
        self.world.run(2)
        self.assertEqual(said, ["node b has gone; the call stays here"])
        self.assertEqual(self.owners(), ["a"])
        self.insist(self.world.talking() == {("bob", "alice")}, "no hold")
        self.alice.hang_up()
        self.world.run(1)
        self.quiet()

    def test_former_owner_starts_again_before_it_is_taken(self) -> None:
        """Whoever starts again has what nobody has taken yet: who takes it later is too late."""
        self.call(self.alice, self.bob)
        self.world.run(3)
        self.world.network.harmed = True  # a phone misses what the server owes it
        self.b.halt()
        self.a.move(self.call_at(self.a), "b")
        self.world.run(0.1)
        self.a.crash()
        self.world.run(2)
        self.a.start_again()
        self.b.go_on()
        self.world.run(2)
        self.assertEqual(self.owners(), ["a"])
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()

    def test_former_owner_leaves(self) -> None:
        """A process that leaves waits for calls on their way, and begins to move no others."""
        self.call(self.alice, self.bob)
        moving, left = self.a.cluster.moving, list[bool]()
        self.b.halt()
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(0.1)
        Deferred.fromCoroutine(moving.finish()).addCallback(lambda _: left.append(True))
        self.world.run(1)
        self.assertEqual((said, left), ([], []))
        self.b.go_on()
        self.world.run(0.1)
        self.assertEqual((said, left, self.owners()), (["moved"], [True], ["b"]))
        self.move_over()
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(0.1)
        self.assertIn("this process is leaving call", said[0])
        moving.go_on()
        self.b.halt()
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(0.1)
        Deferred.fromCoroutine(moving.finish()).addCallback(lambda _: left.append(True))
        self.world.run(PATIENCE + 0.1)
        self.assertEqual(left, [True, True])
        moving.stop()
        self.assertIn("was on its way to node b as this process left", said[0])
        self.world.network.harmed = True
        self.a.crash()
        self.a.start_again()
        self.b.go_on()
        self.world.run(2)
        self.assertEqual(self.owners(), ["a"])
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()

    def test_new_owner_cannot_read_it(self) -> None:
        """What the new owner cannot read goes back to who had it: nothing is said, and nothing closed."""
        self.call(self.alice, self.bob)
        (leg, _) = self.call_at(self.a).legs
        assert leg.dialog is not None
        self.b.server.context.dialogs.add(leg.dialog, leg)  # as if it were in a call of that node
        before = len(self.world.network.log)
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(1)
        self.assertEqual(said, ["node b could not take it; the call stays here"])
        self.assertEqual((self.owners(), len(self.world.network.log)), (["a"], before))
        (record,) = self.records()
        self.assertEqual((record.node, record.ended), ("a", None))
        self.b.server.context.dialogs.remove(leg.dialog)
        self.goes_on(self.bob, self.alice, self.move_over)
        self.quiet()

    def test_both_take(self) -> None:
        """Former and new owner ask the store for the call at once: one of them has it."""
        self.call(self.alice, self.bob)
        self.b.halt()
        self.a.move(self.call_at(self.a), "b")
        self.world.run(0.1)
        self.a.cluster.moving.lost("b")
        self.assertEqual(self.owners(), ["a"])
        self.b.go_on()
        self.world.run(1)
        self.assertEqual(self.owners(), ["a"])
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()

    def test_store_fails(self) -> None:
        """A store that fails leaves the call where it is, or has it wait until it can be taken."""
        self.call(self.alice, self.bob)
        self.store.failing = "disk full"
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(10)
        self.assertEqual(self.owners(), ["a"])
        self.assertIn("disk full", said[0])
        self.store.failing = None
        self.world.run(40)
        self.b.store.failing = "disk full"
        said = self.a.move(self.call_at(self.a), "b")
        self.world.run(1)
        self.assertEqual((said, self.owners()), ([], []))
        self.bob.hold()
        self.world.run(1)
        self.b.store.failing = None
        self.world.run(2)
        self.assertEqual((said, self.owners()), (["moved"], ["b"]))
        self.insist(self.world.talking() == {("bob", "alice")}, "no hold")
        self.alice.hang_up()
        self.quiet()


class LeaseTests(MovedCase):
    """A process that shows no sign of life loses its calls, and says nothing more."""

    def test_stopped(self) -> None:
        """A process that was stopped for too long says nothing when it goes on, whatever waits in it."""
        self.call(self.alice, self.bob)
        self.world.run(3)
        self.world.network.harmed = True  # a phone misses what the server owes it
        self.a.halt()
        self.carol.register()
        self.world.run(DEAD + 3)
        self.assertEqual(self.b.server.core.calls.going.keys(), self.a.server.core.calls.going.keys())
        for agent in self.world.agents:
            agent.next_hop = (B, 5060)
        began = self.world.clock.seconds()
        self.a.go_on()
        self.assertFalse(self.a.alive)
        self.assertEqual(self.a.server.core.calls.going, {})
        self.world.run(20)
        said = [one for one in self.world.network.log if one.at >= began and one.source[0] == A]
        self.assertEqual(said, [])
        self.assertEqual(self.b.server.core.calls.going.keys(), {self.records()[0].id})
        self.goes_on(self.alice, self.bob, lambda: None)
        self.quiet()

    def test_unreadable(self) -> None:
        """What another one had, and nobody can read, is set aside; the other calls go on."""
        self.call(self.alice, self.bob)
        self.world.run(3)
        kept, aside = [node.server.persistence for node in (self.a, self.b)], list[Unreadable]()
        assert kept[0] is not None and kept[1] is not None
        kept[0].journal.snapshot("damaged", "{")
        kept[1].set_aside = aside.extend
        self.world.run(1)
        self.arrives_at(B)
        self.a.crash()
        self.world.run(DEAD + 3)
        self.assertEqual([(one.call, one.text) for one in aside], [("damaged", "{")])
        self.call_at(self.b)
        self.alice.hang_up()
        self.world.run(1)
        self.quiet()

    def test_stopped_for_a_while(self) -> None:
        """Who was away for less than that goes on, as soon as the store has said that nothing was taken."""
        self.call(self.alice, self.bob)
        self.a.halt()
        self.bob.hold()
        self.world.run(TERM + 1)
        self.a.go_on()
        self.world.run(5)
        self.assertEqual(self.owners(), ["a"])
        self.insist(self.world.talking() == {("bob", "alice")}, "no hold")
        self.alice.hang_up()
        self.quiet()

    def test_store_gone(self) -> None:
        """A store that fails for all ends no lease: they hear each other."""
        self.call(self.alice, self.bob)
        self.store.failing = self.b.store.failing = "disk full"
        self.world.run(60)
        self.goes_on(self.bob, self.alice, lambda: None)
        self.store.failing = self.b.store.failing = None
        self.quiet()

    def test_neither_store_nor_link(self) -> None:
        """Who reaches neither the store nor another node is silent before that one takes its calls."""
        self.call(self.alice, self.bob)
        self.world.run(3)
        self.world.network.harmed = True  # a phone misses what the server owes it
        self.b.crash()
        self.world.run(2)
        self.patch(Node, "_connect", lambda node, row: None)
        self.patch(self.a.cluster, "_connect", lambda row: None)
        self.b.start_again()
        self.world.run(5)
        self.a.store.failing = "no route to the database"
        self.world.run(TERM + 1)
        self.assertTrue(self.a.cluster.lease.is_over())
        self.assertEqual(self.owners(), ["a"])
        self.world.run(DEAD)
        self.assertIn("b", self.owners())
        began = self.world.clock.seconds()
        self.bob.hold()
        self.world.run(5)
        said = [one for one in self.world.network.log if one.at >= began and one.source[0] == A]
        self.assertEqual(said, [])
        self.a.store.failing = None

    def test_dead(self) -> None:
        """The calls of a process that is dead for good are gone on with by another one, with its sockets."""
        self.call(self.alice, self.bob)
        self.world.run(3)
        self.a.crash()
        self.world.run(DEAD + 3)
        self.assertEqual(self.b.server.core.calls.going.keys(), {self.records()[0].id})
        self.arrives_at(B)
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()

    def test_starts_again_in_time(self) -> None:
        """A process that comes back within the time goes on with its calls itself."""
        self.call(self.alice, self.bob)
        self.world.run(3)
        self.a.crash()
        self.world.run(5)
        self.a.start_again()
        self.world.run(DEAD + 5)
        self.assertEqual(self.owners(), ["a"])
        self.goes_on(self.bob, self.alice, lambda: None)
        self.quiet()


class Voices:
    """A voice at 500, and an orbit at 59."""

    @hookimpl
    def route_call(self, attempt: Attempt) -> Talk | Wait | None:
        """Answer for a number that is nobody's."""
        if attempt.user == "500":
            return Talk(self.script)
        return Wait("59", 60, attempt.behalf.name, "Parked") if attempt.user == "59" else None

    async def script(self, talk: Conversation) -> None:
        """Say something again and again."""
        while True:
            await talk.play("welcome.wav")


class RefusedTests(MovedCase):
    """What cannot be moved: one line says why."""

    features: ClassVar[list[Any]] = [Voices]
    settings: ClassVar[dict[str, Any]] = {"extensions": {"erin": {"media": "relay"}}}

    def test_media_of_ours(self) -> None:
        """Who talks to a voice, waits, or has a relay has it from this node."""
        self.alice.dial("500")
        self.world.run(2)
        self.assertIn("hears a voice of this node", self.refused("b"))
        self.alice.hang_up()
        self.world.run(2)
        self.alice.dial("59")
        self.world.run(2)
        self.assertIn("is parked or in a queue of this node", self.refused("b"))
        self.alice.hang_up()
        self.world.run(2)
        (erin,) = self.world.phones("erin", manners=Manners(answers_after=1.0))
        self.call(self.alice, erin)
        self.assertIn("pass through this node", self.refused("b"))
        self.alice.hang_up()
        self.quiet()

    def refused(self, to: str, phone: Phone | None = None) -> str:
        """Why the call cannot be moved."""
        said = self.a.move(self.call_at(self.a), to)
        self.world.run(5)
        self.assertEqual((len(said), self.owners()), (1, ["a"]))
        return said[0]

    def test_nodes(self) -> None:
        """To an unknown node, to itself, and to one that does not answer."""
        self.call(self.alice, self.bob)
        self.assertIn("no node c runs on this database; others that do: b", self.refused("c"))
        self.assertIn("at node a already", self.refused("a"))
        self.b.crash()
        self.world.run(1)
        self.assertIn("node b does not answer", self.refused("b"))
        self.alice.hang_up()
        self.quiet()

    def test_another_version(self) -> None:
        """A node that speaks in other words is none that a call can be moved to."""
        self.call(self.alice, self.bob)
        for node in (self.a, self.b):
            node.cluster.lost(node.cluster.peers["b" if node is self.a else "a"])
        said: list[Any] = []
        link = self.a.cluster.linked(said.append)
        self.assertEqual(said[0]["say"], "hello")
        link.hear({**said[0], "node": "b", "version": said[0]["version"] + 1})
        self.assertIn("node b does not answer", self.refused("b"))
        self.alice.hang_up()
        self.quiet()

    def test_not_settled(self) -> None:
        """A call that rings, and one in the midst of a transfer that takes long."""
        self.bob.manners.answers_after = 20.0
        self.alice.dial("bob")
        self.world.run(2)
        self.assertIn("is not answered yet", self.refused("b"))
        self.alice.hang_up()
        self.world.run(1)
        self.bob.manners.answers_after = 1.0
        self.carol.manners.answers_after = 20.0
        self.call(self.alice, self.bob)
        self.bob.session.transfer("carol")
        self.world.run(2)
        self.assertIn("is not settled", self.refused("b"))
        self.world.run(20)
        self.only_talking(self.alice, self.carol)
        self.alice.hang_up()
        self.quiet()
