"""
What a new configuration changes: the same calls, played with the old one and the new one.

Every number is called, from inside and from outside, with the usual outcomes, at
the hours at which something may change; what differs is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, time, timedelta
from itertools import groupby, product
from multiprocessing import get_context
from operator import attrgetter
from typing import Any, NamedTuple

from b2bua.explain.scene import Behaviour, Scene, plays_alike
from b2bua.explain.whatif import Answer, Question, ask

OUTCOMES: tuple[Behaviour, ...] = ("answers", "busy", "no answer", "unregistered")
HOURS_MAX = 48
CALLERS_MAX = 20
"""So many extensions call a number at the most: one of each kind, those first that have changed."""
CHUNK = 400
"""Calls that are played in one go."""
OWN = ("name", "password", "ha1")
"""What an extension has for itself, which changes no call."""
SAMPLES = ("", "0", "00", "+", "+49", "0049", "1", "9", "001")
"""What numbers outside begin with; one of them is called for each route."""
DIGITS = "3012345678901"


class Difference(NamedTuple):
    """A call that does something else."""

    question: Question
    before: Answer | None
    """None: it could not be made."""
    after: Answer | None


def differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    at: datetime,
    progress: Callable[[int, int], None] = lambda done, of: None,
    workers: int = 1,
) -> list[Difference]:
    """
    Play all calls with both configurations and give those that differ; none where none can.

    @param progress: told how many calls of how many have been played.
    @param workers: how many processes play; 1 is this one.
    """
    if plays_alike(old, new):
        return []
    questions = list(matrix(old, new, at))
    chunks = [questions[begin : begin + CHUNK] for begin in range(0, len(questions), CHUNK)]
    if workers == 1:
        played: Iterable[list[Difference]] = (_compared(old, new, chunk) for chunk in chunks)
        return _gathered(played, chunks, progress)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        played = pool.map(_compared, [old] * len(chunks), [new] * len(chunks), chunks)
        return _gathered(played, chunks, progress)


def _gathered(
    played: Iterable[list[Difference]],
    chunks: Sequence[Sequence[Question]],
    progress: Callable[[int, int], None],
) -> list[Difference]:
    """Put together what was found, and say how far it is."""
    found: list[Difference] = []
    done, of = 0, sum(map(len, chunks))
    for differing, chunk in zip(played, chunks, strict=True):
        found += differing
        done += len(chunk)
        progress(done, of)
    return found


def _compared(
    old: Mapping[str, Any], new: Mapping[str, Any], questions: Sequence[Question]
) -> list[Difference]:
    """Play some of the calls; those of one hour in the same two scenes."""
    found = []
    for hour, some in groupby(questions, key=attrgetter("at")):
        scenes = Scene(old, hour), Scene(new, hour)
        for question in some:
            before, after = _answer(old, question, scenes[0]), _answer(new, question, scenes[1])
            if _essence(before) != _essence(after):
                found.append(Difference(question, before, after))
    return found


def _answer(tables: Mapping[str, Any], question: Question, scene: Scene) -> Answer | None:
    """Play a call, if who takes part is there."""
    known = {*tables.get("extensions", {}), *tables.get("trunks", {})}
    if (question.via or question.caller) not in known:
        return None
    behaviours = {name: how for name, how in question.behaviours.items() if name in known}
    asked = Question(question.caller, question.dialled, question.at, question.via, behaviours=behaviours)
    return ask(tables, asked, scene).run()


def _essence(answer: Answer | None) -> object:
    """What counts of an answer: who rings, as what, for how long, and how it ends."""
    if answer is None:
        return None
    rings = [
        (node.number, ring.where, ring.number, ring.sees, round(ring.at), round(ring.until or 0))
        for root in answer.targets
        for node in root.every()
        for ring in node.rings
    ]
    return answer.ending, answer.status, answer.answered_by, rings


# ---- which calls ---------------------------------------------------------


def matrix(old: Mapping[str, Any], new: Mapping[str, Any], at: datetime) -> Iterator[Question]:
    """The calls that show what a configuration does."""
    hours = list(_hours(old, new, at))[:HOURS_MAX]
    numbers = _numbers(old) | _numbers(new)
    extensions = {**old.get("extensions", {}), **new.get("extensions", {})}
    trunks = {**old.get("trunks", {}), **new.get("trunks", {})}
    kinds = _kinds(old.get("extensions", {}), new.get("extensions", {}))
    for hour, number in product(hours, sorted(numbers)):
        inside = [(name, "") for name in [*kinds, *extensions] if name != number]
        outside = [("0305550100", trunk) for trunk in trunks]
        outcomes = OUTCOMES if number in extensions else OUTCOMES[:1]
        for (caller, via), outcome in product([*inside[:1], *outside], outcomes):
            behaviours: dict[str, Behaviour] = {} if outcome == "answers" else {number: outcome}
            yield Question(caller, number, hour, via, behaviours=behaviours)
        # Who may dial what shows in calls to features and routes, and to what has changed itself.
        if number not in extensions or _changed(old, new, number):
            for caller, _ in inside[1 : len(kinds)]:
                yield Question(caller, number, hour)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], extension: str) -> bool:
    """Does the table of an extension say something else?"""
    before, after = (tables.get("extensions", {}).get(extension) for tables in (old, new))
    return bool(before != after)


def _kinds(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One extension of each kind: of those whose tables say the same, before and after."""
    found: dict[str, str] = {}
    for name in sorted(old.keys() & new.keys(), key=lambda name: (old[name] == new[name], name)):
        said = [{k: v for k, v in of[name].items() if k not in OWN} for of in (old, new)]
        found.setdefault(repr(said), name)
    return list(found.values())[:CALLERS_MAX]


def hours_left_out(old: Mapping[str, Any], new: Mapping[str, Any], at: datetime) -> list[datetime]:
    """Times at which something may change and that are too many to be played."""
    return list(_hours(old, new, at))[HOURS_MAX:]


def _numbers(tables: Mapping[str, Any]) -> set[str]:
    """Everything that can be dialled: extensions, numbers of features, one number for each route."""
    found = set(tables.get("extensions", {}))
    for name, table in tables.items():
        if name not in ("extensions", "trunks") and isinstance(table, Mapping):
            found |= {key for key, below in table.items() if key.isdigit() and isinstance(below, Mapping)}
    found |= {sample for route in tables.get("routes", []) if (sample := _sample(route["match"]))}
    return found


def _sample(match: str) -> str:
    """Find a number that a route takes; empty if none of ours is one."""
    literal = re.sub(r"\\(.)", r"\1", match)
    candidates = [literal, *(begin + DIGITS[:length] for length in range(12, 1, -1) for begin in SAMPLES)]
    return next((one for one in candidates if re.fullmatch(match, one) and "*" not in one), "")


def _hours(old: Mapping[str, Any], new: Mapping[str, Any], at: datetime) -> Iterable[datetime]:
    """Now, and before and after each time that a configuration names, on a weekday and on a Sunday."""
    moments = sorted({*_times(old), *_times(new)})
    sunday = at + timedelta(days=(6 - at.weekday()) % 7)
    weekday = at + timedelta(days=1) if at.weekday() >= 5 else at
    found = [at]
    for day, moment, minute in product((weekday, sunday), moments, (-1, 1)):
        there = day.replace(hour=moment.hour, minute=moment.minute, second=0, microsecond=0)
        found.append(there + timedelta(minutes=minute))
    return list(dict.fromkeys(found))


def _times(value: object) -> Iterator[time]:
    """The times of day in a configuration, wherever they stand."""
    if isinstance(value, Mapping):
        for below in value.values():
            yield from _times(below)
    elif isinstance(value, list):
        for below in value:
            yield from _times(below)
    elif isinstance(value, time):
        yield value
    elif isinstance(value, datetime):
        yield value.time()
    elif isinstance(value, str):
        for hour, minute in re.findall(r"\b([01]?\d|2[0-3]):([0-5]\d)\b", value):
            yield time(int(hour), int(minute))
