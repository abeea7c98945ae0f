"""The seams of a tree of attempts: who wants one to succeed, and what its parts see of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from b2bua.calls import face

if TYPE_CHECKING:
    from b2bua.calls.protocol import LiveCall
    from b2bua.calls.routing.template import InviteTemplate
    from b2bua.calls.verdicts import Answer, Diverted, Outcome
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party
    from b2bua.legs.words import Answered, Fields, Progress, Ringing, Word


class Seeker(Protocol):
    """Who wants an attempt to succeed, and is told how it goes: its parent, or whoever began the search."""

    def progress(self, attempt: LiveAttempt, leg: Leg, word: Ringing | Progress) -> None:
        """A leg rings, or something else goes on before the answer."""

    def diverted(self, attempt: LiveAttempt, why: Diverted) -> None:
        """The attempt goes on elsewhere (181)."""

    def won(self, attempt: LiveAttempt, leg: Leg, word: Answered) -> None:
        """A leg has answered; all others of the attempt have been cancelled."""

    def failed(self, attempt: LiveAttempt, outcome: Outcome) -> None:
        """Nobody answered, and no feature knows what else to try."""

    def instead(self, attempt: LiveAttempt, answer: Answer) -> None:
        """No phone is rung: a feature answers, shows a text, keeps waiting or takes somebody."""

    def said(self, leg: Leg, word: Word) -> None:
        """A ringing leg says something about its early session, or tells something."""


class LiveAttempt(face.Attempt, Protocol):
    """An attempt as its seekers and the fork below it see it."""

    @property
    def call(self) -> LiveCall:
        """The call that it rings for."""

    @property
    def seeker(self) -> Seeker:
        """Who wants it to succeed."""

    @property
    def template(self) -> InviteTemplate:
        """What its INVITEs say, and for whom they go out."""

    @property
    def alone(self) -> bool:
        """Does nothing else ring for the same template, as the members of a group do?"""

    @property
    def alert_info(self) -> str:
        """How a forward wants it to ring."""

    @property
    def confirm(self) -> tuple[str, ...]:
        """What whoever answers hears, and is to press 1 for the call."""

    @property
    def moved_by(self) -> Party | None:
        """Who has answered with the 3xx that is being followed."""

    def every_leg(self) -> Sequence[Leg]:
        """The legs that ring here and below."""
        raise NotImplementedError

    def cancel(self, fields: Fields = ()) -> None:
        """Stop all ringing; nobody wants the target any more."""

    # ---- from the fork --------------------------------------------------

    def progressed(self, leg: Leg, word: Ringing | Progress) -> None:
        """A leg rings, or something else goes on before the answer."""

    def answered(self, leg: Leg, word: Answered) -> None:
        """A leg has answered."""

    def unanswered(self, outcome: Outcome) -> None:
        """No leg is left."""
