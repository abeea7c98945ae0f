"""Plugins keep to the faces of calls, legs and attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua import hookimpl
from b2bua.testing import World
from b2bua.testing.chance import play
from b2bua.testing.narrow import only_the_face
from tests.simulation.forwards import Forwards
from tests.simulation.parking import Parking
from tests.simulation.transfers import Transfers


class Curious:
    """A plugin that does something with each thing that it is given."""

    def __init__(self, do: Callable[[Any, Any], object]) -> None:
        """Do that with an attempt and the caller's leg."""
        self.do = do

    @hookimpl
    def route_call(self, attempt: Any) -> None:
        """Reach for it."""
        self.do(attempt, attempt.leg)


class NarrowTests(SynchronousTestCase):
    """L{only_the_face}."""

    def called(self, do: Callable[[Any, Any], object]) -> list[str]:
        """What a plugin has reached for that is not for it, in a call that goes on all the same."""
        world = World(features=[Curious(do)])
        alice, bob = world.phones("alice", "bob")
        with only_the_face(__name__) as reached:
            alice.dial("bob")
            world.run(5)
            self.assertTrue(alice.talks_to(bob))
            alice.hang_up()
            world.quiet()
        return reached

    def test_within(self) -> None:
        """What the face has may be read."""
        told: list[object] = []
        reached = self.called(lambda attempt, leg: told.append((attempt.caller_number, leg.incoming)))
        self.assertEqual((told, reached), ([("alice", True)], []))

    def test_beyond(self) -> None:
        """What it has not is refused; the plugin has failed, and the call goes on."""
        for do, what in (
            (lambda attempt, leg: leg.hang_up(), "Leg.hang_up"),
            (lambda attempt, leg: attempt.call.end(), "Call.end"),
            (lambda attempt, leg: attempt.cancel(), "Attempt.cancel"),
            (lambda attempt, leg: setattr_of(leg), "Leg.party"),
        ):
            self.assertEqual(self.called(do), [f"{__name__}: {what}"])
            self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_afterwards(self) -> None:
        """When the block is left, all is as it was."""
        with only_the_face(__name__):
            pass
        world = World()
        alice, _bob = world.phones("alice", "bob")
        alice.dial("bob")
        world.run(5)
        [call] = world.served.server.core.calls.going.values()
        world.served.server.core.calls.run(call.end)
        world.quiet()

    def test_ours(self) -> None:
        """Our own plugins keep to it, whatever happens."""
        with only_the_face("b2bua_plugins") as reached:
            for kind in (Forwards, Transfers, Parking):
                for seed in range(700, 704):
                    self.assertEqual(play(seed, kind=kind).complaint, "")
        self.assertEqual(reached, [])


def setattr_of(leg: Any) -> None:
    """Change whom a leg is with."""
    leg.party = None
