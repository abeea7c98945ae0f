"""What happens while a call is moved, and who has it when a node stops, dies or loses the store."""

from __future__ import annotations

from itertools import product

from twisted.internet.defer import Deferred

from b2bua.calls.restoring.recovery import Unreadable
from b2bua.cluster.lease import DEAD, TERM
from b2bua.cluster.moving import PATIENCE
from b2bua.testing.nodes import Node
from tests.ladders.moved import A, B, MovedCase


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
            with self.anew(deed=deed, host=host, at=tenths):
                self.call(self.alice, self.bob)
                self.arrives_at(host)
                self.world.clock.callLater(tenths / 10_000, deeds[deed], self.bob)
                self.world.run(0.005)
                said = self.begin_to_move()
                self.world.run(5)
                self.assertEqual(len(said), 1)
                if deed == "bye":
                    self.assertEqual((self.owners(), self.alice.live), ([], []))
                else:
                    self.assertEqual(self.owners(), ["b"] if said == ["moved"] else ["a"], said)
                    if deed == "hold":
                        self.bob_holds()
                    self.alice.hang_up()
                self.world.run(2)
                self.quiet()

    def test_glare(self) -> None:
        """Two re-INVITEs that cross at any moment of a move, at either process, are through in the end."""
        for host, tenths in product((A, B), range(0, 140, 14)):
            with self.anew(host=host, at=tenths):
                self.call(self.alice, self.bob)
                self.bob.next_hop = (host, 5060)
                for phone in (self.alice, self.bob):
                    self.world.clock.callLater(tenths / 10_000, phone.hold)
                self.world.run(0.005)
                said = self.begin_to_move()
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
        said = self.begin_to_move()
        self.world.run(1)
        self.assertEqual((said, self.owners()), (["moved"], ["b"]))
        self.bob_holds()
        self.alice.hang_up()
        self.quiet()

    def test_new_owner_dies_before_it_has_it(self) -> None:
        """A call that was let go and never taken stays with its owner; a request waits meanwhile."""
        self.call(self.alice, self.bob)
        self.b.halt()
        said = self.begin_to_move()
        self.world.run(0.1)
        self.assertEqual(self.owners(), [])
        self.bob.hold()
        self.world.run(1)
        self.b.crash()
        self.world.run(2)
        self.assertEqual(said, ["node b has gone; the call stays here"])
        self.assertEqual(self.owners(), ["a"])
        self.bob_holds()
        self.alice.hang_up()
        self.world.run(1)
        self.quiet()

    def test_former_owner_starts_again_before_it_is_taken(self) -> None:
        """Whoever starts again has what nobody has taken yet: who takes it later is too late."""
        self.call(self.alice, self.bob)
        self.some_miss_something()
        self.b.halt()
        self.begin_to_move()
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
        said = self.begin_to_move()
        self.world.run(0.1)
        Deferred.fromCoroutine(moving.finish()).addCallback(lambda _: left.append(True))
        self.world.run(1)
        self.assertEqual((said, left), ([], []))
        self.b.go_on()
        self.world.run(0.1)
        self.assertEqual((said, left, self.owners()), (["moved"], [True], ["b"]))
        self.move_over()
        said = self.begin_to_move()
        self.world.run(0.1)
        self.assertIn("this process is leaving call", said[0])
        moving.go_on()
        self.b.halt()
        said = self.begin_to_move()
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
        said = self.begin_to_move()
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
        self.begin_to_move()
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
        said = self.begin_to_move()
        self.world.run(10)
        self.assertEqual(self.owners(), ["a"])
        self.assertIn("disk full", said[0])
        self.store.failing = None
        self.world.run(40)
        self.b.store.failing = "disk full"
        said = self.begin_to_move()
        self.world.run(1)
        self.assertEqual((said, self.owners()), ([], []))
        self.bob.hold()
        self.world.run(1)
        self.b.store.failing = None
        self.world.run(2)
        self.assertEqual((said, self.owners()), (["moved"], ["b"]))
        self.bob_holds()
        self.alice.hang_up()
        self.quiet()


class LeaseTests(MovedCase):
    """A process that shows no sign of life loses its calls, and says nothing more."""

    def test_stopped(self) -> None:
        """A process that was stopped for too long says nothing when it goes on, whatever waits in it."""
        self.call(self.alice, self.bob)
        self.some_miss_something()
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
        self.bob_holds()
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
        self.some_miss_something()
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
