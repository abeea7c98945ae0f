"""The test case for ladders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.persistence import Recovery
from b2bua.testing.manners import Manners, by_hand
from b2bua.testing.phone import Phone
from b2bua.testing.world import World


class LadderTestCase(SynchronousTestCase):
    """
    A test in a simulated world of its own; when it fails it shows the ladder.

    Override C{make_world} for another seed, other settings or features.
    """

    world: World

    def setUp(self) -> None:
        """Make the world."""
        self.world = self.make_world()

    def make_world(self) -> World:
        """Make the world that this test plays in."""
        return World()

    @contextmanager
    def anew(self, *what: Any, **case: Any) -> Iterator[None]:
        """
        Set up once more, and play one of several cases.

        C{with self.anew(who="alice"):} in a loop; a failure says which case it was.

        @param what: what the case is, where that needs no name.
        @param case: the same, with names.
        """
        try:
            self.setUp()
            yield
        except Exception as error:
            named = [f"{name}={value!r}" for name, value in case.items()]
            # C{subTest} says nothing in trial, nor do notes of an exception.
            error.args = (f"{error}\nin the case {', '.join([*map(repr, what), *named])}",)
            raise

    def phones(self, *names: str, manners: Manners | None = None, **options: Any) -> list[Phone]:
        """Set up registered phones that do what the test writes down, unless they have other manners."""
        return self.world.phones(*names, manners=manners or by_hand(), **options)

    def connect(self, caller: Phone, callee: Phone) -> None:
        """Set up a call between two phones by hand, to have it behind us."""
        caller.sends("INVITE", to=callee.name)
        callee.gets("INVITE")
        callee.answers(180)
        caller.gets(180)
        callee.answers(200)
        caller.gets(200)
        caller.sends("ACK")
        callee.gets("ACK")

    def disconnect(self, who: Phone, other: Phone) -> None:
        """End the call that C{connect} has set up."""
        who.sends("BYE")
        other.gets("BYE")
        other.answers(200)
        who.gets(200)

    def crash(self, seconds: float = 2.0) -> Recovery:
        """Kill the server as -9 does, and start it again after some time, with what the store has."""
        served = self.world.served
        assert served is not None
        served.crash()
        self.world.run(seconds)
        return served.restart()

    def quiet(self) -> None:
        """Insist that nothing is left and no rule was broken."""
        self.world.quiet()

    def assertTalking(self, *pairs: tuple[str, str]) -> None:
        """Insist that exactly these hear each other, both ways."""
        wanted = {pair for one, other in pairs for pair in ((one, other), (other, one))}
        if self.world.talking() != wanted:
            raise self.world.failure(f"talking: {sorted(self.world.talking())}, not {sorted(wanted)}")
