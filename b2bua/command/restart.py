"""
Have a new process take the place of the running service, without losing a call.

The new process reads the configuration and the code as they are now.  Established
calls are handed over; what rings is finished by the old process, which ends
then.  A new process that does not start changes nothing.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from b2bua.command import _asking
from b2bua.plural import counted


def arguments(parser: ArgumentParser) -> None:
    """Take where the service is."""
    _asking.arguments(parser)


def run(options: Namespace) -> int:
    """Ask for it."""
    value = _asking.ask(options, "POST", "/restart")
    if value["problem"] and not options.json:
        _asking.complain(f"{value['problem']}; the old process goes on")
    else:
        _asking.show(options, value, _told)
    return 1 if value["problem"] else 0


def _told(value: dict[str, Any]) -> str:
    """What came of it, for people."""
    follow = "follows when it is settled" if value["left"] == 1 else "follow when they are settled"
    left = f"; {counted(value['left'], 'call')} {follow}" if value["left"] else ""
    return (
        f"process {value['pid']} serves, with {counted(value['handed_over'], 'call')}{left}\n"
        f"{value['silent_ms']} ms without answers"
    )
