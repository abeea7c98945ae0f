"""The caller waits while the target is sought: from INVITE to its final answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from b2bua.calls.bridge import Bridge, BridgedCall
from b2bua.calls.identity import Unseen
from b2bua.calls.outcomes import towards_caller
from b2bua.calls.routing.attempt import Attempt
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Answer, Diverted, Outcome
from b2bua.legs.words import (
    Answered,
    Changed,
    Confirmed,
    HungUp,
    Progress,
    Referred,
    Refused,
    Replied,
    Requested,
    Ringing,
    Withdrawn,
    Word,
)

if TYPE_CHECKING:
    from b2bua.calls.routing.seeking import LiveAttempt
    from b2bua.calls.routing.template import InviteTemplate
    from b2bua.legs.leg import Leg
    from b2bua.legs.party import Party

_WITHIN = (Requested, Replied, Changed, Answered, Refused, Confirmed, Withdrawn)
"""What passes between the caller and the leg whose early media it hears (RFC 3311 section 5)."""


class CallInSetup(BridgedCall, Protocol):
    """A call whose caller may be waiting for an answer."""

    setup: Setup | None
    """What goes on while the caller waits."""
    rang: float | None
    """When the caller heard for the first time that somebody is rung."""

    def redirect(self, leg: Leg, code: int, targets: tuple[str, ...], reason: str = "") -> None:
        """Send a leg that has not been answered elsewhere (3xx)."""

    def turn_away(self, leg: Leg, offer: bytes | None, code: int, reason: str) -> None:
        """Refuse a caller, who may be told in words."""

    def feature_answers(self, leg: Leg, offer: bytes | None, answer: Answer, behalf: Party) -> None:
        """A feature answers the caller, who has not been answered yet."""


class Setup:
    """
    Stands between the caller, who has no answer yet, and an attempt.

    To the caller there is one call: one source of early media at a time, one
    final answer, whatever forks and forwards lie behind it.
    """

    __slots__ = ("_early", "_over", "attempt", "call", "caller", "template")

    def __init__(self, call: CallInSetup, template: InviteTemplate) -> None:
        """Prepare; the template's C{who} is the caller."""
        assert type(template.who) is not Unseen
        self.call = call
        self.template = template
        self.caller: Leg = template.who
        self.attempt: Attempt | None = None
        self._early: Leg | None = None
        """The leg whose early media the caller hears."""
        self._over = False

    def seek(self, target: str) -> None:
        """Begin to look for the target."""
        call = self.call
        call.listen(self.caller, self)
        party = self.caller.party
        # The caller is on the path too: nothing that diverts the call leads back to him.
        path = call.path.through(party.name) if party.internal else call.path
        self.attempt = Attempt(call, self, self.template, target, path, party)
        self.attempt.start()

    def release(self) -> Attempt:
        """Leave the attempt, ringing as it is, to somebody else."""
        assert self.attempt is not None
        self._over = True
        self.call.setup = None
        return self.attempt

    def _end(self) -> None:
        """Nobody waits any more: there is nothing to pick up, and nothing to transfer."""
        self._over, self.attempt, self.call.setup = True, None, None

    # ---- from the attempt -----------------------------------------------

    def progress(self, attempt: LiveAttempt, leg: Leg, word: Ringing | Progress) -> None:
        """Tell the caller, with the media of one leg only."""
        if self._over:
            return
        session = word.session
        if session is not None:
            if self._early is None or self._early.ended:
                self._early = leg
            if self._early is not leg:
                session = None
        call = self.call
        if isinstance(word, Ringing):
            if call.rang is None:
                layer = call.calls.layer
                call.rang = layer.moment or layer.now()
            if session is not word.session:
                word = Ringing(session, word.fields)
        elif word.code == 199:
            if self._early is leg:  # RFC 6228: that source of media is gone
                self._early = None
            return
        elif session is not word.session:
            word = Progress(word.code, word.reason, session, word.fields)
        call.pass_on(leg, self.caller, word)

    def diverted(self, attempt: LiveAttempt, why: Diverted) -> None:
        """The caller may know that the call goes on elsewhere (RFC 5359 section 2.7)."""
        if not self._over:
            self.caller.say(Progress(181, "Call Is Being Forwarded"))

    def won(self, attempt: LiveAttempt, leg: Leg, word: Answered) -> None:
        """Connect the two."""
        self._end()
        call = self.call
        call.was_taken(leg)
        late = self.template.offer is None and word.session is not None
        Bridge(call, self.caller, leg).begin(self.caller if late else None)
        call.pass_on(leg, self.caller, word)
        call.talks_with(leg)

    def failed(self, attempt: LiveAttempt, outcome: Outcome) -> None:
        """Turn the caller away, with the best answer there is."""
        self._end()
        code, reason = towards_caller(outcome, phone=self.caller.party.internal)
        self.call.record.refused(code, reason)
        if outcome.kind == "moved" and 300 <= outcome.code < 400 and outcome.targets:
            self.call.redirect(self.caller, outcome.code, outcome.targets, outcome.reason)
        else:
            self.call.turn_away(self.caller, self.template.offer, code, reason)

    def instead(self, attempt: LiveAttempt, answer: Answer) -> None:
        """A feature answers the caller, who has not been answered yet."""
        self._end()
        self.call.feature_answers(self.caller, self.template.offer, answer, attempt.behalf)

    # ---- from the caller ------------------------------------------------

    def hear(self, leg: Leg, word: Word) -> None:
        """Take what the caller does before an answer."""
        match word:
            case HungUp(_, fields):
                self.call.record.refused(487, "Request Terminated")
                attempt = self.attempt
                self._end()
                if attempt is not None:
                    attempt.cancel(fields)
            case _ if isinstance(word, _WITHIN) and self._early is not None and not self._early.ended:
                self.call.pass_on(leg, self._early, word)
            case _:
                StandIn(self.call).hear(leg, word)

    def said(self, leg: Leg, word: Word) -> None:
        """Take what a ringing leg says within its early dialog; it may not transfer yet."""
        if leg is self._early and not self._over and not isinstance(word, Referred):
            self.call.pass_on(leg, self.caller, word)
        else:
            StandIn(self.call).hear(leg, word)
