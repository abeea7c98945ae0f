"""A tree of attempts and what it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from b2bua.calls.attempt import ELSEWHERE, Attempt
from b2bua.calls.lone import Lone
from b2bua.calls.verdicts import Answer, Diverted, Outcome
from b2bua.legs.words import Answered, Fields, Progress, Ringing, Word

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.errand import Errand
    from b2bua.calls.path import Path
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party


@dataclass(frozen=True, slots=True)
class Found:
    """
    A search that succeeded: who answered, and with what session.

    Who has picked up from another phone waits for an answer of ours, and
    C{session} is its offer.
    """

    leg: Leg
    session: bytes | None
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Instead:
    """A search that ended without a phone: a feature answers, for whoever it was dialled."""

    answer: Answer
    behalf: Party


class Search:
    """
    Looks for a target in the name of an operation, which awaits the end.

    Unlike the L{Setup} it has no caller who waits with an INVITE.
    """

    def __init__(self, call: Call, errand: Errand) -> None:
        """Prepare."""
        self.call = call
        self.errand = errand
        self.attempt: Attempt | None = None
        self.rang = False
        self._end: Deferred[Found | Instead | Outcome] = Deferred()
        self.on_progress: Callable[[int], None] = lambda code: None
        """Told of 180 and 181."""

    def seek(
        self,
        target: str,
        path: Path,
        behalf: Party,
        *,
        ring_limit: float | None = None,
        direct: bool = False,
    ) -> Deferred[Found | Instead | Outcome]:
        """
        Begin; the result is who answered, or how it failed.

        @param direct: ring the target's phones without asking any feature.
        """
        self._begin()
        self.attempt = Attempt(
            self.call, self, self.errand, target, path, behalf, ring_limit=ring_limit, direct=direct
        )
        self.attempt.start()
        return self._end

    def adopt(
        self, attempt: Attempt, *, ring_limit: float | None = None
    ) -> Deferred[Found | Instead | Outcome]:
        """Take over an attempt that somebody else began and has given up."""
        self._begin()
        self.attempt = attempt
        attempt.seeker = self
        self.rang = attempt.rang
        if ring_limit is not None:
            attempt.limit(ring_limit)
        return self._end

    def cancel(self, fields: Fields = ()) -> None:
        """Look no further; the search ends with a 487."""
        if self.attempt is not None and not self._end.called:
            self.attempt.cancel(fields)
            self._finish(Outcome("refused", 487, "Request Terminated"))

    def rings(self, leg: Leg) -> bool:
        """Is it one of the phones that ring?"""
        return self.attempt is not None and leg in self.attempt.every_leg()

    def picked_up(self, leg: Leg, offer: bytes) -> None:
        """Somebody calls to take the place of a phone that rings: it is found."""
        assert self.attempt is not None
        self.attempt.cancel(ELSEWHERE)
        self._found(leg, offer)

    def _begin(self) -> None:
        """Let the call know that something rings for it."""
        self.call.hold_open()
        self.call.search = self

    def _found(self, leg: Leg, session: bytes | None, fields: Fields = ()) -> None:
        """Hand over the leg; until somebody listens to it, it is alone."""
        self.call.leg_was_answered(leg)
        self.call.listen(leg, Lone(self.call))
        self._finish(Found(leg, session, fields))

    def _finish(self, result: Found | Instead | Outcome) -> None:
        """Say how it ended, once."""
        if not self._end.called:
            self.call.search = None
            self.call.changed()
            self._end.callback(result)
            self.call.let_close()

    # ---- from the attempt -----------------------------------------------

    def progress(self, attempt: Attempt, leg: Leg, word: Ringing | Progress) -> None:
        """Tell the operation, once, that it rings."""
        if not self.rang and isinstance(word, Ringing):
            self.rang = True
            self.on_progress(180)

    def diverted(self, attempt: Attempt, why: Diverted) -> None:
        """Tell the operation."""
        self.on_progress(181)

    def won(self, attempt: Attempt, leg: Leg, word: Answered) -> None:
        """Hand it over."""
        self._found(leg, word.session, word.fields)

    def failed(self, attempt: Attempt, outcome: Outcome) -> None:
        """Say so."""
        self._finish(outcome)

    def instead(self, attempt: Attempt, answer: Answer) -> None:
        """Say what the feature wants; the operation sees to it."""
        self._finish(Instead(answer, attempt.behalf))

    def said(self, leg: Leg, word: Word) -> None:
        """Take what a ringing leg says within its early dialog."""
        Lone(self.call).hear(leg, word)
