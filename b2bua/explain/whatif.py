"""
What would a call do?  It is played in the simulated world, and what happens is told.

The server is the real one with the configuration in question, so the answer is
what the code does, not what somebody thinks that it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import Field

from b2bua.calls.records.record import state
from b2bua.explain.scene import Behaviour, Scene
from b2bua.explain.traced import TracedCall
from b2bua.explain.tree import Node, Tree, Value, Watched
from b2bua.features import Features
from b2bua.features.plugin import installed as plugins
from b2bua.settings import Problem, SettingsError
from b2bua.testing import Phone, Trunk

ENOUGH = 1200.0
"""Seconds of the simulated world after which a call that nobody answers is given up."""
TALK = 10.0
"""Seconds that are talked."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call that might be made."""

    caller: str
    """An extension, or the number of somebody outside."""
    dialled: str
    at: datetime
    via: str = ""
    """The trunk through which somebody outside calls."""
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    then: tuple[str, ...] = ()
    """What the parties do afterwards: C{102 transfers to 104}."""
    answers: Mapping[str, object] = field(default_factory=dict)
    """What features say that would ask somewhere else: verdicts for C{route_call}, by the feature."""


class Step(Value):
    """Something that a party did when the call was answered, and what came of it."""

    at: float
    what: str
    talking: list[str]
    """Who talks to whom afterwards: C{101 - 104}."""


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


def ask(document: Mapping[str, Any], question: Question, scene: Scene | None = None) -> Play:
    """
    Prepare to play a call.

    @param document: the tables of a configuration that is good.
    @param scene: one that has been used before; where nobody has changed a
        setting by telephone, the next call in it is as the first.
    @raise SettingsError: if the question makes no sense, in one line for people.
    """
    _check(document, question)
    scene = scene or Scene(document, question.at)
    scene.behave(question.behaviours)
    return Play(scene, question)


class Play:
    """One question, played."""

    def __init__(self, scene: Scene, question: Question) -> None:
        """Prepare."""
        self.scene, self.question = scene, question
        self.world = scene.world
        self._began = self.world.clock.seconds()
        server = scene.served.server
        features = server.core.calls.features
        assert isinstance(features, Features)  # those that are installed, as the scene has it
        self.features = features
        for feature, answer in question.answers.items():
            features.pretend(feature, answer)
        self.tree = Tree(self._now, features.written)
        watched: Any = Watched(features, self.tree, self._where)
        server.core.calls.features = watched
        self._calls: list[Any] = []
        server.core.calls.began = self._calls.append

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
        phone = self.scene.calling(question.caller, question.via)
        session = phone.dial(self.scene.uri(phone, question.dialled))
        world.clock.run_until(lambda: session.state in ("up", "over"), ENOUGH)
        after = self._now() if session.state == "up" else None
        self.tree.over()
        steps = []
        for what in question.then:
            world.run(1)
            _STEPS[_verb(what)](self, what)
            world.run(TALK)
            steps.append(Step(at=self._now(), what=what, talking=self._talking()))
        record = self._calls[0].record if self._calls else None
        by = ""
        if record is not None and after is not None:
            taken = [leg.party for leg in record.legs[1:] if leg.answered is not None]
            by = taken[0] if taken else "the server"
        self._end()
        for node in (node for root in self.tree.roots for node in root.every()):
            self._explain(node, by)
        return Answer(
            caller=question.caller,
            dialled=question.dialled,
            via=question.via,
            at=question.at.isoformat(timespec="minutes"),
            targets=self.tree.roots,
            status=record.status if record is not None else session.code,
            ending=state(record) if record is not None else f"refused with {session.code}",
            answered_by=by,
            answered_after=after,
            steps=steps,
            problems=[str(violation) for violation in world.violations],
        )

    def _end(self) -> None:
        """Hang up, and let all be as it was before."""
        world = self.world
        world.run(1)
        for phone in self.scene.everybody():
            for live in phone.live:
                live.hang_up()
        world.run(1)
        for phone in self.scene.everybody():
            phone.sessions.clear()
        self.scene.served.server.core.calls.features = self.features

    def traced(self) -> TracedCall | None:
        """The call as it was traced; None if it was refused before there was one."""
        if not self._calls:
            return None
        call, server = self._calls[0], self.scene.served.server
        return TracedCall.of(call.record, call.story, server.trace, past=self.world.dawn)

    def _explain(self, node: Node, by: str) -> None:
        """Say what in the configuration decided where no feature did, and who answered."""
        node.answered = not node.outcome and not node.targets and by in {ring.where for ring in node.rings}
        tables = self.scene.document
        trunks = {ring.where.removeprefix("trunk ") for ring in node.rings if ring.where.startswith("trunk ")}
        for number, route in enumerate(tables.get("routes", [])):
            named = {route.get("trunk"), *route.get("trunks", ())} & trunks
            if named and re.fullmatch(route["match"], node.number):
                node.settings.append(f"routes[{number}]")
                break

    def _talking(self) -> list[str]:
        """Who hears whom, each pair once."""
        pairs = self.world.talking()
        return sorted({" - ".join(sorted(pair)) for pair in pairs if (pair[1], pair[0]) in pairs})

    def party(self, name: str) -> Phone:
        """A phone or a carrier that is named in a step."""
        found: Phone | Trunk | None = self.scene.phones.get(name) or self.scene.trunks.get(name)
        if found is None:
            raise SettingsError("b2bua whatif", [Problem("--then", f"there is no extension or trunk {name}")])
        return found


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
    installed = {source.name for source in plugins()}
    problems += [
        Problem("--answer", f"there is no feature {name}")
        for name in question.answers
        if name not in installed
    ]
    for what in question.then:
        if _verb(what) not in _STEPS:
            known = ", ".join(f"«102 {verb}»" for verb in _STEPS)
            problems.append(Problem("--then", f"{what!r} is not one of {known}"))
    if problems:
        raise SettingsError("b2bua whatif", problems)


# ---- what parties do then -----------------------------------------------


def _verb(what: str) -> str:
    """The verb of C{102 transfers to 104}."""
    words = what.split()
    return next((verb for verb in _STEPS if " ".join(words[1:]).startswith(verb)), "")


def _object(what: str) -> str:
    """The number at its end."""
    return what.split()[-1]


def _blind(play: Play, what: str) -> None:
    """Transfer without a word."""
    play.party(what.split()[0]).session.transfer(_object(what))


def _consult(play: Play, what: str) -> None:
    """Hold, and call somebody else."""
    phone = play.party(what.split()[0])
    phone.session.hold()
    play.world.run(1)
    phone.dial(_object(what))


def _attended(play: Play, what: str) -> None:
    """Join the two whom one has called and consulted."""
    phone = play.party(what.split()[0])
    first, second = phone.live[:2]
    first.transfer(replaces=second)


def _hold(play: Play, what: str) -> None:
    """Put the other one on hold."""
    play.party(what.split()[0]).session.hold()


def _resume(play: Play, what: str) -> None:
    """Take the other one back."""
    play.party(what.split()[0]).session.resume()


def _dials(play: Play, what: str) -> None:
    """Call somebody, or dial a code."""
    play.party(what.split()[0]).dial(_object(what))


def _hangs_up(play: Play, what: str) -> None:
    """End the call."""
    play.party(what.split()[0]).session.hang_up()


_STEPS: dict[str, Callable[[Play, str], None]] = {
    "transfers to": _blind,
    "consults": _consult,
    "joins them": _attended,
    "holds": _hold,
    "resumes": _resume,
    "dials": _dials,
    "hangs up": _hangs_up,
}
