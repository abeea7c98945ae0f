"""The typed face that the core sees of all features together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from b2bua.features.codes import Code, Codes
from b2bua.features.dispatch import Dispatch, Story

if TYPE_CHECKING:
    from b2bua.calls.attempt import Attempt
    from b2bua.calls.call import Call
    from b2bua.calls.draft import InvitationDraft
    from b2bua.calls.outside import OutsideRequest, Respond
    from b2bua.calls.record import CallRecord
    from b2bua.calls.registration import Registration
    from b2bua.calls.verdicts import FailureVerdict, Outcome, ReplaceVerdict, RouteVerdict, TransferVerdict
    from b2bua.calls.view import CallState
    from b2bua.legs.leg import Leg
    from b2bua.legs.referral import Referral
    from b2bua.legs.words import LegEnd, Replied, Told


class Facade:
    """One method for each hook; where nobody listens it costs next to nothing."""

    def __init__(self, dispatch: Dispatch, codes: Codes) -> None:
        """Ask by C{dispatch}, and the owners of C{codes} about those."""
        self.codes = codes
        self._dispatch = dispatch
        self._voices = dispatch.voices
        active = [plugin for plugin in dispatch.plugins if not plugin.out]
        self.fields: frozenset[str] = frozenset().union(*(plugin.fields for plugin in active))
        """The header fields of INVITEs that features want to see."""
        self.methods: frozenset[str] = frozenset().union(*(plugin.methods for plugin in active))
        """The methods outside of dialogs that features answer."""
        self.hears_changes = False
        """Does any feature want to know how each call is whenever that changes?"""
        dispatch.arranged = self._arranged
        self._arranged()

    def _arranged(self) -> None:
        """Look at once what is asked often."""
        self.hears_changes = bool(self._voices["call_changed"])

    # ---- questions ------------------------------------------------------

    def is_code(self, user: str) -> bool:
        """Would a phone of ours that dials this talk to a feature?"""
        return self.codes.dialled(user) is not None

    def ask_route(self, attempt: Attempt) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Where does this attempt go?"""
        if self.codes and attempt.parent is None and attempt.behalf.internal and attempt.local:
            dialled = self.codes.dialled(attempt.user)
            if dialled is not None:
                # A transferor must not change the settings of whom it transfers.
                hook = "code_dialled" if attempt.behalf is attempt.caller else "code_referred"
                return self._ask_code(hook, attempt, *dialled)
        voices = self._voices["route_call"]
        return self._dispatch.ask("route_call", voices, attempt.call.story, attempt) if voices else None

    def _ask_code(
        self, hook: str, attempt: Attempt, code: Code, argument: str
    ) -> RouteVerdict | Deferred[RouteVerdict | None] | None:
        """Ask the owner of a feature code, then, if it has nothing to say, everybody."""
        story = attempt.call.story
        owner = [voice for voice in self._voices[hook] if voice.plugin.name == code.feature]
        answer = self._dispatch.ask(hook, owner, story, attempt, code.name, argument)
        everybody = self._voices["route_call"]
        verdict: RouteVerdict | Deferred[RouteVerdict | None] | None = _or_else(
            answer, lambda: self._dispatch.ask("route_call", everybody, story, attempt)
        )
        return verdict

    def ask_ring_seconds(self, attempt: Attempt) -> float | Deferred[float | None] | None:
        """How long may it ring?"""
        voices = self._voices["ring_seconds"]
        return self._dispatch.ask("ring_seconds", voices, attempt.call.story, attempt) if voices else None

    def ask_failed(
        self, attempt: Attempt, outcome: Outcome
    ) -> FailureVerdict | Deferred[FailureVerdict | None] | None:
        """What now that it has failed?  Who has answered for this attempt before is not asked again."""
        voices = self._voices["target_failed"]
        decided = attempt.decided
        if decided:
            voices = tuple(voice for voice in voices if voice.plugin.name not in decided)
        if not voices:
            return None
        verdict: FailureVerdict | Deferred[FailureVerdict | None] | None = self._dispatch.ask(
            "target_failed", voices, attempt.call.story, attempt, outcome, decided=decided.add
        )
        return verdict

    def ask_transfer(
        self, call: Call, leg: Leg, referral: Referral
    ) -> TransferVerdict | Deferred[TransferVerdict | None] | None:
        """May the party of C{leg} transfer, and how?"""
        voices = self._voices["transfer_requested"]
        return (
            self._dispatch.ask("transfer_requested", voices, call.story, call, leg, referral)
            if voices
            else None
        )

    def ask_replace(
        self, call: Call, leg: Leg, replaced: Leg
    ) -> ReplaceVerdict | Deferred[ReplaceVerdict | None] | None:
        """May C{leg} take the place of C{replaced}?"""
        voices = self._voices["replace_requested"]
        return (
            self._dispatch.ask("replace_requested", voices, call.story, call, leg, replaced)
            if voices
            else None
        )

    def ask_unowned(self, leg: Leg, told: Told) -> Replied | Deferred[Replied | None] | None:
        """Does a feature answer this request within a dialog?"""
        voices = self._voices["request_unowned"]
        return self._dispatch.ask("request_unowned", voices, _story(leg.call), leg, told) if voices else None

    def ask_unavailable(self, extension: str) -> str | None:
        """Why does an extension take no calls?  Who takes their time over it is not waited for."""
        voices = self._voices["extension_unavailable"]
        answer = self._dispatch.ask("extension_unavailable", voices, None, extension) if voices else None
        return None if isinstance(answer, Deferred) else answer

    def ask_request_received(self, request: OutsideRequest) -> Respond | Deferred[Respond | None] | None:
        """Does a feature answer this request outside of dialogs?"""
        voices = self._voices["request_received"]
        return self._dispatch.ask("request_received", voices, None, request) if voices else None

    # ---- edits ----------------------------------------------------------

    @property
    def edits_invitation(self) -> bool:
        """Does any feature edit INVITEs?"""
        return bool(self._voices["invitation_leaving"])

    def edit_invitation(self, attempt: Attempt, draft: InvitationDraft) -> None:
        """Let the features edit what an INVITE will say."""
        voices = self._voices["invitation_leaving"]
        self._dispatch.edit("invitation_leaving", voices, attempt.call.story, draft, attempt)

    # ---- news -----------------------------------------------------------

    def tell_call_started(self, call: Call) -> None:
        """A call begins."""
        self._tell("call_started", call, call)

    def tell_target_ringing(self, attempt: Attempt, leg: Leg) -> None:
        """A target rings."""
        self._tell("target_ringing", attempt.call, attempt, leg)

    def tell_call_answered(self, call: Call, leg: Leg) -> None:
        """The caller talks to C{leg}."""
        self._tell("call_answered", call, call, leg)

    def tell_call_held(self, call: Call, leg: Leg) -> None:
        """The party of C{leg} has put the other one on hold."""
        self._tell("call_held", call, call, leg)

    def tell_call_resumed(self, call: Call, leg: Leg) -> None:
        """The party of C{leg} has taken the other one back from hold."""
        self._tell("call_resumed", call, call, leg)

    def tell_call_transferred(self, call: Call, leg: Leg, outcome: Outcome | None) -> None:
        """A transfer that C{leg} asked for is over; C{outcome} is None when it succeeded."""
        self._tell("call_transferred", call, call, leg, outcome)

    def tell_call_changed(self, state: CallState) -> None:
        """Who talks to whom is not as it was."""
        self._tell("call_changed", None, state)

    def tell_leg_ended(self, call: Call, leg: Leg, why: LegEnd, by_us: bool) -> None:
        """A leg of the call is over."""
        self._tell("leg_ended", call, call, leg, why, by_us)

    def tell_call_ended(self, call: Call, record: CallRecord) -> None:
        """The call is over and its record written."""
        self._tell("call_ended", call, call, record)

    def tell_contact_registered(self, binding: Registration) -> None:
        """A phone has registered."""
        self._tell("contact_registered", None, binding)

    def tell_contact_unregistered(self, binding: Registration) -> None:
        """A phone is not registered any more."""
        self._tell("contact_unregistered", None, binding)

    def tell_setting_changed(self, owner: str, feature: str, key: str, value: object) -> None:
        """A user has changed a setting."""
        self._tell("setting_changed", None, owner, feature, key, value)

    def _tell(self, hook: str, call: Call | None, *values: Any) -> None:
        """Tell everybody who listens; nobody costs next to nothing."""
        if voices := self._voices[hook]:
            self._dispatch.tell(hook, voices, _story(call), *values)


def _story(call: Any) -> Story | None:
    """The story of a call, if there is a call."""
    story: Story | None = getattr(call, "story", None)
    return story


def _or_else(answer: Any, otherwise: Callable[[], Any]) -> Any:
    """An answer, or what else there is if it is none; a Deferred only if one of them is."""
    if isinstance(answer, Deferred):
        return answer.addCallback(lambda value: otherwise() if value is None else value)
    return otherwise() if answer is None else answer
