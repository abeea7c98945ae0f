"""Say what a call would do, before anybody makes it: who rings, when, and why."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from b2bua.command import _asking
from b2bua.command._live import live_tables, tables_of
from b2bua.command._progress import bar
from b2bua.settings import Problem, SettingsError, find

if TYPE_CHECKING:
    from b2bua.explain.compare import Difference
    from b2bua.explain.scene import Behaviour
    from b2bua.explain.whatif import Question

BEHAVIOURS: tuple[tuple[str, Behaviour, str], ...] = (
    ("--busy", "busy", "who is busy"),
    ("--no-answer", "no answer", "who does not pick up"),
    ("--declines", "declines", "who declines"),
    ("--unregistered", "unregistered", "whose phone is not there"),
)

STEPS = (
    ("--first", 'before the call, such as "102 dials 104"'),
    ("--meanwhile", 'while it rings, such as "103 dials pickup 102"'),
    ("--then", 'when the call is answered, such as "102 transfers to 104"'),
)
ANSWERS_MAX = 600
"""Seconds that somebody rings at most who answers in the end."""


def arguments(parser: ArgumentParser) -> None:
    """Take the question."""
    parser.add_argument(
        "caller", metavar="CALLER", nargs="?", help="an extension, or with --via a number outside"
    )
    parser.add_argument("dialled", metavar="NUMBER", nargs="?", help="what is dialled")
    parser.add_argument("--via", metavar="TRUNK", default="", help="the trunk through which the caller comes")
    parser.add_argument("--at", metavar="TIME", help='when, as "2026-12-24 19:30"; by default now')
    for flag, behaviour, help in BEHAVIOURS:
        parser.add_argument(flag, metavar="NAME", nargs="+", default=[], dest=behaviour, help=help)
    parser.add_argument(
        "--redirects", metavar="NAME=NUMBER", action="append", default=[],
        help="whose phone sends its calls on by itself, and where",
    )  # fmt: skip
    parser.add_argument(
        "--answers-after", metavar="SECONDS", type=float, default=5.0,
        help="how long the phones ring that are answered, by default 5",
    )  # fmt: skip
    for flag, when in STEPS:
        parser.add_argument(
            flag,
            metavar="STEP",
            action="append",
            default=[],
            help=f"what a party does {when}; may be repeated",
        )
    parser.add_argument(
        "--answer", metavar="FEATURE=ANSWER", action="append", default=[],
        help="what a feature says that would ask somewhere else: nothing, refuse:480 or to:103",
    )  # fmt: skip
    parser.add_argument(
        "--live",
        action="store_true",
        help="with what users have changed and the phones that are registered, of the running service",
    )
    parser.add_argument(
        "--diff", metavar="FILE", help="instead of one call: which calls another configuration would change"
    )
    parser.add_argument("--svg", metavar="FILE", help="write the ladder of the call as a picture")
    parser.add_argument("--ladder", action="store_true", help="also draw the messages of the call")
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Play it."""
    # Not needed to say what can be typed, and it takes its time.
    from b2bua.explain.svg import svg
    from b2bua.explain.telling import tell
    from b2bua.explain.text import ladder
    from b2bua.explain.whatif import ask

    tables = tables_of(find(options.config))
    unregistered: list[str] = []
    if options.live:
        tables, unregistered = _live(options, tables)
    if options.diff is not None:
        return _compare(options, tables)
    question = _question(options, unregistered)
    if not 0 <= options.answers_after <= ANSWERS_MAX:
        problem = Problem("--answers-after", f"must be seconds, {ANSWERS_MAX} at most")
        raise SettingsError("b2bua whatif", [problem])
    play = ask(tables, question, answers_after=options.answers_after)
    answer, call = play.run(), play.traced()
    if options.svg is not None:
        if call is None:
            raise SettingsError("b2bua whatif", [Problem("--svg", "there is no call to draw")])
        try:
            Path(options.svg).write_text(svg(call))
        except OSError as error:
            raise SettingsError(options.svg, [Problem("", error.strerror or str(error))]) from None
    if options.json:
        print(answer.model_dump_json(indent=2))
        return 0
    print(tell(answer, tables))
    if options.ladder and call is not None:
        print(f"\n{ladder(call, words=False)}")
    return 0


def _compare(options: Namespace, old: dict[str, Any]) -> int:
    """Show what another configuration would change."""
    from b2bua.explain.compare import differences, hours_left_out
    from b2bua.explain.telling import tell_difference

    new = tables_of(options.diff)
    at = _time(options.at)
    found = differences(old, new, at, bar("calls"), os.cpu_count() or 1)
    if options.json:
        print(json.dumps([_plain(one) for one in found], indent=2))
        return 0
    for hour in hours_left_out(old, new, at):
        print(f"too many times of day: nothing was played at {hour:%a %H:%M}")
    for one in found:
        print(tell_difference(one, old, new))
    print(f"{len(found)} of the calls would do something else" if found else "every call would do the same")
    return 0


def _plain(one: Difference) -> dict[str, Any]:
    """A difference as JSON has it."""
    question = one.question
    return {
        "caller": question.caller,
        "dialled": question.dialled,
        "via": question.via,
        "at": question.at.isoformat(),
        "behaviours": dict(question.behaviours),
        "before": None if one.before is None else one.before.model_dump(mode="json"),
        "after": None if one.after is None else one.after.model_dump(mode="json"),
    }


def _live(options: Namespace, tables: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Lay over a configuration what the running service knows; give who is not registered as well."""
    there = {row["extension"] for row in _asking.ask(options, "GET", "/registrations")}
    tables = live_tables(options, tables)
    return tables, [name for name in tables.get("extensions", {}) if name not in there]


def _question(options: Namespace, unregistered: list[str]) -> Question:
    """Read the question."""
    from b2bua.explain.whatif import Question

    if options.caller is None or options.dialled is None:
        raise SettingsError("b2bua whatif", [Problem("", "say who calls, and which NUMBER")])
    behaviours: dict[str, Any] = dict.fromkeys(unregistered, "unregistered")
    behaviours |= {name: behaviour for _, behaviour, _ in BEHAVIOURS for name in getattr(options, behaviour)}
    answers = dict(map(_verdict, options.answer))
    return Question(
        options.caller,
        options.dialled,
        _time(options.at),
        options.via,
        behaviours=behaviours,
        redirects=dict(map(_redirect, options.redirects)),
        first=tuple(options.first),
        meanwhile=tuple(options.meanwhile),
        then=tuple(options.then),
        answers=answers,
    )


def _redirect(text: str) -> tuple[str, str]:
    """Read C{102=103}."""
    name, sign, number = text.partition("=")
    if not (name and sign and number):
        raise SettingsError("b2bua whatif", [Problem("--redirects", f"{text!r} is not NAME=NUMBER")])
    return name, number


def _verdict(text: str) -> tuple[str, object]:
    """Read C{crm=to:103}."""
    from b2bua.calls import Forward, Refuse

    feature, _, said = text.partition("=")
    kind, _, value = said.partition(":")
    if kind == "nothing":
        return feature, None
    if kind == "to" and value:
        return feature, Forward(value)
    if kind == "refuse" and value.isdigit() and 400 <= int(value) < 700:
        return feature, Refuse(int(value))
    why = f"{text!r} is no answer; write FEATURE=nothing, FEATURE=refuse:480 or FEATURE=to:103"
    raise SettingsError("b2bua whatif", [Problem("--answer", why)])


def _time(text: str | None) -> datetime:
    """The time that is asked about, by default now."""
    return _asking.moment(text, "--at", "b2bua whatif") or datetime.now().astimezone()
