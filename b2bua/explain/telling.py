"""The answer to a what-if, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from b2bua.explain.compare import Difference
from b2bua.explain.tree import Node
from b2bua.explain.whatif import Answer, Step


def tell(answer: Answer, document: Mapping[str, Any]) -> str:
    """
    Tell what a call would do.

    @param document: the tables of the configuration, for the names of extensions.
    """
    names = {name: one.get("name", "") for name, one in document.get("extensions", {}).items()}
    via = f" through the trunk {answer.via}" if answer.via else ""
    lines = [f"{answer.at.replace('T', ' ')}: {_named(answer.caller, names)}{via} calls {answer.dialled}"]
    for node in answer.targets:
        lines += _node(node, names, "", "")
    after = "" if answer.answered_after is None else f" after {_clock(answer.answered_after)}"
    by = f" by {answer.answered_by}" if answer.answered_by else ""
    if answer.ending.endswith(by):
        by = ""  # answered by the server
    lines.append(f"the call: {answer.ending}{by}{after}")
    lines += [f"{_clock(step.at)}  {step.what}: {_came_of(step)}" for step in answer.steps]
    lines += [f"a fault of the server: {problem}" for problem in answer.problems]
    return "\n".join(lines)


def tell_difference(found: Difference, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Tell what a call does now, and what it would do."""
    asked = found.question
    how = ", ".join(f"{name}: {behaviour}" for name, behaviour in asked.behaviours.items())
    via = f" through {asked.via}" if asked.via else ""
    head = f"{asked.caller}{via} calls {asked.dialled}{f' ({how})' if how else ''}"
    parts = [head]
    for title, answer, tables in (("before", found.before, old), ("after", found.after, new)):
        text = "it cannot be made" if answer is None else tell(answer, tables)
        parts += [f"  {title}:", *(f"    {line}" for line in text.splitlines())]
    return "\n".join(parts)


def _came_of(step: Step) -> str:
    """Tell what came of a step."""
    if step.cannot:
        return f"cannot be done, {step.cannot}"
    talking = [" talks to ".join(pair.split(" - ")) for pair in step.talking]
    return ", ".join([*talking, *(f"{who} waits" for who in step.waiting), *step.hears]) or "nobody talks"


def _node(node: Node, names: Mapping[str, str], first: str, rest: str) -> Iterator[str]:
    """Tell of one target and of those below it."""
    yield f"{first}{_named(node.number or node.target, names)}"
    inner = rest + ("│  " if node.targets else "   ")
    for setting in node.settings:
        yield f"{inner}because of {setting}"
    for at, text in sorted(_events(node), key=itemgetter(0)):
        yield f"{inner}{_clock(at)}{text}"
    if node.answered:
        yield f"{inner}answers"
    for number, below in enumerate(node.targets, 1):
        last = number == len(node.targets)
        yield from _node(below, names, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _events(node: Node) -> Iterator[tuple[float, str]]:
    """What happened at one target, and when; what has the same time stands in this order."""
    for ring in node.rings:
        until = "" if ring.until is None else f" to {_clock(ring.until)}"
        number = f" as {ring.number}" if ring.where.startswith("trunk ") else ""
        yield ring.at, f"{until}  rings at {ring.where}{number}, which sees {ring.sees}"
    if node.outcome:
        yield node.outcome_at or 0.0, f"  {node.outcome}"
    for decision in node.decisions:
        why = f", because of {' '.join(decision.settings)}" if decision.settings else ""
        yield decision.at, f"  {decision.feature}: {decision.said}{why}"


def _named(number: str, names: Mapping[str, str]) -> str:
    """Name a number with who has it."""
    name = names.get(number, "")
    return f"{number} {name}" if name and name != number else number


def _clock(seconds: float) -> str:
    """
    Say when, since the call began.

    >>> _clock(65.2)
    '1:05'
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
