"""
A table of transfers: every step of every kind, and everything that may happen in it.

A cell is a kind of transfer, a moment after the REFER, an event, and who causes
it.  Whatever happens, when all is over nothing is left, and nobody who was
talking waits in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from b2bua.testing import World
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.session import Session
from tests.ladders.transfers import FEATURES

KINDS = ("blind", "blind, leaves at once", "attended", "semi-attended", "busy", "busy, leaves at once")
PARTIES = ("alice", "bob", "carol")

# The network takes 10 ms for each message; Carol answers one second after she is
# called.  These moments lie between any two messages of the two busy phases.
MOMENTS = tuple(0.005 + 0.01 * step for step in range(9)) + tuple(0.985 + 0.01 * step for step in range(14))


class Cell(NamedTuple):
    """One entry of the table."""

    kind: str
    moment: float
    event: str
    party: str

    def __str__(self) -> str:
        """For the report."""
        return f"{self.kind}; {self.party}: {self.event} at {self.moment * 1000:.0f} ms"


def bye(phone: Phone) -> None:
    """Hang up everything (BYE or CANCEL)."""
    for session in phone.live:
        session.hang_up()


def hold(phone: Phone) -> None:
    """Send a re-INVITE."""
    for session in phone.live[:1]:
        if session.state == "up" and session.asking is None and session.asked is None:
            session.hold()


def update(phone: Phone) -> None:
    """Send an UPDATE without a session, as a refresh is."""
    for session in phone.live[:1]:
        if session.state == "up":
            session.update(offer=False)


def refer(phone: Phone) -> None:
    """Send a REFER, perhaps the second one."""
    for session in phone.live[:1]:
        if session.state == "up":
            session.transfer("dave")


def refuse(phone: Phone) -> None:
    """Refuse what rings."""
    for session in phone.live:
        if session.state == "called":
            session.refuse(486)


def vanish(phone: Phone) -> None:
    """Be gone without a word: NOTIFYs, BYEs and re-INVITEs time out."""
    phone.vanish()


def refuse_notify(phone: Phone) -> None:
    """Refuse the NOTIFYs that are to come (RFC 5057 section 5.1: that ends the subscription only)."""
    phone.manners.notify_code = 481


EVENTS: dict[str, Callable[[Phone], None]] = {
    "BYE or CANCEL": bye,
    "re-INVITE": hold,
    "UPDATE": update,
    "REFER": refer,
    "refusal": refuse,
    "gone": vanish,
    "NOTIFY refused": refuse_notify,
}


def cells() -> Iterator[Cell]:
    """The whole table."""
    for kind in KINDS:
        for moment in MOMENTS:
            for event in EVENTS:
                for party in PARTIES:
                    yield Cell(kind, moment, event, party)


def begin(world: World, kind: str) -> tuple[Phone, Phone, Phone, Session]:
    """Play up to the REFER, which has just been sent."""
    alice, bob, carol = world.phones("alice", "bob", "carol", manners=Manners(answers_after=1.0))
    world.phones("dave", manners=Manners(answers_after=1.0))
    alice.dial("bob")
    world.run(3)
    first = bob.session
    first.hold()
    world.run(1)
    if "leaves at once" in kind:
        bob.manners.leaves_after_refer = "at once"
    if kind.startswith("busy"):
        carol.manners.refuses, carol.manners.refuses_after = 486, 1.0
    if kind == "attended":
        second = bob.dial("carol")
        world.run(3)
        first.transfer(replaces=second)
    elif kind == "semi-attended":
        carol.manners.answers_after = 1.5
        second = bob.dial("carol")
        world.run(0.5)
        first.transfer(replaces=second)
    else:
        first.transfer("carol")
    return alice, bob, carol, first


def alone(world: World) -> list[str]:
    """Who is in a call with nobody: neither hears, nor is heard, nor holds, nor is held."""
    phones = [agent for agent in world.agents if isinstance(agent, Phone) and not agent.gone]
    up = [session for phone in phones for session in phone.live if session.state == "up"]
    return [phone.name for phone in phones if any(s.phone is phone for s in up)] if len(up) == 1 else []


class TransferTableTests(SynchronousTestCase):
    """All cells, in a world each."""

    def play(self, cell: Cell) -> str:
        """Play one cell; what is wrong, or nothing."""
        world = World(seed=1, features=FEATURES)
        alice, bob, carol, _ = begin(world, cell.kind)
        phones = {"alice": alice, "bob": bob, "carol": carol}
        world.run(cell.moment)
        EVENTS[cell.event](phones[cell.party])
        world.run(100)
        left = alone(world)
        if left and cell.event != "gone":
            return f"{left[0]} is left alone\n{world.ladder()}"
        for phone in phones.values():
            bye(phone)
        world.run(3)
        for agent in world.agents:
            if isinstance(agent, Phone):
                bye(agent)
        try:
            world.quiet()
        except AssertionError as failure:
            return str(failure)
        return ""

    def test_all(self) -> None:
        """No cell leaves anything behind, or anybody alone."""
        wrong = []
        number = 0
        for cell in cells():
            number += 1
            problem = self.play(cell)
            if problem:
                wrong.append(f"{cell}\n{problem}")
        self.assertEqual(number, len(KINDS) * len(MOMENTS) * len(EVENTS) * len(PARTIES))
        if wrong:
            self.fail(f"{len(wrong)} of {number} cells are wrong; the first is\n{wrong[0]}")


class ReportTests(SynchronousTestCase):
    """The table says of itself how large it is."""

    def test_size(self) -> None:
        """Six kinds, 23 moments, seven events, three parties."""
        self.assertEqual(sum(1 for _ in cells()), 2898)
