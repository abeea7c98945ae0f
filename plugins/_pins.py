"""PINs that are dialled: who guesses has to wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua import Service
    from b2bua.calls import Party

WRONG_MAX, WRONG_SECONDS = 5, 600.0
PIN = r"^([0-9]{4,16})?$"
"""How a PIN is written in a table; an empty one opens nothing."""


def about(what: str, party: Party) -> str:
    """Whose guesses count for something: those of extensions, or of all others, and these shut it to none."""
    return f"{what}, from {'inside' if party.internal else 'outside'}"


class Guesses:
    """Counts wrong PINs: after five none is good for ten minutes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Nobody has guessed yet."""
        self._now = now
        self._wrong: dict[str, deque[float]] = {}

    def start(self, service: Service) -> None:
        """Who has guessed before a reload has guessed."""
        self._wrong = service.lasting.setdefault("wrong PINs", self._wrong)

    def opens(self, given: str, pin: str, *by: str) -> bool:
        """
        Is it the PIN, and has nobody guessed too often?

        While none is good none counts either: who tries the right one again and again does
        not put it off, and who has guessed too often shuts nobody else's.

        @param by: whose guesses count: the phone's, say, and those of whom it is about.
        """
        now = self._now().timestamp()
        held = any(len(wrong) == WRONG_MAX and now - wrong[0] < WRONG_SECONDS for wrong in map(self._of, by))
        if held:
            return False
        if pin and compare_digest(given.encode(), pin.encode()):
            return True
        for one in by:
            self._wrong.setdefault(one, deque(maxlen=WRONG_MAX)).append(now)
        return False

    def _of(self, who: str) -> deque[float]:
        """When somebody was wrong."""
        return self._wrong.get(who, deque())
