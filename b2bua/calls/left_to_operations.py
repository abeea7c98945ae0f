"""
What the parts of a call leave to operations, which stand above them.

Setup, bridge and attempts ask it of their call, for they know of no operation
(L{b2bua.calls.protocol}).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from b2bua.calls.keys import asks_to_record
from b2bua.calls.operations.announcing import confirm_in_words, refuse_in_words
from b2bua.calls.operations.call_control import go_on_after_waiting, ring_from
from b2bua.calls.operations.consent import Consent
from b2bua.calls.operations.conversation import Conversation
from b2bua.calls.operations.picking import pick_up
from b2bua.calls.operations.protocol import OperatedCall, Talking
from b2bua.calls.operations.rerouting import relay_happened
from b2bua.calls.operations.telling import Telling
from b2bua.calls.operations.transfer import transfer_requested
from b2bua.calls.operations.waiting import WaitingParty, answer_waiting
from b2bua.calls.stand_in import StandIn
from b2bua.calls.verdicts import Answer, Confirm, Outcome, PickUp, Talk, Wait
from b2bua.legs.leg import Leg
from b2bua.legs.words import Answered, Referred, Replied, Requested

if TYPE_CHECKING:
    from b2bua.calls.draft import Script
    from b2bua.calls.protocol import ForWhom
    from b2bua.legs.party import Party
    from b2bua.media.ports import RelayHappened


class LeftToOperations:
    """A call, as far as operations do the work."""

    __slots__ = ()

    def turn_away(self: OperatedCall, leg: Leg, offer: bytes | None, code: int, reason: str) -> None:
        """Refuse a caller, who may be told in words."""
        if self.features.announces:
            refuse_in_words(self, leg, offer, code, reason)
        else:
            self.refuse(leg, code, reason)

    def feature_answers(
        self: OperatedCall, leg: Leg, offer: bytes | None, answer: Answer, behalf: Party
    ) -> None:
        """A feature answers the caller, who has not been answered yet."""
        match answer:
            case Confirm(text):
                confirm_in_words(self, leg, offer, text)
            case Wait():
                answer_waiting(self, leg, offer, answer, behalf)
            case PickUp():
                pick_up(self, leg, offer, answer)
            case Talk():
                Conversation(self, leg, answer).begin(offer)

    async def ring_from(
        self: OperatedCall, talk: Talking, leg: Leg, target: str, behalf: Party, ring_seconds: float | None
    ) -> Outcome:
        """Ring a target for a party that talks to us."""
        return await ring_from(self, talk, leg, target, behalf, ring_seconds)

    def talk_first(
        self: OperatedCall,
        leg: Leg,
        confirm: tuple[str, ...],
        first: Script | None,
        caller: ForWhom,
        then: Callable[[Answered | None], None],
    ) -> Consent:
        """Talk to whoever has answered, and ask whether they take the call, before they get it."""
        return Consent(self, leg, confirm, first, caller, then)

    def waited(self: OperatedCall, waiting: WaitingParty) -> None:
        """Nobody has come in time: ring elsewhere for who waits, or hang up."""
        work = Deferred.fromCoroutine(go_on_after_waiting(self, waiting))
        work.addErrback(_broken, self)

    def unowned(self: OperatedCall, leg: Leg, request: Requested) -> None:
        """Ask the features for an answer to a request that nobody in the call owns."""
        self.calls.when(
            self.features.ask_unowned(leg, request),
            lambda replied: leg.say(
                replied or Replied(request.token, 200 if _means_nothing(request) else 501)
            ),
            lambda: leg.say(Replied(request.token, 500)),
        )

    def referred(self: OperatedCall, leg: Leg, word: Referred) -> None:
        """A party asks for a transfer."""
        transfer_requested(self, leg, word.referral)

    def relay_happened(self: OperatedCall, happened: RelayHappened) -> None:
        """The relay has something to say that is about the call."""
        relay_happened(self, happened)

    def is_busy(self: OperatedCall, leg: Leg) -> bool:
        """Is something at work on the leg: a search, a transfer, an operation of a feature?"""
        listener = self.listener(leg)
        if isinstance(listener, (Consent, Telling)):
            return True  # it hears something before it talks, or talks on
        return listener is None or not (listener is self.bridge or isinstance(listener, StandIn))


def _broken(failure: Failure, call: OperatedCall) -> None:
    """A bug of ours costs this call, and no other one."""
    call.calls.log.failure("{call} broke", failure, call=call.id)
    call.calls.run(call.abandon)


def _means_nothing(request: Requested) -> bool:
    """Is it an INFO of which nothing has to come, so that it is no harm when nobody takes it?"""
    return request.method == "INFO" and not asks_to_record(request)
