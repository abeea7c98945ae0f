"""
What would a call do?  It is played in the simulated world, and what happens is told.

The server is the real one with the configuration in question, so the answer is
what the code does, not what somebody thinks that it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any

from pydantic import Field

from b2bua.calls.records.record import CallRecord, state
from b2bua.explain import steps
from b2bua.explain.scene import ANSWERS_AFTER, Behaviour, Scene
from b2bua.explain.traced import TracedCall
from b2bua.explain.tree import Node, Tree, Value, Watched
from b2bua.features import Features
from b2bua.features.plugin import installed as plugins
from b2bua.settings import Problem, SettingsError
from b2bua.testing import Phone
from b2bua.testing.session import Session

ENOUGH = 1200.0
"""Seconds of the simulated world after which a call that nobody answers is given up."""
TALK = 10.0
"""Seconds that are talked."""
SETTLED = ("up", "over")
"""The states of a call that rings no more."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call that might be made."""

    caller: str
    """An extension, or the number of somebody outside."""
    dialled: str
    at: datetime
    via: str = ""
    """The trunk through which somebody outside calls."""
    _: KW_ONLY
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    redirects: Mapping[str, str] = field(default_factory=dict)
    """Whose phone sends calls on by itself, and where (302)."""
    first: tuple[str, ...] = ()
    """What parties do before: C{102 dials 104}."""
    meanwhile: tuple[str, ...] = ()
    """What they do while it rings: C{103 dials pickup 102}."""
    then: tuple[str, ...] = ()
    """What they do when the call is answered: C{102 transfers to 104}."""
    answers: Mapping[str, object] = field(default_factory=dict)
    """What features say that would ask somewhere else: verdicts for C{route_call}, by the feature."""


class Step(Value):
    """Something that a party did, and what came of it."""

    at: float
    what: str
    cannot: str = ""
    """Why it could not be done."""
    talking: list[str]
    """Who talks to whom afterwards: C{101 - 104}."""
    waiting: list[str]
    """Who waits then, parked say."""
    hears: list[str]
    """Who hears what is played by the server: C{101 hears welcome}."""


class Answer(Value):
    """What a call would do."""

    caller: str
    dialled: str
    via: str = ""
    at: str
    """When it would begin, in ISO 8601."""
    targets: list[Node]
    status: int
    ending: str
    """How it ends, in words."""
    answered_by: str = ""
    answered_after: float | None = None
    steps: list[Step] = Field(default=[])
    problems: list[str] = Field(default=[])
    """Rules that the played call broke: a fault of ours."""


def ask(
    document: Mapping[str, Any],
    question: Question,
    scene: Scene | None = None,
    *,
    answers_after: float = ANSWERS_AFTER,
) -> Play:
    """
    Prepare to play a call.

    @param document: the tables of a configuration that is good.
    @param scene: one that has been used before; where nobody has changed a
        setting by telephone, the next call in it is as the first.
    @param answers_after: without a scene: the seconds that those take who answer.
    @raise SettingsError: if the question makes no sense, in one line for people.
    """
    _check(document, question)
    scene = scene or Scene(document, question.at, answers_after)
    scene.behave(question.behaviours, question.redirects)
    return Play(scene, question)


class Play:
    """One question, played."""

    def __init__(self, scene: Scene, question: Question) -> None:
        """Prepare."""
        self.scene, self.question = scene, question
        self.world = scene.world
        features = scene.served.server.core.calls.features
        assert isinstance(features, Features)  # those that are installed, as the scene has it
        self.features = features
        for feature, answer in question.answers.items():
            features.pretend(feature, answer)
        self.tree = Tree(self._now, features.written)
        self._began = 0.0
        self._calls: list[Any] = []

    def _now(self) -> float:
        """Seconds since the call began."""
        return round(self.world.clock.seconds() - self._began, 3)

    def _where(self, attempt: Any, to_uri: str) -> str:
        """Name the place that an INVITE goes to."""
        host = to_uri.rpartition("@")[2].partition(";")[0].partition(":")[0]
        for name, trunk in self.scene.trunks.items():
            if trunk.host == host:
                return f"trunk {name}"
        extension: str | None = attempt.extension
        return f"extension {extension}" if extension is not None else host

    def run(self) -> Answer:
        """Make the call, do what is to be done then, and end it."""
        question, world = self.question, self.world
        done = [self._step(what) for what in question.first]
        self._watch()
        phone = self.scene.calling(question.caller, question.via)
        phone.dial(self.scene.uri(phone, question.dialled))
        if question.meanwhile:
            world.clock.run_until(lambda: self._rings() or _own(phone).state in SETTLED, ENOUGH)
            done += [self._step(what) for what in question.meanwhile]
        world.clock.run_until(lambda: _own(phone).state in SETTLED, ENOUGH)
        own = _own(phone)
        caller = f"trunk {question.via}" if question.via else f"extension {question.caller}"
        records: list[CallRecord] = [call.record for call in self._calls if call.record.caller == caller]
        record = records[-1] if records else None
        after = by = None
        if own.state == "up":
            after = self._now() if record is None or record.answered is None else self._since(record.answered)
            by = (record.answered_by if record is not None else "") or "the server"
        done += [self._step(what) for what in question.then]
        self._end()
        self._explain(by or "")
        return Answer(
            caller=question.caller,
            dialled=question.dialled,
            via=question.via,
            at=question.at.isoformat(timespec="minutes"),
            targets=self.tree.roots,
            status=record.status if record is not None else own.code,
            ending=state(record) if record is not None else f"refused with {own.code}",
            answered_by=by or "",
            answered_after=after,
            steps=done,
            problems=[str(violation) for violation in world.violations],
        )

    def _watch(self) -> None:
        """The call that begins now is the one that was asked about."""
        self._began = self.world.clock.seconds()
        calls = self.scene.served.server.core.calls
        watched: Any = Watched(self.features, self.tree, self._where)
        calls.features = watched
        calls.began = self._calls.append

    def _step(self, what: str) -> Step:
        """Have a party do something."""
        self.world.run(1)
        at = self._now()
        cannot = steps.do(self.scene, what)
        self.world.run(0 if cannot else self.scene.answers_after + TALK)
        return Step(
            at=at,
            what=what,
            cannot=cannot,
            talking=self._talking(),
            waiting=self._waiting(),
            hears=self._hears(),
        )

    def _end(self) -> None:
        """Hang up, and let all be as it was before."""
        world, calls = self.world, self.scene.served.server.core.calls
        world.run(1)
        for phone in self.scene.everybody():
            for live in phone.live:
                live.hang_up()
        world.run(1)
        for phone in self.scene.everybody():
            phone.sessions.clear()
        calls.features = self.features

    def traced(self) -> TracedCall | None:
        """The call as it was traced; None if it was refused before there was one."""
        if not self._calls:
            return None
        call, server = self._calls[0], self.scene.served.server
        return TracedCall.of(call.record, call.story, server.trace, past=self.world.dawn)

    def _explain(self, by: str) -> None:
        """Say how long each place rang, and what in the configuration decided where no feature did."""
        self.tree.conclude([call.record for call in self._calls], self._since)
        tables = self.scene.document
        for node in self.tree.every():
            node.answered = (
                not node.outcome and not node.targets and by in {ring.where for ring in node.rings}
            )
            trunks = {ring.where.removeprefix("trunk ") for ring in node.rings}
            for number, route in enumerate(tables.get("routes", [])):
                named = {route.get("trunk"), *route.get("trunks", ())} & trunks
                if named and re.fullmatch(route["match"], node.number):
                    node.settings.append(f"routes[{number}]")
                    break

    def _since(self, wall: float) -> float:
        """Seconds from the beginning of the call to a time of day."""
        return round(wall - self.world.dawn - self._began, 3)

    def _rings(self) -> bool:
        """Does it ring anywhere?"""
        return any(node.rings for node in self.tree.every())

    def _talking(self) -> list[str]:
        """Who hears whom, each pair once."""
        pairs = self.world.talking()
        return sorted({" - ".join(sorted(pair)) for pair in pairs if (pair[1], pair[0]) in pairs})

    def _hears(self) -> list[str]:
        """Who hears what the server plays."""
        there = {**self.scene.phones, **self.scene.trunks}
        return [
            f"{name} hears {heard}" for name, phone in there.items() if (heard := self.world.hears(phone))
        ]

    def _waiting(self) -> list[str]:
        """Who waits alone, at an orbit say."""
        going = self.scene.served.server.core.calls.going.values()
        return sorted(str(leg.party).partition(" ")[2] for call in going for leg in call.waiting or ())


def _own(phone: Phone) -> Session:
    """The call that somebody made, or that with which their phone has followed a 302."""
    return next(session for session in reversed(phone.sessions) if not session.incoming)


def _check(document: Mapping[str, Any], question: Question) -> None:
    """
    See whether a question can be asked.

    @raise SettingsError: if it names what is not there.
    """
    extensions, trunks = document.get("extensions", {}), document.get("trunks", {})
    problems = []
    if question.via and question.via not in trunks:
        problems.append(Problem("--via", f"there is no trunk {question.via}"))
    if not question.via and question.caller not in extensions:
        text = f"{question.caller} is no extension; say through which trunk it calls: --via TRUNK"
        problems.append(Problem("CALLER", text))
    for name, behaviour in question.behaviours.items():
        if name not in extensions and name not in trunks:
            flag = f"--{behaviour.replace(' ', '-')}"
            problems.append(Problem(flag, f"there is no extension or trunk {name}"))
    if question.answers:  # which plugins there are takes longer to find than a call to play
        installed = {source.name for source in plugins()}
        problems += [
            Problem("--answer", f"there is no feature {name}")
            for name in question.answers
            if name not in installed
        ]
    names = {*extensions, *trunks}
    for flag, some in (("first", question.first), ("meanwhile", question.meanwhile), ("then", question.then)):
        problems += steps.check(f"--{flag}", some, names)
    problems += [
        Problem("--redirects", f"there is no extension {name}")
        for name in question.redirects
        if name not in extensions
    ]
    if problems:
        raise SettingsError("b2bua whatif", problems)
