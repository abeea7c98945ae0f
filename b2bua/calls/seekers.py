"""Who wants an attempt to succeed: its parent, or whoever began the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from b2bua.calls.attempt import Attempt
    from b2bua.calls.verdicts import Answer, Diverted, Outcome
    from b2bua.legs.leg import Leg
    from b2bua.legs.words import Answered, Progress, Ringing, Word


class Seeker(Protocol):
    """Who wants an attempt to succeed, and is told how it goes."""

    def progress(self, attempt: Attempt, leg: Leg, word: Ringing | Progress) -> None:
        """A leg rings, or something else goes on before the answer."""

    def diverted(self, attempt: Attempt, why: Diverted) -> None:
        """The attempt goes on elsewhere (181)."""

    def won(self, attempt: Attempt, leg: Leg, word: Answered) -> None:
        """A leg has answered; all others of the attempt have been cancelled."""

    def failed(self, attempt: Attempt, outcome: Outcome) -> None:
        """Nobody answered, and no feature knows what else to try."""

    def instead(self, attempt: Attempt, answer: Answer) -> None:
        """No phone is rung: a feature answers, shows a text, keeps waiting or takes somebody."""

    def said(self, leg: Leg, word: Word) -> None:
        """A ringing leg says something about its early session, or tells something."""


class Through:
    """The seeker of the attempt that a forward leads to: all goes up unchanged."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        """Seek for C{attempt}, which has sent the call on."""
        self._attempt = attempt

    def progress(self, attempt: Attempt, leg: Leg, word: Ringing | Progress) -> None:
        """It rings there, so it rings here."""
        self._attempt.seeker.progress(attempt, leg, word)

    def diverted(self, attempt: Attempt, why: Diverted) -> None:
        """It goes further."""
        self._attempt.seeker.diverted(attempt, why)

    def won(self, attempt: Attempt, leg: Leg, word: Answered) -> None:
        """It was answered."""
        self._attempt.child_won(attempt, leg, word)

    def failed(self, attempt: Attempt, outcome: Outcome) -> None:
        """It is not to be had."""
        self._attempt.child_gave_up(outcome)

    def instead(self, attempt: Attempt, answer: Answer) -> None:
        """A feature answers there."""
        self._attempt.cancel()
        self._attempt.seeker.instead(attempt, answer)

    def said(self, leg: Leg, word: Word) -> None:
        """It says something while it rings."""
        self._attempt.seeker.said(leg, word)
