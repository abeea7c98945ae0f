"""Show how the running service does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from b2bua.command import _asking
from b2bua.command._asking import duration
from b2bua.plural import counted


def arguments(parser: ArgumentParser) -> None:
    """Take where it is."""
    parser.add_argument(
        "--health", action="store_true", help="status 1 and the reasons when somebody has to look after it"
    )
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show it."""
    status = _asking.ask(options, "GET", "/status")
    _asking.show(options, status, health if options.health else people)
    return 1 if options.health and status["problems"] else 0


def health(status: dict[str, Any]) -> str:
    """What is wrong, line by line."""
    return "\n".join(status["problems"]) or "good"


def people(status: dict[str, Any]) -> str:
    """A few lines for people; what is wrong stands out by its own line."""
    state = "draining" if status["draining"] else "running"
    store = status["store"]
    calls = counted(status["calls"], "call")
    lines = [
        f"{status['domain']}: b2bua {status['version']} {state} for {duration(status['seconds'])}",
        f"{calls} now; before, {status['answered']} answered and {status['refused']} not",
        f"{counted(status['registrations'], 'registration')} of {counted(status['extensions'], 'extension')}",
        f"{counted(status['subscriptions'], 'subscription')}, {status['subscriptions_refused']} refused",
        f"store {store['name']}: {_store(store)}",
    ]
    if status["turned_away"]:
        requests = counted(status["turned_away"], "request")
        lines.append(f"{requests} TURNED AWAY because there was too much to do")
    if status["strangers_refused"]:
        messages = counted(status["strangers_refused"], "message")
        lines.append(f"{messages} of unknown hosts came too fast to be looked at")
    if status["connections_refused"]:
        connections = counted(status["connections_refused"], "connection")
        lines.append(f"{connections} refused, beyond limits.connections or limits.connections_per_host")
    lines += [f"trunk {trunk['name']}: {_trunk(trunk)}" for trunk in status["trunks"]]
    lines += [f"rtpengine {engine['name']}: {_engine(engine)}" for engine in status["engines"]]
    lines += [
        f"ignored for guessing passwords: {row['source']}, for {duration(row['seconds'])}"
        for row in status["ignored"]
    ]
    return "\n".join(lines)


def _store(store: dict[str, Any]) -> str:
    """How the store does."""
    lost = f"; {counted(store['lost'], 'record')} lost" if store["lost"] else ""
    if not store["failing"]:
        return f"good{lost}"
    since = duration(store["failing_seconds"])
    return f"FAILS for {since}: {store['failing']}; {counted(store['waiting'], 'change')} to be written{lost}"


def _engine(engine: dict[str, Any]) -> str:
    """How a relay of media does."""
    state = {True: "up", False: "DOWN", None: "not known yet"}[engine["alive"]]
    owed = f"; {counted(engine['owed'], 'call')} to be ended there" if engine["owed"] else ""
    return f"{state}, {counted(engine['calls'], 'call')}{owed}"


def _trunk(trunk: dict[str, Any]) -> str:
    """How a trunk does."""
    state = "up" if trunk["alive"] else "DOWN"
    if trunk["registered"] is not None:
        state += ", registered" if trunk["registered"] else ", NOT registered"
    why = f" ({trunk['why']})" if trunk["why"] else ""
    return f"{state}{why}, {trunk['uri']}"
