"""A search in the name of an operation, which awaits its end: a tree of attempts with no caller who waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from b2bua.calls.protocol import LiveCall
from b2bua.calls.routing.attempt import ELSEWHERE, Attempt
from b2bua.calls.routing.template import Dialling
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Answer, Diverted, Outcome
from b2bua.legs.words import Answered, Fields, Progress, Ringing, Word

if TYPE_CHECKING:
    from b2bua.calls.routing.seeking import LiveAttempt
    from b2bua.calls.routing.template import InviteTemplate
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party


class SearchingCall(LiveCall, Protocol):
    """A call in which something is looked for in the name of an operation."""

    search: Search | None


@dataclass(frozen=True, slots=True)
class Reached:
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

    def __init__(self, call: SearchingCall, template: InviteTemplate) -> None:
        """Prepare."""
        self.call = call
        self.template = template
        self.attempt: Attempt | None = None
        self.rang = False
        self._end: Deferred[Reached | Instead | Outcome] = Deferred()
        self.on_progress: Callable[[int], None] = lambda code: None
        """Told of 180 and 181."""

    def seek(self, dialling: Dialling) -> Deferred[Reached | Instead | Outcome]:
        """Begin; the result is who answered, or how it failed."""
        self._begin()
        self.attempt = Attempt(self.call, self, self.template, *dialling)
        self.attempt.start()
        return self._end

    def adopt(
        self, attempt: Attempt, *, ring_seconds: float | None = None
    ) -> Deferred[Reached | Instead | Outcome]:
        """Take over an attempt that somebody else began and has given up."""
        self._begin()
        self.attempt = attempt
        attempt.seeker = self
        self.rang = attempt.rang
        if ring_seconds is not None:
            attempt.limit(ring_seconds)
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
        self.call.listen(leg, StandIn(self.call))
        self._finish(Reached(leg, session, fields))

    def _finish(self, result: Reached | Instead | Outcome) -> None:
        """Say how it ended, once."""
        if not self._end.called:
            self.call.search = None
            self.call.changed()
            self._end.callback(result)
            self.call.let_close()

    # ---- from the attempt -----------------------------------------------

    def progress(self, attempt: LiveAttempt, leg: Leg, word: Ringing | Progress) -> None:
        """Tell the operation, once, that it rings."""
        if not self.rang and isinstance(word, Ringing):
            self.rang = True
            self.on_progress(180)

    def diverted(self, attempt: LiveAttempt, why: Diverted) -> None:
        """Tell the operation."""
        self.on_progress(181)

    def won(self, attempt: LiveAttempt, leg: Leg, word: Answered) -> None:
        """Hand it over."""
        self._found(leg, word.session, word.fields)

    def failed(self, attempt: LiveAttempt, outcome: Outcome) -> None:
        """Say so."""
        self._finish(outcome)

    def instead(self, attempt: LiveAttempt, answer: Answer) -> None:
        """Say what the feature wants; the operation sees to it."""
        self._finish(Instead(answer, attempt.behalf))

    def said(self, leg: Leg, word: Word) -> None:
        """Take what a ringing leg says within its early dialog."""
        StandIn(self.call).hear(leg, word)
