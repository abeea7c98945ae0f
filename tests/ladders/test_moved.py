"""Calls that are moved between two servers which share a store, while their phones know of one only."""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

from b2bua import hookimpl
from b2bua.calls import Attempt, Conversation, Talk, Wait
from b2bua.calls.call import Call
from b2bua.cluster.moving import CannotMove, Moving
from b2bua.testing import Manners
from b2bua.testing.phone import Phone
from b2bua.transactions.flow import Flow
from b2bua_plugins.busy_lamps import BusyLamps
from tests.ladders.lamps import shown
from tests.ladders.moved import A, B, MovedCase


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
            with self.anew(stays=stays):
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
            with self.anew(host=host):
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
            with self.anew(host=host, at=tenths):
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
