"""What features can do with calls, in a whole world."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from b2bua.calls.call import Call
from b2bua.calls.operations.call_control import connect, dial, hang_up, hold, replace
from b2bua.calls.operations.leg_waiter import Gone
from b2bua.calls.verdicts import Outcome
from b2bua.legs.leg import Leg
from tests.ladders.transfers import TransferTestCase


class OperationsTests(TransferTestCase):
    """Alice talks to Bob, and a feature does something about it."""

    def calls(self) -> list[Call]:
        """The calls of the server."""
        return list(self.world.served.server.core.calls.going.values())

    def legs(self, call: Call) -> dict[str, Leg]:
        """The legs of a call by the name of their party."""
        return {leg.party.name: leg for leg in call.legs}

    def start(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Begin an operation."""
        return Deferred.fromCoroutine(work)

    def test_hold_and_connect(self) -> None:
        """A party on hold hears nothing and keeps its call; connected again it talks."""
        self.call(self.alice, self.bob)
        (call,) = self.calls()
        legs = self.legs(call)
        done = self.start(hold(call, legs["alice"]))
        self.world.run(1)
        self.successResultOf(done)
        self.insist(not self.world.talking(), "somebody talks")
        done = self.start(connect(call, legs["alice"], legs["bob"]))
        self.world.run(1)
        self.successResultOf(done)
        self.only_talking(self.alice, self.bob)
        hang_up(call, legs["bob"])
        hang_up(call, legs["alice"])
        self.world.run(1)
        self.quiet()

    def test_dial(self) -> None:
        """A waiting party is connected with whoever answers, with the permission of another."""
        self.call(self.alice, self.bob)
        (call,) = self.calls()
        legs = self.legs(call)
        done = self.start(dial(call, legs["alice"], "carol", behalf=legs["bob"].party))
        self.world.run(4)
        self.assertEqual(self.successResultOf(done).party.name, "carol")
        hang_up(call, legs["bob"])
        self.world.run(1)
        self.only_talking(self.alice, self.carol)
        self.carol.hang_up()
        self.quiet()

    def test_dial_in_vain(self) -> None:
        """With nobody there the outcome says so, and the waiting party keeps its call."""
        self.call(self.alice, self.bob)
        (call,) = self.calls()
        legs = self.legs(call)
        done = self.start(dial(call, legs["alice"], "nobody", behalf=legs["alice"].party))
        self.world.run(1)
        self.assertEqual(self.successResultOf(done), Outcome("not_found", 404))
        self.alice.hang_up()
        self.world.run(1)
        self.bob.hang_up()
        self.quiet()

    def test_dial_and_leave(self) -> None:
        """Who hangs up while the target rings ends the search."""
        self.carol.manners.answers_after = None
        self.call(self.alice, self.bob)
        (call,) = self.calls()
        legs = self.legs(call)
        done = self.start(dial(call, legs["alice"], "carol", behalf=legs["alice"].party))
        self.world.run(1)
        self.alice.hang_up()
        self.world.run(1)
        outcome = self.successResultOf(done)
        self.assertEqual(outcome.code, 487)
        self.bob.hang_up()
        self.quiet()

    def test_replace(self) -> None:
        """One leg takes the place of another, which is ended."""
        (dave,) = self.world.phones("dave", manners=self.alice.manners)
        self.call(self.alice, self.bob)
        self.call(self.carol, dave)
        first, second = self.calls()
        new = self.legs(second)["carol"]
        done = self.start(replace(first, self.legs(first)["bob"], new))
        self.world.run(2)
        self.successResultOf(done)
        self.insist(self.alice.talks_to(self.carol), "alice and carol do not talk")
        self.assertEqual(self.bob.live, [])
        dave.hang_up()
        self.alice.hang_up()
        self.quiet()

    def test_connect_and_leave(self) -> None:
        """When one leaves as they are being connected the other one waits, and can hang up."""
        self.call(self.alice, self.bob)
        (call,) = self.calls()
        legs = self.legs(call)
        done = self.start(connect(call, legs["alice"], legs["bob"]))
        self.world.run(0.005)
        self.bob.hang_up()
        self.world.run(2)
        self.failureResultOf(done, Gone)
        self.insist(bool(self.alice.live), "alice lost her call")
        self.alice.hang_up()
        self.quiet()
