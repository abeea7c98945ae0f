"""Show how the running service does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from b2bua.command import _asking
from b2bua.command._asking import duration


def arguments(parser: ArgumentParser) -> None:
    """Take where it is."""
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Show it."""
    return _asking.show(options, _asking.ask(options, "status"), people)


def people(status: dict[str, Any]) -> str:
    """A few lines for people; what is wrong stands out by its own line."""
    state = "draining" if status["draining"] else "running"
    store = status["store"]
    lines = [
        f"{status['domain']}: b2bua {status['version']} {state} for {duration(status['seconds'])}",
        f"{status['calls']} calls now; before, {status['answered']} answered and {status['refused']} not",
        f"{status['registrations']} registrations of {status['extensions']} extensions",
        f"store {store['name']}: {_store(store)}",
    ]
    if status["turned_away"]:
        lines.append(f"{status['turned_away']} requests were TURNED AWAY because there was too much to do")
    if status["strangers_refused"]:
        lines.append(f"{status['strangers_refused']} messages of unknown hosts came too fast to be looked at")
    if status["connections_refused"]:
        lines.append(f"{status['connections_refused']} connections were one too many")
    lines += [f"trunk {trunk['name']}: {_trunk(trunk)}" for trunk in status["trunks"]]
    lines += [
        f"ignored for guessing passwords: {row['source']}, for {duration(row['seconds'])}"
        for row in status["ignored"]
    ]
    return "\n".join(lines)


def _store(store: dict[str, Any]) -> str:
    """How the store does."""
    lost = f"; {store['lost']} records were lost" if store["lost"] else ""
    if not store["failing"]:
        return f"good{lost}"
    since = duration(store["failing_seconds"])
    return f"FAILS for {since}: {store['failing']}; {store['waiting']} changes wait for it{lost}"


def _trunk(trunk: dict[str, Any]) -> str:
    """How a trunk does."""
    state = "up" if trunk["alive"] else "DOWN"
    if trunk["registered"] is not None:
        state += ", registered" if trunk["registered"] else ", NOT registered"
    why = f" ({trunk['why']})" if trunk["why"] else ""
    return f"{state}{why}, {trunk['uri']}"
