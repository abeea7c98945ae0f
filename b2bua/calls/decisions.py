"""
What the core asks and tells the features: one method for each hook.

Made of C{b2bua/hookspecs/} by C{python -m tools.hook_face}; a change belongs there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.face import Attempt, Call, Leg, Referral
    from b2bua.calls.outside import OutsideRequest, Registration, Respond
    from b2bua.calls.records.record import CallRecord
    from b2bua.calls.records.view import CallState
    from b2bua.calls.verdicts import FailureVerdict, Outcome, ReplaceVerdict, RouteVerdict, TransferVerdict
    from b2bua.legs.words import Fields, LegEnd, Replied, Requested


class Decisions(Protocol):
    """The features, as far as hooks go."""

    def ask_route(self, attempt: Attempt) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Say where a target is."""
        raise NotImplementedError

    def ask_ring_seconds(self, attempt: Attempt) -> float | Deferred[float | None] | None:
        """Say how long a target may ring."""
        raise NotImplementedError

    def edit_invitation(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Edit what an INVITE will say."""
        raise NotImplementedError

    def tell_target_ringing(self, attempt: Attempt, leg: Leg) -> None:
        """A target rings."""
        raise NotImplementedError

    def ask_failed(
        self, attempt: Attempt, outcome: Outcome
    ) -> FailureVerdict | Deferred[FailureVerdict | None] | None:
        """Say what to do now that a target has failed."""
        raise NotImplementedError

    def tell_call_started(self, call: Call) -> None:
        """A call has begun: its INVITE has been admitted."""
        raise NotImplementedError

    def tell_call_answered(self, call: Call, leg: Leg) -> None:
        """The call was answered."""
        raise NotImplementedError

    def tell_call_held(self, call: Call, leg: Leg, fields: Fields) -> None:
        """A party has put the other one on hold."""
        raise NotImplementedError

    def tell_call_resumed(self, call: Call, leg: Leg) -> None:
        """A party has taken the other one back from hold."""
        raise NotImplementedError

    def tell_key_pressed(self, call: Call, leg: Leg, key: str) -> None:
        """A party that talks to another one has pressed a key."""
        raise NotImplementedError

    def ask_unowned(self, leg: Leg, request: Requested) -> Replied | Deferred[Replied | None] | None:
        """Answer a request within a dialog that the bridge does not pass on."""
        raise NotImplementedError

    def tell_call_changed(self, state: CallState) -> None:
        """Who talks to whom has changed, or who rings, holds or waits."""
        raise NotImplementedError

    def tell_leg_ended(self, call: Call, leg: Leg, why: LegEnd, by_us: bool) -> None:
        """A leg is over."""
        raise NotImplementedError

    def tell_call_ended(self, call: Call, record: CallRecord) -> None:
        """A call is over."""
        raise NotImplementedError

    def ask_transfer(
        self, call: Call, leg: Leg, referral: Referral
    ) -> TransferVerdict | Deferred[TransferVerdict | None] | None:
        """Say how a REFER is carried out."""
        raise NotImplementedError

    def ask_replace(
        self, call: Call, leg: Leg, replaced: Leg
    ) -> ReplaceVerdict | Deferred[ReplaceVerdict | None] | None:
        """Say whether a new call may take the place of a leg."""
        raise NotImplementedError

    def tell_call_transferred(self, call: Call, leg: Leg, outcome: Outcome | None) -> None:
        """A transfer is over."""
        raise NotImplementedError

    def tell_contact_registered(self, binding: Registration) -> None:
        """A phone has registered."""
        raise NotImplementedError

    def tell_contact_unregistered(self, binding: Registration) -> None:
        """A phone is not registered any more: it said so, or its binding expired."""
        raise NotImplementedError

    def ask_request_received(self, request: OutsideRequest) -> Respond | Deferred[Respond | None] | None:
        """Answer a request that belongs to no call: a MESSAGE, a NOTIFY, or an OPTIONS to a number."""
        raise NotImplementedError

    def tell_setting_changed(self, owner: str, feature: str, key: str, value: object) -> None:
        """A user has changed a setting at run time."""
        raise NotImplementedError
