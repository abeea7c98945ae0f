"""How a phone that is a program of its own tells us what happens, and takes what it is told."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple


def tell(kind: str, **more: Any) -> None:
    """Tell an event."""
    say("EVENT " + json.dumps({"type": kind, **more}) + "\n")


def say(text: str) -> None:
    """Say something for its log."""
    sys.stdout.write(text)
    sys.stdout.flush()


class Command(NamedTuple):
    """What it is told to do."""

    name: str
    arguments: list[Any]
    token: str

    @classmethod
    def of(cls, line: str) -> Command:
        """Read a line."""
        asked = json.loads(line)
        return cls(asked["do"], asked["with"], asked["token"])

    def answer(self, error: object = None) -> None:
        """Say that it was done, or why not."""
        tell("ANSWER", token=self.token, **({} if error is None else {"error": str(error)}))
