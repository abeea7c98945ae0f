"""
Every two features that can meet on one call, with the outcome that C{docs/forwarding.md} promises.

The table of that page is the expectation; what each row sets up is here.  Each
is also put to C{b2bua whatif}, which has to tell what the ladder shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from b2bua.explain.scene import Behaviour
from b2bua.explain.whatif import Question, ask
from b2bua.testing.manners import Manners
from b2bua.testing.phone import Phone
from b2bua.testing.surroundings import DAWN
from b2bua.testing.world import World
from b2bua.wire.message import Request
from b2bua.wire.parser import parse

PAGE = Path(__file__).parents[2] / "docs" / "forwarding.md"
NAMES = ("alice", "bob", "carol", "dave")
SOON = Manners(answers_after=1.0)
DND = {"do_not_disturb": True}
NEAR = 0.2
"""Seconds by which the ways through the network, and when a transfer is asked for, may differ."""


NONE: Mapping[str, Any] = MappingProxyType({})


class Meeting(NamedTuple):
    """What one row sets up."""

    bob: Mapping[str, Any] = NONE
    carol: Mapping[str, Any] = NONE
    dave: Mapping[str, Any] = NONE
    alice: Mapping[str, Any] = NONE
    groups: Mapping[str, Any] = NONE
    dials: str = "bob"
    busy: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    redirects: Mapping[str, str] = NONE
    talking: bool = False
    """Do Bob and Dave talk to each other before?"""
    transfers: str = ""
    """To whom Bob transfers Alice after having answered."""


def forward(**table: Any) -> dict[str, Any]:
    """Forwards; no answer means four seconds."""
    return {"forward": {"no_answer_after": 4, **table}}


def find(*places: str, **more: Any) -> dict[str, Any]:
    """Places to look, six seconds each."""
    return {"find_me": {"places": places, "ring_seconds": 6, **more}}


def group(*members: str, **more: Any) -> dict[str, dict[str, Any]]:
    """The group 600."""
    return {"600": {"members": members, "ring_seconds": 10, **more}}


LIMIT = {"calls_max": 1}
MEETINGS = {
    "do not disturb × always": Meeting(bob={**DND, **forward(always="carol")}),
    "do not disturb × busy": Meeting(bob={**DND, **forward(busy="carol")}),
    "do not disturb × no answer": Meeting(bob={**DND, **forward(no_answer="carol")}),
    "do not disturb × unreachable": Meeting(bob={**DND, **forward(unreachable="carol")}, absent=("bob",)),
    "do not disturb × redirect": Meeting(bob=DND, redirects={"bob": "carol"}),
    "do not disturb × find me": Meeting(bob={**DND, **find("bob", "carol")}),
    "do not disturb × group": Meeting(bob=DND, groups=group("bob", "carol"), dials="600"),
    "do not disturb × waiting": Meeting(bob=DND, talking=True),
    "do not disturb × code": Meeting(alice=DND, dials="*72carol"),
    "always × do not disturb": Meeting(forward(always="carol"), DND),
    "always × always": Meeting(forward(always="carol"), forward(always="dave")),
    "always × always, a circle": Meeting(forward(always="carol"), forward(always="bob")),
    "always × busy": Meeting(forward(always="carol"), forward(busy="dave"), busy=("carol",)),
    "always × no answer": Meeting(forward(always="carol"), forward(no_answer="dave"), silent=("carol",)),
    "always × unreachable": Meeting(forward(always="carol"), forward(unreachable="dave"), absent=("carol",)),
    "always × redirect": Meeting(forward(always="carol"), redirects={"carol": "dave"}),
    "always × find me": Meeting(forward(always="carol"), find("carol", "dave"), silent=("carol",)),
    "always × find me, of one": Meeting({**forward(always="carol"), **find("bob", "dave")}),
    "always × group": Meeting(forward(always="600"), groups=group("carol", "dave"), busy=("carol",)),
    "always × waiting": Meeting(forward(always="carol"), talking=True),
    "always × its target calls": Meeting(forward(always="alice")),
    "busy × do not disturb": Meeting(forward(busy="carol"), DND, busy=("bob",)),
    "busy × busy": Meeting(forward(busy="carol"), forward(busy="dave"), busy=("bob", "carol")),
    "busy × busy, a circle": Meeting(forward(busy="carol"), forward(busy="bob"), busy=("bob", "carol")),
    "busy × no answer": Meeting(
        forward(busy="carol"), forward(no_answer="dave"), busy=("bob",), silent=("carol",)
    ),
    "busy × no answer, of one": Meeting(forward(busy="carol", no_answer="dave"), busy=("bob",)),
    "busy × unreachable": Meeting(
        forward(busy="carol"), forward(unreachable="dave"), busy=("bob",), absent=("carol",)
    ),
    "busy × redirect": Meeting(forward(busy="carol"), busy=("bob",), redirects={"carol": "dave"}),
    "busy × find me": Meeting(forward(busy="carol"), find("carol", "dave"), busy=("bob",), silent=("carol",)),
    "busy × group": Meeting(
        forward(busy="600"), groups=group("carol", "dave", mode="sequential"), busy=("bob", "carol")
    ),
    "busy × waiting": Meeting(forward(busy="carol"), talking=True),
    "busy × waiting, limited": Meeting({**forward(busy="carol"), **LIMIT}, talking=True),
    "no answer × do not disturb": Meeting(forward(no_answer="carol"), DND, silent=("bob",)),
    "no answer × busy": Meeting(
        forward(no_answer="carol"), forward(busy="dave"), silent=("bob",), busy=("carol",)
    ),
    "no answer × no answer": Meeting(
        forward(no_answer="carol"), forward(no_answer="dave"), silent=("bob", "carol")
    ),
    "no answer × unreachable": Meeting(
        forward(no_answer="carol"), forward(unreachable="dave"), silent=("bob",), absent=("carol",)
    ),
    "no answer × redirect": Meeting(forward(no_answer="carol"), silent=("bob",), redirects={"carol": "dave"}),
    "no answer × find me": Meeting(
        {**forward(no_answer="dave"), **find("bob", "carol")}, silent=("bob", "carol")
    ),
    "no answer × group": Meeting(
        forward(no_answer="dave"), groups=group("bob", "carol"), dials="600", silent=("bob", "carol")
    ),
    "no answer × group, given up": Meeting(
        forward(no_answer="dave"),
        groups=group("bob", "carol", ring_seconds=3),
        dials="600",
        silent=("bob", "carol"),
    ),
    "no answer × waiting": Meeting(forward(no_answer="carol"), silent=("bob",), talking=True),
    "unreachable × do not disturb": Meeting(forward(unreachable="carol"), DND, absent=("bob",)),
    "unreachable × busy": Meeting(
        forward(unreachable="carol"), forward(busy="dave"), absent=("bob",), busy=("carol",)
    ),
    "unreachable × no answer": Meeting(
        forward(unreachable="carol"), forward(no_answer="dave"), absent=("bob",), silent=("carol",)
    ),
    "unreachable × unreachable": Meeting(
        forward(unreachable="carol"), forward(unreachable="dave"), absent=("bob", "carol")
    ),
    "unreachable × redirect": Meeting(
        forward(unreachable="carol"), absent=("bob",), redirects={"carol": "dave"}
    ),
    "unreachable × find me": Meeting(
        {**forward(unreachable="dave"), **find("bob", "carol")}, absent=("bob",)
    ),
    "unreachable × group": Meeting(
        forward(unreachable="carol"), groups=group("bob"), dials="600", absent=("bob",)
    ),
    "redirect × do not disturb": Meeting(carol=DND, redirects={"bob": "carol"}),
    "redirect × always": Meeting(carol=forward(always="dave"), redirects={"bob": "carol"}),
    "redirect × redirect": Meeting(redirects={"bob": "carol", "carol": "dave"}),
    "redirect × redirect, a circle": Meeting(redirects={"bob": "carol", "carol": "bob"}),
    "redirect × redirect, passed": Meeting(
        carol={"redirects": "pass"}, redirects={"bob": "carol", "carol": "dave"}
    ),
    "redirect × busy": Meeting(carol=forward(busy="dave"), redirects={"bob": "carol"}, busy=("carol",)),
    "redirect × no answer": Meeting(
        carol=forward(no_answer="dave"), redirects={"bob": "carol"}, silent=("carol",)
    ),
    "redirect × unreachable": Meeting(
        carol=forward(unreachable="dave"), redirects={"bob": "carol"}, absent=("carol",)
    ),
    "redirect × find me": Meeting(carol=find("carol", "dave"), redirects={"bob": "carol"}, silent=("carol",)),
    "redirect × group": Meeting(
        groups=group("bob", "carol"), dials="600", redirects={"bob": "dave"}, busy=("carol",)
    ),
    "redirect × group, ignored": Meeting(
        groups=group("bob", "carol", forwards=False),
        dials="600",
        redirects={"bob": "dave"},
        busy=("carol",),
    ),
    "redirect × waiting": Meeting(redirects={"bob": "carol"}, talking=True),
    "find me × do not disturb": Meeting(find("carol", "dave"), DND),
    "find me × always": Meeting(find("bob", "carol"), forward(always="dave"), busy=("bob",)),
    "find me × always, ignored": Meeting(
        find("bob", "carol", forwards=False), forward(always="dave"), busy=("bob",)
    ),
    "find me × find me": Meeting(find("bob", "carol"), find("carol", "dave"), busy=("bob", "carol")),
    "find me × find me, each other": Meeting(
        find("bob", "carol"), find("carol", "bob"), busy=("bob", "carol")
    ),
    "find me × busy": Meeting(find("bob", "carol"), forward(busy="dave"), silent=("bob",), busy=("carol",)),
    "find me × no answer": Meeting(find("bob", "carol"), forward(no_answer="dave"), silent=("bob", "carol")),
    "find me × unreachable": Meeting(
        find("bob", "carol"), forward(unreachable="dave"), busy=("bob",), absent=("carol",)
    ),
    "find me × redirect": Meeting(find("bob", "carol"), busy=("bob",), redirects={"carol": "dave"}),
    "find me × group": Meeting(
        find("bob", "600"), groups=group("carol", "dave", mode="sequential"), busy=("bob", "carol")
    ),
    "find me × group, as a member": Meeting(
        find("bob", "carol"), groups=group("bob", ring_seconds=20), dials="600", busy=("bob",)
    ),
    "find me × waiting": Meeting({**find("bob", "carol"), **LIMIT}, talking=True),
    "find me × find me, by two ways": Meeting(
        find("carol", "dave", mode="parallel"), dave=find("dave", "carol"), silent=("carol", "dave")
    ),
    "group × group": Meeting(
        groups={**group("bob", "601"), "601": {"members": ["carol", "dave"], "mode": "sequential"}},
        dials="600",
        busy=("bob", "carol"),
    ),
    "group × group, a circle": Meeting(
        groups={**group("bob", "601"), "601": {"members": ["600"]}}, dials="600", busy=("bob",)
    ),
    "group × always": Meeting(
        forward(always="dave"), groups=group("carol", "bob"), dials="600", busy=("carol",)
    ),
    "group × always, ignored": Meeting(
        forward(always="dave"), groups=group("bob", "carol", forwards=False), dials="600", busy=("carol",)
    ),
    "group × always, by two ways": Meeting(
        forward(always="carol"), groups=group("bob", "carol"), dials="600"
    ),
    "group × busy": Meeting(
        forward(busy="dave"), groups=group("bob", "carol"), dials="600", busy=("bob", "carol")
    ),
    "group × busy, by two ways": Meeting(
        forward(busy="carol"), groups=group("bob", "carol"), dials="600", busy=("bob",)
    ),
    "group × waiting": Meeting(LIMIT, groups=group("bob", "carol"), dials="600", talking=True),
    "group × its own number": Meeting(
        forward(always="600"), groups=group("bob", "carol"), dials="600", talking=False
    ),
    "group × the caller": Meeting(groups=group("alice", "bob"), dials="600"),
    "transfer × do not disturb": Meeting(carol=DND, transfers="carol"),
    "transfer × always": Meeting(carol=forward(always="dave"), transfers="carol"),
    "transfer × busy": Meeting(carol=forward(busy="dave"), busy=("carol",), transfers="carol"),
    "transfer × no answer": Meeting(carol=forward(no_answer="dave"), silent=("carol",), transfers="carol"),
    "transfer × unreachable": Meeting(
        carol=forward(unreachable="dave"), absent=("carol",), transfers="carol"
    ),
    "transfer × redirect": Meeting(redirects={"carol": "dave"}, transfers="carol"),
    "transfer × find me": Meeting(carol=find("carol", "dave"), busy=("carol",), transfers="carol"),
    "transfer × group": Meeting(
        groups=group("carol", "dave", mode="sequential"), busy=("carol",), transfers="600"
    ),
}


def promised() -> dict[str, tuple[list[str], int]]:
    """The rows of the page: who rings, and what the caller hears."""
    _, _, table = PAGE.read_text().partition("## When two meet")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "×" in line
    ]
    return {
        what: ([] if rings == "–" else [name.strip() for name in rings.split(",")], int(hears))
        for what, _, rings, hears in rows
    }


class Ringing(NamedTuple):
    """A phone that was invited; seconds since the call began."""

    at: float
    until: float
    who: str


class Outcome(NamedTuple):
    """What came of a meeting."""

    rings: list[Ringing]
    hears: int
    """The status that Alice heard last."""
    talks_to: set[str]
    """Whom she talks to in the end."""


class Play:
    """One meeting, played."""

    def __init__(self, meeting: Meeting) -> None:
        """Set up the world."""
        self.meeting = meeting
        self.world = World(
            settings={
                "extensions": {name: getattr(meeting, name) for name in NAMES},
                "ring_groups": meeting.groups,
                "blind_transfer": {"recall": False},
            },
            features="installed",
        )
        assert self.world.served is not None
        self.document = self.world.served.document
        self.phones = {name: self._phone(name) for name in NAMES}

    def _phone(self, name: str) -> Phone:
        """One phone, with the manners that the meeting needs."""
        manners = SOON.but()
        if name in self.meeting.busy:
            manners.refuses = 486
        if name in self.meeting.silent:
            manners.answers_after = None
        manners.redirects = self.meeting.redirects.get(name)
        if name in self.meeting.absent:
            return self.world.phone(name, manners)
        [phone] = self.world.phones(name, manners=manners)
        return phone

    def outcome(self) -> Outcome:
        """Who rang, and what Alice heard."""
        meeting, phones, world = self.meeting, self.phones, self.world
        world.run(0.5)
        if meeting.talking:
            phones["bob"].dial("dave")
            world.run(3)
            assert phones["bob"].talks_to(phones["dave"])
        began = world.clock.seconds()
        phones["alice"].dial(meeting.dials)
        world.run(2)
        if meeting.transfers:
            phones["bob"].session.transfer(meeting.transfers)
        world.run(30)
        heard = phones["alice"].sessions[-1].code
        talks_to = {name for name, phone in phones.items() if phone.talks_to(phones["alice"])}
        for phone in phones.values():
            for session in phone.live:
                session.hang_up()
        world.run(1)
        world.quiet()
        return Outcome(self._rings(began), heard, talks_to)

    def _rings(self, began: float) -> list[Ringing]:
        """Who rang and for how long, as it went over the network."""
        names = self.world.network.names
        rings: dict[tuple[str, str], Ringing] = {}
        for packet in self.world.network.log:
            message, at = parse(packet.data), round(packet.at - began, 3)
            if at < 0 or message.cseq.method != "INVITE":
                continue
            if isinstance(message, Request):
                who = names[packet.destination[0]]
                if who in NAMES and not message.to.tag:
                    rings.setdefault((who, message.call_id), Ringing(at, at, who))
            elif message.code >= 200:
                key = names[packet.source[0]], message.call_id
                if key in rings and rings[key].until == rings[key].at:
                    rings[key] = rings[key]._replace(until=at)
        return list(rings.values())


def foreseen(meeting: Meeting, document: Mapping[str, Any]) -> Outcome:
    """What C{b2bua whatif} says of the same call."""
    how: dict[str, Behaviour] = dict.fromkeys(meeting.busy, "busy")
    how |= dict.fromkeys(meeting.silent, "no answer")
    how |= dict.fromkeys(meeting.absent, "unregistered")
    question = Question(
        "alice",
        meeting.dials,
        datetime.fromtimestamp(DAWN, UTC),
        behaviours=how,
        redirects=meeting.redirects,
        first=("bob dials dave",) if meeting.talking else (),
        then=(f"bob transfers to {meeting.transfers}",) if meeting.transfers else (),
    )
    answer = ask(document, question, answers_after=1.0).run()
    assert not answer.problems, answer.problems
    rings = [
        Ringing(ring.at, ring.until or 0.0, ring.where.removeprefix("extension "))
        for root in answer.targets
        for node in root.every()
        for ring in node.rings
    ]
    talks_to = {answer.answered_by.removeprefix("extension ")} & {*NAMES}
    if meeting.transfers:
        pairs = [pair.split(" - ") for pair in answer.steps[-1].talking]
        talks_to = {name for pair in pairs if "alice" in pair for name in pair} - {"alice"}
    return Outcome(rings, answer.status, talks_to)


class MeetingTests(SynchronousTestCase):
    """Each row of the page."""

    def test_complete(self) -> None:
        """What is promised is what is played."""
        self.assertEqual(list(promised()), list(MEETINGS))

    def assertForeseen(self, then: Outcome, told: Outcome) -> None:
        """Insist that who rings, from when to when, and how it ends are the same."""
        self.assertEqual((told.hears, told.talks_to), (then.hears, then.talks_to))
        rings = list(zip(sorted(told.rings), sorted(then.rings), strict=True))
        for one, other in rings:
            near = abs(one.at - other.at) < NEAR and abs(one.until - other.until) < NEAR
            self.assertTrue(one.who == other.who and near, f"{one} is told, {other} was so")


def _test(what: str, rings: list[str], hears: int) -> Any:
    def test(self: MeetingTests) -> None:
        play = Play(MEETINGS[what])
        outcome = play.outcome()
        self.assertEqual(([ringing.who for ringing in outcome.rings], outcome.hears), (rings, hears))
        self.assertForeseen(outcome, foreseen(play.meeting, play.document))

    test.__doc__ = f"{what}: played, and told by what-if."
    return test


for _number, (_what, (_rings, _hears)) in enumerate(promised().items()):
    _slug = "".join(c if c.isalnum() else "_" for c in _what.replace(" × ", "_and_").replace(", ", "_"))
    setattr(MeetingTests, f"test_{_number:02}_{_slug}", _test(_what, _rings, _hears))
